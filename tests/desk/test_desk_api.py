"""The API against its own description, and its answers against the pages' questions."""

from __future__ import annotations

import warnings

import pytest
from desk_sessions import FakeSessions
from hypothesis import HealthCheck, Phase, given, settings

from desk.app import create_app
from desk.roles import Role, User
from ingest.ledger import Ledger
from ingest.report import report


def test_the_api_keeps_to_its_description(told_home) -> None:
    """Schemathesis makes requests of every kind out of the description, right and wrong ones, and judges the answers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import schemathesis
        from schemathesis.specs.openapi.checks import positive_data_acceptance

        app = create_app(told_home, FakeSessions(User("auditor", Role.AUDITOR)))
        app.state.limiter.take = lambda *_: True  # it asks more often than a person may
        schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", app)
        tried = []

        for found in schema.get_all_operations():
            operation = found.ok()

            @settings(
                max_examples=8,
                deadline=None,
                database=None,
                derandomize=True,
                phases=[Phase.explicit, Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            def check(case: schemathesis.Case) -> None:
                # no schema can tell which cursors were given out, and a NUL is refused before anything is looked at
                made_up = "after" in (case.query or {}) or "\0" in str((case.query, case.path_parameters))
                beside = [positive_data_acceptance] if made_up else []
                case.call_and_validate(headers={"Origin": "http://testserver"}, excluded_checks=beside)

            given(case=operation.as_strategy())(check)()
            tried.append(operation.label)
    assert len(tried) >= 10


def test_the_api_tells_what_the_night_report_tells(told_home, desk_client) -> None:
    api = desk_client("operator")
    with Ledger(told_home.database_url) as ledger:
        expected = report(ledger, "night")
    (run,) = api.get("/api/v1/runs").json()
    night = api.get(f"/api/v1/runs/{run['id']}").json()
    assert {a["agency"]: a["received"] for a in night["agencies"]} == {a.agency: a.received for a in expected.agencies}
    assert {c["code"]: c["records"] for c in night["causes"]} == expected.causes
    (day,) = api.get("/api/v1/nights").json()
    assert day["accepted"] == expected.total.accepted and day["bytes"] == expected.total.bytes
    found = api.get("/api/v1/records", params={"state": "acknowledged"}).json()["items"]
    assert len(found) == expected.total.accepted
    one = api.get(f"/api/v1/records/{found[0]['id']}").json()
    assert one["files"] and one["copies"] and one["events"] and one["archival_code"] == found[0]["archival_code"]


def test_a_producer_gets_its_own_only(told_home, desk_client) -> None:
    with Ledger(told_home.database_url) as ledger:
        mine, other = (a.agency for a in report(ledger, "night").agencies[:2])
    admin, api = desk_client("administrator"), desk_client("producer", mine)
    theirs = admin.get("/api/v1/records", params={"agency": other}).json()["items"][0]["id"]
    assert api.get(f"/api/v1/records/{theirs}").status_code == 404
    assert {r["agency"] for r in api.get("/api/v1/records").json()["items"]} == {mine}
    assert api.get("/api/v1/records", params={"agency": other}).json()["items"] == []
    assert {a["agency"] for a in api.get("/api/v1/runs/night").json()["agencies"]} == {mine}
    assert api.get("/api/v1/nights", params={"agency": other}).json() == []


@pytest.mark.parametrize("path", ["/api/v1/records?after=bm9uc2Vuc2U", "/api/v1/records?after=WyJcdWQ4MDAiXQ"])
def test_a_made_up_cursor_is_refused(desk_client, path: str) -> None:
    answer = desk_client("auditor").get(path)
    assert (answer.status_code, list(answer.json())) == (400, ["detail"])
