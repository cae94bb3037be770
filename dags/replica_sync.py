"""
### 补齐副本 / Filling of replicas

每天 05:30（北京时间）：某个副本停过，或是后来才配置的，把它缺少的包从好的副本补上，逐份证明并入链。
What a replica lacks, because it was away or came later, is copied to it from one that has it, proved and chained.

* 只有一个副本时什么也不做。 With one replica there is nothing to do.
* 仍不可达或读出有误时任务变红并重试；已补的不重做。 Away still, or a copy that is not what was deposited: red, tried again.
* 命令行同样可用：`guidang store sync`。 The same by hand.
"""

from airflow.sdk import CronTriggerTimetable, dag, task
from policies import MACHINE_TROUBLE


@dag(
    dag_display_name="补齐副本 Replica sync",
    schedule=CronTriggerTimetable("30 5 * * *", timezone="Asia/Shanghai", run_immediately=False),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["存储", "store"],
    default_args={"owner": "archive", **MACHINE_TROUBLE},
)
def replica_sync():
    @task(task_display_name="补齐 sync")
    def sync() -> dict:
        """Copies made, by replica; raises while something is left."""
        from ingest.steps import copying

        return copying.nightly()

    sync()


replica_sync()
