"""A flipped byte in a replica: found within one cycle, alerted, repaired by decision, all of it in the chain."""

from __future__ import annotations

import datetime as dt
import json
import tempfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import sqlalchemy as sa
from night_home import NightHome

import samplenight
from ingest.audit import decided, fixity
from ingest.cli import main
from ingest.ledger import Ledger, copies
from ingest.ledger.tables import event
from ingest.recovery import drill
from ingest.servers.ports import Ports
from ingest.servers.seaweed import SeaweedServer, StoreEndpoint
from ingest.store import config
from ingest.store.config import StoreConfig
from ingest.store.objects import ObjectStore
from sip.commit import commit_key

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

DAY = dt.timedelta(days=1)


class Replicated:
    """A night archived into two buckets of one server; ``second`` is the other replica."""

    def __init__(self, night_home: NightHome, endpoint: StoreEndpoint, folder: Path) -> None:
        self.night, self.home, self.folder = night_home, night_home.home, folder
        admin = endpoint.users["admin"]
        self.config = StoreConfig(endpoint.url, "second", admin.access_key, admin.secret_key, endpoint.region, "second")
        self.s3 = endpoint.client("admin")
        self.s3.create_bucket(Bucket="second")
        self.second = ObjectStore(self.config)
        samplenight.make(self.home.root, count=7, faults=())
        (self.home.config / "store.json").write_text(json.dumps({
            "schema": "guidang.store/1.0", "min_copies": 2,
            "replicas": [{"name": "second", "endpoint": endpoint.url, "bucket": "second"}],
        }))  # fmt: skip
        config.save_keys(self.home, "second", admin.access_key, admin.secret_key)
        night_home.run()
        self.keys = sorted(r["object_key"] for r in night_home.records() if r["state"] == "acknowledged")
        self._night = 0
        self.at = ["--home", str(self.home.root)]

    def events(self, *kinds: str) -> list[dict[str, Any]]:
        with Ledger(self.home.database_url) as ledger, ledger.read() as conn:
            rows = conn.execute(
                sa.select(event.c.kind, event.c.detail).where(event.c.kind.in_(kinds)).order_by(event.c.seq)
            )
            return [{"kind": r.kind, **json.loads(r.detail)} for r in rows]

    def state(self, key: str, replica: str) -> str:
        with Ledger(self.home.database_url) as ledger, ledger.read() as conn:
            return next(str(c["state"]) for c in copies.of_key(conn, key) if c["replica"] == replica)

    def audit(self) -> int:
        """A night that reads every copy; each call is a day later than the one before."""
        self._night += 1
        as_of = dt.datetime.now(dt.UTC) + (100 + self._night) * DAY
        args = ["--period-days", "1", "--sample", "0", "--bandwidth", "0", "--as-of", as_of.isoformat()]
        return main(["audit", "run", *args, *self.at])

    def flip(self, bucket: str, key: str) -> None:
        """As an administrator of the server can: the same key, one byte changed."""
        data = bytearray(self.s3.get_object(Bucket=bucket, Key=key)["Body"].read())
        data[len(data) // 2] ^= 1
        self.s3.put_object(Bucket=bucket, Key=key, Body=bytes(data))


@pytest.fixture(scope="module")
def replicated() -> Iterator[Replicated]:
    """One night for all tests here: each harms packages of its own, and says in its first line which."""
    with tempfile.TemporaryDirectory(prefix="gd") as folder:  # a short path, for the store's unix sockets
        server = SeaweedServer(Path(folder) / "servers", Ports.free())
        try:
            at = server.start()
            yield Replicated(NightHome(Path(folder) / "home", at), at, Path(folder) / "servers")
        finally:
            server.stop()


@pytest.fixture
def alerts(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """What was posted to the alert address."""
    got: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("GUIDANG_ALERT_URL", f"http://127.0.0.1:{server.server_port}/")
    yield got
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_flipped_byte_is_found_within_a_cycle_and_repaired_by_decision(
    replicated: Replicated, alerts: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    r = replicated
    total, period = 2 * len(r.keys), 3
    victim, lost, unmarked = r.keys[:3]
    r.flip("second", victim)
    r.s3.delete_object(Bucket="second", Key=lost)
    r.s3.delete_object(Bucket="second", Key=commit_key(unmarked))
    sound = r.second.digest(r.keys[6])

    # one cycle: every copy read once, each check an event, the damage found, told, and nothing repaired by itself
    now, codes = dt.datetime.now(dt.UTC), []
    for n in range(1, period + 1):
        codes.append(main(["audit", "run", "--period-days", str(period), "--sample", "1", "--bandwidth", "0",
                           "--as-of", (now + n * DAY).isoformat(), *r.at]))  # fmt: skip
    assert 1 in codes and 2 not in codes
    checks = r.events("fixity")
    assert {(c["key"], c["replica"]) for c in checks} == {(k, n) for k in r.keys for n in ("main", "second")}
    bad = {c["key"]: c["findings"][0]["code"] for c in checks if c["state"] != "proved"}
    assert bad == {victim: "FIX-DAMAGED", lost: "FIX-MISSING", unmarked: "FIX-MARK"}
    assert len(checks) >= total
    assert r.state(victim, "second") == "damaged" and r.state(lost, "second") == "missing"
    assert alerts and any("FIX-DAMAGED" in line for line in alerts[-1]["lines"])
    assert list((r.home.root / "alerts").glob("FIXITY-DAMAGED-*.json"))
    assert r.events("repaired") == []

    # what is offered; nobody's answer, and "leave", leave it
    asked = fixity.offers(r.home)
    assert {(a["key"], a["replica"]) for a in asked} == {(k, "second") for k in (victim, lost, unmarked)}
    answers: list[dict[str, Any] | None] = [None, {"chosen_options": ["leave"]}, None]
    assert decided.carry_out(asked, answers, "repair", r.home) == []
    capsys.readouterr()
    assert main(["audit", "list", *r.at]) == 1
    assert capsys.readouterr().out.count("FIX-") == 3

    # decided in Airflow, and on the command line
    person = {
        "chosen_options": ["repair"],
        "responded_by_user": {"id": "7", "name": "测试甲"},
        "params_input": {"reason": "巡检发现"},
    }
    assert len(decided.carry_out(asked, [person if a["key"] == victim else None for a in asked], "repair", r.home)) == 1
    for key in (lost, unmarked):
        assert (
            main(["audit", "repair", key, "--replica", "second", "--as", "测试乙", "--reason", "巡检发现", *r.at]) == 0
        )
    assert main(["audit", "repair", lost, "--replica", "second", "--as", "测试乙", "--reason", "再来", *r.at]) == 1
    for key in (victim, lost, unmarked):
        assert r.second.digest(key) == r.night.objects.digest(key)
        assert r.second.digest(commit_key(key)) == r.night.objects.digest(commit_key(key))
        assert r.state(key, "second") == "proved"
    assert r.second.digest(r.keys[6]) == sound
    assert [(e["kind"], e["key"], e["by"]) for e in r.events("repair_decided", "repaired")] == [
        (kind, key, by)
        for key, by in ((victim, "测试甲"), (lost, "测试乙"), (unmarked, "测试乙"))
        for kind in ("repair_decided", "repaired")
    ]
    assert main(["audit", "list", *r.at]) == 0
    assert main(["ledger", "verify", *r.at]) == 0


def test_a_copy_is_never_repaired_from_a_bad_one_nor_without_a_name(replicated: Replicated) -> None:
    r = replicated
    key, other = r.keys[3:5]
    r.flip("second", key)
    r.flip(r.night.objects._bucket, key)  # versions are kept there: the deposited one is hidden below
    assert r.audit() == 1
    bad = {
        (c["replica"], c["findings"][0]["code"])
        for c in r.events("fixity")
        if c["state"] != "proved" and c["key"] == key
    }
    assert bad == {("second", "FIX-DAMAGED"), ("main", "FIX-HIDDEN")}
    assert main(["audit", "repair", key, "--replica", "second", "--as", " ", "--reason", "x", *r.at]) == 2
    assert [e for e in r.events("repair_decided") if e["key"] == key] == []
    # the bytes below are still those deposited: they repair the other copy, and then their own place
    assert main(["audit", "repair", key, "--replica", "second", "--as", "测试甲", "--reason", "巡检", *r.at]) == 0
    assert main(["audit", "repair", key, "--replica", "main", "--as", "测试甲", "--reason", "巡检", *r.at]) == 0
    assert r.night.objects.digest(key) == r.second.digest(key)
    # where no copy is left that is whole, it is said and nothing is written
    r.flip("second", other)
    with Ledger(r.home.database_url) as ledger, ledger.read() as conn:
        (main_copy,) = (c for c in copies.of_key(conn, other) if c["replica"] == "main")
    r.s3.delete_object(Bucket=r.night.objects._bucket, Key=other, VersionId=main_copy["version_id"])
    assert r.audit() == 1
    before = r.second.digest(other)
    assert main(["audit", "repair", other, "--replica", "second", "--as", "测试甲", "--reason", "巡检", *r.at]) == 1
    assert r.second.digest(other) == before
    assert [e["kind"] for e in r.events("repair_decided", "repaired") if e["key"] == other] == ["repair_decided"]


def test_a_drill_restores_from_the_replica_and_is_what_the_checks_of_keeping_rest_on(replicated: Replicated) -> None:
    r = replicated
    assert main(["drill", "--sample", "3", "--run-id", "drill 1", *r.at]) == 0
    place = drill.folder(r.home, "drill 1")
    said = json.loads((place / "report.json").read_bytes())
    assert said["restored"]["replica"] == "second" and len(said["restored"]["sample"]) == 3
    assert said["rebuilt"]["rows"]["number"] == len(r.keys) and said["rebuilt"]["differences"] == []
    assert "通过 passed" in (place / "report.md").read_text("utf-8") and not (place / "scratch").exists()
    assert [e["passed"] for e in r.events("drill")] == [True]

    assert fixity.sample(r.home, "sample", 2) == {"sampled": 2, "bad": []}
    (told, _) = json.loads((fixity.folder(r.home, "sample") / "sample.json").read_bytes())["sample"]
    assert told["signatures"]["good"]
    assert {i["result"] for i in told["items"] if i["level2"] == "3-4"} == {"pass"}
    assert [(e["good"], e["codes"]) for e in r.events("sampled")][-2:] == [(True, [])] * 2

    # a replica that lost a package and has another's bytes under a key does not pass
    lost, swapped = r.keys[:2]
    kept = {k: r.s3.get_object(Bucket="second", Key=k)["Body"].read() for k in (lost, swapped)}
    r.s3.delete_object(Bucket="second", Key=lost)
    r.s3.put_object(Bucket="second", Key=swapped, Body=kept[lost])
    assert main(["drill", "--sample", "100", "--run-id", "drill 2", *r.at]) == 1
    said = json.loads((drill.folder(r.home, "drill 2") / "report.json").read_bytes())
    assert {s["key"] for s in said["restored"]["sample"] if not s["restored"]} == {lost, swapped}
    assert any(lost in d for d in said["rebuilt"]["differences"])
    assert [e["passed"] for e in r.events("drill")] == [True, False]
    assert list((r.home.root / "alerts").glob("DRILL-FAILED-*.json"))
    for key, data in kept.items():
        r.s3.put_object(Bucket="second", Key=key, Body=data)


def test_a_byte_flipped_on_the_store_s_own_disk_is_found(
    replicated: Replicated, monkeypatch: pytest.MonkeyPatch
) -> None:
    r = replicated
    monkeypatch.setattr("ingest.store.objects.client", lambda _: r.s3)  # tries twice where ours tries five times
    key = r.keys[5]
    content = b"".join(r.night.objects.stream(key))
    probe = content[len(content) // 2 :][:64]
    flipped = 0
    for volume in (r.folder / "store/data").rglob("*.dat"):
        with volume.open("r+b") as file:
            data = file.read()
            if (at := data.find(probe)) >= 0:
                file.seek(at)
                file.write(bytes([probe[0] ^ 1]))
                flipped += 1
                break
    assert flipped, "the package's bytes were not found in the volumes"
    assert r.audit() == 1
    with Ledger(r.home.database_url) as ledger:
        found = {f.code for f in fixity.latest_findings(ledger) if f.params["key"] == key}
    assert found and found <= {"FIX-UNREADABLE", "FIX-DAMAGED"}
