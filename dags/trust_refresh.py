"""
### 每日更新吊销列表 / Daily refresh of revocation lists

每天 00:15（北京时间）按数据目录里的 `config/trust/sources.json` 取新的 CRL 放入信任库，然后检查证书、CRL 的到期与来源记录。
Fetches new CRLs into the trust store, then looks for what expires or does not fit.

* 坏的、旧的、别家签发的 CRL 不会替换好的。 A bad, older or foreign CRL never replaces a good one.
* 主机与口令写在 Airflow 连接里。 Hosts and passwords stand in Airflow connections.
* 提醒写在最后一个任务的日志和 `reports/trust/` 里。 Warnings: the last task's log, and `reports/trust/`.
* 取不到时任务变红并重试；坏的 CRL 只提醒。 A source out of reach is red and tried again; a bad CRL is a warning.
"""

from airflow.sdk import Connection, CronTriggerTimetable, dag, get_current_context, task
from policies import MACHINE_TROUBLE, ONCE


def endpoint(name: str):
    """The host of an Airflow connection (type http; schema http or https, https when it says none)."""
    from ingest.trust.sources import Endpoint

    found = Connection.get(name)
    host = found.host or ""
    base = host if "://" in host else f"{found.schema or 'https'}://{host}"
    return Endpoint(f"{base}:{found.port}" if found.port else base, found.login or "", found.password or "")


@dag(
    dag_display_name="每日更新吊销列表 Trust refresh",
    schedule=CronTriggerTimetable("15 0 * * *", timezone="Asia/Shanghai", run_immediately=False),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["信任", "trust"],
    default_args={"owner": "archive", **MACHINE_TROUBLE},
)
def trust_refresh():
    @task(task_display_name="来源 sources")
    def sources() -> list[str]:
        from ingest.settings import Home
        from ingest.trust.sources import load

        return [source.id for source in load(Home.of())]

    @task(task_display_name="取 CRL pull", map_index_template="{{ task.op_kwargs['source'] }}")
    def pull(source: str) -> dict:
        from ingest.trust import nightly

        return nightly.pull(source, endpoint)

    @task(task_display_name="提醒 report", trigger_rule="all_done", **ONCE)
    def report() -> dict:
        """What a keeper should act on; shown here and written to reports/trust/."""
        from ingest.trust import nightly

        run = get_current_context()["ti"].xcom_pull(task_ids="pull", key="return_value") or []
        return nightly.report([one for one in run if one])

    pull.expand(source=sources()) >> report()


trust_refresh()
