"""The verification certificate: one verification on paper, with a code that leads back to the document it was made from.

Nothing in it but what the kept document says, so the same verification prints the same bytes at any time.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import segno

from ingest.model import CST
from ingest.proof.evidence import NAMES, Evidence, Outcome, Part
from ingest.proof.prove import evidence_of
from sip.forms import Align, Cell, Column, Field, Fields, Form, Heading, Matrix, Notes, Table, Text, to_pdf

WORDS = {
    Outcome.GOOD: "相符 good",
    Outcome.BAD: "不符 WRONG",
    Outcome.UNKNOWN: "未能判定 not judged",
    Outcome.NOTE: "说明 note",
}
_VERDICTS = {
    "good": "经核验，未发现不符。\nVerified: nothing was found wrong.",
    "bad": "经核验，发现不符，见下表。\nVerified: something is WRONG, see below.",
    "unknown": "部分内容未能判定，不能据此证明。\nSome of it could not be judged: this proves nothing as a whole.",
}
_MOST_ROWS = 120  # pieces of evidence on paper; the document has all


def pdf(document: Mapping[str, Any], digest: str) -> bytes:
    """The certificate of a kept document with that SHA-256."""
    return to_pdf(form(document, digest))


def form(document: Mapping[str, Any], digest: str) -> Form:
    told = evidence_of(document)
    end = document["chain"]
    sealed = (
        f"签名链头 head {end['head']}（至事件 up to event #{end['head_seq']}）\nSHA-256 {end['head_sha256']}\n密钥 key {end['key']}"
        if end.get("head")
        else "—"
    )
    fields = [
        Field("档号", document["archival_code"]), Field("电子文件号", document["electronic_record_code"]),
        Field("对象键 key", document["key"], wide=True),
        Field("包 SHA-256", document["package_sha256"], wide=True), Field("包字节数", str(document["package_bytes"])),
        Field("报送单位", document["agency"]), Field("核验人 by", document["by"]),
        Field("核验时间 at", f"{_local(document['started_at'])} — {_local(document['finished_at'])}"),
        Field("链尾事件", f"#{end.get('seq', '—')}  {end.get('digest', '')}", wide=True), Field("签名链头", sealed, wide=True),
    ]  # fmt: skip
    return Form(
        "档案核验证明  Verification certificate",
        [
            Text(_VERDICTS[document["outcome"]], strong=True),
            Fields(fields),
            Matrix(_code(document, digest), [
                "本证明由下列文件生成，扫码所得即其 SHA-256：",
                "Made from the document with this SHA-256, which the code carries:", digest,
                "确认：工作台 → 档案包 → 输入此摘要；事件链 verified 事件载有同一摘要。",
                "To confirm: desk → Packages → enter the digest; the event “verified” in the chain carries it.",
            ]),
            Heading("各部分 / Parts"),
            _parts(told),
            Heading("依据 / Evidence"),
            *_evidence(told),
            Notes(["不符为 WRONG；说明（note）不影响结论。完整依据见该文件（JSON）。",
                   "Notes weigh for or against nothing. The document (JSON) has all the evidence."]),
        ],
        subtitle=f"核验编号 {document['id']}",
        footer=f"SHA-256 {digest}",
        made_at=dt.datetime.fromisoformat(document["finished_at"]),
    )  # fmt: skip


def claims(document: Mapping[str, Any], digest: str) -> str:
    """What the code says by itself, in lines that need no explanation."""
    end = document["chain"]
    return "\n".join(
        (
            "GUIDANG VERIFICATION 1.0", f"SHA256 {digest}", f"PACKAGE {document['package_sha256']}",
            f"OUTCOME {document['outcome']}", f"AT {document['finished_at']}", f"CHAIN {end.get('seq')} {end.get('digest')}",
        )
    )  # fmt: skip


def _code(document: Mapping[str, Any], digest: str) -> list[list[bool]]:
    code = segno.make_qr(claims(document, digest), error="m")
    return [[bool(module) for module in row] for row in code.matrix_iter(border=4)]


def _parts(told: Mapping[Part, Sequence[Evidence]]) -> Table:
    columns = [Column("部分 part", 4), Column("结论 outcome", 2.5), Column("比对 compared", 1.6, Align.RIGHT),
               Column("不符 wrong", 1.4, Align.RIGHT), Column("未判 not judged", 1.8, Align.RIGHT)]  # fmt: skip
    rows: list[list[Cell]] = []
    shaded: set[int] = set()
    for part, evidence in told.items():
        counts = {o: sum(e.outcome is o for e in evidence) for o in Outcome}
        outcome = Outcome.BAD if counts[Outcome.BAD] else Outcome.UNKNOWN if counts[Outcome.UNKNOWN] else Outcome.GOOD
        if outcome is not Outcome.GOOD:
            shaded.add(len(rows))
        compared = sum(counts.values()) - counts[Outcome.NOTE]
        rows.append([" ".join(NAMES[part]), WORDS[outcome], compared, counts[Outcome.BAD], counts[Outcome.UNKNOWN]])
    return Table(columns, rows, shaded=frozenset(shaded))


def _evidence(told: Mapping[Part, Sequence[Evidence]]) -> list[Table | Text]:
    columns = [
        Column("结论", 1.7),
        Column("何处 where", 3),
        Column("比对 what", 4),
        Column("依据 by / 应为 expected / 实为 found", 5.5),
    ]
    everything = [e for evidence in told.values() for e in evidence]
    first = sorted(
        everything, key=lambda e: [Outcome.BAD, Outcome.UNKNOWN, Outcome.GOOD, Outcome.NOTE].index(e.outcome)
    )
    shown = first[:_MOST_ROWS]
    rows: list[list[Cell]] = [[WORDS[e.outcome], e.where, f"{e.zh}\n{e.en}\n{e.code}", _values(e)] for e in shown]
    shaded = frozenset(n for n, e in enumerate(shown) if e.outcome in (Outcome.BAD, Outcome.UNKNOWN))
    out: list[Table | Text] = [Table(columns, rows, shaded=shaded)]
    if len(first) > len(shown):
        out.append(Text(f"另有 {len(first) - len(shown)} 条，见文件 / {len(first) - len(shown)} more in the document"))
    return out


def _values(e: Evidence) -> str:
    if e.outcome is Outcome.GOOD and e.expected == e.found:
        return "\n".join(filter(None, (e.by, f"= {e.found}")))
    return "\n".join(
        filter(None, (e.by, e.expected and f"应为 expected {e.expected}", e.found and f"实为 found {e.found}"))
    )


def _local(text: str) -> str:
    return dt.datetime.fromisoformat(text).astimezone(CST).strftime("%Y-%m-%d %H:%M:%S")
