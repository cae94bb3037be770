"""A catalogue of traditional holdings taken into the ledger: all of it or nothing, and the last one counts."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from ingest.cli import main
from ingest.ledger import Ledger
from ingest.ledger.tables import event, traditional
from ingest.lists.intake import BadHoldings, take_holdings

HEADS = ("档号", "题名", "卷或件", "页数", "保管期限", "应数字化", "不数字化原因", "已数字化")
GOOD = [
    ("T001-WS·1987-Y-0001", "甲", "件", "12", "永久", "是", "", "是"),
    ("T001-WS•1987-Y-0002", "乙", "文件", "", "10年", "是", "", ""),
    ("T001-1-1", "丙", "卷", "200", "长期", "否", "破损严重，须先修复", ""),
    ("T001-1-2", "丁", "案卷", "", "", "否", "", "否"),
]


def table(rows: list[tuple[str, ...]]) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out).writerows([HEADS, *rows])
    return out.getvalue().encode("gb18030")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        ledger.upgrade()
        yield ledger


def held(ledger: Ledger) -> list[tuple[object, ...]]:
    t = traditional.c
    with ledger.read() as conn:
        asked = sa.select(t.archival_code, t.unit, t.pages, t.retention_code, t.reason, t.digitised)
        return [tuple(r) for r in conn.execute(asked.order_by(t.archival_code))]


def test_each_line_says_whether_it_should_be_digitised_and_is(ledger: Ledger) -> None:
    taken = take_holdings(ledger, table(GOOD), "馆藏.csv", "T001", "甲")
    assert taken.as_json() == {"fonds_no": "T001", "lines": 4, "should": 2, "digitised": 1}
    assert held(ledger) == [
        ("T001-1-1", "卷", 200, "D30", "damaged", False), ("T001-1-2", "卷", None, None, "other", False),
        ("T001-WS·1987-Y-0001", "件", 12, "Y", None, True), ("T001-WS·1987-Y-0002", "件", None, "D10", None, False),
    ]  # fmt: skip
    with ledger.read() as conn:
        (row,) = conn.execute(sa.select(event).where(event.c.kind == "holdings")).all()
    told = json.loads(row.detail)
    assert (told["by"], told["file"], told["lines"], len(told["sha256"])) == ("甲", "馆藏.csv", 4, 64)


def test_a_later_catalogue_is_the_whole_fonds_and_touches_no_other(ledger: Ledger) -> None:
    take_holdings(ledger, table(GOOD), "a.csv", "T001", "甲")
    take_holdings(ledger, table([("T002-1-1", "", "卷", "", "", "是", "", "")]), "b.csv", "T002", "甲")
    take_holdings(ledger, table(GOOD[:1]), "c.csv", "T001", "乙")
    assert [r[0] for r in held(ledger)] == ["T001-WS·1987-Y-0001", "T002-1-1"]


@pytest.mark.parametrize(
    ("line", "column"),
    [
        (("T002-1-1", "", "卷", "", "", "是", "", ""), "档号"),
        (("", "甲", "卷", "", "", "是", "", ""), "档号"),
        (GOOD[0], "档号"),
        (("T001-2-1", "", "盒", "", "", "是", "", ""), "卷或件"),
        (("T001-2-1", "", "", "", "", "是", "", ""), "卷或件"),
        (("T001-2-1", "", "卷", "二十", "", "是", "", ""), "页数"),
        (("T001-2-1", "", "卷", "", "", "也许", "", ""), "应数字化"),
        (("T001-2-1", "", "卷", "", "", "否", "懒", ""), "不数字化原因"),
        (("T001-2-1", "", "卷", "", "", "是", "", "部分"), "已数字化"),
    ],
)
def test_one_wrong_line_and_nothing_is_taken(ledger: Ledger, line: tuple[str, ...], column: str) -> None:
    with pytest.raises(BadHoldings) as caught:
        take_holdings(ledger, table([*GOOD, line]), "馆藏.csv", "T001", "甲")
    assert [(f.code, f.field) for f in caught.value.findings] == [("CAT-VALUE", f"/6/{column}")]
    assert held(ledger) == []


def test_the_command_says_what_to_mend(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "馆藏.csv"
    file.write_bytes("档号,卷或件\nT001-1-1,卷\n".encode())
    asked = ["lists", "holdings", str(file), "--fonds", "T001", "--by", "甲"]
    assert main(asked) == 1
    assert "应数字化" in capsys.readouterr().err
    file.write_bytes(table(GOOD))
    assert main([*asked, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["lines"] == 4
    assert main(["lists", "holdings", str(tmp_path / "none.csv"), *asked[3:]]) == 2
