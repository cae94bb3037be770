"""数字化率: how much of the traditional archives that should be digitised is, by fonds and by 卷, 件 and 页."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa

from ingest.ledger import Ledger
from ingest.ledger.tables import record, traditional
from ingest.lists.holdings import SHORT_TERM, HoldingsPlan, reasons
from ingest.lists.rate import Beside, Rate, Words
from ingest.lists.rates import ARCHIVED

PAGES = "页"
_RULE = Words(
    "已数字化 ÷ 应数字化。应数字化：馆藏目录所列传统载体档案，减去目录注明不数字化的（原因逐项列出）；一次导入的目录即该全宗的全部。"
    "已数字化：目录注明此前已数字化的，以及扫描件已在本系统入库的（档号相同）。页：登记了页数的卷、件的页数之和。",
    "digitised ÷ should be digitised. Should be: the traditional archives of the fonds' catalogue, less those marked as not to be, each "
    "reason told; an imported catalogue is the whole fonds. Digitised: marked so in the catalogue, or scans with the same 档号 are in the "
    "store. Pages: of those whose number of pages is stated.",
)


def digitisation_rate(ledger: Ledger, plan: HoldingsPlan, fonds_no: str | None = None) -> list[Rate]:
    """The 数字化率 of each fonds whose catalogue was imported, in 卷, 件 and 页, against the target of ``plan``.

    ``of`` has fonds_no and kind (of target); ``excluded`` tells what is not in the denominator, a line for each reason, and for 页
    how many 卷 and 件 state none.
    """
    with ledger.read() as conn:
        rows = conn.execute(_counted(fonds_no, plan.short_terms)).all()
    counts: dict[tuple[str, str], dict[str | None, list[int]]] = {}  # (fonds, unit) → reason → [all, digitised]
    unpaged: dict[str, int] = {}
    for row in rows:
        for unit, every, done in ((row.unit, row.units, row.units_done), (PAGES, row.pages or 0, row.pages_done or 0)):
            so_far = counts.setdefault((row.fonds_no, unit), {}).setdefault(row.reason, [0, 0])
            so_far[0] += int(every)
            so_far[1] += int(done)
        if row.reason is None:
            unpaged[row.fonds_no] = unpaged.get(row.fonds_no, 0) + int(row.unpaged)
    return [_rate(key, by_reason, plan, unpaged) for key, by_reason in sorted(counts.items())]


def _counted(fonds_no: str | None, short_terms: Collection[str]) -> sa.Select[Any]:
    t = traditional.c
    short = sa.case((t.retention_code.in_(sorted(short_terms)), SHORT_TERM), else_=None)
    archived = sa.exists().where(record.c.archival_code == t.archival_code, record.c.state.in_(ARCHIVED))
    done = sa.case((t.digitised | archived, 1), else_=0)
    item = sa.select(t.fonds_no, t.unit, sa.func.coalesce(t.reason, short).label("reason"), t.pages, done.label("done"))
    if fonds_no is not None:
        item = item.where(t.fonds_no == fonds_no)
    i = item.subquery().c
    keys = (i.fonds_no, i.unit, i.reason)
    return sa.select(
        *keys,
        sa.func.count().label("units"),
        sa.func.sum(i.done).label("units_done"),
        sa.func.sum(i.pages).label("pages"),
        sa.func.sum(i.pages * i.done).label("pages_done"),
        sa.func.sum(sa.case((i.pages.is_(None), 1), else_=0)).label("unpaged"),
    ).group_by(*keys)


def _rate(
    key: tuple[str, str], by_reason: Mapping[str | None, list[int]], plan: HoldingsPlan, unpaged: Mapping[str, int]
) -> Rate:
    fonds_no, unit = key
    should, done = by_reason.get(None, [0, 0])
    target = plan.target(fonds_no)
    excluded = [Beside(code, by_reason[code][0], why) for code, why in reasons().items() if code in by_reason]
    if unit == PAGES and unpaged.get(fonds_no):
        excluded.append(
            Beside(
                "pages_not_stated",
                unpaged[fonds_no],
                Words("没有登记页数的卷、件", "卷 and 件 without a number of pages"),
            )
        )
    return Rate(
        {"fonds_no": fonds_no, "kind": target.kind}, unit, done, should, _RULE, target.rate,
        f"{target.words.zh}（{target.basis}）", tuple(b for b in excluded if b.count),
    )  # fmt: skip
