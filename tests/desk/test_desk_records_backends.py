"""The lists behind the search, alike on SQLite and on a real PostgreSQL, hostile texts included."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import HTTPException

from desk.records import export, queries, views
from desk.records.asking import Asked, Understood, understand
from desk.records.facts import facts
from desk.roles import Role, User
from ingest.findings import Finding
from ingest.ledger import Ledger
from ingest.metadata import applicant
from ingest.model import State

SECRET = bytes(32)
ANNA = User("anna", Role.ARCHIVIST)
MATTER = "00FAKE0021A34401160010"  # the end of each matter's code
FIELDS = (
    "q",
    "case_no",
    "archival_code",
    "electronic_record_code",
    "applicant",
    "matter",
    "title",
    "agency",
    "finding",
)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    """120 records of two agencies over three nights: every third rejected, every tenth of an enterprise."""
    url = (
        f"sqlite:///{tmp_path / 'l.db'}"
        if request.param == "sqlite"
        else str(request.getfixturevalue("new_database")())
    )
    with Ledger(url) as ledger:
        ledger.upgrade()
        for night in range(3):
            rows = [{"id": f"r{night}x{n}", "source": "", "agency": "ab"[n % 2], "delivery": f"d{night}-{n}", "location": ""}
                    for n in range(40)]  # fmt: skip
            with ledger.begin() as tx:
                tx.add_batch(f"b{night}", f"run {night}", f"2026-11-{20 + night}T01:00:00+08:00", rows)
                for n, row in enumerate(rows):
                    enterprise = n % 10 == 0
                    name = f"测试餐饮{night}{n}有限公司" if enterprise else f"测试甲{'子丑寅'[night]}"
                    title = f"关于{name}食品经营许可的办件" if n % 4 else "100%_'\"\\ 许可"
                    case = {
                        "applicant": {
                            "kind": {"code": "2" if enterprise else "1"},
                            "name": name,
                            "id_no": f"44010319{night:02d}{n:08d}",
                        }
                    }
                    found = [Finding("RCV-FILE-EXTRA")] if n % 3 == 0 else [Finding("RCV-NEW-VERSION")]
                    tx.move(row["id"], [State.LISTED], State.REJECTED if n % 3 == 0 else State.ACKNOWLEDGED, "checked",
                            findings=[f.as_json() for f in found], case_no=f"C{night}{n:04d}", title=title,
                            closed_on=f"2026-11-{10 + night}", matter_code=f"11440100{n % 5}{MATTER}",
                            archival_code=None if n % 3 == 0 else f"T001-ZY·XK·2026·D30-{night}{n:04d}",
                            **applicant.columns({"case": case, "record": {"title": title}}, SECRET))  # fmt: skip
        yield ledger


def what(**asked: str) -> Understood:
    return understand(Asked.of(asked), lambda text: applicant.key(SECRET, text))


def ids(ledger: Ledger, user: User = ANNA, **asked: str) -> list[str]:
    """All that is found, through the parts of a list."""
    out: list[str] = []
    after: str | None = None
    while True:
        part = queries.page(ledger, user, what(**asked), after, size=7)
        out += [row.id for row in part.rows]
        if part.next is None:
            return out
        after = part.next


def test_parts_are_whole_and_in_order_under_every_condition(ledger: Ledger) -> None:
    everything = [f"r{night}x{n}" for night in (2, 1, 0) for n in range(39, -1, -1)]
    assert ids(ledger) == everything
    odd, third = [i for i in everything if int(i[3:]) % 2], [i for i in everything if int(i[3:]) % 3 == 0]
    assert ids(ledger, agency="b") == odd
    assert (
        ids(ledger, state="rejected")
        == ids(ledger, q="rcv-file-extra")
        == ids(ledger, finding="RCV-FILE-EXTRA")
        == third
    )
    assert ids(ledger, q="RCV-FILE-EXTRA RCV-NEW-VERSION") == []
    assert ids(ledger, q="食品经营") == [i for i in everything if int(i[3:]) % 4]
    assert ids(ledger, q="食品经营 RCV-FILE-EXTRA", agency="b") == [i for i in odd if i in third and int(i[3:]) % 4]
    assert ids(ledger, came_from="2026-11-21", came_to="2026-11-21") == everything[40:80]
    assert ids(ledger, came_from="2026-11-20", came_to="2026-11-21") == everything[40:]
    assert ids(ledger, closed_to="2026-11-10", matter="114401000") == [
        i for i in everything[80:] if int(i[3:]) % 5 == 0
    ]
    whole = f"114401003{MATTER}"
    assert (
        ids(ledger, matter=whole) == ids(ledger, matter=whole.lower()) == [i for i in everything if int(i[3:]) % 5 == 3]
    )
    assert ids(ledger, matter=whole[:-1] + "1") == []
    assert ids(ledger, archival_code="T001-ZY·XK·2026·D30-1") == [i for i in everything[40:80] if i not in third]
    assert ids(ledger, q="C10007") == ["r1x7"]
    assert ids(ledger, applicant="测试甲丑") == [i for i in everything[40:80] if int(i[3:]) % 10]
    assert ids(ledger, q="测试餐饮130") == ids(ledger, applicant="测试餐饮130有限公司") == ["r1x30"]
    assert ids(ledger, title="100%_'\"") == [i for i in everything if int(i[3:]) % 4 == 0]


@pytest.mark.parametrize("newest", [1, 13, 60])
def test_reading_the_newest_first_changes_no_answer(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, newest: int
) -> None:
    monkeypatch.setattr(queries, "_NEWEST", newest)
    everything = [f"r{night}x{n}" for night in (2, 1, 0) for n in range(39, -1, -1)]
    expected = [i for i in everything if int(i[3:]) % 4]
    assert ids(ledger, q="食品经营") == expected
    assert queries.count(ledger, ANNA, what(q="食品经营"), most=20).more
    assert queries.count(ledger, ANNA, what(q="食品经营")).number == len(expected)
    assert ids(ledger, q="食品经营", state="rejected") == [i for i in expected if int(i[3:]) % 3 == 0]
    assert ids(ledger, q="D30-00007") == ["r0x7"]


def test_a_producer_and_a_count_keep_to_the_same(ledger: Ledger) -> None:
    producer = User("p", Role.PRODUCER, "a")
    assert len(ids(ledger, producer)) == queries.count(ledger, producer, what()).number == 60
    assert ids(ledger, producer, agency="b") == ids(ledger, producer, q="d1-7") == []
    assert str(queries.count(ledger, ANNA, what(), most=100)) == "100+"
    assert [row.id for row in queries.every(ledger, ANNA, what(state="rejected"), 5)] == ids(ledger, state="rejected")[
        :5
    ]
    assert queries.agencies(ledger, ANNA) == ["a", "b"] and queries.agencies(ledger, producer) == ["a"]
    with pytest.raises(HTTPException):
        facts(ledger, producer, "r0x1")
    assert facts(ledger, producer, "r0x0").row["case_no"] == "C00000"


HOSTILE = ["%", "_", "'", "\x00", "a\x00b", "'; DROP TABLE record --", "\\", '"', "x" * 5000, "*:", "!&|()<->", "😀", "\ud800", "（",
           "\u202e"]  # fmt: skip


def test_hostile_texts_break_nothing(ledger: Ledger) -> None:
    for text in HOSTILE:
        for name in FIELDS:
            found = ids(ledger, **{name: text})
            if name in ("applicant", "agency", "finding") and Asked.of({name: text}).anything:
                assert found == [], (name, text)
        with pytest.raises(HTTPException):
            facts(ledger, ANNA, text)
    assert len(ids(ledger)) == 120


def test_what_has_nothing_to_look_for_finds_nothing(ledger: Ledger) -> None:
    for name in ("q", "title", "case_no", "applicant"):
        assert what(**{name: "%%%"}).nothing and ids(ledger, **{name: "%%%"}) == []
        assert queries.count(ledger, ANNA, what(**{name: "%%%"})).number == 0


def test_views_are_kept_replaced_and_bounded(ledger: Ledger) -> None:
    views.keep(ledger, ANNA, " 我的 视图 ", Asked.of({"q": "食品", "state": "held"}))
    views.keep(ledger, ANNA, "我的 视图", Asked.of({"state": "rejected"}))
    assert [(v.name, v.asked.as_query()) for v in views.views(ledger, ANNA)] == [("我的 视图", {"state": "rejected"})]
    for n in range(views.MOST - 1):
        views.keep(ledger, ANNA, str(n), Asked())
    with pytest.raises(HTTPException) as full:
        views.keep(ledger, ANNA, "one more", Asked())
    assert full.value.status_code == 409


def test_cells_of_a_table_are_no_formulas() -> None:
    for text in ("=1", "+1", "-1", "@x", "\t=1", "\r=1", "\n=1", " =1", "＝1", "  ＠x"):
        assert export.safe(text).startswith("'")
    for text in ("T001-ZY", "关于=1", "", "'x"):
        assert export.safe(text) == text
