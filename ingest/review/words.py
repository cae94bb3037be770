"""A version under review in words: the brief that a reviewer decides by (Markdown), its history, and what comes next."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Sequence

from ingest.findings import Finding
from ingest.model import CST
from ingest.review.kept import Kept
from ingest.schedule import Schedule
from ingest.schedule.codes import code_lists
from ingest.schedule.diff import Diff
from ingest.schedule.review import ACTIONS, ReviewEvent

_LEVELS = {"reject": "必改", "hold": "须说明", "remark": "提示", "info": "说明"}
_ACTS = {action: words for action, (_, _, words) in ACTIONS.items()} | {
    "create": "起草", "adopt": "登记采用", "refused": "答复未采纳",
}  # fmt: skip
_STAGES = {
    "first": "**初审**：同意则进入复审；退回须写意见，文本回到起草人。\n\n*First review: agree, or return with an opinion.*",
    "second": "**复审**：同意须填批复文号、批复机关、批复日期，施行日期留空则用文本所提；退回须写意见。\n\n"
    "*Second review: to agree give the approval's number, organ and date; to return, an opinion.*",
}
_NEXT = {
    "draft": "下一步：guidang schedule lint {ref}，再 guidang schedule submit {ref} / next: lint, then submit",
    "submitted": "下一步：由另一人 guidang schedule review|return {ref}，或在 Airflow 运行 schedule_review / next: another person reviews",
    "first_review": "下一步：由另一人 guidang schedule review|return {ref} / next: another person reviews",
    "second_review": "下一步：guidang schedule approve|return {ref} / next: approve or return",
    "returned": "下一步：按意见修改后 guidang schedule import 再 submit / next: mend, import and submit again",
    "approved": "下一步：guidang schedule enforce {ref} --from 施行日期 / next: put it into force",
    "in_force": "下一夜起，办结于施行日期及以后的件按此归档 / records closed from its first day are filed by it from the next night",
    "superseded": "已由后一版本替代，仍用于其施行期内办结的件 / still used for records closed in its time",
    "revoked": "已废止；其施行期内办结的件将待定，请尽快施行新版本 / revoked: put another version into force soon",
}
_ROWS = 200


def next_step(schedule: Schedule) -> str:
    """What to do now with a version, as a line for the person who has just acted."""
    return _NEXT[schedule.status].format(ref=f"{schedule.schedule_id}/{schedule.version}")


def status_words(status: str) -> str:
    return str(code_lists()["statuses"].get(status, status))


def history_rows(history: Iterable[ReviewEvent]) -> list[list[str]]:
    """The steps of a version as a table with its head."""
    rows = [["时间", "步骤", "经办人", "经由", "状态", "意见、批复"]]
    for step in history:
        approval = step.approval if step.action == "approve" and step.approval else {}
        told = "；".join(filter(None, (step.opinion, " ".join(approval.values()))))
        if step.action in ("enforce", "supersede", "adopt"):
            told = "；".join(filter(None, (told, f"{step.effective_from} 至 {step.effective_to or '—'}")))
        if step.rows and step.action == "edit":
            told = "；".join(
                filter(None, (told, f"改动 {len(step.rows)} 条：{'、'.join(row[0] for row in step.rows[:10])}"))
            )
        rows.append([_when(step.at), _ACTS[step.action], step.by, step.via, status_words(step.status_after), told])
    return rows


def brief(kept: Kept, stage: str, findings: Sequence[Finding], before: Schedule | None, changes: Diff | None) -> str:
    """All that a reviewer needs to decide, as Markdown: who asks, what changed, what the checks say, what was said before."""
    schedule = kept.schedule
    out = []
    if kept.history[-1].action == "refused":
        refused = kept.history[-1]
        out += [f"> ⚠ {_md(refused.by)} 的答复未采纳：{_md(refused.opinion)} / the last answer was not taken", ""]
    sent = next(step for step in reversed(kept.history) if step.action == "submit")
    out += [
        f"《{schedule.name}》 全宗 {schedule.fonds_no} {_md(schedule.fonds_name)}，{len(schedule.categories)} 类 "
        f"{len(schedule.entries)} 条；第 {kept.round} 次送审，{_md(sent.by)}，{_when(sent.at)}",
        f"拟施行日期 {schedule.effective_from or '未提出'}；文本 SHA-256 `{schedule.text_digest}`",
        "",
        _STAGES[stage],
        "",
        # Airflow keeps a question's text over its tries, so that the reason cannot stand here when it is put again
        "答复后本题若再次出现，是答复未被采纳（如缺意见、缺批复文号，或起草、送审人自己答复），原因见上一次尝试的日志。 "
        "*If the question comes again, the answer was not taken; the log of the try before says why.*",
        "",
        f"### 自动检查 {len(findings)} 处 / automatic checks",
        *(f"- {_LEVELS[f.weight.value]} {f.code} {_md(f.text())}" for f in findings[:_ROWS]),
        "",
    ]
    if changes is not None and before is not None:
        rows = changes.rows()
        out += [
            f"### 与《{before.name}》相比 {len(rows) - 1} 处 / changes",
            *(f"- {_md(c)}" for c in changes.categories),
            "",
        ]
        if rows[1:]:
            out += [_line(rows[0]), "|---" * len(rows[0]) + "|", *(_line(row) for row in rows[1 : _ROWS + 1])]
        if len(rows) > _ROWS + 1:
            out.append(f"\n……其余 {len(rows) - 1 - _ROWS} 处见 `guidang schedule diff`")
    else:
        out.append(
            "该全宗没有施行过的版本，请通读全文：`guidang schedule export` / no version before: read the whole text"
        )
    out += ["", "### 经过 / history"]
    shown = [[at, act, by, status, told] for at, act, by, _, status, told in history_rows(kept.history)[1:][-20:]]
    out += [f"- {' '.join(_md(cell) for cell in row if cell)}" for row in shown]
    return "\n".join(out)


def _when(at: str) -> str:
    """A moment as people here read it: China time, to the minute."""
    return dt.datetime.fromisoformat(at).astimezone(CST).strftime("%Y-%m-%d %H:%M")


def _line(cells: Sequence[str]) -> str:
    return "|" + "|".join(_md(cell) for cell in cells) + "|"


def _md(text: str) -> str:
    """Text that Markdown leaves as it is: what stands in a table must not become a link or a picture in a reviewer's page."""
    return re.sub(r"([\\`*_\[\]<>|#!~])", r"\\\1", text.replace("\n", " "))
