"""
### 固化信息巡检 / Fixity audit

每天 03:30（北京时间）重读一部分副本，逐字节核对：每个副本在一个周期（默认 90 天）内必读一次，最久未读的先读，每夜份额相同，限速。
Reads a share of all copies again, every byte: each copy once a period (90 days), oldest proof first, the same share a night,
no faster than asked.

* 另抽一些包，由 bagit 库、签名证据与长期保存检测（BC）共同判定。 A sample is also judged by the bagit library, by the evidence of
  its signatures, and by the checks of keeping.
* 发现损坏：记入事件链、告警、本次运行变红，并请人决定是否用完好的副本修复；从不自行修复。 Damage is chained, alerted, red, and offered
  for repair; nothing is ever repaired by itself.
* 未答复的在 20 小时后视为不修复，下一夜再问。 An offer not answered in 20 hours is left; the next night asks again.
"""

import datetime as dt

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import CronTriggerTimetable, Param, dag, get_current_context, task
from policies import MACHINE_TROUBLE, ONCE

REPAIR, LEAVE = "修复 repair", "暂不 leave"


@dag(
    dag_display_name="固化信息巡检 Fixity audit",
    schedule=CronTriggerTimetable("30 3 * * *", timezone="Asia/Shanghai", run_immediately=False),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["长期保存", "audit"],
    default_args={"owner": "archive", **MACHINE_TROUBLE},
    params={
        "period_days": Param(90, type="integer", minimum=1, maximum=3650, title="周期（天）Period in days"),
        "bandwidth": Param(50, type="number", minimum=0, title="限速（MB/秒，0 不限）MB a second, 0 for no limit"),
        "sample": Param(20, type="integer", minimum=0, maximum=1000, title="抽查包数 Packages to sample"),
    },
)
def fixity_audit():
    @task(task_display_name="计划 plan")
    def plan() -> list[int]:
        """Tonight's copies, oldest proof first, in batches."""
        from ingest.audit import fixity
        from ingest.settings import Home

        context = get_current_context()
        run = context["dag_run"]
        return fixity.plan(Home.of(), run.run_id, run.logical_date or run.run_after, context["params"]["period_days"])

    # one at a time: the limit on bandwidth holds for the night as a whole
    @task(task_display_name="重读 read", max_active_tis_per_dagrun=1)
    def read(batch: int) -> dict:
        from ingest.audit import fixity
        from ingest.settings import Home

        context = get_current_context()
        return fixity.check(Home.of(), context["run_id"], batch, context["params"]["bandwidth"] * 1e6)

    @task(task_display_name="抽查 sample", trigger_rule="all_done")
    def sample() -> dict:
        from ingest.audit import fixity
        from ingest.settings import Home

        context = get_current_context()
        return fixity.sample(Home.of(), context["run_id"], context["params"]["sample"])

    @task(task_display_name="报告 report", trigger_rule="all_done", **ONCE)
    def report() -> dict:
        """Red where anything wants a decision."""
        from ingest.audit import fixity
        from ingest.settings import Home

        run = get_current_context()["dag_run"]
        return fixity.report(Home.of(), run.run_id, run.logical_date or run.run_after)

    @task(task_display_name="隐患 hazards", trigger_rule="all_done")
    def hazards() -> dict:
        """What endangers the holdings goes into the 整改台账; the round is over, so that it knows every copy's state."""
        from ingest.inspection import night

        run = get_current_context()["dag_run"]
        return night.look(run.logical_date or run.run_after)

    @task(task_display_name="待决定 to decide", trigger_rule="all_done")
    def to_decide() -> list[dict]:
        from ingest.audit import fixity
        from ingest.settings import Home

        return fixity.offers(Home.of())

    offer = HITLOperator.partial(
        task_id="offer",
        task_display_name="请决定 offer",
        subject="副本不完好，是否用完好的副本修复？ A copy is not whole: repair it from a good one?",
        options=[REPAIR, LEAVE],
        defaults=[LEAVE],
        response_timeout=dt.timedelta(hours=20),
        params={"reason": Param("", type="string", title="理由 Reason")},
    )

    @task(task_display_name="修复 repair", trigger_rule="none_failed")
    def repair(asked: list[dict]) -> list[dict]:
        """Carry out what was decided; who decided is in the event chain."""
        from ingest.audit import decided

        ti = get_current_context()["ti"]
        answers = [ti.xcom_pull(task_ids="offer", map_indexes=n) for n in range(len(asked))]
        return decided.carry_out(asked, answers, REPAIR)

    asked = to_decide()
    read.expand(batch=plan()) >> sample() >> [report(), asked, hazards()]
    offered = offer.expand(body=asked.map(lambda one: one["text"]))
    offered >> repair(asked)


fixity_audit()
