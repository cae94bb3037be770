"""Records are found by their numbers, titles, applicants and findings, alike on both back ends, and nothing hostile finds more."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from ingest.findings import Finding, Severity
from ingest.ledger import Ledger, search
from ingest.ledger.search import Term
from ingest.ledger.tables import record, record_finding
from ingest.metadata import applicant
from ingest.model import State

AS_OF = "2024-05-20T01:00:00+08:00"
SECRET = bytes(32)
CASE_NO = "11440100FAKE00021A344011600100020240520000{}"


def person(name: str, number: str, title: str) -> dict[str, Any]:
    case = {"applicant": {"kind": {"code": "1"}, "name": name, "id_no": number}}
    return {"title": title, **applicant.columns({"case": case, "record": {"title": title}}, SECRET)}


def company(name: str) -> dict[str, Any]:
    title = f"关于{name}食品经营许可的办件"
    case = {"applicant": {"kind": {"code": "2"}, "name": name, "id_no": "91440103FAKE123456"}}
    return {"title": title, **applicant.columns({"case": case, "record": {"title": title}}, SECRET)}


RECORDS: dict[str, dict[str, Any]] = {
    "r1": person("测试甲子", "440103190001010011", "关于测试甲子居住证办理的办件"),
    "r2": company("测试餐饮乙丑（南粤）有限公司"),
    "r3": person("欧阳测试", "440103190001010022", '100%_合格的"办件"\'; DROP TABLE record; --'),
}


@pytest.fixture
def filled(ledger: Ledger) -> Ledger:
    rows = [{"id": r, "source": "", "agency": "a" if r != "r3" else "另一机构", "delivery": f"d-{r}", "location": ""}
            for r in RECORDS]  # fmt: skip
    with ledger.begin() as tx:
        tx.add_batch("b", "run", AS_OF, rows)
    for n, (r, more) in enumerate(RECORDS.items(), start=1):
        codes = [Finding("RCV-FILE-EXTRA"), Finding("RCV-FILE-EXTRA")] if r == "r2" else []
        with ledger.begin() as tx:
            tx.move(r, [State.LISTED], State.FILED, "filed", findings=[f.as_json() for f in codes], case_no=CASE_NO.format(n),
                    archival_code=f"T001-ZY·XK·2024·D30-{n:05d}", **more)  # fmt: skip
    return ledger


def find(ledger: Ledger, *terms: Term, agency: str | None = None) -> list[str]:
    with ledger.read() as conn:
        lines, entered = search.join(conn.dialect.name)
        query = (
            sa.select(record.c.id)
            .join(lines, entered == record.c.entered)
            .where(search.matching(conn.dialect.name, terms, agency))
            .order_by(record.c.entered)
        )
        return list(conn.execute(query).scalars())


FOUND = [
    (CASE_NO.format(2), ["r2"]),
    (CASE_NO.format(2).lower(), ["r2"]),
    ("20240520000", ["r1", "r2", "r3"]),
    ("0000 2", ["r2"]),
    ("T001-ZY·XK·2024·D30-00003", ["r3"]),
    ("t001zyxk2024d30", ["r1", "r2", "r3"]),
    ("Ｔ００１", ["r1", "r2", "r3"]),  # of full width
    ("食品经营", ["r2"]),
    ("食", ["r2"]),
    ("经营食品", []),  # all grams but one
    ("办件", ["r1", "r2", "r3"]),
    ("餐饮乙丑", ["r2"]),
    ("d-r1", ["r1"]),
    ("测试甲子", []),  # a person's name is in no line
    ("100%_合格", ["r3"]),
    ("100合格", ["r3"]),
    ("1", ["r1", "r2", "r3"]),
    ("不在其中", []),
    ("x" * 5000, []),
    ("合格\x00的", ["r3"]),
    ("\U0002a6d6", []),  # a rare character, beyond two bytes
    ("\ud800合格", ["r3"]),
]


def test_a_text_is_found_wherever_it_stands(filled: Ledger) -> None:
    for text, found in FOUND:
        assert find(filled, Term(text)) == found, text


SIGNS = ["%", "_", "'", '"', "\x00", "*", "()", "- -", "\\", "\n", "AND", "' OR 1=1 --", "a_p", "q:", "\nw", "w_", "ef"]


def test_signs_are_no_operators(filled: Ledger) -> None:
    for text in SIGNS:
        term = Term(text)
        assert term.empty or find(filled, term) == [], text
    assert [Term(text).empty for text in ("%", "_", "\x00", "")] == [True] * 4


def test_a_field_is_asked_for_by_its_beginning(filled: Ledger) -> None:
    assert find(filled, Term("T001-ZY·XK·2024·D30-0000", "archival_code")) == ["r1", "r2", "r3"]
    assert find(filled, Term("00001", "archival_code")) == []
    assert find(filled, Term("11440100", "archival_code")) == []
    assert find(filled, Term("食品", "title")) == ["r2"] and find(filled, Term("T001", "title")) == []
    assert find(filled, Term("测试餐饮", "title")) == find(filled, Term("测试餐饮", "applicant")) == ["r2"]
    assert find(filled, Term("11440100", "case_no"), agency="a") == ["r1", "r2"]
    assert find(filled, Term("11440100", "case_no"), agency="另一机构") == ["r3"]


def test_a_person_is_found_by_whole_name_or_number_and_by_nothing_less(filled: Ledger) -> None:
    def keys(text: str) -> Term:
        return Term(text, keys=(applicant.key(SECRET, text),))

    assert find(filled, keys("测试甲子")) == ["r1"]
    assert find(filled, keys("测试 甲子")) == ["r1"]
    assert find(filled, keys("440103190001010022")) == ["r3"]
    assert find(filled, keys("测试甲")) == []
    assert find(filled, keys("食品")) == ["r2"]  # a text that is no applicant's is looked for as a text
    assert find(filled, Term("", keys=(applicant.key(bytes(31) + b"1", "测试甲子"),))) == []


def test_terms_must_all_hold(filled: Ledger) -> None:
    assert find(filled, Term("办件"), Term("食品")) == ["r2"]
    assert find(filled, Term("食品"), Term("居住证")) == []


def test_no_persons_name_is_in_the_ledger_but_in_its_title(filled: Ledger) -> None:
    with filled.read() as conn:
        rows = conn.execute(sa.select(record.c.applicant, record.c.title_masked).order_by(record.c.id)).all()
        text = str(conn.execute(sa.text("SELECT * FROM record_search")).all())
    assert [tuple(r) for r in rows] == [
        ("测***", "关于测***居住证办理的办件"),
        ("测试餐饮乙丑（南粤）有限公司", None),
        ("欧***", None),
    ]
    assert "甲子" not in text and "440103190001010011" not in text


def test_codes_of_findings_follow_the_findings(filled: Ledger) -> None:
    def codes() -> list[tuple[str, int, str]]:
        with filled.read() as conn:
            return [tuple(r) for r in conn.execute(sa.select(record_finding))]

    assert codes() == [("RCV-FILE-EXTRA", 2, "reject")]
    twice = [Finding("RCV-NO-FILES", severity=s) for s in (Severity.REMARK, Severity.HOLD, Severity.INFO)]
    with filled.begin() as tx:
        tx.move("r2", [State.FILED], State.HELD, "held", findings=[f.as_json() for f in twice])
        tx.move("r2", [State.HELD], State.HELD, "held", title="另一题名", title_masked=None)
    assert codes() == [("RCV-NO-FILES", 2, "hold")]
    assert find(filled, Term("食品经营")) == [] and find(filled, Term("另一题名")) == ["r2"]


def test_a_ledger_made_before_is_numbered_and_indexed_as_it_came(filled: Ledger) -> None:
    with filled.begin() as tx:
        tx.conn.execute(sa.update(record).values(entered=None, entered_on=None))
        tx.conn.execute(sa.text("DELETE FROM record_search"))
        tx.conn.execute(sa.delete(record_finding))
    filled.upgrade()
    with filled.read() as conn:
        rows = conn.execute(
            sa.select(record.c.id, record.c.entered, record.c.entered_on).order_by(record.c.entered)
        ).all()
    assert [tuple(r) for r in rows] == [("r1", 1, "2024-05-20"), ("r2", 2, "2024-05-20"), ("r3", 3, "2024-05-20")]
    assert find(filled, Term("食品")) == ["r2"]


def test_what_is_undone_is_in_no_line(filled: Ledger) -> None:
    with pytest.raises(RuntimeError), filled.begin() as tx:
        tx.move("r1", [State.FILED], State.HELD, "held", title="没有的题名", title_masked=None)
        raise RuntimeError
    assert find(filled, Term("没有的题名")) == []


@pytest.mark.parametrize(
    "record_json",
    [{}, {"case": []}, {"case": {"applicant": {"name": 5, "kind": {"code": []}}}}, {"record": {"title": 5}}],
)
def test_hostile_shapes_of_an_applicant_give_nothing(record_json: Any) -> None:
    assert applicant.columns(record_json, SECRET) == {"applicant": None, "applicant_keys": None, "title_masked": None}
