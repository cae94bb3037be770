"""The papers of a transfer beside its package: the handover document, its check report, and the registers as PDF and XLSX.

Every file is replaced whole and follows from the handover document, so that they can be made again at any time.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sip import canonical
from sip.forms import Form, to_pdf, to_xlsx
from sip.transfer import registers

HANDOVER, CHECKS, RECEIPT = "handover.json", "checks.json", "receipt.json"
REGISTER, CATALOGUE, DOCUMENT, OPENING, ANSWER = (
    "移交与接收登记表",
    "归档文件目录",
    "交接单据",
    "开放审核意见表",
    "回执",
)


def write_sent(folder: Path, handover: Mapping[str, Any], report: Mapping[str, Any]) -> None:
    """All that goes with the package."""
    put(folder / CHECKS, canonical.dumps(report))
    put(folder / HANDOVER, canonical.dumps(handover))
    print_forms(folder, _forms(handover, None))


def sign(folder: Path, by: str, at: str) -> None:
    """Write who approved into the papers; again with the same name, the same papers."""
    handover = json.loads((folder / HANDOVER).read_bytes())
    signed = handover["signed"] | {"approved_by": by, "approved_at": at}
    if signed == handover["signed"] and all(p.exists() for p in sent(folder)):
        return
    handover["signed"] = signed
    put(folder / HANDOVER, canonical.dumps(handover))
    print_forms(folder, _forms(handover, None))


def keep_receipt(folder: Path, data: bytes, receipt: Mapping[str, Any]) -> None:
    """The archives' answer beside what was sent, and the register with both sides filled in."""
    handover = json.loads((folder / HANDOVER).read_bytes())
    put(folder / RECEIPT, data)
    print_forms(folder, {ANSWER: registers.receipt_form(receipt)})
    print_register(folder, handover, receipt)


def print_register(folder: Path, handover: Mapping[str, Any], receipt: Mapping[str, Any]) -> None:
    """The register with both sides filled in. Nothing where the sender's document is not fit to print."""
    try:
        form = registers.transfer_register(handover, handover["checks"], receipt)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        return
    print_forms(folder, {f"{REGISTER}（双方）": form})


def sent(folder: Path) -> list[Path]:
    """The files that are delivered, the package first and the handover document last."""
    package = next(iter(sorted(folder.glob("*.zip"))), folder / "package.zip")
    forms = [folder / f"{name}.{kind}" for name in (REGISTER, CATALOGUE, DOCUMENT, OPENING) for kind in ("pdf", "xlsx")]
    return [package, folder / CHECKS, *forms, folder / HANDOVER]


def _forms(handover: Mapping[str, Any], receipt: Mapping[str, Any] | None) -> dict[str, Form]:
    return {
        REGISTER: registers.transfer_register(handover, handover["checks"], receipt),
        CATALOGUE: registers.catalogue(handover),
        DOCUMENT: registers.handover_form(handover),
        OPENING: registers.opening_form(handover),
    }


def print_forms(folder: Path, forms: Mapping[str, Form]) -> None:
    """Each form as PDF and XLSX. Raises FormsNotInstalled."""
    for name, form in forms.items():
        put(folder / f"{name}.pdf", to_pdf(form))
        put(folder / f"{name}.xlsx", to_xlsx(form))


def put(path: Path, data: bytes) -> None:
    """Replace a file whole."""
    attempt = path.with_name(f".{path.name}.{os.getpid()}")
    with attempt.open("wb") as f:
        f.write(data)
        f.flush()
        os.fsync(f.fileno())
    attempt.replace(path)
