"""Faulty packages: each a name, what it does to a good one, and by item of YJ (without the prefix) what must come out."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from ingest.checks.subject import PackagedRecord, Subject, Totals
from ingest.findings import Finding
from sip.faults import Fault, fault

Change = Callable[[Subject], Subject]
PackageFault = tuple[str, Change, dict[str, str]]


def _with(**changes: object) -> Change:
    return lambda subject: dataclasses.replace(subject, **changes)  # type: ignore[arg-type]


def _totals(**changes: int) -> Change:
    def change(subject: Subject) -> Subject:
        assert subject.stated is not None
        return dataclasses.replace(subject, stated=dataclasses.replace(subject.stated, **changes))

    return change


def _first(**changes: object) -> Change:
    """Change the first record of the package."""

    def change(subject: Subject) -> Subject:
        first, *others = subject.records
        return dataclasses.replace(subject, records=[dataclasses.replace(first, **changes), *others])  # type: ignore[arg-type]

    return change


def _code(text: str) -> Change:
    return _first(archival_code=text)


def _twin(subject: Subject) -> Subject:
    first, second, *_ = subject.records
    twin = dataclasses.replace(second, archival_code=first.archival_code, identifier=first.identifier)
    return dataclasses.replace(subject, records=[first, twin])


def _gap(subject: Subject) -> Subject:
    first, second, *_ = subject.records
    later = dataclasses.replace(second, archival_code=first.archival_code[:-1] + "5")
    return dataclasses.replace(subject, records=[first, later])


def _faults(*faults: Fault) -> Change:
    return _with(faults=faults)


def _unread(code: str, **params: str) -> Change:
    return _first(case=None, findings=[Finding(code, params=params)])


def _without(part: str) -> Change:
    def change(subject: Subject) -> Subject:
        first: PackagedRecord = next(iter(subject.records))
        return _first(parts=first.parts - {part})(subject)

    return change


FAULTS: list[PackageFault] = [
    ("one_record_too_few", _totals(records=3), {"2-1": "fail"}),
    ("one_file_too_many", _totals(files=9), {"2-11": "fail"}),
    ("bytes_differ", _totals(bytes=1), {"2-2": "fail"}),
    ("no_register", _with(stated=None), {"2-1": "warn"}),
    ("no_records", _with(records=[], stated=Totals()), {"2-1": "fail"}),
    ("another_package_than_sent", _with(received="0" * 64), {"1-14": "fail"}),
    ("no_digest_registered", _with(sent=None), {"1-14": "warn"}),
    ("archival_code_of_no_form", _code("T001/2024/1"), {"1-7": "fail"}),
    ("archival_code_without_year", _code("T001-ZY·XK·D30-00001"), {"1-7": "fail"}),
    ("two_of_one_number", _twin, {"1-8": "fail"}),
    ("held_already", _with(held={"T001-ZY·XK·2024·D30-00001"}), {"1-8": "fail"}),
    ("numbers_with_a_gap", _gap, {"2-6": "warn"}),
    ("no_canonical_record", _unread("PAK-NO-RECORD"), {"2-10": "manual"}),
    ("record_that_is_no_json", _unread("PAK-RECORD-UNREADABLE", reason="x"), {"3-1": "fail"}),
    ("premis_left_out", _without("metadata/premis.xml"), {"2-10": "fail"}),
    ("digest_of_a_file_differs", _faults(fault("PKG-DIGEST", "data/a", algorithm="sha256", expected="0", actual="1")),
        {"1-1": "fail"}),
    ("weak_digests_only", _faults(fault("PKG-ALGORITHM-WEAK", algorithm="md5")), {"1-1": "warn"}),
    ("two_files_swapped", _faults(fault("PKG-SWAPPED", "data/a", other="data/b")), {"1-14": "fail"}),
    ("packed_again", _faults(fault("PKG-REPACKED", reason="order")), {"1-14": "warn"}),
    ("declaration_in_no_encoding", _faults(fault("PKG-TAG-ENCODING", "bag-info.txt", encoding="UTF-8", reason="x")),
        {"1-12": "fail"}),
    ("member_leads_out", _faults(fault("PKG-MEMBER-UNSAFE", "../a", reason="..")), {"1-13": "fail"}),
    ("no_profile", _faults(fault("PKG-PROFILE", "bag-info.txt", reason="x")), {"1-13": "fail"}),
    ("file_missing", _faults(fault("PKG-FILE-MISSING", "data/a", manifest="manifest-sha256.txt")), {"2-11": "fail"}),
    ("file_unlisted", _faults(fault("PKG-NOT-LISTED", "data/a", manifest="manifest-sha256.txt")), {"4-3": "fail"}),
    ("cut_short", _faults(fault("PKG-TRUNCATED", offset=9)), {"3-8": "fail"}),
    ("bomb", _faults(fault("PKG-BOMB", size=9)), {"3-8": "fail"}),
    ("premis_broken", _faults(fault("PKG-PREMIS", "metadata/premis.xml", reason="x")), {"2-10": "fail"}),
    ("record_of_no_file_there", _faults(fault("PKG-RECORD", "metadata/record.json", reason="x")), {"1-11": "fail"}),
]  # fmt: skip

ON_KEEPING: list[PackageFault] = [
    ("drill_failed", _with(restored=False), {"3-9": "fail"}),
    ("drill_not_held", _with(restored=None), {"3-9": "manual"}),
]
