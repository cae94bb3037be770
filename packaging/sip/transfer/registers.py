"""The registers of a transfer as forms: 电子档案移交与接收登记表, 归档文件目录, 交接单据, 开放审核意见表, 回执.

All are made from the handover document (`sip.transfer.handover.document`) and a receipt, so that both sides print the same.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from sip.forms import Align, Column, Field, Fields, Form, Heading, Notes, Signature, Signatures, Table, Text
from sip.xmltext import moment

Doc = Mapping[str, Any]
_DECISIONS = {"open": "开放", "delayed": "延期开放", "restricted": "控制"}
_RESULTS = {"pass": "合格", "fail": "不合格", "manual": "待人工", "warn": "合格（有备注）", "not_applicable": "不适用"}
_NATURES = (
    ("真实性检验", "authenticity"),
    ("完整性检验", "integrity"),
    ("可用性检验", "usability"),
    ("安全性检验", "safety"),
)


def size_text(count: int) -> str:
    """Bytes as a person reads them, with the exact number behind."""
    for unit, power in (("GB", 3), ("MB", 2), ("KB", 1)):
        if count >= 1000**power:
            return f"{count / 1000**power:.2f} {unit}（{count:,} 字节）"
    return f"{count:,} 字节"


def day(text: str | None) -> str:
    """An ISO time as 2026年11月22日, in China time."""
    found = moment(text) if text else None
    return f"{found.year}年{found.month}月{found.day}日" if found else "年　　月　　日"


def natures(items: Sequence[Doc], confirmed: Sequence[Doc] = ()) -> dict[str, str]:
    """The worst result of each 性 over check items ``{"nature", "result"}``, in words; what only a person can judge stays so until
    it stands among the ``confirmed``."""
    order = ("fail", "manual", "warn", "pass", "not_applicable")
    out = {}
    for _, nature in _NATURES:
        found = {i["result"] for i in (*items, *confirmed) if i["nature"] == nature}
        worst = next((r for r in order if r in found), None)
        by_hand = worst == "pass" and any(i["nature"] == nature for i in confirmed)
        out[nature] = "合格（含人工确认）" if by_hand else _RESULTS[worst] if worst else ""
    return out


def transfer_register(handover: Doc, checks: Sequence[Doc], receipt: Doc | None = None) -> Form:
    """电子档案移交与接收登记表 (档发〔2012〕7号 annex 3). ``checks``: the sender's items of the YJ stage; the receiver's come with its
    receipt."""
    items = handover["items"]
    sent = natures(checks)
    got = natures(receipt["checks"], receipt["confirmed"]) if receipt else {}
    manual = {c["code"]: c for c in (receipt or {}).get("confirmed", ())}
    rows: list[list[str | None]] = [[label, sent[n], got.get(n, "")] for label, n in _NATURES]
    rows.append(["载体外观检验", "不适用（在线移交）", "不适用（在线移交）" if receipt else ""])
    decided = (receipt or {}).get("decision") or {}
    names = handover.get("signed", {})
    notes = ["真实性检验即旧表“准确性检验”。“待人工”各项由接收人逐项确认，见回执。"]
    if manual:
        notes.append(f"接收方人工确认 {len(manual)} 项：" + "、".join(sorted(manual)))
    return Form(
        "电子档案移交与接收登记表",
        [
            Fields(
                [
                    Field("交接工作名称", f"{handover['description']}移交（{handover['transfer']}）", wide=True),
                    Field("内容描述", _content(handover), wide=True),
                    Field("移交电子档案数量", f"{handover['records']} 件，{handover['files']} 个文件"),
                    Field("移交数据量", size_text(handover["bytes"])),
                    Field("载体起止顺序号", "—（在线移交）"),
                    Field("移交载体类型、规格", "在线移交，BagIt 信息包"),
                    Field("起止档号", f"{items[0]['archival_code']}\n{items[-1]['archival_code']}" if items else "", wide=True),
                ]
            ),
            Table([Column("检验内容", 3), Column("移交单位", 4, Align.CENTER), Column("接收单位", 4, Align.CENTER)], rows),
            Signatures(
                [
                    Signature("移交单位 填表人（签名）", names.get("made_by", ""), day(handover["as_of"])),
                    Signature("接收单位 填表人（签名）", (receipt or {}).get("received_by", "")),
                    Signature("移交单位 审核人（签名）", names.get("approved_by", ""), day(names.get("approved_at"))),
                    Signature("接收单位 审核人（签名）", decided.get("by", ""), day(decided.get("at"))),
                    Signature(f"移交单位（印章）\n{handover['sender']['name']}"),
                    Signature(f"接收单位（印章）\n{(receipt or {}).get('receiver', {}).get('name', '')}"),
                ]
            ),
            Notes(notes),
        ],
        footer=_foot(handover),
        sheet="移交与接收登记表",
        made_at=_at(handover["as_of"]),
    )  # fmt: skip


def _content(handover: Doc) -> str:
    years = sorted({i["year"] for i in handover["items"]})
    terms = sorted({i["retention"] for i in handover["items"]})
    span = f"{years[0]}年度" if len(years) == 1 else f"{years[0]}—{years[-1]}年度" if years else ""
    sender = handover["sender"]
    return f"{sender['name']}（全宗号 {sender['fonds_no']}）{span}政务服务电子档案，保管期限：{'、'.join(terms)}"


def catalogue(handover: Doc) -> Form:
    """归档文件目录 (DA/T 22-2015 columns), landscape."""
    sender = handover["sender"]
    rows = [
        [i["number"], i["archival_code"], i["document_no"], i["author"], i["title"], i["date"], i["security"], i["pages"], i["remark"]]
        for i in handover["items"]
    ]  # fmt: skip
    years = sorted({str(i["year"]) for i in handover["items"]})
    terms = sorted({i["retention"] for i in handover["items"]})
    return Form(
        "归档文件目录",
        [
            Fields(
                [
                    Field("全宗号", sender["fonds_no"]), Field("全宗名称", sender.get("fonds_name", "")),
                    Field("年度", "、".join(years)), Field("保管期限", "、".join(terms)),
                ], columns=4,
            ),
            Table(
                [
                    Column("序号", 1.0, Align.CENTER), Column("档号", 5.2), Column("文号", 4), Column("责任者", 4.6),
                    Column("题名", 7.4), Column("日期", 1.9, Align.CENTER), Column("密级", 1.1, Align.CENTER),
                    Column("页数", 1.1, Align.RIGHT), Column("备注", 1.3),
                ],
                rows,
            ),
        ],
        landscape=True, footer=_foot(handover), sheet="归档文件目录", made_at=_at(handover["as_of"]),
    )  # fmt: skip


def handover_form(handover: Doc) -> Form:
    """交接单据: the package with its digests, then each item with the digest of the package it was archived as."""
    package = handover["package"]
    rows = [
        [i["number"], i["archival_code"], i["electronic_record_code"], i["package_bytes"], i["package_sha256"]]
        for i in handover["items"]
    ]
    return Form(
        "电子档案交接单据",
        [
            Fields(
                [
                    Field("移交编号", handover["transfer"]), Field("移交时间", day(handover["as_of"])),
                    Field("移交单位", handover["sender"]["name"]),
                    Field("统一社会信用代码", handover["sender"].get("uscc", "")),
                    Field("件数", handover["records"]), Field("文件数", handover["files"]),
                    Field("内容总量", size_text(handover["bytes"])), Field("信息包大小", size_text(package["bytes"])),
                    Field("信息包文件名", package["file"], wide=True),
                    Field("信息包 SHA-256", package["sha256"], wide=True), Field("信息包 SM3", package["sm3"], wide=True),
                    Field("依据标准", "DA/T 93-2022；BagIt 1.0（RFC 8493）", wide=True),
                    Field("软硬件环境", handover["environment"], wide=True),
                ]
            ),
            Heading("逐件摘要（归档时信息包的 SHA-256）"),
            Table(
                [
                    Column("序号", 0.9, Align.CENTER), Column("档号", 4.7), Column("电子文件号", 7.2),
                    Column("字节数", 1.8, Align.RIGHT), Column("摘要", 11.4),
                ],
                rows,
            ),
        ],
        landscape=True, footer=_foot(handover), sheet="交接单据", made_at=_at(handover["as_of"]),
    )  # fmt: skip


def opening_form(handover: Doc) -> Form:
    """开放审核意见表: the unit's opinion on each item (档案法 art. 30)."""
    rows = []
    for i in handover["items"]:
        o = i["opening"]
        rows.append(
            [i["archival_code"], i["title"], i["date"], f"{int(i['year']) + 25}年", "；".join(o["reasons"]),
             o["opinion"], "", _DECISIONS.get(o["decision"], o["decision"])]
        )  # fmt: skip
    reviewers = sorted({i["opening"]["reviewer"] for i in handover["items"]} - {""})
    return Form(
        "开放审核意见表",
        [
            Table(
                [
                    Column("档号", 4.4), Column("题名", 6), Column("形成时间", 1.8, Align.CENTER),
                    Column("满25年", 1.5, Align.CENTER), Column("敏感项与依据", 5), Column("初审意见（单位）", 3),
                    Column("复审意见（档案馆）", 2.4), Column("结论", 1.8, Align.CENTER),
                ],
                rows,
            ),
            Signatures([Signature("单位审核人", "、".join(reviewers)), Signature("单位（印章）")]),
        ],
        landscape=True, footer=_foot(handover), sheet="开放审核意见", made_at=_at(handover["as_of"]),
    )  # fmt: skip


def receipt_form(receipt: Doc) -> Form:
    """回执 of the receiving archives."""
    accepted = receipt["state"] == "ACCEPTED"
    decided = receipt.get("decision") or {}
    checks = [
        [c["code"], c["zh"], _RESULTS.get(c["result"], c["result"]), c.get("by", "")]
        for c in [*receipt["checks"], *receipt["confirmed"]]
    ]
    code = f"{receipt['receipt_code']} {receipt['receipt_description']['zh']}"
    faults = [[f["code"], f.get("path") or "", f["zh"]] for f in receipt["findings"][:500]]
    blocks: list[Any] = [
        Fields(
            [
                Field("移交编号", receipt["transfer"] or "—"), Field("回执码", code),
                Field("移交单位", receipt["sender"], wide=True), Field("接收单位", receipt["receiver"]["name"], wide=True),
                Field("件数", receipt["records"]), Field("信息包字节数", receipt["package"]["bytes"]),
                Field("信息包 SHA-256", receipt["package"]["sha256"], wide=True),
            ]
        ),
        Text("接收：整包接收，全部入馆。" if accepted else "退回：整包退回，未接收任何一件。", strong=True),
    ]  # fmt: skip
    if decided.get("note"):
        blocks.append(Text(f"意见：{decided['note']}"))
    if checks:
        blocks += [
            Heading("检测与人工确认"),
            Table([Column("编号", 2), Column("项目", 7), Column("结果", 3, Align.CENTER), Column("确认人", 3)], checks),
        ]
    if faults:
        blocks += [Heading("问题"), Table([Column("编码", 3), Column("位置", 6), Column("说明", 8)], faults)]
    blocks.append(
        Signatures(
            [Signature("决定人（签名）", decided.get("by", ""), day(decided.get("at"))), Signature("接收单位（印章）")]
        )
    )
    return Form(
        "电子档案接收回执", blocks, footer=f"{receipt['transfer'] or ''}", sheet="回执", made_at=_at(decided.get("at"))
    )


def _foot(handover: Doc) -> str:
    return f"移交编号 {handover['transfer']}　信息包 SHA-256 {handover['package']['sha256'][:16]}…"


def _at(text: str | None) -> dt.datetime | None:
    return moment(text) if text else None
