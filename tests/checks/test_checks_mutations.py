"""Good files, damaged at random (by seed): whatever comes, the check answers, and never raises."""

from __future__ import annotations

import io
import random
import zipfile

import pytest
from case_samples import AGENCY, AS_OF
from file_samples import ofd, pdf, picture, wav, zipped

from ingest.checks.engine import CheckContext, check_file
from ingest.model import StagedFile
from ingest.signatures import TrustStore

SEEDS = range(120)
GOOD = {
    "a.pdf": pdf(3),
    "a.ofd": ofd(3),
    "a.jpg": picture("JPEG"),
    "a.png": picture("PNG"),
    "a.tif": picture("TIFF", 3),
    "a.wav": wav(),
    "a.xml": '<?xml version="1.0"?><数据 a="1">测试</数据>'.encode() * 1,
    "a.json": '{"测试": [1, 2, {"a": null}]}'.encode(),
    "a.txt": "南粤市测试文本\n".encode() * 20,
}
TOKENS = (
    b"0",
    b"-1",
    b"99999999999",
    b"null",
    b"[[[[[[",
    b"<<",
    b"..",
    b"\0",
    b"&#0;",
    b"%",
    b"/A",
    b"PK\x01\x02",
    b'"',
)


def _damaged(data: bytes, chance: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 5))):
        at = chance.randrange(len(out)) if out else 0
        how = chance.randrange(6)
        if how == 0 and out:
            out[at] = chance.randrange(256)
        elif how == 1:
            del out[at : at + chance.randrange(1, 100)]
        elif how == 2:
            out[at:at] = chance.randbytes(chance.randrange(1, 40))
        elif how == 3:
            out[at:at] = chance.choice(TOKENS)
        elif how == 4:
            out[at:at] = out[: chance.randrange(1, 300)]
        else:
            del out[at:]
    return bytes(out) or b"x"


def _check(tmp_path, name: str, data: bytes) -> None:
    (tmp_path / "f").write_bytes(data)
    report = check_file(
        StagedFile(name, name, "f", len(data), "", "", 0), {}, tmp_path, CheckContext(AS_OF, AGENCY, TrustStore())
    )
    assert all(finding.text("zh") and finding.text("en") for finding in report.findings)


@pytest.mark.parametrize("name", GOOD)
def test_damaged_files_are_judged(tmp_path, name) -> None:
    for seed in SEEDS:
        _check(tmp_path, name, _damaged(GOOD[name], random.Random(f"{name}{seed}")))


def test_ofd_with_one_damaged_member_is_judged(tmp_path) -> None:
    with zipfile.ZipFile(io.BytesIO(GOOD["a.ofd"])) as package:
        members = {name: package.read(name) for name in package.namelist()}
    for seed in SEEDS:
        chance = random.Random(seed)
        name = chance.choice(sorted(members))
        _check(tmp_path, "a.ofd", zipped(members | {name: _damaged(members[name], chance)}))
