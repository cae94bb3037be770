"""Find the entry by which a record is filed (domain: three-in-one §1.4), and say why in words."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from ingest.findings import Finding, Severity
from ingest.model import CST
from ingest.schedule.codes import MatterCodes, material_kind, matter_type_name, region
from ingest.schedule.index import LEVELS, Hits, ScheduleIndex
from ingest.schedule.load import ScheduleError, contradictions, load_schedules
from ingest.schedule.model import Category, Entry, Schedule, retention_words
from ingest.schedule.rulings import FOLDER as RULINGS
from ingest.schedule.rulings import Ruled, Ruling, load_rulings, resolve

_MAX_TITLE = 2_000  # characters in which keywords are looked for; four times what the case schema allows a title
_LEVEL_WORDS = {
    "handling_item_code": "业务办理项编码 {evidence}",
    "implementation_code": "实施编码 {evidence}",
    "basic_code": "基本编码 {evidence}",
    "matter_type": "事项类型“{kind}”和题名关键词“{evidence}”",
    "category_default": "事项类型“{kind}”的类别默认条款",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Match:
    """The entry that decides for a record. ``hits`` are all entries its files hit, with their retention, longest first."""

    schedule_id: str
    schedule_version: str
    schedule_digest: str
    fonds_no: str
    fonds_name: str
    entry: Entry
    category: Category
    level: str
    why: str
    year: int
    region_code: str
    implementation_code: str
    hits: tuple[tuple[str, str], ...]
    findings: tuple[Finding, ...] = ()

    @property
    def retention_code(self) -> str:
        assert self.entry.retention_code is not None  # entries without a term of their own are never matched
        return self.entry.retention_code


@dataclasses.dataclass(frozen=True, slots=True)
class NoMatch:
    """No entry decides; ``findings`` hold the record and carry a proposal for the archivist."""

    findings: tuple[Finding, ...]

    @property
    def codes(self) -> set[str]:
        """The codes that hold the record."""
        return {finding.code for finding in self.findings if finding.weight is Severity.HOLD}


class ScheduleSet:
    """All schedules of all fonds, indexed once; ``digest`` (SHA-256, hex) names exactly this set."""

    def __init__(self, schedules: Sequence[Schedule], rulings: Sequence[Ruling] = ()) -> None:
        """Raises ScheduleError where two versions of one fonds contradict each other, or a ruling points nowhere."""
        wrong = contradictions(schedules)
        if wrong:
            raise ScheduleError(wrong)
        self.schedules = tuple(sorted(schedules, key=lambda s: (s.fonds_no, s.schedule_id, s.version)))
        self._rulings = resolve(rulings, self.schedules)
        named = [s.digest for s in self.schedules] + sorted(repr(ruled.ruling) for ruled in self._rulings.values())
        self.digest = hashlib.sha256("\n".join(named).encode()).hexdigest()
        self._by_fonds: dict[str, list[ScheduleIndex]] = {}
        for schedule in self.schedules:
            if schedule.status in ("in_force", "superseded"):
                self._by_fonds.setdefault(schedule.fonds_no, []).append(ScheduleIndex(schedule))

    def in_force(self, fonds_no: str, day: dt.date) -> Schedule | None:
        """The version of the fonds that holds (or held) on that day."""
        found = self._index(fonds_no, day)
        return found.schedule if found else None

    def _index(self, fonds_no: str, day: dt.date) -> ScheduleIndex | None:
        return next((index for index in self._by_fonds.get(fonds_no, ()) if index.schedule.holds_on(day)), None)

    def match(
        self, record: Mapping[str, Any], fonds_no: str, *, as_of: dt.datetime, scheme: str | None = None
    ) -> Match | NoMatch:
        """Match one canonical case (the dict of case.json) to an entry of its fonds' schedule.

        ``as_of`` (aware) is the filing time, used only where no version held on the closing date; ``scheme`` is the agency's
        list of 事项类型 (``gd``, ``national``) for a record that gives a code alone. Never raises for any content of
        ``record``: what cannot be decided comes back as NoMatch with a finding that holds the record.
        """
        case = _mapping(record.get("case"))
        closed = closing_date(record)
        if closed is None:
            return NoMatch((Finding("FIL-NO-CLOSING-DATE", field="/case/closed_at"),))
        codes = MatterCodes.of(_mapping(case.get("matter")), scheme)
        place = region(_text(case.get("region_code")))
        wrong = []
        if not codes.well_formed:
            params = {"code": (codes.implementation or "")[:60]}
            wrong.append(Finding("FIL-MATTER-CODE", field="/case/matter/implementation_code", params=params))
        if place is None:
            params = {"code": (_text(case.get("region_code")) or "")[:20]}
            wrong.append(Finding("FIL-REGION", field="/case/region_code", params=params))
        if wrong or place is None or codes.implementation is None:
            return NoMatch(tuple(wrong))
        filed = as_of.astimezone(CST).date()
        index, now = self._index(fonds_no, closed), self._index(fonds_no, filed)
        told = {"day": closed.isoformat(), "filed": filed.isoformat(), "schedule": now.schedule.name if now else ""}
        remarks = []
        if index is None:
            if now is None:
                return NoMatch((Finding("FIL-NO-SCHEDULE", params={"fonds": fonds_no, "day": closed.isoformat()}),))
            index = now
            remarks.append(Finding("FIL-VERSION-FALLBACK", params=told))
        facts = (record, codes, closed, place, codes.implementation)
        answer = _decide(index, *facts, remarks)
        if isinstance(answer, Match):
            return answer
        if now is not None and now is not index and answer.codes == {"FIL-UNSCHEDULED"}:
            # the text approved since may name what that of the closing day forgot
            since = _decide(now, *facts, [Finding("FIL-LATER-VERSION", params=told)])
            if isinstance(since, Match):
                return since
        ruled = self._ruled(fonds_no, codes)
        return answer if ruled is None else _by_ruling(ruled, closed, place, codes.implementation, remarks)

    def _ruled(self, fonds_no: str, codes: MatterCodes) -> Ruled | None:
        for code in (codes.handling_item, codes.implementation):
            if code is not None and (found := self._rulings.get((fonds_no, code))):
                return found
        return None


def load(folder: Path) -> ScheduleSet:
    """All schedules below ``folder`` (``*.json``) with the rulings in ``folder/rulings``, validated and indexed.

    Raises ScheduleError if any of them is wrong.
    """
    return ScheduleSet(load_schedules(folder), load_rulings(folder / RULINGS))


def closing_date(record: Mapping[str, Any]) -> dt.date | None:
    """The day (China time) on which the case was closed, which gives the 年度 and the version; None if it cannot be told."""
    text = _text(_mapping(record.get("case")).get("closed_at"))
    try:
        moment = dt.datetime.fromisoformat(text or "")
        day = moment.date() if moment.tzinfo is None else moment.astimezone(CST).date()
    except (ValueError, OverflowError):
        return None
    return day if 1949 <= day.year <= 2099 else None


def _decide(
    index: ScheduleIndex, record: Mapping[str, Any], codes: MatterCodes, closed: dt.date, place: str, implementation: str,
    remarks: list[Finding],
) -> Match | NoMatch:  # fmt: skip
    schedule = index.schedule
    case = _mapping(record.get("case"))
    titles = _titles(record)
    query = index.query(codes, titles, _text(_mapping(case.get("result")).get("code")))
    counts: dict[str | None, int] = {}
    for file in _files(record):
        kind = material_kind(_text(file.get("group")))
        counts[kind] = counts.get(kind, 0) + 1
    counts = counts or {None: 0}
    found = {kind: hits for kind in counts if (hits := query.hits(kind)) is not None}
    best = _longest(found.values())
    if best is None:
        return NoMatch((*remarks, _not_filed(schedule, codes, case, found.values())))
    hits, entry = best
    category = schedule.category_of(entry)
    assert category is not None  # consistency() proved it at loading
    named = {each.entry_no: each for other in found.values() for each in other.entries}
    ranked = sorted(named.values(), key=lambda each: (-each.years, each.key))
    return Match(
        schedule_id=schedule.schedule_id,
        schedule_version=schedule.version,
        schedule_digest=schedule.text_digest,
        fonds_no=schedule.fonds_no,
        fonds_name=schedule.fonds_name,
        entry=entry,
        category=category,
        level=hits.level,
        why=_why(schedule, closed, codes, hits, entry, ranked, sum(counts[kind] for kind in found)),
        year=closed.year,
        region_code=place,
        implementation_code=implementation,
        hits=tuple((each.entry_no, str(each.retention_code)) for each in ranked),
        findings=(*remarks, *_shorter(hits, entry)),
    )


def _by_ruling(ruled: Ruled, closed: dt.date, place: str, implementation: str, remarks: list[Finding]) -> Match:
    ruling, entry = ruled.ruling, ruled.entry
    why = (
        f"办结于{closed.isoformat()}，制度无条款可归；按{ruling.decided_by}于{ruling.decided_at}的裁定（{ruling.reason}），"
        f"归入《{ruled.schedule.name}》条款{entry.entry_no}“{entry.entry_text}”，{retention_words(entry.retention_code)}"
    )
    told = {"by": ruling.decided_by, "entry": entry.entry_no, "reason": ruling.reason}
    return Match(
        schedule_id=ruled.schedule.schedule_id,
        schedule_version=ruled.schedule.version,
        schedule_digest=ruled.schedule.text_digest,
        fonds_no=ruled.schedule.fonds_no,
        fonds_name=ruled.schedule.fonds_name,
        entry=entry,
        category=ruled.category,
        level="ruling",
        why=why,
        year=closed.year,
        region_code=place,
        implementation_code=implementation,
        hits=((entry.entry_no, str(entry.retention_code)),),
        findings=(*remarks, Finding("FIL-BY-RULING", params=told)),
    )


def _longest(found: Collection[Hits]) -> tuple[Hits, Entry] | None:
    """One 件 has one retention: the longest of all entries hit; among equals the better level, then the lower 条款号."""
    options = [(hits, entry) for hits in found for entry in hits.entries]
    return min(options, key=lambda o: (-o[1].years, LEVELS.index(o[0].level), o[1].key), default=None)


def _why(
    schedule: Schedule, closed: dt.date, codes: MatterCodes, hits: Hits, entry: Entry, ranked: list[Entry], files: int
) -> str:
    level = _LEVEL_WORDS[hits.level].format(evidence=hits.evidence, kind=matter_type_name(codes.kind))
    if hits.level == "matter_type" and not hits.evidence:
        level = f"事项类型“{matter_type_name(codes.kind)}”和办理结果"
    words = (
        f"办结于{closed.isoformat()}，适用《{schedule.name}》；按{level}命中条款{entry.entry_no}“{entry.entry_text}”"
    )
    if len(ranked) > 1:
        others = "、".join(f"{each.entry_no}（{retention_words(each.retention_code)}）" for each in ranked[:10])
        words += f"；{files}个文件共命中{len(ranked)}条：{others}，就高取{retention_words(entry.retention_code)}"
    else:
        words += f"，{files}个文件均为{retention_words(entry.retention_code)}"
    return words


def _shorter(hits: Hits, entry: Entry) -> list[Finding]:
    longer = max(hits.passed_over, key=lambda each: each.years, default=None)
    if longer is None or longer.years <= entry.years:
        return []
    params = {
        "entry": entry.entry_no,
        "retention": retention_words(entry.retention_code),
        "other": longer.entry_no,
        "other_retention": retention_words(longer.retention_code),
    }
    return [Finding("FIL-RESULT-SHORTER", params=params)]


def _not_filed(schedule: Schedule, codes: MatterCodes, case: Mapping[str, Any], found: Collection[Hits]) -> Finding:
    excluded = [entry for hits in found for entry in hits.excluded]
    if excluded:
        return Finding("FIL-NOT-IN-SCOPE", params={"entry": excluded[0].entry_no, "schedule": schedule.name})
    params = {
        "matter": (_text(_mapping(case.get("matter")).get("name")) or "未命名事项")[:200],
        "code": codes.implementation or "",
        "fonds": schedule.fonds_no,
        "schedule": schedule.name,
        "proposal": propose(schedule, codes),
    }
    return Finding("FIL-UNSCHEDULED", field="/case/matter", params=params)


def propose(schedule: Schedule, codes: MatterCodes) -> str:
    """In words, the entry that an archivist might add for an unscheduled matter: beside its like, with their longest term."""
    like = [entry for entry in schedule.entries if codes.kind is not None and entry.matter_kind == codes.kind]
    like = [entry for entry in like if entry.retention_code is not None and entry.archive]
    if not like:
        kind = matter_type_name(codes.kind)
        return f"制度文本无“{kind}”类条款，请先在分类方案中设类，再为实施编码 {codes.implementation} 增设条款并报审"
    longest = min(like, key=lambda entry: (-entry.years, entry.key))
    section = longest.key[0]
    last = max(entry.key[1] for entry in schedule.entries if entry.key[0] == section)
    return (
        f"在类别 {longest.category_path} 增设条款 {section}.{last + 1}，实施编码 {codes.implementation}，"
        f"保管期限参照同类最长条款 {longest.entry_no}（{retention_words(longest.retention_code)}），报审后施行"
    )


def _titles(record: Mapping[str, Any]) -> list[str]:
    case = _mapping(record.get("case"))
    found = (
        case.get("case_title"),
        _mapping(case.get("matter")).get("name"),
        _mapping(record.get("record")).get("title"),
    )
    return list(dict.fromkeys(text[:_MAX_TITLE] for text in found if isinstance(text, str)))


def _files(record: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    files = record.get("files")
    return [file for file in files if isinstance(file, Mapping)] if isinstance(files, list) else []


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
