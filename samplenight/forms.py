"""The unsigned companions of a case: form data as XML, the handling log as text, scans as JPEG."""

from __future__ import annotations

import datetime as dt
import random
from xml.sax.saxutils import escape, quoteattr

from samplenight import pictures
from samplenight.model import Case, Paper

SECTIONS = ("基本信息", "经办信息", "场所信息", "材料清单", "承诺事项", "收件核验", "送达方式", "办理进度")
ITEMS = (
    "名称",
    "类别",
    "编号",
    "登记机关",
    "有效期限",
    "地址",
    "联系方式",
    "核验结果",
    "核验时间",
    "备注",
    "来源系统",
    "数据版本",
)
STEPS = (
    "接收请求",
    "核验身份",
    "调用电子证照",
    "校验材料完整性",
    "生成回执",
    "推送办理进度",
    "写入签批意见",
    "加盖电子印章",
    "同步结果数据",
)


def form_data(case: Case, paper: Paper) -> bytes:
    """The data of the filled form, about 20 KB of XML."""
    rng = random.Random(f"form:{case.case_no}")
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f"<表单 办件编号={quoteattr(case.case_no)} 事项名称={quoteattr(case.matter['name'])}>",
    ]
    lines += [f"  <申请人 名称={quoteattr(case.applicant.name)} 证件号码={quoteattr(case.applicant.id_no)}/>"]
    for section in SECTIONS:
        lines.append(f"  <部分 名称={quoteattr(section)}>")
        for repeat in range(2):
            for item in ITEMS:
                value = f"{section}{item}（测试）{rng.randrange(10**8):08d}，由一体化政务服务平台采集"
                lines.append(
                    f'    <字段 序号="{repeat + 1}" 名称={quoteattr(item)} 必填="{rng.choice("是否")}">{escape(value)}</字段>'
                )
        lines.append("  </部分>")
    lines.append(f'  <提交 时间="{paper.made_at.isoformat()}"/>')
    return "\n".join([*lines, "</表单>", ""]).encode()


def process_log(case: Case) -> bytes:
    """The platform's log of the case in UTF-8, 20 to 40 KB."""
    rng = random.Random(f"log:{case.case_no}")
    lines = [f"办件 {case.case_no} 的办理过程日志", f"事项 {case.matter['name']}，申请人 {case.applicant.name}", ""]
    for event in case.events:
        at = event.at
        lines.append(f"{at:%Y-%m-%d %H:%M:%S} 【{event.text}】{event.opinion or '按流程办理'}")
        for _ in range(rng.randrange(36, 56)):
            at += dt.timedelta(milliseconds=rng.randrange(20, 900))
            stamp = f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03d}"
            lines.append(f"{stamp} 节点{rng.randrange(1, 9)} {rng.choice(STEPS)} 流水{rng.randrange(10**10):010d} 完成")
    return "\n".join([*lines, ""]).encode()


def scan(case: Case, paper: Paper) -> bytes:
    """A scan of the pool, made this case's own by a JPEG comment (ISO/IEC 10918-1 B.2.4.5)."""
    data = pictures.scan(paper.scans[0] if paper.scans else 0)[2]
    note = f"{case.case_no} {paper.name}".encode()
    return data[:2] + b"\xff\xfe" + (len(note) + 2).to_bytes(2, "big") + note + data[2:]
