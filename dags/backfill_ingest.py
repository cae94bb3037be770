"""
### 补录 / Backfill

收取积压的旧办件，例如新接入机构一年的存量：填写机构与到达日期的起止，触发即可。与每夜归档同一套阶段，同样不丢失、不重复。
Takes what has stood at the sources for long, such as a new agency's year: give agencies and days of arrival, and trigger.

* 在任务池 `backfill` 中运行（缺省 1 个任务、1 个工作进程、低优先级）：每夜归档从不等它。
  Runs in the pool `backfill` (one task, one worker process, low priority): the night never waits for it.
* 在机构的来源配置中写 `"from": "YYYY-MM-DD"`，每夜归档就只取该日及以后到达的，更早的留给这里。
  With `"from"` in an agency's source the nights take what arrives from that day on, and leave the rest to this.
* 结束时未完成的交给下一夜。被中断或删除的，再触发一次，它先做完上次留下的。
  What it leaves undone goes to the next night. Was it cut short or deleted: trigger it again, and it finishes that first.
"""

from airflow.sdk import dag, get_current_context, task
from batches import PARAMS, run_of_batches
from policies import BESIDE, MACHINE_TROUBLE


@dag(
    dag_display_name="补录 Backfill",
    schedule=None,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["归档", "ingest"],
    default_args={"owner": "archive", **MACHINE_TROUBLE, **BESIDE},
    params=PARAMS,
)
def backfill_ingest():
    @task(task_display_name="交接 hand over", trigger_rule="all_done")
    def hand_over() -> int:
        """Leave to the next night what is not finished."""
        from ingest import night

        return night.hand_over(get_current_context()["run_id"])

    run_of_batches("backfill") >> hand_over()


backfill_ingest()
