"""Building a transfer's package from the packages in the object store: the same transfer gives the same bytes."""

from __future__ import annotations

import dataclasses
import datetime as dt
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ingest.settings import Agency, ConfigError, Home
from ingest.steps import house
from ingest.transfer import config
from sip.package import PackageResult, publish
from sip.transfer.plan import Item, TransferPlan
from sip.transfer.source import SourceAltered, look
from sip.transfer.write import write_transfer

_LOOKS_AT_ONCE = 4


def folder(home: Home, transfer_id: str) -> Path:
    """Where everything of one transfer stands at the sender."""
    return home.root / "transfers" / "sent" / transfer_id


def package_path(home: Home, transfer_id: str) -> Path:
    return folder(home, transfer_id) / f"{transfer_id}.zip"


def plan(home: Home, transfer: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> TransferPlan:
    """The plan of a transfer from the ledger and the store. Raises SourceAltered for packages that are not what they were
    (all of them named), ClientError and BotoCoreError where the store is away."""
    with ThreadPoolExecutor(_LOOKS_AT_ONCE) as threads:
        found = list(threads.map(lambda row: _item(home, row), rows))
    altered = [f for f in found if isinstance(f, SourceAltered)]
    if altered:
        raise SourceAltered(altered[0].name, "；".join(f"{a.name}: {a.reason}" for a in altered))
    items = [f for f in found if isinstance(f, Item)]
    about = transfer["about"] or _about(home, transfer, rows, items)
    return TransferPlan(
        identifier=transfer["id"],
        as_of=dt.datetime.fromisoformat(transfer["as_of"]),
        sender=about["sender"],
        description=about["description"],
        environment=about["environment"],
        items=[dataclasses.replace(i, opening=about["openings"][i.source.name]) for i in items],
    )


def about(plan: TransferPlan) -> dict[str, Any]:
    """What of a plan does not follow from the archived packages: kept in the ledger, so that the same transfer stays the same."""
    return {
        "sender": dict(plan.sender),
        "description": plan.description,
        "environment": plan.environment,
        "openings": {i.source.name: dict(i.opening) for i in plan.items},
    }


def _about(
    home: Home, transfer: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], items: Sequence[Item]
) -> dict[str, Any]:
    agency = _unit(home, transfer["fonds_no"])
    years = sorted({r["year"] for r in rows})
    span = f"{years[0]}年度" if len(years) == 1 else f"{years[0]}—{years[-1]}年度"
    return {
        "sender": {"name": agency.name, "uscc": agency.uscc, "region_code": agency.region_code, "fonds_no": agency.fonds_no,
                   "fonds_name": agency.fonds_name},
        "description": f"{agency.fonds_name}{span}政务服务电子档案",
        "environment": config.load(home).environment,
        "openings": {
            item.source.name: _opening(row["filing"], transfer["opinion"])
            for item, row in zip(items, rows, strict=True)
        },
    }  # fmt: skip


def write(home: Home, plan: TransferPlan) -> PackageResult:
    """Write the package and publish it. Killed anywhere and done again, it is the same file."""
    final = package_path(home, plan.identifier)
    final.parent.mkdir(parents=True, exist_ok=True)
    for left in final.parent.glob(".*.attempt"):  # of a process that was killed
        left.unlink(missing_ok=True)
    attempt = final.with_name(f".{plan.identifier}-{os.getpid()}.attempt")
    try:
        result = write_transfer(attempt, plan)
        publish(attempt, final)
    finally:
        attempt.unlink(missing_ok=True)
    return result


def _unit(home: Home, fonds_no: str) -> Agency:
    """The agency whose fonds it is."""
    for agency in house.agencies(home).values():
        if agency.fonds_no == fonds_no:
            return agency
    raise ConfigError(f"机构登记表中没有全宗 {fonds_no} / no agency has the fonds {fonds_no}")


def _item(home: Home, row: Mapping[str, Any]) -> Item | SourceAltered:
    store, key = house.store(home), str(row["object_key"])
    try:
        source = look(store.open(key), key)
    except SourceAltered as e:
        return e
    except KeyError:
        return SourceAltered(key, "存储中没有这个包 / not in the store")
    open_: Callable[[], Iterable[bytes]] = lambda: store.stream(key)  # noqa: E731
    return Item(source, open_, row["package_size"], row["package_sha256"], row["version"], {}, row["earlier"])


def _opening(filing: Mapping[str, Any], opinion: Mapping[str, Any]) -> dict[str, Any]:
    """The unit's opinion on one record beside the reasons it started from (档案法 art. 30): what was given for this transfer and this
    档号, else what the unit delivered with the record, else what was given for the whole transfer."""
    delivered = filing.get("unit_opinion") or {}
    own = opinion.get("items", {}).get(filing["archival_code"], {})
    return {
        # what the unit delivered is an opinion: it does not loosen what filing found, a reviewer's word on this item may
        "decision": own.get("decision") or filing["open_control"],
        "reasons": list(filing.get("open_reasons") or [f"条款{filing['entry_no']}"]),
        "opinion": own.get("opinion") or _said(delivered) or opinion.get("opinion", ""),
        "reviewer": opinion.get("reviewer", ""),
    }


def _said(delivered: Mapping[str, str]) -> str:
    return "；".join(delivered[k] for k in ("decision", "reason", "open_from") if delivered.get(k))
