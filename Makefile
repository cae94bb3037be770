# 归档 Guidang — `make help` 列出各目标 / lists the targets
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/sh
export PYTHON

BIN := .venv/bin
SYNCED := .venv/.synced

$(SYNCED): pyproject.toml uv.lock tools/uv.txt tools/bootstrap.sh
	@sh tools/bootstrap.sh

.PHONY: run test test-fast test-ceph test-browser check bench fuzz proof-numbers proof-operators stop clean lock env help

run: $(SYNCED) ## 启动服务并跑一夜归档；ONCE=1 跑完即停，COUNT=N 样例件数 / servers and a night; ONCE=1 stops after it, COUNT=N cases
	@$(BIN)/guidang run $(if $(ONCE),--once) $(if $(COUNT),--count $(COUNT))

stop: ## 停止正在运行的服务 / stop the running servers
	@if [ -x $(BIN)/guidang ]; then $(BIN)/guidang stop; fi

test: $(SYNCED) ## 全部测试，自行启动真实服务 / all tests, against real servers they start themselves
	@$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

test-fast: $(SYNCED) ## 不启动服务的测试 / the tests that start no servers
	@$(BIN)/pytest -m "not slow"

test-ceph: $(SYNCED) ## 安装 Ceph（Debian，需 root）并对其运行对象存储测试 / installs Ceph and runs the store's tests on it
	@command -v radosgw ceph-mon ceph-osd ceph-mgr ceph >/dev/null || \
		$$(test "$$(id -u)" = 0 || echo sudo) apt-get install -y --no-install-recommends ceph-mon ceph-osd ceph-mgr radosgw ceph-common
	@$(BIN)/pytest tests/store -k ceph

test-browser: $(SYNCED) ## 安装 Chromium（Debian，需 root）并以浏览器走页面 / installs Chromium and walks through the pages with it
	@command -v chromium >/dev/null || $$(test "$$(id -u)" = 0 || echo sudo) apt-get install -y --no-install-recommends chromium fonts-noto-cjk
	@$(BIN)/pytest tests/browser

check: $(SYNCED) ## 格式、类型、锁文件 / lint, format, types, lock file
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@UV_PYTHON_DOWNLOADS=never .tools/bin/uv lock --check --quiet
	@test ! -e packaging/__init__.py || { echo 'packaging/__init__.py 会遮蔽 PyPI 的 packaging / would shadow the packaging of PyPI' >&2; exit 1; }

bench: $(SYNCED) ## 与对照脚本比较速度；COUNT=N / speed against the peer script
	@$(BIN)/python -m bench.night

proof-numbers: $(SYNCED) ## 十万个档号，八个写入进程，随机杀死，两种数据库 / 100,000 numbers, 8 writers, random kills, both databases
	@PROOF_NUMBERS=100000 $(BIN)/pytest tests/ledger/test_numbers_proof.py --durations=3

proof-operators: $(SYNCED) ## 操作员对照表逐格经 Airflow 证明（约十分钟）/ the operator's table, every cell through Airflow (about ten minutes)
	@PROOF_OPERATORS=1 $(BIN)/pytest tests/chaos/test_operator_table.py --durations=3

fuzz: $(SYNCED) ## 对验签做长时间模糊测试；COUNT=N / fuzz the verification of signatures for long
	@$(BIN)/python -m tests.signatures.fuzz $(if $(COUNT),--count $(COUNT))

clean: stop ## 停止服务，删除数据目录 var / stop, and delete the home folder var
	@rm -rf var

env: $(SYNCED) ## 只建立环境 / only make the environment

lock: ## 按 pyproject.toml 更新 uv.lock / renew uv.lock
	@sh tools/bootstrap.sh uv
	@UV_PYTHON_DOWNLOADS=never .tools/bin/uv lock

help: ## 本说明 / this help
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' Makefile | expand -t 14
