"""Rates as the rows of a table, and as a sheet for 业务建设评价: every figure beside the rule it was counted by."""

from __future__ import annotations

from collections.abc import Sequence

from ingest.lists.rate import Rate
from sip.forms import Column, Form, Notes, Table

_OF = {
    "archiving": ("agency", "year", "matter_code", "basis"),
    "pass": ("agency", "period", "nature"),
    "digitisation": ("fonds_no", "kind"),
}
_HEADS = {
    "agency": "机构", "year": "办结年度", "matter_code": "实施编码", "basis": "应归档取自", "period": "期间", "nature": "四性",
    "fonds_no": "全宗", "kind": "目标类别",
}  # fmt: skip
_WORDS = {
    "declared": "申报", "delivered": "报送", "mixed": "申报与报送",
    "authenticity": "真实性", "integrity": "完整性", "usability": "可用性", "safety": "安全性", "all": "四性全部",
    "archives": "综合档案馆", "province_unit": "省直单位",
}  # fmt: skip
_COUNTED = ("单位", "分子", "分母", "比率", "目标", "达标", "分母之内尚未计入", "不在分母之内")
_WIDTHS = {"matter_code": 4.0, "agency": 2.0}


def rows(kind: str, rates: Sequence[Rate]) -> tuple[list[str], list[list[str]]]:
    """Heads and lines; ``kind`` is archiving, pass or digitisation. Of the keys only those that some rate has."""
    names = [n for n in _OF[kind] if any(n in r.of for r in rates)]
    heads = [*(_HEADS[n] for n in names), *_COUNTED]
    return heads, [[*(_WORDS.get(v := r.of.get(n, ""), v) for n in names), *_figures(r)] for r in rates]


def _figures(rate: Rate) -> list[str]:
    value, target = rate.value, rate.target
    return [
        rate.unit,
        str(rate.numerator),
        str(rate.denominator),
        "—" if value is None else f"{value:.2%}",
        "—" if target is None else f"{target:.0%}",
        {True: "是", False: "否", None: "—"}[rate.met],
        "；".join(f"{b.why.zh} {b.count}" for b in rate.open),
        "；".join(f"{b.why.zh} {b.count}" for b in rate.excluded),
    ]


def form(title: str, kind: str, rates: Sequence[Rate]) -> Form:
    """The rates as a landscape sheet, the rules as its notes."""
    heads, lines = rows(kind, rates)
    known = {v: n for n, v in _HEADS.items()}
    wide = {"分母之内尚未计入": 3.0, "不在分母之内": 3.0}
    columns = [Column(h, wide.get(h, _WIDTHS.get(known.get(h, ""), 1.0))) for h in heads]
    rules = dict.fromkeys(text for r in rates for text in (r.rule.zh, r.rule.en, r.target_from) if text)
    return Form(title, [Table(columns, lines), Notes(list(rules))], landscape=True, sheet=title.partition(" / ")[0])
