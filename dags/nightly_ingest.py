"""
### 每夜归档 / Nightly ingest

每天 01:00（北京时间）从各机构收取当日办结的办件：**接收 → 四性检测 → 归档整理 → 封装 → 入库 → 回执**。
Takes the day's closed cases: receive → check → file → package → deposit → acknowledge.

* 内容不合格的办件不会使任务变红：它们被退回（附原因）或待人处理。红色只表示机器故障。
  Bad content never makes a task red; red means machine trouble.
* 任何任务都可以在任何时候清除重跑：不丢失、不重复。 Any task may be cleared and run again at any time.
* 待定件有了决定、裁定、新版本或新的信任，这里自动继续。 Held records go on here once decided on.
* 一夜未完成的，下一夜自动继续。 What one night leaves undone the next one finishes.
"""

import datetime as dt
import itertools

from airflow.sdk import CronTriggerTimetable, Param, dag, get_current_context, task, task_group
from connections import home_with_connections
from policies import MACHINE_TROUBLE, ONCE


@dag(
    dag_display_name="每夜归档 Nightly ingest",
    # a first run waits for its hour; a night missed while the servers were down is made up when they come back
    schedule=CronTriggerTimetable("0 1 * * *", timezone="Asia/Shanghai", run_immediately=dt.timedelta(0)),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["归档", "ingest"],
    default_args={"owner": "archive", **MACHINE_TROUBLE},
    params={
        "source": Param(
            "",
            type="string",
            title="来源文件夹 Source folder",
            description="留空为本机收件箱 / empty: the home's inbox",
        ),
        "arrived_from": Param(None, type=["null", "string"], format="date", title="到达日期起 Arrived from"),
        "arrived_to": Param(None, type=["null", "string"], format="date", title="到达日期止 Arrived to"),
        "batch_size": Param(500, type="integer", minimum=1, maximum=5000, title="每批件数 Records a batch"),
        "only_cases": Param(
            [],
            type="array",
            items={"type": "string"},
            title="只处理这些办件编号 Only these cases",
            description="按报送文件夹名的开头匹配 / matched with the beginning of the delivery's folder name",
        ),
    },
)
def nightly_ingest():
    @task(task_display_name="发现 discover")
    def discover() -> list[str]:
        """List the night's deliveries into batches."""
        from ingest import night
        from ingest.discovery import Wanted

        context = get_current_context()
        run, params = context["dag_run"], context["params"]
        return night.discover(
            run.run_id,
            run.logical_date or run.run_after,
            Wanted.of(params),
            batch_size=params["batch_size"],
            home=home_with_connections(),
        )

    def stage(name: str, display: str):
        @task(task_id=name, task_display_name=display)
        def run(batch_id: str) -> dict:
            from ingest import night

            return night.run_stage(name, batch_id, home_with_connections()).as_json()

        return run

    receive = stage("receive", "接收 receive")
    check = stage("check", "四性检测 check")
    file = stage("file", "归档整理 file")
    package = stage("package", "封装 package")
    deposit = stage("deposit", "入库 deposit")
    acknowledge = stage("acknowledge", "回执 acknowledge")

    @task_group(group_id="batch")
    def one_batch(batch_id: str):
        steps = [s(batch_id) for s in (receive, check, file, package, deposit, acknowledge)]
        for before, after in itertools.pairwise(steps):
            before >> after

    @task(task_display_name="夜报 report", trigger_rule="all_done", **ONCE)
    def report() -> dict:
        """The night in figures; red while records are left undone, so that the run does not look finished."""
        from ingest import night

        return night.summarise(get_current_context()["run_id"]).as_json()

    @task(task_display_name="签名链头 anchor", trigger_rule="all_done")
    def anchor() -> dict:
        """Sign what the event chain has grown by and store it, whatever became of the night."""
        from ingest import night

        run = get_current_context()["dag_run"]
        return night.anchor(run.logical_date or run.run_after)

    one_batch.expand(batch_id=discover()) >> [report(), anchor()]


nightly_ingest()
