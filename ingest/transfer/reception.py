"""The archives' side: receive a package, judge it, and accept or reject it as a whole by a person's decision.

It needs nothing of the sender but the package and, where there is one, the handover document beside it. Every act may be repeated;
a process that dies leaves a package of its own, whole, or none.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ingest.checks.subject import Totals
from ingest.ledger import Ledger, receptions
from ingest.ledger.receptions import Row
from ingest.model import ReceptionState
from ingest.settings import Home
from ingest.transfer import checks, config, papers, place
from ingest.transfer.deliver import RECEIPT_SUFFIX
from ingest.transfer.sending import Refused
from sip import canonical
from sip.transfer import registers
from sip.transfer.verify import TransferResult, verify

R = ReceptionState
_FINAL = (R.ACCEPTED, R.REJECTED)
_DIGEST = {"PKG-DIGEST", "PKG-CRC", "TRF-ITEM-FIXITY", "PAK-NOT-AS-SENT"}
_MOST_HANDOVER = 256 << 20


def folder(home: Home, reception_id: str) -> Path:
    """Where the received package and what was found about it stand: never what the package says it is called."""
    return home.root / "transfers" / "received" / reception_id


def receive(home: Home, ledger: Ledger, package: Path, *, target: str, by: str, now: dt.datetime) -> Row:
    """Take a copy of our own and check it: PENDING_REVIEW, or REJECTED where errors were found. Received again, a package that is
    decided stays decided. Raises Refused for what is no file, OSError for machine trouble (state FAILED, try again)."""
    if not by.strip():
        raise Refused("须写明接收人 / who receives must be named")
    if not package.is_file():
        raise Refused(f"没有这个文件 / no such file: {package}")
    target = target if target == place.STORE else str(Path(target).resolve())
    reception_id, size = _copy(home, package)
    with ledger.begin() as tx:
        receptions.enter(tx, reception_id, by=by, source=str(package), target=target, size=size)
    row = _get(ledger, reception_id)
    if R(row["state"]) in (*_FINAL, R.ACCEPTING):
        return row
    with ledger.begin() as tx:
        receptions.move(tx, reception_id, [s for s in R if s not in _FINAL], R.CHECKING, target=target, last_error=None)
    try:
        return _check(home, ledger, reception_id, now)
    except Exception as e:
        with ledger.begin() as tx:
            receptions.move(tx, reception_id, [R.CHECKING], R.FAILED, last_error=f"{type(e).__name__}: {e}"[:2000])
        raise


def _copy(home: Home, package: Path) -> tuple[str, int]:
    """A copy in our own home, digested as it is read; returns SHA-256 and size."""
    base = home.root / "transfers" / "received"
    base.mkdir(parents=True, exist_ok=True)
    attempt = base / f".{os.getpid()}.attempt"
    sha256, size = hashlib.sha256(), 0
    try:
        with package.open("rb") as source, attempt.open("wb") as out:
            while piece := source.read(1 << 20):
                sha256.update(piece)
                size += len(piece)
                out.write(piece)
            out.flush()
            os.fsync(out.fileno())
        own = base / sha256.hexdigest()
        own.mkdir(exist_ok=True)
        attempt.replace(own / "package.zip")
    finally:
        attempt.unlink(missing_ok=True)
    handover = package.with_name(papers.HANDOVER)
    if handover.is_file() and handover.stat().st_size <= _MOST_HANDOVER:
        shutil.copyfile(handover, own / papers.HANDOVER)
    return sha256.hexdigest(), size


def _check(home: Home, ledger: Ledger, reception_id: str, now: dt.datetime) -> Row:
    own = folder(home, reception_id)
    judged = verify(own / "package.zip")
    with ledger.read() as conn:
        held = receptions.held(conn, _codes(judged), reception_id)
    report = checks.judge(
        home, own / "package.zip", judged, said=_said(own, judged), received=reception_id, as_of=now, held=held
    )
    papers.put(own / papers.CHECKS, canonical.dumps(report))
    summary = {k: report[k] for k in ("errors", "warnings", "manual")}
    columns = {"checks": summary, "records": report["records"], "transfer_id": judged.identifier}
    if report["errors"]:
        decision = {
            "by": "系统 / machine",
            "at": now.isoformat(timespec="seconds"),
            "accept": False,
            "note": "检测不合格",
            "confirmed": [],
        }
        with ledger.begin() as tx:
            receptions.move(tx, reception_id, [R.CHECKING], R.REJECTED, summary, decision=decision, **columns)
        row = _get(ledger, reception_id)
        _answer(home, row)
        return row
    with ledger.begin() as tx:
        receptions.move(tx, reception_id, [R.CHECKING], R.PENDING_REVIEW, summary, **columns)
    return _get(ledger, reception_id)


def _handover(own: Path) -> dict[str, Any] | None:
    """The handover document as far as it can be used; it is the sender's word and untrusted."""
    try:
        found: dict[str, Any] = json.loads((own / papers.HANDOVER).read_bytes())
        str(found["package"]["sha256"])
        return found
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _said(own: Path, judged: TransferResult) -> checks.Said:
    """What the sender registered: in the document beside the package, else totals in the package itself, else in its note."""
    said = _handover(own)
    stated: Mapping[str, Any] = said or judged.claims or {}
    numbers = [n if type(n) is int else None for n in (stated.get(k) for k in ("records", "files", "bytes"))]
    if numbers == [None] * 3 and (count := judged.note.get("档案数量", "")).isascii() and count.isdigit():
        numbers[0] = int(count)
    totals = None if numbers == [None] * 3 else Totals(*numbers)
    return checks.Said(str(said["package"]["sha256"]) if said else None, totals)


def _codes(judged: TransferResult) -> list[tuple[str, int]]:
    """(档号, version) of all that the package brings; a package of others has first versions only."""
    if judged.claims is not None:
        return [(str(i["archival_code"]), int(i["version"])) for i in judged.claims["items"]]
    return [(i.line.archival_code, 1) for i in judged.items]


def decide(
    home: Home, ledger: Ledger, reception_id: str, *,
    by: str, accept: bool, note: str, confirmed: Sequence[str], now: dt.datetime,
) -> Row:  # fmt: skip
    """A person decides on the whole package. To accept it, every item that only a person can judge must be confirmed by its code
    (``all`` for all of them). Raises Refused, PlaceTaken, OSError."""
    row = _get(ledger, reception_id)
    if R(row["state"]) in _FINAL:
        if row["decision"]["accept"] == accept:
            return row
        raise Refused(f"已决定：{row['state']}（{row['decision']['by']}） / decided already")
    if not by.strip():
        raise Refused("须写明决定人 / who decides must be named")
    manual = [i for i in _report(home, row)["items"] if i["result"] == "manual"]
    given = {c["code"] for c in manual} if "all" in confirmed else set(confirmed)
    missing = [f"{i['code']} {i['zh']}" for i in manual if i["code"] not in given]
    if accept and missing and R(row["state"]) is R.PENDING_REVIEW:
        raise Refused(
            "以下项目须人工核对并以 --confirm 确认后才能接收 / a person must look at these and confirm them with --confirm:\n  "
            + "\n  ".join(missing)
        )
    decision = {"by": by, "at": now.isoformat(timespec="seconds"), "accept": accept, "note": note,
                "confirmed": sorted(given & {i["code"] for i in manual})}  # fmt: skip
    if not accept:
        with ledger.begin() as tx:
            _must(receptions.move(tx, reception_id, [R.PENDING_REVIEW], R.REJECTED, decision, decision=decision), row)
        row = _get(ledger, reception_id)
        _answer(home, row)
        return row
    with ledger.begin() as tx:
        moved = receptions.move(tx, reception_id, [R.PENDING_REVIEW], R.ACCEPTING, decision, decision=decision)
        _must(moved or R(row["state"]) is R.ACCEPTING, row)
    return _accept(home, ledger, reception_id)


def _must(done: bool, row: Row) -> None:
    if not done:
        raise Refused(f"该包处于 {row['state']}，不能决定 / is {row['state']} and cannot be decided")


def _accept(home: Home, ledger: Ledger, reception_id: str) -> Row:
    """Put the whole package in place, then say so. Killed before the last step it is done again, with the decision that stands."""
    row = _get(ledger, reception_id)
    own = folder(home, reception_id)
    judged = verify(own / "package.zip")
    if not judged.valid:
        raise OSError(
            f"{own}: 接收后的副本已损坏，请重新接收 / our copy was damaged after it was checked: receive it again"
        )
    _answer(home, row | {"state": R.ACCEPTED.value})
    kept = {
        p.name: p
        for p in sorted(own.iterdir())
        if p.is_file() and p.name != "package.zip" and not p.name.startswith(".")
    }
    where = place.put(home, row["target"], judged.identifier or reception_id[:16], own / "package.zip", kept, judged)
    with ledger.begin() as tx:
        if receptions.move(tx, reception_id, [R.ACCEPTING], R.ACCEPTED, {"place": where}):
            receptions.hold(tx, reception_id, _codes(judged))
    return _get(ledger, reception_id)


def receipt(home: Home, row: Row) -> dict[str, Any]:
    """The 回执 of a decided package; the same decision, the same receipt."""
    report = _report(home, row)
    decided = row["decision"]
    accepted = row["state"] == R.ACCEPTED.value
    digest = any(f.get("params", {}).get("fault", f["code"]) in _DIGEST for f in report["findings"])
    code = 1 if accepted else 2 if not report["errors"] else 6 if digest else 5
    zh, en = {1: ("接收成功", "accepted"), 2: ("退回", "rejected"), 5: ("四性检测不合格", "the checks failed"),
              6: ("摘要校验不合格", "a digest is wrong")}[code]  # fmt: skip
    archives = config.load(home).archives
    confirmed = set(decided["confirmed"])
    items = report["items"]
    return {
        "schema": "guidang.transfer-receipt/1.0",
        "transfer": row["transfer_id"],
        "state": row["state"],
        "receipt_code": code,
        "receipt_description": {"zh": zh, "en": en},
        "sender": report["sender"],
        "receiver": dict(archives),
        "received_by": row["received_by"],
        "package": {"sha256": row["id"], "bytes": row["size"]},
        "records": row["records"],
        "decision": {k: decided[k] for k in ("by", "at", "note")},
        "checks": [_short(i) for i in items if i["code"] not in confirmed],
        "confirmed": [_short(i) | {"result": "pass", "by": decided["by"]} for i in items if i["code"] in confirmed],
        "findings": [f for f in report["findings"] if f["severity"] != "info"],
        "items": report["codes"] if accepted else [],
    }


def _short(item: Mapping[str, Any]) -> dict[str, Any]:
    return {k: item[k] for k in ("code", "zh", "nature", "result")}


def _answer(home: Home, row: Row) -> None:
    """The receipt for machines and for people, and the register as the archives fill it in."""
    own = folder(home, row["id"])
    answer = receipt(home, row)
    papers.put(own / papers.RECEIPT, canonical.dumps(answer))
    papers.print_forms(own, {papers.ANSWER: registers.receipt_form(answer)})
    if (said := _handover(own)) is not None and row["state"] == R.ACCEPTED.value:
        papers.print_register(own, said, answer)


def hand_out(home: Home, row: Row, where: Path) -> Path:
    """Put the receipt where the sender finds it: ``<移交编号>.receipt.json``, with its PDF."""
    name = row["transfer_id"] or row["id"][:16]
    where.mkdir(parents=True, exist_ok=True)
    own = folder(home, row["id"])
    papers.put(where / f"{name}.receipt.pdf", (own / f"{papers.ANSWER}.pdf").read_bytes())
    papers.put(where / f"{name}{RECEIPT_SUFFIX}", (own / papers.RECEIPT).read_bytes())
    return where / f"{name}{RECEIPT_SUFFIX}"


def _report(home: Home, row: Row) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder(home, row["id"]) / papers.CHECKS).read_bytes())
    return found


def _get(ledger: Ledger, reception_id: str) -> dict[str, Any]:
    with ledger.read() as conn:
        row = receptions.get(conn, reception_id)
    if row is None:
        raise Refused(f"没有收到过这个包 / this package was not received: {reception_id}")
    return dict(row)


def as_json(row: Row) -> dict[str, Any]:
    """One reception for machines."""
    return {k: v for k, v in row.items() if k != "last_error" or v}


def as_text(home: Home, row: Row) -> str:
    """One reception for people: its state, what was found, what is left for a person."""
    report = _report(home, row)
    lines = [
        f"{row['state']}  {row['transfer_id'] or '—'}  {row['records']} 件 / records  SHA-256 {row['id']}",
        f"  检测 / checks  错误 {report['errors']}，警告 {report['warnings']}，待人工 {report['manual']}",
    ]
    by_code: dict[str, list[dict[str, Any]]] = {}
    for f in report["findings"]:
        by_code.setdefault(f"{f['severity']} {f.get('params', {}).get('fault', f['code'])}", []).append(f)
    for code, some in by_code.items():
        first = some[0]
        lines.append(f"  {code} × {len(some)}  {first.get('path') or ''}  {first['zh']} / {first['en']}")
    if by_code:
        lines.append("  全部见 checks.json / all of them stand in checks.json")
    if row["state"] == R.PENDING_REVIEW.value:
        lines += [
            f"  待人工 / for a person  {i['code']}  {i['zh']}" for i in report["items"] if i["result"] == "manual"
        ]
        lines.append("  下一步 / next  --accept --confirm 编号…（或 all），或 --reject --note 原因")
    elif row["decision"]:
        lines.append(f"  决定 / decided  {row['decision']['by']}  {row['decision']['at']}  {row['decision']['note']}")
        lines.append(f"  文件 / files    {folder(home, row['id'])}")
    return "\n".join(lines)
