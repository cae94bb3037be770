"""A transfer step by step, as the tasks of a DAG run: each opens home and ledger itself and takes and gives plain data."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from ingest.ledger import Ledger
from ingest.ledger.transfers import Selection
from ingest.model import CST
from ingest.settings import Home
from ingest.transfer import sending

APPROVE, WITHDRAW = "批准 Approve", "撤回 Withdraw"


def build(params: Mapping[str, Any], request: str, as_of: dt.datetime, by: str) -> str:
    """Build what the form asks for; returns the 移交编号. Raises NothingToTransfer."""
    home = Home.of()
    wanted = Selection(
        params["fonds"], params.get("year"), params.get("retention") or None, params.get("due_by"), params.get("limit")
    )
    opinion = {"reviewer": params.get("reviewer") or "", "opinion": params.get("opinion") or ""}
    with Ledger(home.database_url) as ledger:
        ledger.upgrade()
        row = sending.build(
            home, ledger, request, wanted, by=by, as_of=as_of.astimezone(CST), target=params["target"], opinion=opinion
        )
    return str(row["id"])


def check(transfer_id: str) -> dict[str, Any]:
    """Check the package; returns what the person who approves should know. Raises Refused for a faulty one: nothing is sent."""
    home = Home.of()
    with Ledger(home.database_url) as ledger:
        row = sending.check(home, ledger, transfer_id)
    if row["state"] == "faulty":
        raise sending.Refused(
            f"{transfer_id} 检测有 {row['checks']['errors']} 个错误，不能移交；见 checks.json，用 guidang transfer cancel 解除锁定"
            f" / the checks found errors: see checks.json, cancel the transfer to free its records"
        )
    return {k: row[k] for k in ("id", "records", "package_size", "package_sha256", "checks", "target")}


def decide(transfer_id: str, response: Mapping[str, Any]) -> bool:
    """Carry out what the person chose in Airflow; returns whether it was approved. An answer that names nobody approves nothing."""
    user = response["responded_by_user"] or {}
    approve: bool = response["chosen_options"] == [APPROVE]
    home = Home.of()
    with Ledger(home.database_url) as ledger:
        sending.decide(
            home, ledger, transfer_id, by=str(user.get("name") or user.get("id") or ""), approve=approve,
            note=str((response.get("params_input") or {}).get("note") or ""), now=dt.datetime.now(CST),
        )  # fmt: skip
    return approve


def send(transfer_id: str) -> str:
    """Deliver it; returns the place."""
    home = Home.of()
    with Ledger(home.database_url) as ledger:
        return str(sending.send(home, ledger, transfer_id)["place"])


def answered(transfer_id: str) -> bool:
    """Whether the archives' receipt is there."""
    home = Home.of()
    with Ledger(home.database_url) as ledger:
        return sending.answer(home, ledger, transfer_id) is not None


def take_receipt(transfer_id: str) -> str:
    """Import the receipt; returns the state that it gives the transfer."""
    home = Home.of()
    with Ledger(home.database_url) as ledger:
        data = sending.answer(home, ledger, transfer_id)
        if data is None:
            raise FileNotFoundError(f"{transfer_id}: 回执不见了 / the receipt has gone")
        return str(sending.take_receipt(home, ledger, data, by="archive_transfer")["state"])
