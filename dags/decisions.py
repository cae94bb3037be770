"""A question to a reviewer as an Airflow human-in-the-loop task. Who answers is whom Airflow logged in, never a field of the form."""

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowSkipException
from policies import ASK_AGAIN


class ReviewDecision(HITLOperator):
    """Puts one stage of the review of one version to people until somebody answers who may; gives how it was decided.

    ``stage`` is ``first`` or ``second``. The version's round of review is the result of the task ``submit``. Asked again for a
    stage that is decided, it says how, and asks nobody.
    """

    def __init__(self, *, stage: str, **kwargs):
        from ingest.review.ask import OPTIONS

        super().__init__(options=list(OPTIONS), **ASK_AGAIN, **kwargs)
        self.stage = stage

    def execute(self, context):
        from ingest.review import ask
        from ingest.settings import Home

        asked = ask.question(Home.of(), ask.Ticket(**context["ti"].xcom_pull(task_ids="submit")), self.stage)
        if isinstance(asked, ask.Outcome):
            return self._ended(asked)
        self.body = asked
        return super().execute(context)

    def execute_complete(self, context, event):
        from ingest.review import ask
        from ingest.settings import Home

        given = super().execute_complete(context, event)
        who, ti = given["responded_by_user"] or {}, context["ti"]
        return self._ended(
            ask.answer(
                Home.of(),
                ask.Ticket(**ti.xcom_pull(task_ids="submit")),
                self.stage,
                given["chosen_options"][0],
                given["params_input"],
                by=who.get("name", ""),
                at=given["responded_at"],
                via=f"airflow:{ti.dag_id}/{ti.run_id}/{ti.task_id}/{ti.try_number}",
            )
        )

    def _ended(self, outcome):
        if not outcome.taken:
            raise AirflowSkipException(f"没有要问的：文本的状态是“{outcome.status}” / nothing to ask: {outcome.status}")
        return {"taken": outcome.taken, "by": outcome.by, "status": outcome.status}


def submit() -> dict:
    """Begin a round of review as the person who triggered the run, or find the one under way."""
    import dataclasses

    from airflow.sdk.exceptions import AirflowFailException

    from ingest.review import ask
    from ingest.settings import Home

    context = get_current_context()
    run, name = context["dag_run"], context["params"]["schedule"]
    by = run.triggering_user_name or ""
    try:
        ticket = ask.submit(Home.of(), name, by, run.run_after, f"airflow:{run.dag_id}/{run.run_id}")
    except (ask.NotTaken, ValueError) as refused:
        raise AirflowFailException(f"没有送审 / not submitted: {refused}") from None
    return dataclasses.asdict(ticket)
