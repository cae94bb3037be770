"""The YJ checks of a transfer package: what a machine can tell, and what is left for a person."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sip.transfer.verify import TransferResult, verify

# what no machine that only has the package can judge
_MANUAL = (
    ("4-1", "移交信息包病毒检测", "security"),
    ("4-3", "移交过程安全性检测", "security"),
)


def judge(
    path: Path, sha256: str | None, judged: TransferResult | None = None, held: Sequence[str] = ()
) -> dict[str, Any]:
    """Check the package at ``path``; ``sha256`` is what the sender says it is, None where nobody said; ``held`` are the 档号 of it
    that the archives have already."""
    result = judged or verify(path)
    errors = [f for f in result.findings if f.severity == "error"]
    items = [
        {"code": code, "zh": zh, "nature": nature, "result": "fail" if errors else "pass"}
        for code, zh, nature in (
            ("1-5", "移交信息包真实性检测", "authenticity"), ("2-4", "移交信息包完整性检测", "integrity"),
            ("3-4", "移交信息包可用性检测", "usability"),
        )
    ]  # fmt: skip
    items += [{"code": c, "zh": zh, "nature": n, "result": "manual"} for c, zh, n in _MANUAL]
    own = (result.claims or {}).get("items", ())
    return {
        "schema": "guidang.transfer-checks/1.0", "stage": "YJ", "standard": "DA/T 70-2018",
        "sender": result.note.get("移交单位", ""), "records": len(result.items),
        "errors": len(errors), "warnings": len(result.findings) - len(errors),
        "manual": sum(i["result"] == "manual" for i in items), "items": items,
        "findings": [f.as_json() for f in result.findings],
        "codes": [{"archival_code": i["archival_code"], "package_sha256": i["package_sha256"]} for i in own]
        or [{"archival_code": i.line.archival_code, "package_sha256": ""} for i in result.items],
    }  # fmt: skip
