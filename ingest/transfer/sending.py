"""The sender's acts, each of which may be repeated: build, check, decide, send, take the receipt.

The command line, the DAG and the tests call these. Bad content gives a state with findings; machine trouble raises.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from ingest.checks.subject import Totals
from ingest.ledger import Ledger, transfers
from ingest.ledger.transfers import Row, Selection
from ingest.model import TransferState
from ingest.settings import ConfigError, Home
from ingest.transfer import build as building
from ingest.transfer import checks, config, papers
from ingest.transfer.deliver import FolderTarget, Target
from sip.transfer import handover
from sip.transfer.plan import catalogue, totals
from sip.transfer.verify import verify

S = TransferState
MOST_RECORDS = 5000  # of one transfer unless told otherwise: the plan is held in memory, and a person must be able to look through it


class Refused(Exception):
    """The act does not fit the transfer's state, or its papers; nothing was changed. The text says what to do."""


class NothingToTransfer(Refused):
    """No archived record fits the selection that is not in a transfer already."""


def build(
    home: Home, ledger: Ledger, request: str, wanted: Selection, *,
    by: str, as_of: dt.datetime, target: str, opinion: Mapping[str, Any],
) -> Row:  # fmt: skip
    """Choose and lock the records, and write the package. Asked again by the same ``request``, it goes on where it stopped.

    ``as_of`` (aware) dates the transfer; ``opinion``: {"reviewer", "opinion", "items": {档号: {"decision", "opinion"}}}. Raises
    NothingToTransfer, ConfigError, SourceAltered and what the store raises when it is away.
    """
    config.load(home).folder(target)
    with ledger.begin() as tx:
        known = transfers.by_request(tx.conn, request)
        if known is None:
            rows = transfers.choose(tx.conn, wanted)
            if not rows:
                raise NothingToTransfer(
                    "没有可移交的档案：都已在移交中，或没有符合条件的 / nothing to transfer by this selection"
                )
            made = transfers.open_(
                tx, request, wanted, rows, target=target, as_of=as_of.isoformat(timespec="seconds"), by=by,
                opinion=dict(opinion),
            )  # fmt: skip
        else:
            made = known["id"]
    return resume(home, ledger, made)


def resume(home: Home, ledger: Ledger, transfer_id: str) -> Row:
    """Write the package of a transfer that has none yet; what is built already is returned as it is."""
    row, rows = _get(ledger, transfer_id)
    if S(row["state"]) is not S.BUILDING:
        return row
    plan = building.plan(home, row, rows)
    with ledger.begin() as tx:
        transfers.fix(tx, transfer_id, building.about(plan))
    result = building.write(home, plan)
    with ledger.begin() as tx:
        detail = {"sha256": result.sha256, "size": result.size}
        transfers.move(
            tx, transfer_id, [S.BUILDING], S.BUILT, detail, package_sha256=result.sha256, package_size=result.size
        )
    return _get(ledger, transfer_id)[0]


def check(home: Home, ledger: Ledger, transfer_id: str) -> Row:
    """The YJ checks on the package as it stands on disk, then its papers. A package that rotted on disk is built anew."""
    row, rows = _get(ledger, transfer_id)
    if S(row["state"]) is not S.BUILT:
        return row
    path = building.package_path(home, transfer_id)
    with path.open("rb") as f:
        sha256 = hashlib.file_digest(f, "sha256").hexdigest()
        f.seek(0)
        sm3 = hashlib.file_digest(f, "sm3").hexdigest()
    if sha256 != row["package_sha256"]:
        with ledger.begin() as tx:
            transfers.move(tx, transfer_id, [S.BUILT], S.BUILDING, {"reason": "the file on disk is another"})
        raise OSError(
            f"{path} 已损坏，请重新执行，将重新生成同样的包 / is damaged: run again, the same package is made anew"
        )
    plan = building.plan(home, row, rows)
    package = {"file": path.name, "bytes": row["package_size"], "sha256": sha256, "sm3": sm3}
    document = handover.document(plan, catalogue(plan), totals(plan), package)
    said = checks.Said(sha256, Totals(document["records"], document["files"], document["bytes"]))
    as_of = dt.datetime.fromisoformat(row["as_of"])
    report = checks.judge(home, path, verify(path), said=said, received=sha256, as_of=as_of)
    document["signed"] = {"made_by": row["opened_by"]}
    document["checks"] = report["items"]
    papers.write_sent(building.folder(home, transfer_id), document, report)
    after = S.FAULTY if report["errors"] else S.CHECKED
    summary = {k: report[k] for k in ("errors", "warnings", "manual")}
    with ledger.begin() as tx:
        transfers.move(tx, transfer_id, [S.BUILT], after, summary, checks=summary)
    return _get(ledger, transfer_id)[0]


def decide(home: Home, ledger: Ledger, transfer_id: str, *, by: str, approve: bool, note: str, now: dt.datetime) -> Row:
    """A person approves the transfer, or takes it back (its records are free again). Raises Refused."""
    row, _ = _get(ledger, transfer_id)
    if not by.strip():
        raise Refused("须写明决定人 / who decides must be named")
    given: dict[str, Any] = {"by": by, "at": now.isoformat(timespec="seconds"), "approve": approve, "note": note}
    before = [S.CHECKED] if approve else [S.BUILDING, S.BUILT, S.CHECKED, S.FAULTY, S.APPROVED]
    after = S.APPROVED if approve else S.REJECTED
    if S(row["state"]) is after:
        return row
    with ledger.begin() as tx:
        if not transfers.move(tx, transfer_id, before, after, given, approval=given):
            raise Refused(
                f"{transfer_id} 处于 {row['state']}，不能{'批准' if approve else '撤回'}"
                f" / is {row['state']} and cannot be {'approved' if approve else 'taken back'}"
            )
    if approve:
        papers.sign(building.folder(home, transfer_id), by, given["at"])
    return _get(ledger, transfer_id)[0]


def send(home: Home, ledger: Ledger, transfer_id: str) -> Row:
    """Deliver an approved transfer. Raises Refused, DeliveryConflict, OSError."""
    row, _ = _get(ledger, transfer_id)
    if S(row["state"]) in (S.SENT, S.ACCEPTED):
        return row
    if S(row["state"]) is not S.APPROVED:
        raise Refused(
            f"{transfer_id} 处于 {row['state']}，批准后才能移交 / is {row['state']}: it must be approved first"
        )
    papers.sign(building.folder(home, transfer_id), row["approval"]["by"], row["approval"]["at"])
    place = _target(home, row).deliver(transfer_id, papers.sent(building.folder(home, transfer_id)))
    with ledger.begin() as tx:
        transfers.move(tx, transfer_id, [S.APPROVED], S.SENT, {"place": place}, place=place)
    return _get(ledger, transfer_id)[0]


def answer(home: Home, ledger: Ledger, transfer_id: str) -> bytes | None:
    """The receipt as it lies at the target, None while the archives have not answered."""
    return _target(home, _get(ledger, transfer_id)[0]).receipt(transfer_id)


def take_receipt(home: Home, ledger: Ledger, data: bytes, *, by: str) -> Row:
    """Import the archives' receipt: the whole transfer is accepted or rejected. Raises Refused for a receipt that is not for what
    was sent, or that contradicts one taken before."""
    receipt = _receipt(data)
    row, rows = _get(ledger, receipt["transfer"])
    if receipt["package"]["sha256"] != row["package_sha256"]:
        raise Refused("回执所记的信息包不是移交的那一个（SHA-256 不同） / the receipt is for another package")
    accepted = receipt["state"] == "ACCEPTED"
    if accepted:
        ours = sorted((r["archival_code"], r["package_sha256"]) for r in rows)
        theirs = sorted((i["archival_code"], i["package_sha256"]) for i in receipt["items"])
        if ours != theirs:
            raise Refused(
                "回执所列档案与移交的不一致：接收以整包为准 / the receipt lists other records: acceptance is all or nothing"
            )
    after = S.ACCEPTED if accepted else S.REJECTED
    if row["receipt"] is not None:
        if row["receipt"] == receipt:
            return row
        raise Refused(f"{row['id']} 已有另一份回执 / another receipt was taken before")
    columns: dict[str, Any] = {"receipt": receipt}
    if accepted:
        decided = dt.datetime.fromisoformat(receipt["decision"]["at"])
        columns["keep_until"] = f"{decided.year + config.load(home).keep_years:04d}-{decided:%m-%d}"
    detail = {"by": by, "code": receipt["receipt_code"], "receipt": hashlib.sha256(data).hexdigest()}
    with ledger.begin() as tx:
        if not transfers.move(tx, row["id"], [S.SENT, S.APPROVED], after, detail, **columns):
            raise Refused(
                f"{row['id']} 处于 {row['state']}，尚未移交，不能登记回执 / is {row['state']} and was never sent"
            )
    papers.keep_receipt(building.folder(home, row["id"]), data, receipt)
    return _get(ledger, row["id"])[0]


def _receipt(data: bytes) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(data)
        if found["schema"] != "guidang.transfer-receipt/1.0" or found["state"] not in ("ACCEPTED", "REJECTED"):
            raise ValueError("schema, state")
        if not isinstance(found["transfer"], str) or not isinstance(found["receipt_code"], int):
            raise ValueError("transfer, receipt_code")
        dt.datetime.fromisoformat(found["decision"]["at"])
        [(str(i["archival_code"]), str(i["package_sha256"])) for i in found["items"]]
        str(found["package"]["sha256"])
    except (ValueError, KeyError, TypeError, RecursionError) as e:
        raise Refused(f"不是移交回执 / no receipt of a transfer: {e}") from e
    return found


def _get(ledger: Ledger, transfer_id: str) -> tuple[Row, list[Row]]:
    with ledger.read() as conn:
        row = transfers.get(conn, transfer_id)
        if row is None:
            raise ConfigError(f"没有移交 {transfer_id}；见 guidang transfer list / no transfer {transfer_id}")
        return row, transfers.items(conn, transfer_id)


def _target(home: Home, row: Row) -> Target:
    return FolderTarget(config.load(home).folder(row["target"]))
