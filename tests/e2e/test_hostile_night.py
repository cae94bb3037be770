"""Real files that take all the time or all the memory there is: their records are held with a clear code, and nobody else's
night is any longer for it. The limits are the configured ones, made small; the stages are the real ones."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from night_home import NightHome

import samplenight
from ingest.expectations import compare
from ingest.ledger import Ledger
from ingest.settings import Home

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

_REFERENCE = (
    '<Reference URI=""><DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><DigestValue>AA==</DigestValue>'
    "</Reference>"
)
_SIGNATURE = '<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"><SignedInfo>{}</SignedInfo></Signature>'


def endless_xml() -> bytes:
    """1.6 MB of well-formed XML whose fifty signatures each digest the whole of it two hundred times: an hour's work."""
    signatures = _SIGNATURE.format(_REFERENCE * 200) * 50
    return ("<r>" + '<a b="c">d</a>' * 20_000 + signatures + "</r>").encode()


def wide_xml() -> bytes:
    """60 MB of XML that needs forty times as much memory when it is read."""
    return b"<r>" + b"<a/>" * 15_000_000 + _SIGNATURE.format(_REFERENCE).encode() + b"</r>"


def deliver(folder: Path, data: bytes) -> str:
    """Put the file into a delivery, declared as it should be."""
    case = json.loads((folder / "case.json").read_text("utf-8"))
    name = "结果文件/99_附加信息.xml"
    row = next(f for f in case["files"] if f["group"] == "结果文件") | {
        "seq": len(case["files"]) + 1, "role": "other", "path": name, "size": len(data), "pages": None, "format": "XML",
        "material_name": "附加信息", "digest": {"SHA-256": hashlib.sha256(data).hexdigest()},
    }  # fmt: skip
    case["files"].append(row)
    case["record"]["total_files"] += 1
    case["record"]["total_bytes"] += len(data)
    (folder / name).write_bytes(data)
    (folder / "case.json").write_text(json.dumps(case, ensure_ascii=False), "utf-8")
    return folder.name


def test_files_that_hang_or_eat_all_memory_are_held_while_the_batch_goes_on(night_home: NightHome) -> None:
    home = night_home.home
    samplenight.make(home.root, count=6)
    limits = home.root / "config" / "limits.json"
    limits.write_text(json.dumps({"record_seconds": 12, "worker_memory": 2600 << 20}))
    expectations = json.loads((home.root / "expectations.json").read_text("utf-8"))
    good = [r for r in expectations["records"] if r["fault"] is None]
    hostile = [
        deliver(home.inbox / r["agency"] / r["delivery"], data)
        for r, data in zip(good, (endless_xml(), wide_xml()), strict=False)
    ]
    night_home.home = Home.of(home.root)
    assert night_home.home.limits.record_seconds == 12
    assert night_home.run().unfinished == 0

    rows = {r["delivery"]: r for r in night_home.records()}
    held = [(rows[d]["state"], {f["code"] for f in rows[d]["findings"]}) for d in hostile]
    assert [state for state, _ in held] == ["held", "held"]
    assert "RCV-WORKER-LOST" in held[0][1]
    assert held[1][1] & {"RCV-WORKER-LOST", "SIG-RESOURCES"}
    others = {**expectations, "records": [r for r in expectations["records"] if r["delivery"] not in hostile]}
    (home.root / "others.json").write_text(json.dumps(others, ensure_ascii=False), "utf-8")
    with Ledger(home.database_url) as ledger:
        assert compare(ledger, home.root / "others.json") == []
