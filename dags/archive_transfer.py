"""
### 移交进馆 / Transfer to the archives

在“触发”表单里选定全宗、年度、保管期限与移交目标：**制作 → 检测 → 批准 → 送交 → 等待回执 → 登记**。
Choose fonds, year, retention and target in the form: build → check → approve → deliver → wait for the receipt → import it.

* 选定的档案立即锁定，一件只在一次移交中；撤回或被退回后解除。 Chosen records are locked; withdrawn or rejected, they are free again.
* 批准由人在“待办”中作出，姓名记入事件链与登记表。 A person approves under Required Actions; the name goes into the chain and the register.
* 任何任务都可清除重跑：同一次移交得到同样的字节。 Any task may be run again: the same transfer, the same bytes.
"""

import datetime as dt

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Param, dag, get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException
from policies import MACHINE_TROUBLE

APPROVE, WITHDRAW = "批准 Approve", "撤回 Withdraw"


@dag(
    dag_display_name="移交进馆 Transfer to the archives",
    schedule=None,
    catchup=False,
    doc_md=__doc__,
    tags=["移交", "transfer"],
    default_args={"owner": "archive", **MACHINE_TROUBLE},
    params={
        "fonds": Param("", type="string", minLength=1, title="全宗号 Fonds"),
        "year": Param(None, type=["null", "integer"], title="年度 Year", description="留空为全部 / empty: all"),
        "retention": Param(
            None,
            type=["null", "string"],
            pattern="^(Y|D[0-9]{1,3})$",
            title="保管期限 Retention",
            description="Y 永久、D30、D10；留空为全部 / empty: all",
        ),
        "due_by": Param(
            None, type=["null", "string"], format="date", title="只移交应于该日前移交的 Only what is due by"
        ),
        "limit": Param(5000, type="integer", minimum=1, maximum=50000, title="最多件数 At most"),
        "target": Param("archives", type="string", title="移交目标 Target", description="config/transfer.json"),
        "reviewer": Param("", type="string", title="开放审核人 Who reviewed the opening"),
        "opinion": Param("", type="string", title="单位开放审核意见 The unit's opinion on opening"),
    },
)
def archive_transfer():
    @task(task_display_name="制作 build")
    def build() -> str:
        """Choose, lock, and write the package."""
        from ingest.transfer import run
        from ingest.transfer.sending import NothingToTransfer

        context = get_current_context()
        of = context["dag_run"]
        try:
            by = of.triggering_user_name or "archive_transfer"
            return run.build(context["params"], of.run_id, of.logical_date or of.run_after, by)
        except NothingToTransfer as why:
            raise AirflowSkipException(str(why)) from why

    @task(task_display_name="检测 check")
    def check(transfer_id: str) -> dict:
        """The YJ checks and the registers."""
        from ingest.transfer import run

        return run.check(transfer_id)

    approve = HITLOperator(
        task_id="approve",
        task_display_name="批准 approve",
        subject="移交 {{ ti.xcom_pull('build') }}",
        body="{% set c = ti.xcom_pull('check') %}{{ c['records'] }} 件 / records，{{ c['package_size'] }} 字节 / bytes\n\n"
        "SHA-256 {{ c['package_sha256'] }}\n\n检测 / checks：{{ c['checks'] }}\n\n登记表与目录在 transfers/sent/{{ c['id'] }}/",
        options=[APPROVE, WITHDRAW],
        params={"note": Param("", type="string", title="说明 Note")},
    )

    @task(task_display_name="执行决定 decide")
    def decide(transfer_id: str, response: dict) -> str:
        """Write the decision into the ledger; what is withdrawn goes no further."""
        from ingest.transfer import run

        if not run.decide(transfer_id, response):
            raise AirflowSkipException("已撤回，档案解除锁定 / withdrawn, its records are free again")
        return transfer_id

    @task(task_display_name="送交 send")
    def send(transfer_id: str) -> str:
        from ingest.transfer import run

        run.send(transfer_id)
        return transfer_id

    @task.sensor(
        task_display_name="等待回执 wait", mode="reschedule", poke_interval=10, exponential_backoff=True,
        max_wait=dt.timedelta(hours=1), timeout=dt.timedelta(days=180).total_seconds(),
    )  # fmt: skip
    def wait(transfer_id: str) -> bool:
        from ingest.transfer import run

        return run.answered(transfer_id)

    @task(task_display_name="登记回执 receipt")
    def receipt(transfer_id: str) -> str:
        from ingest.transfer import run

        return run.take_receipt(transfer_id)

    made = build()
    checked = check(made)
    sent = send(decide(made, approve.output))
    checked >> approve
    waited = wait(sent)
    waited >> receipt(sent)


archive_transfer()
