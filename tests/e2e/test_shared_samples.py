"""Real signed files of other makers, wrapped in deliveries, go the whole way; each gets its known verdict."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from night_home import NightHome

import samplenight
from ingest.steps.receive import staged

SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "samples"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not SAMPLES.is_dir(), reason=f"no sample collection at {SAMPLES}: real files not tried"),
]
# the MANIFEST speaks in prose; these begin with no verdict, or with one that holds only at another time
_IN_WORDS = {
    "signedvalue_v4.dat": "VALID",
    "seal_v1.esl": "VALID",
    "seal_v5.esl": "VALID",
    "pdf_minimal-two-fields-signed-twice.pdf": "INDETERMINATE",
    "pdf_dss_DSS1376-rev_n.pdf": "INVALID",
    "pdf_dss_shadow_hide.pdf": "INVALID",
    "pdf_dss_pades_infinite_loop.pdf": "INVALID",
}


def manifest() -> dict[str, str]:
    with (SAMPLES / "MANIFEST.tsv").open(encoding="utf-8", newline="") as f:
        rows = [r for r in csv.DictReader(f, delimiter="\t") if r["file"].startswith("signed/")]
    out = {}
    for row in rows:
        name = Path(row["file"]).name
        out[name] = _IN_WORDS.get(name) or row["expected"].split()[0]
    return out


def deliver(template: Path, inbox: Path, number: int, sample: Path) -> str:
    """A good delivery whose first file is replaced by the sample."""
    data = sample.read_bytes()
    case: dict[str, Any] = json.loads((template / "case.json").read_text("utf-8"))
    name = f"{case['case']['case_no'][:-4]}{number:04d}-v1"
    folder = inbox / name
    shutil.copytree(template, folder)
    first = case["files"][0]
    (folder / first["path"]).unlink()
    size = len(data)
    case["record"]["total_bytes"] += size - first["size"]
    first |= {"path": f"{first['group']}/{sample.name}", "size": size,
              "digest": {"SHA-256": hashlib.sha256(data).hexdigest(), "MD5": None}}  # fmt: skip
    (folder / first["path"]).write_bytes(data)
    case["case"]["case_no"] = name.removesuffix("-v1")
    (folder / "case.json").write_text(json.dumps(case, ensure_ascii=False), "utf-8")
    return name


def test_every_real_file_gets_its_verdict(night_home: NightHome) -> None:
    root = night_home.home.root
    samplenight.make(root, count=3, faults=())
    inbox = next(p for p in sorted((root / "inbox").iterdir()) if any(p.iterdir()))
    template = next(p for p in sorted(inbox.iterdir()))
    for anchor in (SAMPLES / "trust").iterdir():
        kind = "crls" if anchor.suffix == ".crl" else "intermediates" if anchor.name.startswith("ca_") else "anchors"
        shutil.copy(anchor, root / "config/trust" / kind)
    names = {deliver(template, inbox, 5000 + n, SAMPLES / "signed" / f): f for n, f in enumerate(sorted(manifest()))}
    night_home.run()
    got = {}
    for row in night_home.records():
        if row["delivery"] in names:
            got[names[row["delivery"]]] = verdict(night_home, row, names[row["delivery"]])
    assert got == manifest()


def verdict(night_home: NightHome, row: dict[str, Any], sample: str) -> str:
    """As the package says it, or for what was rejected or held, its receipt's findings or staging."""
    if row["state"] == "acknowledged":
        with night_home.package(row) as package:
            name = next(n for n in package.namelist() if n.endswith("/metadata/signatures.json"))
            files = json.loads(package.read(name))["files"]
    elif row["state"] == "held":
        files = json.loads((staged(night_home.home, row["batch_id"], row["id"]) / "signatures.json").read_bytes())[
            "files"
        ]
    else:
        codes = {f["code"] for f in row["findings"] if f["severity"] == "reject" and f["path"].endswith(sample)}
        return "INVALID" if any(c.startswith("SIG-") for c in codes) else f"rejected for {sorted(codes)}"
    return next((str(f["verdict"]) for f in files if f["path"].endswith(sample)), "not judged")
