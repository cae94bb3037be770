"""
### 三合一审核 / Review of a retention schedule

台账中的一份草案：**送审 → 初审 → 复审批复 → 施行**。触发者即送审人；初审、复审在 “Required Actions” 中由**另外的人**答复。
A draft in the ledger: submitted by whoever triggers the run, then two reviews answered by other people under *Required Actions*.

* 起草人、送审人的答复不被采纳，重新提问；答复者以 Airflow 登录的用户为准。
  An answer of who wrote or sent it is not taken, and the question is put again; who answers is whom Airflow logged in.
* 退回须写意见；批复须填文号、机关、日期。同意批复即按施行日期施行，旧版同日截止。
  A return needs an opinion; an approval its number, organ and date, and puts the version into force.
* 任何任务都可清除重跑：已作的决定不会再作一次。 Any task may be cleared: what was decided is not decided twice.
"""

from airflow.sdk import Param, dag, get_current_context, task
from decisions import ReviewDecision
from decisions import submit as submit_draft
from policies import MACHINE_TROUBLE

_OPINION = Param("", type=["null", "string"], title="意见 Opinion", description="退回时必填 / needed to return")
_WHAT = "{{ params.schedule }}"


def _text(title: str, **more):
    return Param(None, type=["null", "string"], title=title, **more)


@dag(
    dag_display_name="三合一审核 Schedule review",
    schedule=None,
    doc_md=__doc__,
    tags=["归档", "三合一", "review"],
    default_args={"owner": "archive", **MACHINE_TROUBLE},
    params={
        "schedule": Param(
            type="string",
            minLength=3,
            title="送审文本 Schedule",
            description="台账中的 ID/版本，例如 T001-SHY/2026-V2 / a version in the ledger",
        )
    },
)
def schedule_review():
    begun = task(task_id="submit", task_display_name="送审 submit")(submit_draft)()

    first = ReviewDecision(
        task_id="first_review", task_display_name="初审 first review", stage="first", subject=f"初审 {_WHAT}",
        params={"opinion": _OPINION},
    )  # fmt: skip
    second = ReviewDecision(
        task_id="second_review", task_display_name="复审批复 second review", stage="second", subject=f"复审批复 {_WHAT}",
        params={
            "opinion": _OPINION,
            "approval_no": _text("批复文号 Number of the approval"),
            "approval_org": _text("批复机关 Organ"),
            "approval_date": _text("批复日期 Date of the approval", format="date"),
            "effective_from": _text("施行日期 In force from", format="date", description="留空用文本所提 / default: as proposed"),
        },
    )  # fmt: skip

    @task(task_display_name="结果 outcome", trigger_rule="none_failed")
    def outcome() -> dict:
        """Where the version stands now, and what comes next."""
        from ingest.review import ask
        from ingest.settings import Home

        status, words = ask.standing(Home.of(), get_current_context()["params"]["schedule"])
        return {"status": status, "next": words}

    begun >> first >> second >> outcome()


schedule_review()
