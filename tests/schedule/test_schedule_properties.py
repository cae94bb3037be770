"""Properties of matching over generated schedules and cases, judged by the rules read naively, entry by entry."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from schedule_samples import AGENCY, AS_OF, case, entry, schedule

from ingest.model import CST
from ingest.schedule import Match, NoMatch, Schedule, ScheduleSet, assign
from ingest.schedule.index import LEVELS
from ingest.schedule.load import consistency
from ingest.schedule.model import Entry
from ingest.schedule.numbers import parse_archival_code, parse_electronic_record_code

KINDS = {"申报文件": "basis", "过程文件": "process", "结果文件": "result"}
BASICS = ["440116001000", "440116001003", "440117002000"]
WORDS = ["食品", "经营许可", "变更"]
CODES = [full[:cut] for basic in BASICS for full in (f"{AGENCY}3{basic}01",) for cut in (33, 31, 28, 25)]
CODES = sorted({*CODES, *BASICS, "440116", "4401"})

entries = st.fixed_dictionaries(
    {
        "retention_code": st.sampled_from(["Y", "D30", "D10", None]),
        "material_kind": st.sampled_from(["all", "basis", "process", "result"]),
        "matter_codes": st.lists(st.sampled_from(CODES), max_size=2, unique=True),
        "keywords": st.lists(st.sampled_from(WORDS), max_size=1),
        "result_codes": st.sampled_from([[], [], ["1"]]),
        "category_default": st.booleans(),
        "archive": st.sampled_from([True, True, True, False]),
        "matter_type": st.sampled_from([None, {"scheme": "gd", "code": "01"}, {"scheme": "national", "code": "01"}]),
    }
)
tables = st.lists(entries, min_size=1, max_size=8).map(
    lambda rows: schedule(*(entry(f"1.{at}", **row) for at, row in enumerate(rows, 1)))
)
cases = st.builds(
    case,
    st.lists(st.sampled_from([*KINDS, "其他"]), max_size=4).map(tuple),
    title=st.sampled_from(["关于测试公司食品经营许可的办件", "变更", "无关"]),
    basic=st.sampled_from(BASICS),
    result=st.sampled_from(["0", "1"]),
    kind=st.sampled_from(["01", "07"]),
)


def naive_hits(table: Schedule, record: dict[str, Any], kind: str | None) -> list[Entry]:
    """Rules 2 and 4 of three-in-one §1.4 for one file, without any index: the equally good entries, also 不归档 ones."""
    matter, title = record["case"]["matter"], record["case"]["case_title"]
    handling, basic, result = matter["handling_item_code"], matter["basic_code"], record["case"]["result"]["code"]
    usable = [
        e
        for e in table.entries
        if (e.retention_code is not None or not e.archive)
        and e.material_kind in ("all", kind)
        and (not e.keywords or any(word in title for word in e.keywords))
        and (not e.result_codes or result in e.result_codes)
    ]

    def prefix(e: Entry, full: bool) -> int:
        fits = [c for c in e.matter_codes if (len(c) > 12) is full and (handling if full else basic).startswith(c)]
        return max(map(len, fits), default=0)

    for full in (True, False):
        longest = max((prefix(e, full) for e in usable), default=0)
        if longest:
            code = handling if full else basic
            exact = [e for e in usable if any(len(c) == longest and code.startswith(c) for c in e.matter_codes)]
            return [e for e in exact if e.result_codes] or exact
    if matter["type"]["code"] != "01":
        return []
    typed = [e for e in usable if not e.matter_codes and e.matter_kind == "行政许可"]
    named = [e for e in typed if not e.category_default and (e.keywords or e.result_codes)]
    found = named or [e for e in typed if e.category_default]
    return [e for e in found if e.result_codes] or found


@settings(max_examples=400, deadline=None)
@given(tables, cases)
def test_matching_is_total_deterministic_and_never_shorter_than_any_entry_hit(
    table: Schedule, record: dict[str, Any]
) -> None:
    answer = ScheduleSet([table]).match(record, "T001", as_of=AS_OF)
    assert ScheduleSet([table]).match(record, "T001", as_of=AS_OF) == answer
    kinds = {KINDS.get(file["group"]) for file in record["files"]} or {None}
    hits = [e for kind in kinds for e in naive_hits(table, record, kind) if e.archive]
    if not hits:
        assert isinstance(answer, NoMatch)
        assert {f.weight for f in answer.findings} == {"hold"}
        return
    assert isinstance(answer, Match)
    assert answer.entry.years == max(e.years for e in hits)
    assert {no for no, _ in answer.hits} == {e.entry_no for e in hits}
    assert answer.level in LEVELS
    assert answer.entry.entry_no in answer.why


@settings(max_examples=150, deadline=None)
@given(tables, st.lists(cases, min_size=1, max_size=6))
def test_numbers_of_a_batch_are_unique_gapless_and_readable(table: Schedule, records: list[dict[str, Any]]) -> None:
    schedules, given_out = ScheduleSet([table]), dict[str, int]()

    def serials(scope: str) -> int:
        given_out[scope] = given_out.get(scope, 0) + 1
        return given_out[scope]

    answers = [
        answer for record in records if isinstance(answer := schedules.match(record, "T001", as_of=AS_OF), Match)
    ]
    filings = [assign(answer, records[0], serials) for answer in answers]
    assert len({f.electronic_record_code for f in filings}) == len({f.archival_code for f in filings}) == len(filings)
    by_scope: dict[str, list[int]] = {}
    for filing in filings:
        electronic = parse_electronic_record_code(filing.electronic_record_code)
        archival = parse_archival_code(filing.archival_code, "DAT13")
        by_scope.setdefault(filing.electronic_record_code.rpartition("-")[0], []).append(electronic.serial)
        by_scope.setdefault(filing.archival_code.rpartition("-")[0], []).append(int(archival.item_no))
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in by_scope.values())


days = st.dates(dt.date(2020, 1, 1), dt.date(2026, 12, 31))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(days, min_size=2, max_size=5, unique=True).map(sorted),
    st.booleans(),
    st.sampled_from([-1, 0, 1]),
    st.data(),
)
def test_on_every_boundary_day_the_right_version_decides(
    edges: list[dt.date], open_ended: bool, offset: int, data: st.DataObject
) -> None:
    versions = []
    for at, start in enumerate(edges):
        end = edges[at + 1] if at + 1 < len(edges) else None
        if end is None and not open_ended:
            break
        status = "superseded" if end else "in_force"
        more = {"status": status, "effective_from": str(start), "effective_to": str(end) if end else None}
        versions.append(schedule(entry("1.1", matter_codes=["440116001000"]), version=f"V{at}", **more))
    day = data.draw(st.sampled_from(edges)) + dt.timedelta(days=offset)
    for clock in ("00:00:00+08:00", "23:59:59+08:00"):
        answer = ScheduleSet(versions).match(
            case(closed_at=f"{day}T{clock}"), "T001", as_of=dt.datetime(2019, 1, 1, tzinfo=CST)
        )
        holding = [
            v.version
            for v in versions
            if str(v.effective_from) <= str(day) < (str(v.effective_to) if v.effective_to else "9")
        ]
        assert ([answer.schedule_version] if isinstance(answer, Match) else []) == holding


@settings(max_examples=300, deadline=None)
@given(tables, tables, cases, st.sampled_from([-1, 0, 1]), st.sampled_from([-400, -1, 0, 1, 400]))
def test_the_version_of_the_closing_day_decides_and_only_what_it_leaves_out_falls_to_the_one_in_force_at_filing(
    old: Schedule, new: Schedule, record: dict[str, Any], closed: int, filed: int
) -> None:
    """Total over every pair of days around the change of versions, by the rule read naively from each version alone."""
    change = dt.date(2024, 7, 1)
    versions = [
        dataclasses.replace(old, version="V1", status="superseded", effective_to=change),
        dataclasses.replace(new, version="V2", effective_from=change),
    ]
    closing, filing = change + dt.timedelta(days=closed), change + dt.timedelta(days=filed)
    record["case"]["closed_at"] = f"{closing}T12:00:00+08:00"
    as_of = dt.datetime.combine(filing, dt.time(1), CST)
    answer = ScheduleSet(versions).match(record, "T001", as_of=as_of)
    own = next(v for v in versions if v.holds_on(closing))
    now = next((v for v in versions if v.holds_on(filing)), None)

    def alone(version: Schedule) -> Match | NoMatch:
        always = dataclasses.replace(version, status="in_force", effective_from=dt.date(2000, 1, 1), effective_to=None)
        return ScheduleSet([always]).match(record, "T001", as_of=as_of)

    first = alone(own)
    if isinstance(first, NoMatch) and first.codes == {"FIL-UNSCHEDULED"} and now is not None and now is not own:
        second = alone(now)
        if isinstance(second, Match):
            assert isinstance(answer, Match)
            assert (answer.schedule_version, answer.entry) == (now.version, second.entry)
            assert "FIL-LATER-VERSION" in {f.code for f in answer.findings}
            return
    if isinstance(first, Match):
        assert isinstance(answer, Match)
        assert (answer.schedule_version, answer.entry, answer.level) == (own.version, first.entry, first.level)
    else:
        assert isinstance(answer, NoMatch)
        assert answer.codes == first.codes


@settings(max_examples=150, deadline=None)
@given(tables, cases, st.sampled_from(["gd", "national", None]))
def test_a_type_without_a_scheme_is_read_by_the_agencys_and_one_with_its_own_never_is(
    table: Schedule, record: dict[str, Any], scheme: str | None
) -> None:
    schedules = ScheduleSet([table])
    own = schedules.match(record, "T001", as_of=AS_OF)
    assert schedules.match(record, "T001", as_of=AS_OF, scheme=scheme) == own
    given_scheme = record["case"]["matter"]["type"].pop("scheme")
    assert schedules.match(record, "T001", as_of=AS_OF, scheme=given_scheme) == own


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(["case", "files", "record", "case.matter", "case.matter.type", "case.closed_at", "case.region_code",
                     "case.result", "case.case_title", "case.matter.implementation_code", "case.matter.name"]),
    anything,
)  # fmt: skip
def test_no_content_of_a_record_makes_matching_raise(place: str, value: Any) -> None:
    record = case()
    holder: Any = record
    *steps, last = place.split(".")
    for step in steps:
        holder = holder[step]
    holder[last] = value
    table = schedule(entry("1.1", matter_codes=["440116001000"]), entry("1.2", keywords=["食品"]))
    draw: Callable[[str], int] = lambda scope: 1  # noqa: E731
    answer = ScheduleSet([table]).match(record, "T001", as_of=AS_OF)
    if isinstance(answer, Match):
        assert assign(answer, record, draw).archival_code == "T001-ZY·XK·2024·D30-00001"
    else:
        assert answer.findings


@settings(max_examples=50, deadline=None)
@given(tables)
def test_generated_schedules_are_valid_and_survive_json(table: Schedule) -> None:
    assert consistency(table, "x") == []
    assert Schedule.from_json(table.as_json()) == table
