"""Taking in the catalogue of a fonds' traditional holdings: what the 数字化率 is counted from. The last one taken is the whole fonds."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from ingest.findings import Finding
from ingest.ledger import Ledger
from ingest.ledger.tables import traditional
from ingest.lists.holdings import reasons
from ingest.metadata import catalogue, codes
from ingest.metadata.catalogue import BadCatalogue, Catalogue

CODE, UNIT, PAGES, TERM, SHOULD, WHY, DONE = (
    "档号",
    "卷或件",
    "页数",
    "保管期限",
    "应数字化",
    "不数字化原因",
    "已数字化",
)
_NEEDED = (CODE, UNIT, SHOULD)
_UNITS = {"卷": "卷", "案卷": "卷", "件": "件", "文件": "件"}
_YES = {"是": True, "否": False}
_TERMS = {"永久": "Y", "30年": "D30", "定期30年": "D30", "10年": "D10", "定期10年": "D10", "长期": "D30", "短期": "D10"}
_MOST = 2_000_000
_AT_ONCE = 2000


class BadHoldings(Exception):
    """The catalogue cannot be taken; ``findings`` say all that is wrong. Nothing of it was."""

    def __init__(self, findings: list[Finding]) -> None:
        super().__init__(", ".join(f.code for f in findings[:5]))
        self.findings = findings


@dataclasses.dataclass(frozen=True, slots=True)
class Taken:
    """What became of a catalogue: its lines, and how many of them should be digitised and are."""

    fonds_no: str
    lines: int
    should: int
    digitised: int

    def as_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    def text(self) -> str:
        return (
            f"全宗 {self.fonds_no}：{self.lines} 条，应数字化 {self.should}，其中目录注明已数字化 {self.digitised} / "
            f"{self.lines} lines, {self.should} to be digitised, {self.digitised} of them said to be"
        )


def take_holdings(ledger: Ledger, data: bytes, name: str, fonds_no: str, by: str) -> Taken:
    """Replace the holdings of a fonds by a catalogue (XLSX or CSV), with an event that says who did it and which file it was.

    Columns: 档号, 卷或件, 应数字化 (是/否), and where there are 页数, 保管期限, 不数字化原因, 已数字化 (是/否); others are not read.
    All of it or nothing. Raises BadHoldings.
    """
    try:
        listed = catalogue.read(data, name, {PAGES: "integer"}, _MOST)
    except BadCatalogue as e:
        raise BadHoldings(e.findings) from e
    wrong = [Finding("CAT-COLUMN", path=name, params={"name": c}) for c in _NEEDED if c not in listed.heads]
    rows: dict[str, dict[str, Any]] = {}
    if not wrong:
        for number, row, faults in _rows(listed, fonds_no, name):
            if row["archival_code"] in rows:
                faults.append(_value(name, number, CODE, "不重复 / not twice"))
            wrong += faults
            rows[row["archival_code"]] = row
    if wrong:
        raise BadHoldings(BadCatalogue(wrong).findings)
    should = [row for row in rows.values() if row["reason"] is None]
    taken = Taken(fonds_no, len(rows), len(should), sum(row["digitised"] for row in should))
    with ledger.begin() as tx:
        told = {"file": name, "sha256": hashlib.sha256(data).hexdigest(), "by": by, **taken.as_json()}
        seq = tx.chain.append("holdings", None, told)
        tx.conn.execute(sa.delete(traditional).where(traditional.c.fonds_no == fonds_no))
        lines = [row | {"fonds_no": fonds_no, "import_seq": seq} for row in rows.values()]
        for at in range(0, len(lines), _AT_ONCE):
            tx.conn.execute(sa.insert(traditional), lines[at : at + _AT_ONCE])
    return taken


def _rows(listed: Catalogue, fonds_no: str, name: str) -> Iterator[tuple[int, dict[str, Any], list[Finding]]]:
    """Each line as a row of the table, with what is wrong with it."""
    words = {words.zh: code for code, words in reasons().items()} | {code: code for code in reasons()}
    for number, cells in listed.rows:
        texts = listed.texts(cells)
        faults: list[Finding] = []
        code = codes.normalise_archival(texts.get(CODE, ""))
        if not code.startswith(f"{fonds_no}-") or len(code) > 120:
            faults.append(_value(name, number, CODE, f"{fonds_no}-…"))
        pages = texts.get(PAGES, "")
        if pages and not (pages.isascii() and pages.isdigit() and len(pages) < 8):
            faults.append(_value(name, number, PAGES, "整数 / a whole number"))
        unit = _chosen(texts, UNIT, _UNITS, None, (name, number), faults)
        should = _chosen(texts, SHOULD, _YES, None, (name, number), faults)
        why = _chosen(texts, WHY, words, "other", (name, number), faults)
        done = _chosen(texts, DONE, _YES, False, (name, number), faults)
        term = texts.get(TERM, "")
        row = {
            "archival_code": code, "unit": unit or "件", "pages": int(pages) if pages and not faults else None,
            "retention_code": _TERMS.get(term, term[:10]) or None, "reason": None if should else why, "digitised": bool(done),
        }  # fmt: skip
        yield number, row, faults


def _chosen(
    texts: Mapping[str, str], column: str, known: Mapping[str, Any], default: Any, place: tuple[str, int],
    faults: list[Finding],
) -> Any:  # fmt: skip
    """The value of a cell that takes one of ``known``; ``default`` (None: there must be one) where it is empty."""
    text = texts.get(column, "")
    if text in known:
        return known[text]
    if text or default is None:
        faults.append(_value(*place, column, "、".join(known)))
    return default


def _value(name: str, number: int, column: str, known: str) -> Finding:
    params = {"row": str(number), "column": column, "known": known}
    return Finding("CAT-VALUE", path=name, field=f"/{number}/{column}", params=params)
