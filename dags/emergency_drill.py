"""
### 应急演练 / Emergency drill

每月 1 日 05:00（北京时间）从副本恢复随机抽取的归档信息包到临时文件夹并逐个核验，再只凭该副本重建一份台账与在用台账比对。
Each month: a random sample is restored from the replica into a scratch folder and verified; a ledger is made from that replica
alone and compared with the one in use. DA/T 70 BC-3-4 备份数据可恢复性.

* 报告：`reports/drill/<run>/report.md` 与 `report.json`；结论记入事件链，并用于长期保存检测。 The outcome is chained, and the checks of
  keeping rest on it.
* 未通过时变红并告警。不改动任何归档内容。 Red and an alert where it fails. Nothing of the archive is touched.
"""

from airflow.sdk import CronTriggerTimetable, Param, dag, get_current_context, task
from policies import MACHINE_TROUBLE, ONCE


@dag(
    dag_display_name="应急演练 Emergency drill",
    schedule=CronTriggerTimetable("0 5 1 * *", timezone="Asia/Shanghai", run_immediately=False),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["长期保存", "audit"],
    default_args={"owner": "archive", **MACHINE_TROUBLE},
    params={
        "sample": Param(20, type="integer", minimum=1, maximum=10000, title="抽取包数 Packages to restore"),
        "replica": Param("", type="string", title="副本 Replica", description="留空为最后一个 / empty: the last one"),
    },
)
def emergency_drill():
    @task(task_display_name="恢复 restore")
    def restore() -> dict:
        from ingest.recovery import drill
        from ingest.settings import Home

        context = get_current_context()
        params = context["params"]
        return drill.restore_sample(Home.of(), context["run_id"], params["sample"], params["replica"])

    @task(task_display_name="重建台账 rebuild")
    def rebuild() -> dict:
        from ingest.recovery import drill
        from ingest.settings import Home

        context = get_current_context()
        return drill.rebuild_ledger(Home.of(), context["run_id"], context["params"]["replica"])

    @task(task_display_name="报告 report", trigger_rule="all_done", **ONCE)
    def report() -> dict:
        from ingest.recovery import drill
        from ingest.settings import Home

        run = get_current_context()["dag_run"]
        return drill.report(Home.of(), run.run_id, run.logical_date or run.run_after)["rebuilt"]["rows"]

    [restore(), rebuild()] >> report()


emergency_drill()
