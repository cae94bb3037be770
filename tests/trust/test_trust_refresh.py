"""The refresh of CRLs from files and a real HTTP server: nothing bad ever replaces what is good."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from crl_server import LOGIN, PASSWORD, CrlServer, sources
from signatures.pki.ca import AT, DAY, SIGNED, crl, world
from trust_home import TrustHome, pem

from ingest.ledger import Ledger
from ingest.settings import ConfigError
from ingest.trust import nightly, refresh
from ingest.trust.sources import Endpoint, Unreachable, load

W = world("sm2")
REVOKED = {0x1005: SIGNED - 10 * DAY, 0x1006: SIGNED + 10 * DAY}
NEWER = crl(W.authority, REVOKED | {0x3000: SIGNED}, this=AT)


@pytest.fixture
def server() -> Iterator[CrlServer]:
    served = CrlServer(
        {
            "/new.crl": pem(NEWER, "X509 CRL"), "/secret/new.crl": NEWER, "/same.crl": W.crl, "/junk.crl": b"<html>busy</html>",
            "/old.crl": crl(W.authority, {}, this=AT - 30 * DAY), "/empty.crl": b"",
            "/foreign.crl": crl(W.impostor_authority, {}, this=AT), "/future.crl": crl(W.authority, {}, this=AT + 9 * DAY),
            "/broken.crl": NEWER[:-1] + bytes((NEWER[-1] ^ 1,)), "/certificate.crl": W.stranger_authority.raw,
        }
    )  # fmt: skip
    yield served
    served.close()


class Refreshed:
    def __init__(self, kept: TrustHome, server: CrlServer) -> None:
        self.kept, self.server = kept, server

    def pull(self, password: str = PASSWORD, **source: str) -> refresh.Pulled:
        (self.kept.home.trust / "sources.json").write_text(sources({"id": "ca", **source}))
        end = Endpoint(self.server.url, LOGIN, password)
        with Ledger(self.kept.home.database_url) as ledger:
            return refresh.pull(self.kept.home, ledger, "ca", lambda _: end, AT)


@pytest.fixture
def refreshed(kept: TrustHome, server: CrlServer) -> Refreshed:
    return Refreshed(kept, server)


@pytest.mark.parametrize("way", ["url", "moved", "connection", "file"])
def test_a_new_crl_comes_in_with_its_event(refreshed: Refreshed, way: str) -> None:
    kept, url = refreshed.kept, refreshed.server.url
    source = {
        "url": {"url": f"{url}/new.crl"},
        "moved": {"url": f"{url}/moved/new.crl"},
        "connection": {"connection": "crl_host", "path": "/secret/new.crl"},
        "file": {"file": str(kept.file("new.crl", NEWER))},
    }[way]
    assert refreshed.pull(**source).outcome == "new"
    assert [len(c.entries) for c in kept.store.crls] == [3]
    kind, detail = kept.events()[-1]
    assert (kind, detail["by"], detail["purpose"]) == ("trust_added", "trust_refresh", "ca")
    assert detail["source"] == next(v for k, v in source.items() if k != "path") + (
        ":/secret/new.crl" if way == "connection" else ""
    )
    assert PASSWORD not in json.dumps(kept.events())
    before = kept.events()
    assert refreshed.pull(**source).outcome == "same" and kept.events() == before


@pytest.mark.parametrize(
    ("path", "outcome"),
    [
        ("/same.crl", "same"), ("/old.crl", "same"), ("/junk.crl", "refused"), ("/empty.crl", "refused"),
        ("/foreign.crl", "refused"), ("/future.crl", "refused"), ("/broken.crl", "refused"),
        ("/certificate.crl", "refused"), ("/absent.crl", "unreachable"), ("/away", "unreachable"),
    ],
)  # fmt: skip
def test_a_bad_older_or_foreign_one_changes_nothing(refreshed: Refreshed, path: str, outcome: str) -> None:
    before = refreshed.kept.store.digest, refreshed.kept.events()
    pulled = refreshed.pull(url=refreshed.server.url + path)
    assert pulled.outcome == outcome and pulled.detail
    assert (refreshed.kept.store.digest, refreshed.kept.events()) == before


def test_a_wrong_password_or_a_server_that_is_away_is_unreachable(refreshed: Refreshed) -> None:
    wrong = refreshed.pull("wrong", connection="crl_host", path="secret/new.crl")
    assert (wrong.outcome, wrong.detail) == ("unreachable", "ca: HTTP 401")
    refreshed.server.close()
    assert refreshed.pull(url=refreshed.server.url + "/new.crl").outcome == "unreachable"
    assert refreshed.pull(file="/absent/x.crl").outcome == "unreachable"


def test_the_password_goes_to_the_connections_host_only(refreshed: Refreshed) -> None:
    for path in ("http://localhost:1/x.crl", "//localhost:1/x.crl"):
        assert refreshed.pull(connection="crl_host", path=path).outcome == "unreachable"
    assert refreshed.pull(connection="crl_host", path="/moved/secret/new.crl").outcome == "unreachable"
    assert [auth is not None for _, auth in refreshed.server.asked[-2:]] == [True, False]


@pytest.mark.parametrize(
    "text",
    [
        "{", "[]", '{"schema":"x","crls":[]}', sources({"id": "a"}), sources({"id": "a", "url": "ftp://x/y"}),
        sources({"id": "a", "url": "file:///etc/passwd"}), sources({"id": "a", "url": "http://x/", "file": "/y"}),
        sources({"id": "a", "connection": "c"}), sources({"id": "A b", "url": "http://x/"}),
        sources({"id": "a", "secret": "x"}), sources({"id": "a", "file": "/x"}, {"id": "a", "file": "/y"}),
    ],
)  # fmt: skip
def test_broken_sources_are_a_matter_for_the_keeper(kept: TrustHome, text: str) -> None:
    (kept.home.trust / "sources.json").write_text(text)
    with pytest.raises(ConfigError, match=r"sources\.json"):
        load(kept.home)


def test_the_report_tells_what_came_what_did_not_and_what_runs_out(refreshed: Refreshed) -> None:
    kept = refreshed.kept
    pulled = refreshed.pull(url=refreshed.server.url + "/foreign.crl")
    (kept.home.trust / "sources.json").write_text(sources({"id": "ca", "file": "/x"}, {"id": "lost", "file": "/y"}))
    with Ledger(kept.home.database_url) as ledger:
        told = refresh.report(kept.home, ledger, [pulled], AT)
    assert {p["source"]: p["outcome"] for p in told["pulled"]} == {"ca": "refused", "lost": "unreachable"}
    assert [n["code"] for n in told["notices"]] == ["crl-expires"]
    written = kept.home.root / "reports" / "trust" / f"{AT.date()}.json"
    assert json.loads(written.read_text("utf-8")) == told
    first, *_ = refresh.lines(told)
    assert first.startswith("crl-expires: ")


def test_a_source_out_of_reach_makes_its_task_and_the_report_red(refreshed: Refreshed) -> None:
    """The tasks as the DAG calls them: a retry may help, and the others have come in by then."""
    home, url = refreshed.kept.home, refreshed.server.url
    (home.trust / "sources.json").write_text(
        sources({"id": "away", "file": "/absent.crl"}, {"id": "ca", "url": f"{url}/new.crl"})
    )
    with pytest.raises(Unreachable, match="away"):
        nightly.pull("away", lambda _: Endpoint(url), home)
    pulled = nightly.pull("ca", lambda _: Endpoint(url), home)
    assert pulled["outcome"] == "new"
    with pytest.raises(Unreachable, match="out of reach: away"):
        nightly.report([pulled], home)
    (written,) = (home.root / "reports" / "trust").iterdir()
    told = json.loads(written.read_text("utf-8"))
    assert {p["source"]: p["outcome"] for p in told["pulled"]} == {"ca": "new", "away": "unreachable"}
