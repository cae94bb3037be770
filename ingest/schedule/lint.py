"""The reviewer's automatic checks of one version (domain: three-in-one §1.3), as findings.

``reject`` must be mended before the version may be sent for review, ``hold`` needs a reason, ``remark`` wants a look.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ingest.findings import Finding
from ingest.schedule.codes import (
    BASIC_LENGTH,
    HANDLING_ITEM_LENGTH,
    IMPLEMENTATION_LENGTH,
    MatterCodes,
    canonical_matter_type,
    code_lists,
    matter_type_codes,
)
from ingest.schedule.diff import pair
from ingest.schedule.index import ScheduleIndex
from ingest.schedule.load import consistency
from ingest.schedule.model import Entry, Schedule, retention_words

_SHORTEST_DEFAULT = 30.0
_KINDS = ("basis", "process", "result")


def lint(
    schedule: Schedule,
    *,
    previous: Schedule | None = None,
    superior: Schedule | None = None,
    matters: Iterable[Mapping[str, Any]] = (),
) -> list[Finding]:
    """All findings on one version: in itself, against the last version, against a superior table, against the 事项清单.

    ``matters`` are objects like ``case.matter`` of a record (implementation_code, name, type …). Findings come in the order
    of the table, the same for the same input.
    """
    index = ScheduleIndex(schedule)
    out = consistency(schedule, schedule.name)
    out += _numbering(schedule)
    for at, entry in enumerate(schedule.entries):
        out += [_at(finding, at) for finding in _entry(entry)]
    out += _contradictions(schedule)
    used = {entry.category_path for entry in schedule.entries}
    out += [
        Finding("SCH-CATEGORY-UNUSED", params={"category": each.path})
        for each in schedule.categories
        if each.path not in used
    ]
    out += _unreached(index, matters)
    if superior is not None:
        out += _below_superior(schedule, superior)
    if previous is not None:
        out += _against_last(schedule, previous, index)
    return out


def _at(finding: Finding, at: int) -> Finding:
    return Finding(finding.code, field=f"/entries/{at}", params=finding.params)


def _numbering(schedule: Schedule) -> Iterator[Finding]:
    entries = list({entry.key: entry for entry in schedule.entries}.values())
    last: tuple[int, ...] = ()
    for entry in entries:
        if entry.key < last:
            yield Finding("SCH-ENTRY-ORDER", params={"entry": entry.entry_no})
        last = max(last, entry.key)
    known = {entry.key for entry in entries}
    parents: dict[tuple[int, ...], list[int]] = {(): sorted({key[0] for key in known})}
    for key in sorted(known):
        if len(key) > 2 and key[:-1] not in known:
            yield Finding("SCH-ENTRY-ORPHAN", params={"entry": _number(key), "parent": _number(key[:-1])})
        parents.setdefault(key[:-1], []).append(key[-1])
    for parent, children in sorted(parents.items()):
        for before, child in zip([0, *children], children, strict=False):
            if child != before + 1:
                params = {
                    "before": _number((*parent, before)) if before else "开头",
                    "expected": _number((*parent, before + 1)),
                    "entry": _number((*parent, child)),
                }
                yield Finding("SCH-ENTRY-GAP", params=params)


def _number(key: tuple[int, ...]) -> str:
    return ".".join(map(str, key))


def _entry(entry: Entry) -> Iterator[Finding]:
    number = {"entry": entry.entry_no}
    if entry.retention_code is None:
        if entry.archive:
            yield Finding("SCH-RETENTION-BY-MAIN", params=number)
    elif entry.retention_code not in code_lists()["retentions"]:
        yield Finding("SCH-RETENTION-UNLISTED", params=number | {"retention": entry.retention_code})
    if not entry.archive and entry.material_kind in ("result", "all"):
        yield Finding("SCH-RESULT-NOT-ARCHIVED", params=number)
    if entry.category_default and 0 <= entry.years < _SHORTEST_DEFAULT:
        yield Finding("SCH-DEFAULT-SHORT", params=number | {"retention": retention_words(entry.retention_code)})
    ways = entry.matter_codes or entry.keywords or entry.result_codes or entry.category_default
    if (
        entry.filing_unit == "case"
        and entry.years >= 0
        and (not ways or (entry.matter_kind is None and not entry.matter_codes))
    ):
        yield Finding("SCH-ENTRY-UNREACHABLE", params=number)
    for code in entry.matter_codes:
        if entry.matter_kind is not None and entry.matter_kind not in _kinds_in(code):
            yield Finding("SCH-CODE-TYPE", params=number | {"code": code, "kind": entry.matter_kind})
    if (entry.access_control == "公开") != (entry.open_control == "open"):
        words = code_lists()["open_controls"][entry.open_control]
        yield Finding("SCH-OPEN-CONTRADICTION", params=number | {"access": entry.access_control, "open": words})


def _kinds_in(code: str) -> set[str | None]:
    """The 事项类型 that the digits inside a code may mean; a code too short to hold them contradicts nothing (any)."""
    basic = code if len(code) <= BASIC_LENGTH else code[19:IMPLEMENTATION_LENGTH]
    if len(basic) < 4:
        return set(matter_type_codes("national"))
    return {canonical_matter_type(scheme, basic[2:4]) for scheme in ("national", "gd")}


def _contradictions(schedule: Schedule) -> Iterator[Finding]:
    seen: dict[str, list[Entry]] = {}
    for entry in schedule.entries:
        for code in entry.matter_codes if entry.years >= 0 else ():
            for other in seen.get(code, ()):
                same = (entry.keywords, entry.result_codes) == (other.keywords, other.result_codes)
                if same and other.years != entry.years:
                    params = {"code": code, "entry": other.entry_no, "other": entry.entry_no}
                    yield Finding("SCH-CODE-CONTRADICTION", params=params)
            seen.setdefault(code, []).append(entry)


def _unreached(index: ScheduleIndex, matters: Iterable[Mapping[str, Any]]) -> Iterator[Finding]:
    for matter in matters:
        codes, name = MatterCodes.of(matter), str(matter.get("name", ""))
        if outcome(index, codes, [name]) is None:
            yield Finding(
                "SCH-MATTER-UNREACHED", params={"matter": name, "code": codes.implementation or codes.basic or ""}
            )


def outcome(index: ScheduleIndex, codes: MatterCodes, titles: list[str]) -> Entry | None:
    """The entry that a granted case of the matter with all kinds of material would be filed by (就高), or None."""
    query = index.query(codes, titles, "0")
    found = [entry for kind in _KINDS if (hits := query.hits(kind)) for entry in hits.entries]
    return min(found, key=lambda entry: (-entry.years, entry.key), default=None)


def codes_of(code: str) -> MatterCodes:
    """A matter as far as one written code tells it: 基本编码, 实施编码 or 业务办理项编码, or a beginning of one."""
    if len(code) <= BASIC_LENGTH:
        return MatterCodes(None, None, code, None)
    handling = code if len(code) == HANDLING_ITEM_LENGTH else None
    implementation = code[:IMPLEMENTATION_LENGTH]
    basic = implementation[19:] if len(implementation) == IMPLEMENTATION_LENGTH else None
    return MatterCodes(handling, implementation, basic, None)


def _below_superior(schedule: Schedule, superior: Schedule) -> Iterator[Finding]:
    index = ScheduleIndex(superior)
    for at, entry in enumerate(schedule.entries):
        if entry.years < 0:
            continue
        told = [codes_of(code) for code in entry.matter_codes] or [MatterCodes(None, None, None, entry.matter_kind)]
        above = [found for codes in told if (found := outcome(index, codes, [entry.entry_text, *entry.keywords]))]
        longest = max(above, key=lambda each: each.years, default=None)
        if longest is not None and longest.years > entry.years:
            yield Finding("SCH-SUPERIOR-SHORTER", field=f"/entries/{at}", params=_terms(entry, longest))


def _terms(entry: Entry, other: Entry) -> dict[str, str]:
    return {
        "entry": entry.entry_no,
        "retention": retention_words(entry.retention_code),
        "other": other.entry_no,
        "other_retention": retention_words(other.retention_code),
    }


def _against_last(schedule: Schedule, previous: Schedule, index: ScheduleIndex) -> Iterator[Finding]:
    kept = {category.code: category.template for category in previous.categories}
    for code, template in sorted({(each.code, each.template) for each in schedule.categories}):
        if kept.get(code, template) != template:
            params = {"category": code, "one": previous.name, "other": schedule.name}
            yield Finding("SCH-TEMPLATE-CHANGED", params=params)
    for old, new in pair(previous, schedule):
        if old is None or new is None or not 0 <= new.years < old.years:
            continue
        params = {
            "entry": new.entry_no,
            "before": retention_words(old.retention_code),
            "after": retention_words(new.retention_code),
        }
        if _gives_reason(new, old):
            yield Finding("SCH-SHORTENED-REASONED", params=params | {"reason": new.remark})
        else:
            yield Finding("SCH-SHORTENED", params=params)
    last = ScheduleIndex(previous)
    for code in dict.fromkeys(code for entry in previous.entries for code in entry.matter_codes):
        before, after = outcome(last, codes_of(code), []), outcome(index, codes_of(code), [])
        if before is not None and after is None:
            yield Finding("SCH-MATTER-DROPPED", params={"code": code, "other": before.entry_no})
        elif (
            before is not None and after is not None and after.years < before.years and not _gives_reason(after, before)
        ):
            terms = _terms(after, before)
            params = {"code": code, "entry": after.entry_no, "other": before.entry_no}
            yield Finding(
                "SCH-MATTER-SHORTENED",
                params=params | {"before": terms["other_retention"], "after": terms["retention"]},
            )


def _gives_reason(new: Entry, old: Entry) -> bool:
    """A remark that stood there already before the term was shortened is no reason for shortening it."""
    return bool(new.remark.strip()) and new.remark != old.remark
