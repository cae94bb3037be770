"""Scans of traditional archives through whole nights with a real store: under their own 档号, nothing twice, killed in between."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import sqlalchemy as sa
from night_home import AS_OF, NightHome

import samplenight
from ingest.cli import main
from ingest.ledger import Ledger
from ingest.ledger.tables import number, sequence
from sip.verify import verify

sys.path.insert(0, str(Path(__file__).parent.parent / "profiles"))
from scan_samples import delivery, laid, row, text

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
OFFICE = "T001-WS·1987-Y-BGS-"
# the whole night in a process of its own, which is killed in the middle of its nth change of a record
KILLED = """
import datetime, os, signal, sys
from pathlib import Path
from ingest import night
from ingest.ledger import Transaction
from ingest.settings import Home
if __name__ == "__main__":
    left, move = int(sys.argv[3]), Transaction.move
    def counted(self, *args, **columns):
        global left
        left -= 1
        done = move(self, *args, **columns)
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        return done
    Transaction.move = counted
    night.ingest(Home.of(sys.argv[1]), "night", datetime.datetime.fromisoformat(sys.argv[2]))
"""


def digitised(home: NightHome) -> dict[str, dict[str, Any]]:
    return {r["delivery"]: r for r in home.records() if r["origin"] == "digitised"}


def numbers(home: NightHome) -> tuple[list[Any], dict[str, int]]:
    with Ledger(home.home.database_url) as ledger, ledger.read() as conn:
        given = conn.execute(sa.select(number.c.archival_code, number.c.electronic_record_code)).all()
        return sorted(tuple(r) for r in given), {r.scope: r.last for r in conn.execute(sa.select(sequence))}


def codes_of(row: dict[str, Any], *weights: str) -> set[str]:
    return {f["code"] for f in row["findings"] if f["severity"] in (weights or ("reject", "hold", "remark"))}


def test_nights_of_digitised_deliveries(
    night_home: NightHome, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = night_home.home.root
    samplenight.make(root, count=6, faults=())
    inbox = root / "inbox" / "nanyue-zwfw"
    assert list(inbox.iterdir())  # of its own cases too
    good = delivery(row(2), row(1), row(7, 页数="3"), row(8))
    good[f"{OFFICE}0008/0002.jpg"] = good.pop(f"{OFFICE}0008/0001.jpg")  # a page is missing, so its number is
    laid(inbox / "1987 文书", good)
    unfit = delivery(row(20), row(21))
    laid(inbox / "unfit", {n: d for n, d in unfit.items() if "0021/" not in n} | {"stray.jpg": b"x"})
    laid(inbox / "secret", {"目录.csv": text([row(30, 密级="秘密★10年")], "gb18030"), f"{OFFICE}0030.pdf": b"%PDF"})
    night = night_home.run()
    assert night.unfinished == 0
    rows = digitised(night_home)
    assert {name: r["state"] for name, r in rows.items()} == {
        f"1987 文书#{OFFICE}0001": "acknowledged", f"1987 文书#{OFFICE}0002": "acknowledged",
        f"1987 文书#{OFFICE}0007": "acknowledged", f"1987 文书#{OFFICE}0008": "rejected",
        f"secret#{OFFICE}0030": "rejected",
    }  # fmt: skip
    assert codes_of(rows[f"1987 文书#{OFFICE}0001"]) == set()
    assert codes_of(rows[f"1987 文书#{OFFICE}0008"]) == {"DIG-PAGES", "DIG-PAGE-GAP"}
    assert codes_of(rows[f"secret#{OFFICE}0030"]) == {"RCV-CLASSIFIED"}
    (whole,) = (r for r in night_home.records() if r["delivery"] == "unfit")
    assert (whole["state"], codes_of(whole)) == ("rejected", {"PRF-ITEM-NO-FOLDER", "PRF-FOLDER-UNLISTED"})
    given, scopes = numbers(night_home)
    ours = [(a, e) for a, e in given if a.startswith(OFFICE)]
    assert ours == [(f"{OFFICE}{n:04d}", f"440100-T001-WS-1987-Y-{s:06d}") for n, s in ((1, 2), (2, 1), (7, 3))]
    assert scopes[f"档号:{OFFICE.rstrip('-')}"] == 7  # our own would go on with 8

    seen = rows[f"1987 文书#{OFFICE}0007"]
    assert (seen["closed_on"], seen["year"], seen["object_key"]) == (
        None,
        1987,
        "T001/WS/1987/440100-T001-WS-1987-Y-000003/v1.zip",
    )
    with night_home.package(seen) as package:
        names = package.namelist()
        about = json.loads(package.read(next(n for n in names if n.endswith("metadata/record.json"))))
        form = json.loads(package.read(next(n for n in names if n.endswith("as_given/form.json"))))
        premis = package.read(next(n for n in names if n.endswith("premis.xml"))).decode()
        assert [n.partition("/data/")[2] for n in names if "/data/" in n] == [
            f"数字化副本/{p:04d}.jpg" for p in (1, 2, 3)
        ]
        assert package.read(next(n for n in names if n.endswith("0003.jpg"))) == good[f"{OFFICE}0007/0003.jpg"]
    assert about["kept"]["row"]["题名"] == about["record"]["title"]
    assert (form["catalogue"]["name"], form["catalogue"]["row"]) == ("目录.xlsx", 4)
    assert about["case"]["case_no"] == about["record"]["archival_code"] == f"{OFFICE}0007"
    assert (
        "<eventType>digitised</eventType>" in premis
        and "2023-05-06T00:00:00+08:00" in premis
        and "测试数字化公司" in premis
    )
    target = tmp_path / "package.zip"
    target.write_bytes(b"".join(night_home.objects.stream(seen["object_key"])))
    assert verify(target).valid
    assert not (root / "containers").exists() or not list((root / "containers").iterdir())
    receipt = json.loads((root / "outbox" / inbox.name / f"1987 文书#{OFFICE}0007.receipt.json").read_text("utf-8"))
    assert receipt["archive"]["archival_code"] == f"{OFFICE}0007"

    # the same again under another name, the mended 件, and a 档号 that our own case has
    before = night_home.stored()
    case = next(r for r in night_home.records() if r["fonds_no"] == "T001" and r["origin"] is None)
    theirs = case["archival_code"]
    _, category, year = theirs.replace("-", "·").split("·")[1:4]
    own = row(9, 档号=theirs, 类别号=f"ZY·{category}", 年度=year, 保管期限=case["retention_code"], 日期=f"{year}-01-02")
    laid(inbox / "again", delivery(row(1), row(8)))
    laid(inbox / "taken", delivery(own, catalogue="归档文件目录.csv"))
    assert night_home.run("the next night").unfinished == 0
    rows = digitised(night_home)
    assert {n: r["state"] for n, r in rows.items() if not n.startswith(("1987", "secret"))} == {
        f"again#{OFFICE}0001": "duplicate", f"again#{OFFICE}0008": "acknowledged", f"taken#{theirs}": "held",
    }  # fmt: skip
    assert codes_of(rows[f"taken#{theirs}"], "hold") >= {"FIL-CODE-TAKEN"}
    after = night_home.stored()
    assert {k: v for k, v in after.items() if k in before} == before and len(after) == len(before) + 2
    night_home.run("the night after")
    assert night_home.stored() == after

    # 数字化率: of four in the catalogue one is an object, and the store has three of the other four
    book = openpyxl.Workbook()
    for line in (["档号", "卷或件", "应数字化", "不数字化原因", "页数"], *([f"{OFFICE}{n:04d}", "件", "是", None, 2] for n in (1, 2, 3, 8)),
                 [f"{OFFICE}0009", "件", "否", "实物档案，不宜扫描", None]):  # fmt: skip
        book.worksheets[0].append(line)
    book.save(catalogue := tmp_path / "馆藏.xlsx")
    at = ["--home", str(root)]
    assert main(["lists", "holdings", str(catalogue), "--fonds", "T001", "--by", "档案员甲", *at]) == 0
    capsys.readouterr()
    assert main(["lists", "digitised", "--json", *at]) == 0
    (units, pages) = json.loads(capsys.readouterr().out)["digitisation"]
    assert (units["numerator"], units["denominator"], units["met"], units["excluded"][0]["key"]) == (
        3,
        4,
        True,
        "object",
    )
    assert (pages["unit"], pages["numerator"], pages["denominator"]) == ("页", 6, 8)
    assert main(["ledger", "verify", *at]) == 0


def test_killed_again_and_again_a_night_gives_each_piece_once(night_home: NightHome) -> None:
    root = night_home.home.root
    samplenight.make(root, count=0, faults=())
    laid(root / "inbox" / "nanyue-zwfw" / "1987", delivery(row(3), row(1), row(2)))
    for moves in (2, 5, 9):
        command = [sys.executable, "-c", KILLED, str(root), AS_OF.isoformat(), str(moves)]
        done = subprocess.run(command, env=os.environ, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == -signal.SIGKILL, done.stderr[-2000:]
    assert night_home.run().unfinished == 0
    rows = digitised(night_home)
    assert [r["state"] for r in rows.values()] == ["acknowledged"] * 3
    given, scopes = numbers(night_home)
    assert given == [(f"{OFFICE}{n:04d}", f"440100-T001-WS-1987-Y-{s:06d}") for n, s in ((1, 2), (2, 3), (3, 1))]
    assert scopes == {f"档号:{OFFICE.rstrip('-')}": 3, "电子文件号:440100-T001-WS-1987-Y": 3}
    assert len([k for k in night_home.stored() if k.endswith(".zip")]) == 3
    assert all(verify(io.BytesIO(b"".join(night_home.objects.stream(r["object_key"])))).valid for r in rows.values())
