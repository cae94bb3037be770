"""The part of the form by which a night is started by hand that has things taken up again."""

from airflow.sdk import Param

_RERUN = r"^(#?[0-9]+|(record|batch|agency|cause):.{1,200})?$"
_RERUN_HELP = """不收新件，只做这些 / takes nothing new, only these:
`record:标识或办件编号` · `batch:批次` · `agency:机构` · `cause:原因`（`guidang rerun list`）· `#编号`。
已退回、待定的不在内 / never what is rejected or held."""

RERUN = {
    "rerun": Param(
        "",
        type="string",
        pattern=_RERUN,
        title="重跑 Re-run",
        description_md=_RERUN_HELP,
        section="重跑 Re-run",
    ),
    "reason": Param(
        "",
        type="string",
        maxLength=500,
        title="理由 Reason",
        section="重跑 Re-run",
        description="记入事件链，连同触发者 / goes into the event chain, with who triggered it",
    ),
}
