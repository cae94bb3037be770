"""The daily refresh in the real Airflow: the host and its password come from a connection, a CRL from a real server."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from signatures.pki.ca import CRL_SIGN, DAY, YEAR, certificate, crl
from signatures.pki.keys import sm2_key
from trust.crl_server import LOGIN, PASSWORD, CrlServer, sources
from trust.trust_home import TrustHome

from ingest.servers import airflow, secrets
from ingest.servers.ports import Ports

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)
CA = certificate("今日CA", sm2_key("today"), None, ca=True, usage=CRL_SIGN, start=NOW - YEAR, end=NOW + YEAR)


@pytest.fixture
def server() -> Iterator[CrlServer]:
    stranger = certificate("今日CA", sm2_key("not today"), None, ca=True, usage=CRL_SIGN)
    served = CrlServer(
        {
            "/secret/ca.crl": crl(CA, {7: NOW}, this=NOW - DAY, following=NOW + 9 * DAY),
            "/foreign.crl": crl(stranger, {}),
        }
    )
    yield served
    served.close()


def refresh(home: Path, server: CrlServer) -> subprocess.CompletedProcess[str]:
    secrets.ensure(home)
    env = airflow.environment(home, Ports.free())
    host = {"conn_type": "http", "host": "127.0.0.1", "port": server.port, "schema": "http"}
    env["AIRFLOW_CONN_CRL_HOST"] = json.dumps(host | {"login": LOGIN, "password": PASSWORD})
    airflow.migrate(home, env)
    return subprocess.run(
        [airflow.program(), "dags", "test", "trust_refresh"], env=env, capture_output=True, text=True, check=False
    )


def test_a_refresh_brings_crls_in_and_shows_what_runs_out(home: Path, server: CrlServer) -> None:
    kept = TrustHome(home)
    assert kept.add("ca.cer", CA.raw, "--anchor") == 0
    (home / "config" / "trust" / "sources.json").write_text(
        sources(
            {"id": "ca", "connection": "crl_host", "path": "/secret/ca.crl"},
            {"id": "foreign", "url": f"{server.url}/foreign.crl"},
        )
    )
    done = refresh(home, server)
    log = done.stdout + done.stderr
    assert done.returncode == 0, log[-4000:]
    assert [list(c.entries) for c in kept.store.crls] == [[7]]
    assert kept.events()[-1][1]["source"] == "crl_host:/secret/ca.crl"
    (report,) = (home / "reports" / "trust").glob("*.json")
    told = json.loads(report.read_text("utf-8"))
    assert {p["source"]: p["outcome"] for p in told["pulled"]} == {"ca": "new", "foreign": "refused"}
    assert [n["code"] for n in told["notices"]] == ["crl-expires"]
    assert "crl-expires" in log and PASSWORD not in log
