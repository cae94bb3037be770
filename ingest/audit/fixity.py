"""One night of the fixity audit: plan, read a batch of copies, judge a sample, report. Plain functions, safe to repeat.

What a night found stands in ``<home>/reports/audit/<run>/`` and, check by check, in the event chain.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import random
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from botocore.exceptions import BotoCoreError, ClientError

from ingest.alerts import Alarm, settle
from ingest.audit import cycle, judges
from ingest.audit.look import Look, Pace, look
from ingest.audit.repair import damaged
from ingest.findings import Finding
from ingest.ledger import Ledger, copies
from ingest.ledger.tables import copy, event, record
from ingest.model import CopyState
from ingest.settings import Home
from ingest.store import config
from ingest.store.objects import ObjectStore
from ingest.store.replicas import open_store
from sip import canonical

_MOST_BATCHES, _LEAST_BATCH = 200, 50
_AT_ONCE = 20  # checks noted in one commit


class AuditFailed(Exception):
    """Machine trouble kept some copies from being read. Running the task again reads exactly those."""


class Corruption(Exception):
    """Copies are not whole, or a sample was found wrong. Trying again does not help: a person must decide."""


def folder(home: Home, run_id: str) -> Path:
    return home.root / "reports" / "audit" / hashlib.sha256(run_id.encode()).hexdigest()[:12]


def plan(home: Home, run_id: str, as_of: dt.datetime, period_days: int = cycle.PERIOD_DAYS) -> list[int]:
    """Choose tonight's copies, oldest proof first, and lay them out in batches; the batches' numbers."""
    with Ledger(home.database_url) as ledger:
        ledger.upgrade()
        with ledger.read() as conn:
            stands = cycle.standing(conn, as_of, period_days)
            chosen = [[d.key, d.replica] for d in cycle.due(conn, as_of, period_days)]
    size = max(_LEAST_BATCH, -(-len(chosen) // _MOST_BATCHES))
    batches = [chosen[at : at + size] for at in range(0, len(chosen), size)]
    _write(folder(home, run_id) / "plan.json", {
        "schema": "guidang.audit-plan/1.0", "run": run_id, "as_of": as_of.isoformat(), "period_days": period_days,
        "copies": stands.copies, "bytes": stands.bytes, "overdue": stands.overdue, "oldest": stands.oldest,
        "batches": batches,
    })  # fmt: skip
    return list(range(len(batches)))


def check(home: Home, run_id: str, number: int, bytes_a_second: float) -> dict[str, Any]:
    """Read the copies of one batch again, no faster than asked. Each check is an event, each finding too.

    Copies that were proved since the night began are not read twice. Raises AuditFailed for what could not be read.
    """
    planned = _read(folder(home, run_id) / "plan.json")
    since = cycle.moment(dt.datetime.fromisoformat(planned["as_of"]))
    places = {r.name: r for r in config.plan(home).replicas}
    stores: dict[str, ObjectStore] = {}
    pace, troubles = Pace(bytes_a_second), []
    waiting: list[tuple[Mapping[str, Any], Look]] = []
    with Ledger(home.database_url) as ledger:
        for row in _rows(ledger, planned["batches"][number], since):
            name = str(row["replica"])
            try:
                if name not in places:
                    raise KeyError(f"副本 {name} 已不在配置中 / is in the configuration no more")
                stores[name] = stores.get(name) or open_store(home, places[name])
                waiting.append((row, look(stores[name], row, pace)))
            except (ClientError, BotoCoreError, KeyError) as e:
                troubles.append(f"{name} {row['object_key']}: {type(e).__name__}: {e}")
            if len(waiting) >= _AT_ONCE or (waiting and not waiting[-1][1].good):
                _note(ledger, waiting)
        _note(ledger, waiting)
        found = [f.as_json() for f in _known(ledger, planned["batches"][number])]
    if troubles:
        shown = "\n  ".join(troubles[:20])
        raise AuditFailed(f"{len(troubles)} 个副本未能读取，重跑本任务即可 / copies could not be read:\n  {shown}")
    return {"batch": number, "copies": len(planned["batches"][number]), "findings": found}


def _rows(ledger: Ledger, chosen: Sequence[Sequence[str]], since: str) -> Iterator[Mapping[str, Any]]:
    with ledger.read() as conn:
        for key, replica in chosen:
            here = (copy.c.object_key == key, copy.c.replica == replica, copy.c.verified_at < since)
            found = conn.execute(sa.select(copy).where(*here)).one_or_none()
            if found is not None:
                yield dict(found._mapping)


def _note(ledger: Ledger, waiting: list[tuple[Mapping[str, Any], Look]]) -> None:
    """State, time of the check, and its event, in one transaction; empties ``waiting``."""
    if not waiting:
        return
    with ledger.begin() as tx:
        for row, seen in waiting:
            key, replica = str(row["object_key"]), str(row["replica"])
            copies.verified(tx, key, replica, seen.state)
            detail: dict[str, Any] = {"key": key, "replica": replica, "state": seen.state.value, "bytes": row["size"]}
            if seen.findings:
                detail["findings"] = [{"code": f.code, "params": dict(f.params)} for f in seen.findings]
            tx.chain.append("fixity", row["record_id"], detail)
    waiting.clear()


def _known(ledger: Ledger, chosen: Sequence[Sequence[str]]) -> list[Finding]:
    """What the last check of each of these copies found."""
    wanted = {(key, replica) for key, replica in chosen}
    return [f for f in latest_findings(ledger) if (f.params["key"], f.params["replica"]) in wanted]


def latest_findings(ledger: Ledger) -> list[Finding]:
    """The findings of all copies that are not whole, as their last check told them."""
    out: list[Finding] = []
    for bad in damaged(ledger):
        with ledger.read() as conn:
            rows = conn.execute(
                sa.select(event.c.detail)
                .where(event.c.kind == "fixity", event.c.record_id == bad["record_id"])
                .order_by(event.c.seq.desc())
            ).scalars()
            for text in rows:
                told = json.loads(text)
                if (told["key"], told["replica"]) == (bad["object_key"], bad["replica"]):
                    out += [Finding(f["code"], params=f["params"]) for f in told.get("findings", ())]
                    break
            else:
                about = {"key": bad["object_key"], "replica": bad["replica"]}
                code = "FIX-MISSING" if bad["state"] == CopyState.MISSING else "FIX-UNREADABLE"
                out.append(Finding(code, params={**about, "detail": str(bad["state"])}))
    return out


# ------------------------------------------------------------------------------------------------ the sample


def sample(home: Home, run_id: str, count: int) -> dict[str, Any]:
    """Judge some packages, drawn by the run's name, by everybody: `sip.verify`, the bagit library, their signatures by the
    evidence in them, and the checks of keeping (BC). What is wrong is chained."""
    places = {r.name: r for r in config.plan(home).replicas}
    said: list[dict[str, Any]] = []
    with Ledger(home.database_url) as ledger, judges.Everybody(home, _last_drill(ledger)) as everybody:
        for row in _drawn(ledger, run_id, count):
            if row["replica"] not in places:
                continue
            with tempfile.TemporaryDirectory(prefix=".sample-", dir=home.root) as work:
                package = Path(work) / "package.zip"
                open_store(home, places[row["replica"]]).fetch(row["object_key"], package, row["version_id"])
                told = everybody.judge(row, package)
            said.append(told)
            with ledger.begin() as tx:
                tx.chain.append("sampled", row["record_id"], {
                    "key": row["object_key"], "replica": row["replica"], "good": told["good"],
                    "codes": sorted({f["code"] for f in told["findings"]}),
                })  # fmt: skip
    _write(folder(home, run_id) / "sample.json", {"schema": "guidang.audit-sample/1.0", "run": run_id, "sample": said})
    return {"sampled": len(said), "bad": [s["key"] for s in said if not s["good"]]}


def _last_drill(ledger: Ledger) -> bool | None:
    """The outcome of the last emergency drill, None where there was none: what BC-3-4 (备份数据可恢复性) rests on."""
    with ledger.read() as conn:
        told = conn.execute(
            sa.select(event.c.detail).where(event.c.kind == "drill").order_by(event.c.seq.desc()).limit(1)
        ).scalar()
    return None if told is None else bool(json.loads(told)["passed"])


def _drawn(ledger: Ledger, run_id: str, count: int) -> list[dict[str, Any]]:
    """``count`` whole copies, each of another package if there are enough, the same for the same run and copies."""
    dice = random.Random(run_id)  # noqa: S311 a sample that can be drawn again, no secret
    with ledger.read() as conn:
        proved = copy.c.state == CopyState.PROVED.value
        total = conn.execute(sa.select(sa.func.count()).select_from(copy).where(proved)).scalar_one()
        names = ("agency", "as_of", "files", "payload_bytes", "findings", "decisions")
        columns = [*copy.c, *(record.c[name] for name in names)]
        out: dict[str, dict[str, Any]] = {}
        for at in dice.sample(range(total), min(total, 2 * count)):
            row = conn.execute(
                sa.select(*columns).join(record, record.c.id == copy.c.record_id).where(proved)
                .order_by(copy.c.object_key, copy.c.replica).offset(at).limit(1)
            ).one()  # fmt: skip
            out.setdefault(row.object_key, dict(row._mapping))
            if len(out) == count:
                break
    return list(out.values())


# ------------------------------------------------------------------------------------------------ the report


def report(home: Home, run_id: str, as_of: dt.datetime) -> dict[str, Any]:
    """The night in figures and words, below ``reports/audit/``; what is wrong is an alert. Raises Corruption then."""
    planned = _read(folder(home, run_id) / "plan.json")
    drawn = folder(home, run_id) / "sample.json"
    samples = _read(drawn)["sample"] if drawn.exists() else []
    with Ledger(home.database_url) as ledger:
        findings = latest_findings(ledger)
        with ledger.read() as conn:
            stands = cycle.standing(conn, as_of, planned["period_days"])
    for one in (s for s in samples if not s["good"]):
        for told in one["findings"]:
            params = {
                "key": one["key"],
                "replica": one["replica"],
                "fault": told["code"],
                "zh": told["zh"],
                "en": told["en"],
            }
            findings.append(Finding("FIX-SAMPLE", params=params))
    if stands.overdue:
        late = {"count": str(stands.overdue), "days": str(planned["period_days"]), "oldest": str(stands.oldest)}
        findings.append(Finding("FIX-OVERDUE", params=late))
    out = {
        "schema": "guidang.audit-report/1.0", "run": run_id, "as_of": as_of.isoformat(),
        "period_days": planned["period_days"], "copies": stands.copies, "bytes": stands.bytes,
        "checked": sum(map(len, planned["batches"])), "sampled": len(samples), "overdue": stands.overdue,
        "oldest": stands.oldest, "findings": [f.as_json() for f in findings],
    }  # fmt: skip
    _write(folder(home, run_id) / "report.json", out)
    wrong = [f for f in findings if f.code != "FIX-OVERDUE"]
    words = [f"{f.code}  {f.text('zh')} / {f.text('en')}" for f in wrong]
    parts = frozenset(f"{f.code} {f.params['key']} {f.params['replica']}" for f in wrong)
    alarms = [Alarm("FIXITY-DAMAGED", "copies", words, parts)] if wrong else []
    settle(home, ["FIXITY-DAMAGED"], alarms, dt.datetime.now(dt.UTC))
    if wrong:
        shown = "\n  ".join(words[:20])
        raise Corruption(
            f"{len(wrong)} 项须由人决定；用 `guidang audit list` 查看，`guidang audit repair` 修复 / "
            f"{len(wrong)} findings want a decision:\n  {shown}"
        )
    return out


def _write(path: Path, data: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temp = path.with_suffix(".tmp")
    temp.write_bytes(canonical.dumps(data))
    temp.replace(path)


def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_bytes())
    return found


def offers(home: Home) -> list[dict[str, str]]:
    """What is to be decided: each copy that is not whole, with its finding in words."""
    with Ledger(home.database_url) as ledger:
        return [
            {"key": f.params["key"], "replica": f.params["replica"], "text": f"{f.text('zh')}\n\n{f.text('en')}"}
            for f in latest_findings(ledger)
        ]
