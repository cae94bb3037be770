"""The emergency drill (应急演练, DA/T 70 BC-3-4 备份数据可恢复性): restore a sample from a replica, make the ledger again from it, and
hold both against what they should be. Plain steps, safe to repeat; nothing of the archive is touched.

    <home>/reports/drill/<run>/  report.json  report.md  and, until the report is written, scratch/
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import random
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ingest.alerts import Alarm, settle
from ingest.audit import keys
from ingest.audit.compare import compare, published
from ingest.ledger import Ledger
from ingest.ledger.tables import copy, number, record
from ingest.model import CopyState, State
from ingest.recovery.cli import stores
from ingest.recovery.rebuild import rebuild
from ingest.recovery.restore import NotRestored, restore
from ingest.settings import ConfigError, Home
from ingest.signatures import TrustStore
from ingest.steps import house
from ingest.store import config
from ingest.verify.judging import Judges
from ingest.verify.places import Place
from sip import canonical

# What the ledger knows of a deposited record and the store must give back. Where its files stood before, is none of it.
FACTS = (
    "agency", "case_no", "version", "content_digest", "identity", "as_of", "findings", "filing", "title", "matter_code",
    "closed_on", "fonds_no", "category", "year", "retention_code", "retention_end", "open_due", "transfer_due",
    "electronic_record_code", "archival_code", "package_sha256", "package_size", "payload_bytes", "object_key", "decisions",
)  # fmt: skip


class DrillFailed(Exception):
    """Something could not be restored or came back other than it was."""


def folder(home: Home, run_id: str) -> Path:
    return home.root / "reports" / "drill" / hashlib.sha256(run_id.encode()).hexdigest()[:12]


def chosen(home: Home, replica: str) -> str:
    """The replica to restore from: the one that is named, else the last of the plan, which is nobody's first choice."""
    names = [r.name for r in config.plan(home).replicas]
    if replica and replica not in names:
        raise ConfigError(f"没有副本 {replica} / no replica {replica}; {', '.join(names)}")
    return replica or names[-1]


def restore_sample(home: Home, run_id: str, count: int, replica: str = "") -> dict[str, Any]:
    """Restore ``count`` packages, drawn by the run's name, from one replica into the scratch folder and judge each."""
    name = chosen(home, replica)
    scratch = folder(home, run_id) / "scratch" / "packages"
    begun, size = time.monotonic(), 0
    with Ledger(home.database_url) as ledger, ledger.read() as conn:
        here = sa.and_(copy.c.replica == name, copy.c.state == CopyState.PROVED.value)
        known = [
            str(k) for k in conn.execute(sa.select(copy.c.object_key).where(here).order_by(copy.c.object_key)).scalars()
        ]
    drawn = sorted(random.Random(run_id).sample(known, min(count, len(known))))  # noqa: S311 can be drawn again, no secret
    places, said = stores(home, name), []
    with Judges(home, bagit=True) as judges:
        for key in drawn:
            try:
                done = restore(key, places, scratch)
            except NotRestored as e:
                said.append({"key": key, "restored": False, "valid": False, "faults": [str(e)]})
                continue
            size += done.path.stat().st_size
            judged = judges.judge(Place(str(done.path), path=done.path)).as_json()
            faults = [f"{f['code']} {f['zh']} / {f['en']}" for f in judged["findings"] if f["severity"] == "error"]
            said.append({"key": key, "restored": True, "valid": judged["valid"], "faults": faults})
    out = {
        "replica": name,
        "known": len(known),
        "sample": said,
        "bytes": size,
        "seconds": round(time.monotonic() - begun, 1),
    }
    _write(folder(home, run_id) / "scratch" / "restored.json", out)
    return {"replica": name, "restored": sum(s["restored"] for s in said), "valid": sum(s["valid"] for s in said)}


def rebuild_ledger(home: Home, run_id: str, replica: str = "") -> dict[str, Any]:
    """Make a ledger from that replica alone, in the scratch folder, and compare it with the one in use."""
    name = chosen(home, replica)
    scratch = folder(home, run_id) / "scratch" / "ledger.db"
    scratch.parent.mkdir(parents=True, exist_ok=True)
    for left in scratch.parent.glob("ledger.db*"):
        left.unlink()
    begun = time.monotonic()
    places = stores(home, name)
    store = places[name]
    believed = keys.trusted(home) or published(store)
    heads = compare(store, believed, TrustStore.load(home.trust), dt.datetime.now(dt.UTC))
    with Ledger(f"sqlite:///{scratch}") as made, Ledger(home.database_url) as live:
        done = rebuild(
            made, places, home.agencies(), 0 if heads.faults else len(heads.heads), house.applicant_key(home)
        )
        differences = [*(f"{f.code} #{f.seq}: {f.text}" for f in heads.faults), *done.troubles]
        differences += _differences(live, made, name)
    out = {"rows": done.rows, "differences": differences, "seconds": round(time.monotonic() - begun, 1)}
    _write(scratch.parent / "rebuilt.json", out)
    return {"rows": done.rows, "differences": len(differences)}


def _differences(live: Ledger, made: Ledger, replica: str) -> Iterator[str]:
    """What the ledger in use knows of the packages in that replica, and the ledger made from it does not, or otherwise."""
    again = dict(_facts(made, replica))
    for key, facts in _facts(live, replica):
        other = again.pop(key, None)
        if other is None:
            yield f"{key}: 未重建 / not made again"
        elif other != facts:
            yield f"{key}: 不同 / different: {', '.join(n for n in facts if facts[n] != other[n])}"
    for key in again:
        yield f"{key}: 在用台账中没有 / not in the ledger in use"
    given, kept = _numbers(made), _numbers(live)
    for case, codes in given.items():
        if kept.get(case) != codes:
            yield f"{case}: 编号 / number {codes} ≠ {kept.get(case)}"


def _facts(ledger: Ledger, replica: str) -> Iterator[tuple[str, dict[str, Any]]]:
    there = sa.exists().where(copy.c.object_key == record.c.object_key, copy.c.replica == replica)
    states = [State.DEPOSITED.value, State.ACKNOWLEDGED.value]
    columns = [record.c[name] for name in FACTS]
    with ledger.read() as conn:
        query = (
            sa.select(record.c.files, *columns).where(there, record.c.state.in_(states)).order_by(record.c.object_key)
        )
        for row in conn.execute(query.execution_options(yield_per=200)):
            facts = {name: value for name, value in row._mapping.items() if name != "files"}
            facts["files"] = [{k: v for k, v in f.items() if k != "staged"} for f in row.files]
            yield str(row.object_key), facts


def _numbers(ledger: Ledger) -> dict[tuple[str, str], tuple[str, str]]:
    names = (number.c.agency, number.c.case_no, number.c.electronic_record_code, number.c.archival_code)
    with ledger.read() as conn:
        return {(r[0], r[1]): (r[2], r[3]) for r in conn.execute(sa.select(*names))}


def report(home: Home, run_id: str, as_of: dt.datetime) -> dict[str, Any]:
    """Write the report, chain the outcome, empty the scratch folder. Raises DrillFailed (and alerts) where it failed."""
    place = folder(home, run_id)
    restored, rebuilt = (_read(place / "scratch" / name) for name in ("restored.json", "rebuilt.json"))
    missing = [name for name, found in (("restore", restored), ("rebuild", rebuilt)) if found is None]
    faults = [f"{name}: 未完成 / was not finished" for name in missing]
    faults += [f"{s['key']}: {'; '.join(s['faults'])}" for s in (restored or {}).get("sample", ()) if not s["valid"]]
    faults += (rebuilt or {}).get("differences", [])
    out = {
        "schema": "guidang.drill/1.0", "item": "BC-3-4 备份数据可恢复性", "run": run_id, "as_of": as_of.isoformat(),
        "passed": not faults, "restored": restored, "rebuilt": rebuilt, "faults": faults,
    }  # fmt: skip
    _write(place / "report.json", out)
    (place / "report.md").write_text(_readable(out), "utf-8")
    with Ledger(home.database_url) as ledger, ledger.begin() as tx:
        sampled = len((restored or {}).get("sample", ()))
        tx.chain.append("drill", None, {"run": run_id, "passed": not faults, "sample": sampled, "faults": len(faults)})
    shutil.rmtree(place / "scratch", ignore_errors=True)
    alarms = [Alarm("DRILL-FAILED", "drill", faults, frozenset([run_id]))] if faults else []
    settle(home, ["DRILL-FAILED"], alarms, dt.datetime.now(dt.UTC))
    if faults:
        shown = "\n  ".join(faults[:20])
        raise DrillFailed(f"应急演练未通过 / the drill failed:\n  {shown}")
    return out


def _readable(out: Mapping[str, Any]) -> str:
    restored, rebuilt = out["restored"] or {}, out["rebuilt"] or {}
    sample = restored.get("sample", [])
    lines = [
        "# 应急演练报告 / Emergency drill",
        "",
        f"- 检测项 item：{out['item']}（DA/T 70-2018）",
        f"- 运行 run：{out['run']}；逻辑时间 as of：{out['as_of']}",
        f"- 结论 outcome：**{'通过 passed' if out['passed'] else '未通过 failed'}**",
        f"- 副本 replica：{restored.get('replica', '—')}，其中归档信息包 packages：{restored.get('known', '—')}",
        f"- 抽样恢复 restored：{sum(s['restored'] for s in sample)}/{len(sample)} 个，{restored.get('bytes', 0)} 字节 bytes，"
        f"{restored.get('seconds', '—')} 秒 s；核验有效 valid：{sum(s['valid'] for s in sample)}/{len(sample)}",
        f"- 重建台账 ledger made again：{rebuilt.get('seconds', '—')} 秒 s；与在用台账的差异 differences："
        f"{len(rebuilt.get('differences', []))}",
        "",
        "| 表 table | 行 rows |",
        "|---|---|",
        *(f"| {table} | {count} |" for table, count in rebuilt.get("rows", {}).items()),
        "",
        "## 问题 / Faults",
        "",
        *([f"- {fault}" for fault in out["faults"]] or ["无 none"]),
        "",
        "## 抽样 / Sample",
        "",
        *(f"- {'✓' if s['valid'] else '✗'} {s['key']}" for s in sample),
        "",
    ]
    return "\n".join(lines)


def _write(path: Path, data: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temp = path.with_suffix(".tmp")
    temp.write_bytes(canonical.dumps(data))
    temp.replace(path)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    return found
