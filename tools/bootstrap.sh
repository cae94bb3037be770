#!/bin/sh
# Makes .venv from the locked uv.lock; with the word "uv", only the tool that makes it. Needs a Python 3.11 or 3.12 with its venv module, and the package index; nothing else.
set -eu
cd "$(dirname "$0")/.."

good='import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))'
python=
for candidate in ${PYTHON:-} python3 python3.12 python3.11; do
    if command -v "$candidate" >/dev/null 2>&1 && "$candidate" -c "$good" 2>/dev/null; then
        python=$(command -v "$candidate")
        break
    fi
done
if [ -z "$python" ]; then
    have=$( (python3 --version 2>&1 || echo '无/none') | head -n 1)
    echo "需要 Python 3.11 或 3.12（现有：$have）：apt install python3.11 python3.11-venv，或 make PYTHON=路径 / Python 3.11 or 3.12 is needed (found: $have); install it or give make PYTHON=path" >&2
    exit 2
fi
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    echo "$python 缺少 venv 模块：apt install python$version-venv / $python has no venv module: apt install python$version-venv" >&2
    exit 2
fi

# uv itself comes by pip, pinned by hash, into a small environment of its own.
wanted=$(sed -n 's/^uv==\([0-9.]*\).*/\1/p' tools/uv.txt)
if [ "$(.tools/bin/uv --version 2>/dev/null | cut -d' ' -f2)" != "$wanted" ]; then
    echo "安装 uv $wanted / installing uv $wanted"
    rm -rf .tools
    "$python" -m venv .tools
    .tools/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r tools/uv.txt
fi

[ "${1:-}" = uv ] && exit

echo "按 uv.lock 建立环境 .venv（首次需几分钟）/ making .venv from uv.lock (some minutes the first time)"
# Without compiled bytecode every one of Airflow's components takes almost three times as long to start.
UV_COMPILE_BYTECODE=1 UV_PYTHON_DOWNLOADS=never UV_PYTHON="$python" \
    .tools/bin/uv sync --locked --quiet --extra run --extra postgres
touch .venv/.synced
