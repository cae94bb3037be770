"""
### 每夜归档 / Nightly ingest

每天 01:00（北京时间）从各机构收取当日办结的办件：**接收 → 四性检测 → 归档整理 → 封装 → 入库 → 回执**。
Takes the day's closed cases: receive → check → file → package → deposit → acknowledge.

* 内容不合格的办件不会使任务变红：它们被退回（附原因）或待人处理。红色只表示机器故障。
  Bad content never makes a task red; red means machine trouble.
* 任何任务都可以在任何时候清除重跑：不丢失、不重复。 Any task may be cleared and run again at any time.
* 来源不通的机构在 again 再访几次；未完成的批次在 late 再做一遍。
  Sources that were away are asked again by "again"; batches left undone get a second chance in "late".
* 待定件有了决定、裁定、新版本或新的信任，这里自动继续。 Held records go on here once decided on.
* 一夜未完成的，下一夜自动继续。 What one night leaves undone the next one finishes.
"""

import datetime as dt

import guide
from airflow.sdk import CronTriggerTimetable, dag, get_current_context, task
from batches import PARAMS, run_of_batches
from forms import RERUN
from policies import FIRST, MACHINE_TROUBLE


@dag(
    dag_display_name="每夜归档 Nightly ingest",
    # a first run waits for its hour; a night missed while the servers were down is made up when they come back
    schedule=CronTriggerTimetable("0 1 * * *", timezone="Asia/Shanghai", run_immediately=dt.timedelta(0)),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["归档", "ingest"],
    default_args={"owner": "archive", **MACHINE_TROUBLE, **FIRST},
    params={**PARAMS, **RERUN},
)
def nightly_ingest():
    @task(task_display_name="签名链头 anchor", trigger_rule="all_done", doc_md=guide.TASKS["anchor"])
    def anchor() -> dict:
        """Sign what the event chain has grown by and store it, whatever became of the night."""
        from ingest import night

        run = get_current_context()["dag_run"]
        return night.anchor(run.logical_date or run.run_after)

    run_of_batches("night") >> anchor()


nightly_ingest()
