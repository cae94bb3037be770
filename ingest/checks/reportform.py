"""四性检测报告 and 归档登记表 as forms to be printed and signed (`sip.forms`).

What the machine judged and what people must judge stand in tables of their own; what did not pass stands out.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from ingest.checks.items import Stage, sheet
from ingest.checks.report import NATURES, RESULTS, Line, Report, software
from ingest.model import CST
from sip.forms import (
    Align,
    Block,
    Cell,
    Column,
    Field,
    Fields,
    Form,
    Heading,
    Notes,
    Signature,
    Signatures,
    Table,
    Text,
    ticked,
)

_RESULT = {"pass": "通过", "fail": "不通过", "warn": "有提示", "manual": "待人工", "not_applicable": "不适用"}
_MODE = {"automatic": "自动", "scanner": "自动", "evidence": "自动", "later": "自动"}
_DEAL = {"reject": "退回", "hold": "待人工决定", "remark": "提示"}
_CONCLUSION = {"pass": "通过", "remark": "通过（有提示）", "hold": "待人工决定"}
_REFUSED = {
    Stage.GD: "不通过，退回报送单位",
    Stage.YJ: "不通过，整包退回移交单位",
    Stage.BC: "不通过，须从其他副本或备份恢复",
}
_BATCH_CONCLUSION = {
    "pass": "通过",
    "remark": "通过（有提示）",
    "hold": "除下列待人工决定的外，通过",
    "reject": "除下列退回、待人工决定的外，通过",
}
_MOST_TOLD = 2000  # rows of what did not pass; more nobody reads on paper, and the JSON has them all
_NOTES = (
    "1. 编号以二级编号和检测项目名称为准；条目编号有的待核。",
    "2. PDF/A 为文件自身的声明，未作符合性验证；图像逐段核对，装有解码器的并予解码。",
    "3. 人工项目未由系统判定，须由检测人填写结果后签署；没有杀毒引擎应答的，病毒检测为“待人工”，不等于无毒。",
)
_UNCHECKED = "4. 接收时即被退回或待定的 {} 件未逐项检测，除所列问题涉及的项目外计入“不适用”。"


def check_report(report: Report) -> Form:
    """The report as one form, A4 landscape. A record's or package's has one result an item, a batch's the number of
    records by result."""
    named = report.records != 1  # then what is told says of which record
    many = any(sum(line.counts.values()) > 1 for line in report.lines)  # a package is judged as one, a batch by record
    blocks: list[Block] = [Fields(_head(report), columns=2)]
    words = _BATCH_CONCLUSION if many else _CONCLUSION | {"reject": _REFUSED[report.stage]}
    blocks += [
        Heading("一、检测结论"),
        Fields([Field("结论", words[report.conclusion], wide=True)]),
        Heading("二、分类汇总"),
        _summary(report),
        Heading("三、未通过、待人工决定与提示"),
        *_told(report, named, many),
    ]
    machine = [line for line in report.lines if line.item.mode in _MODE]
    people = [line for line in report.lines if line.item.mode not in _MODE]
    blocks += [Heading("四、检测项目（系统检测）"), _lines(machine, many, by_hand=False)]
    blocks += [Heading("五、检测项目（人工检测与不适用）"), _lines(people, many, by_hand=True)]
    blocks += [
        Heading("六、签署"),
        Signatures([Signature("检测人"), Signature("审核人"), Signature("单位（印章）")], 3),
    ]
    blocks.append(Notes((*_NOTES, *([_UNCHECKED.format(report.unchecked)] if report.unchecked else []))))
    return Form(
        "四性检测报告",
        blocks,
        subtitle=f"报告编号：{report.number}",
        landscape=True,
        footer=f"{report.number}　{software()}",
        sheet="四性检测报告",
        made_at=report.checked_at,
    )


def _head(report: Report) -> list[Field]:
    data = sheet(report.stage)
    return [
        Field("检测环节", ticked(("归档", "移交与接收", "长期保存"), str(data["zh"]))),
        Field("检测对象", report.subject),
        *(Field(label, value) for label, value in report.head.items()),
        Field("依据标准", str(data["standard"])),
        Field("检测方案", f"{data['standard']} {data['zh']}环节检测项目录 第 {data['version']} 版"),
        Field("检测人", "系统检测，人工项目由签署人检测"),
        Field("检测时间", f"{report.checked_at.astimezone(CST):%Y-%m-%d %H:%M:%S}（北京时间）"),
        Field("系统及版本", software()),
        Field("杀毒引擎", report.scanner or "未接入，未检测病毒"),
        Field("件数", report.records),
        Field("文件数、字节数", f"{report.files} 个，{report.bytes} 字节"),
    ]


def _summary(report: Report) -> Table:
    counts = report.by_nature()
    columns = [Column("性质", 2, Align.CENTER), *(Column(f"{_RESULT[r]}（项）", 1, Align.CENTER) for r in RESULTS)]
    rows: list[list[Cell]] = [[NATURES[nature], *(own[r] for r in RESULTS)] for nature, own in counts.items()]
    total: list[Cell] = ["合计", *(sum(own[r] for own in counts.values()) for r in RESULTS)]
    return Table(columns, rows, [total])


def _told(report: Report, named: bool, many: bool) -> list[Block]:
    told = report.told if not many else [t for t in report.told if t.severity != "remark"]
    remarks = sum(1 for t in report.told if t.severity == "remark") if many else 0
    out: list[Block] = []
    if told:
        names = [Column("档号（办件编号）", 4), Column("题名", 4)] if named else []
        columns = [
            Column("序号", 0.8, Align.CENTER), *names, Column("检测项目", 2.2), Column("位置", 4 if named else 6),
            Column("原因", 6), Column("处理", 1.6, Align.CENTER),
        ]  # fmt: skip
        rows: list[list[Cell]] = []
        for number, t in enumerate(told[:_MOST_TOLD], 1):
            who: list[Cell] = [t.name, t.title] if named else []
            rows.append([number, *who, "、".join(t.items) or "—", t.place, f"{t.zh}（{t.code}）", _DEAL[t.severity]])
        out.append(Table(columns, rows))
        if len(told) > _MOST_TOLD:
            out.append(Text(f"共 {len(told)} 条，其余见 JSON 报告。"))
    else:
        out.append(Text("无。"))
    if remarks:
        out.append(Text(f"另有提示 {remarks} 条，不影响归档，见各件信息包内的 checks.json。"))
    return out


def _lines(lines: Sequence[Line], many: bool, *, by_hand: bool) -> Table:
    columns = [
        Column("编号", 1.3), Column("检测项目", 3), Column("类别", 1.1, Align.CENTER), Column("检测对象", 2.6),
        Column("检测目的", 2.6), Column("检测依据和方法", 4.6),
    ]  # fmt: skip
    if many:
        columns += [Column(_RESULT[r], 0.9, Align.CENTER) for r in RESULTS]
    else:
        columns.append(Column("结果", 1.2, Align.CENTER))
    columns += [Column("检测字段、说明", 3.4), Column("方式", 0.9, Align.CENTER)]
    rows = [_line(line, many) for line in lines]
    if by_hand:  # to be filled in by who signs
        columns.append(Column("人工结果", 1.3))
        rows = [[*row, None] for row in rows]
    return Table(columns, rows, shaded=frozenset(n for n, line in enumerate(lines) if line.result in ("fail", "warn")))


def _line(line: Line, many: bool) -> list[Cell]:
    item = line.item
    counted: list[Cell] = [line.counts[r] or None for r in RESULTS] if many else [_RESULT[line.result]]
    remark = "\n".join(part for part in (line.note, "\n".join(line.fields)) if part)
    purpose = str(sheet(Stage.GD)["purposes"][item.level2])
    return [
        f"{item.level2}\n{item.code}", item.zh, NATURES[item.nature], item.object, purpose, f"{item.method}（{item.basis}）",
        *counted, remark, _MODE.get(item.mode, "人工"),
    ]  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True)
class Registration:
    """What 归档登记表 (GB/T 18894-2016 A.1) says of one unit's records in one batch; only what was archived counts.

    ``category`` are the classes met; ``refused`` and ``held`` what did not get in; ``report`` the check report of just these,
    ``number`` that of the whole batch.
    """

    unit: str
    category: Sequence[str]
    report: Report
    number: str
    refused: int
    held: int
    first_code: str
    last_code: str


def registration(data: Registration) -> Form:
    """电子文件归档登记表 as one form, A4 portrait."""
    report = data.report
    natures = report.by_nature()
    told = {nature: _words(counts) for nature, counts in natures.items()}
    codes = "" if not data.first_code else f"档号 {data.first_code} 至 {data.last_code}。"
    aside = f"本批另有退回 {data.refused} 件，待人工决定 {data.held} 件。" if data.refused or data.held else ""
    blocks: list[Block] = [
        Fields(
            [
                Field("单位名称", data.unit, wide=True),
                Field("归档时间", f"{report.checked_at.astimezone(CST):%Y 年 %m 月 %d 日}"),
                Field("归档电子文件门类", "、".join(data.category)),
                Field(
                    "归档电子文件数量",
                    f"　　卷　{report.records} 件　　　张　　　分钟　{report.bytes} 字节（{report.files} 个文件）",
                    wide=True,
                ),
                Field("归档方式", ticked(("在线归档", "离线归档"), "在线归档"), wide=True),
            ]
        ),
        Table(
            [Column("检验项目", 2, Align.CENTER), Column("检验结果", 7)],
            [
                ["载体外观检验", "在线归档，没有离线载体，不适用"],
                ["病毒检验", _virus(report)],
                ["真实性检验", told["authenticity"]],
                ["可靠性检验", "　　　　　　　（由检验人填写）"],
                ["完整性检验", told["integrity"]],
                ["可用性检验", told["usability"]],
                [
                    "技术方法与\n相关软件说明",
                    f"按 {sheet(report.stage)['standard']} 归档环节逐件检测，见四性检测报告 {data.number}；{software()}"
                    f"；杀毒引擎：{report.scanner or '未接入'}。",
                ],
            ],
        ),
        Signatures([Signature("电子文件形成或办理部门（签章）"), Signature("电子档案管理机构／档案部门（签章）")]),
        Fields([Field("说明", f"{codes}{aside}", wide=True, lines=3)]),
    ]
    return Form(
        "电子文件归档登记表",
        blocks,
        subtitle="（GB/T 18894-2016 表 A.1）",
        footer=f"{report.subject}　{software()}",
        sheet=f"归档登记表 {data.unit}",
        made_at=report.checked_at,
    )


def _words(counts: Mapping[str, int]) -> str:
    told = "，".join(f"{_RESULT[result]} {counts[result]} 项" for result in RESULTS if counts[result])
    return f"{'合格' if not counts['fail'] else '不合格'}：{told}"


def _virus(report: Report) -> str:
    line = next(line for line in report.lines if line.item.code == "GD-4-2")
    if report.scanner is None:
        return "未检测：未接入杀毒引擎"
    return f"{'未发现病毒' if line.result == 'pass' else '有文件未完成检测，待人工'}（{report.scanner}）"
