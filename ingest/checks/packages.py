"""The 四性检测 at transfer (YJ) and in keeping (BC): each record of a package as at archiving, and the package as a whole.

The checks of the whole are one small function each; what they find belongs to items by its code (schemas/checks/dat70-*.json).
"""

from __future__ import annotations

import dataclasses
import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ingest.checks import engine, virus
from ingest.checks.engine import CheckContext
from ingest.checks.items import Circumstances, Stage, results, sheet
from ingest.checks.subject import PARTS, PackagedRecord, Subject, passed_on
from ingest.findings import Finding, Severity, gravest
from ingest.metadata.codes import check_archival, normalise_archival

# The scope of archiving was decided when the record was filed; whoever receives or keeps it does not decide it again.
_OF_ARCHIVING = {"MAT-MISSING", "MET-RESULT-NO-RECORD", "MET-NOT-ON-APPLICATION", "MET-NO-DIGEST"}
_OF_THE_WHOLE = {"VIR-SCANNED"}  # said once, not of each record
_GAPS_TOLD = 10


@dataclasses.dataclass(frozen=True, slots=True)
class RecordResult:
    """One record of the package: who it is, what its content amounts to, and what was found in it."""

    identifier: str
    archival_code: str
    title: str
    files: int
    bytes: int
    findings: tuple[Finding, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class PackageReport:
    """What was found in a package. ``findings`` are all of them, those of a record with its 档号 before the path;
    ``whole`` those on the package itself."""

    stage: Stage
    name: str
    standard: str
    findings: list[Finding]
    items: list[dict[str, Any]]
    records: list[RecordResult]
    whole: list[Finding]
    circumstances: Circumstances

    @property
    def accepted(self) -> bool:
        """Nothing rejects it and nothing waits for a decision. Items that only a person can judge do not count."""
        return gravest(self.findings) not in (Severity.REJECT, Severity.HOLD)

    def as_json(self) -> dict[str, Any]:
        """For the package, the ledger or a receipt; same subject, same object."""
        return {
            "schema": "guidang.checks/1.0",
            "stage": self.stage.value,
            "name": self.name,
            "standard": self.standard,
            "accepted": self.accepted,
            "records": len(self.records),
            "files": sum(record.files for record in self.records),
            "bytes": sum(record.bytes for record in self.records),
            "items": self.items,
            "findings": [finding.as_json() for finding in self.findings],
        }


def run(stage: Stage, subject: Subject, context: CheckContext) -> PackageReport:
    """Check a package at transfer or in keeping; ``context.prior`` stays unused, ``context.agency`` is who transferred it.

    Raises OSError and StagingAltered for machine trouble; bad content, however bad, gives findings.
    """
    return report(stage, subject, [check_record(record, context) for record in subject.records], context)


def report(stage: Stage, subject: Subject, checked: list[RecordResult], context: CheckContext) -> PackageReport:
    """The report of a package whose records were checked before, as a pool of workers does; ``subject.records`` stays unread."""
    scanner, away = _scanner(context)
    whole = [*passed_on(subject.faults), *away]
    whole += [finding for check in CHECKS for finding in check(subject, checked)]
    findings = whole + [_placed(found, record) for record in checked for found in record.findings]
    circumstances = Circumstances(scanner, subject.carrier, subject.restored)
    return PackageReport(
        stage, subject.name, str(sheet(stage)["standard"]), findings, results(findings, circumstances, stage), checked,
        whole, circumstances,
    )  # fmt: skip


def check_record(record: PackagedRecord, context: CheckContext) -> RecordResult:
    """One record of a package; the engine's parsers meet whatever is in it."""
    findings = [*record.findings, *_parts(record)]
    inner = dataclasses.replace(context, prior=(), lacks=record.lacks, whole=record.whole, scans=record.scans)
    if record.case is not None:
        report = engine.run(record.case, record.files, record.base, inner)
        findings += [finding for finding in report.findings if finding.code not in _OF_ARCHIVING | _OF_THE_WHOLE]
    else:
        for file in record.files:
            findings += engine.check_file(file, {}, record.base, inner).findings
    findings = _with_acceptances(findings, record.accepted)
    size = sum(file.size for file in record.files)
    return RecordResult(record.identifier, record.archival_code, record.title, len(record.files), size, tuple(findings))


def _with_acceptances(findings: list[Finding], accepted: Sequence[Finding]) -> list[Finding]:
    """A doubt that a person accepted at archiving stays a remark, and the acceptance is told; a proof of badness rejects."""
    settled = {finding.params.get("code") for finding in accepted}
    out = [
        dataclasses.replace(found, severity=Severity.REMARK)
        if found.weight is Severity.HOLD and found.code in settled
        else found
        for found in findings
    ]
    return [*out, *accepted]


def _parts(record: PackagedRecord) -> Iterator[Finding]:
    """The metadata that a record of ours brings; one without record.json was packed by others, and that has been said."""
    if PARTS[0] in record.parts:
        for part in PARTS:
            if part not in record.parts:
                yield Finding("PAK-PART-MISSING", params={"part": part})


def _scanner(context: CheckContext) -> tuple[str | None, list[Finding]]:
    if context.scanner is None:
        return None, []
    try:
        return context.scanner.version(), []
    except virus.ScannerAway as exc:
        return None, [Finding("VIR-NOT-SCANNED", params={"detail": str(exc)})]


def _placed(finding: Finding, record: RecordResult) -> Finding:
    path = f"{record.archival_code}/{finding.path}" if finding.path else record.archival_code
    return dataclasses.replace(finding, path=path)


# ------------------------------------------------------------------------------------------------ checks of the whole


def some_records(subject: Subject, records: Sequence[RecordResult]) -> Iterator[Finding]:
    if not records:
        yield Finding("PAK-NO-RECORDS")


def archival_codes(subject: Subject, records: Sequence[RecordResult]) -> Iterator[Finding]:
    """档号规范性: each has the form of DA/T 13-2022 or DA/T 22-2015."""
    for record in records:
        if not is_archival_code(record.archival_code):
            yield Finding("PAK-ARCHIVAL-CODE", path=record.archival_code, params={"code": record.archival_code})


def is_archival_code(text: str) -> bool:
    """Whether it has any form of the standards; traditional archives keep theirs, by volume or from before them."""
    return check_archival(normalise_archival(text)).ok


def repeated(subject: Subject, records: Sequence[RecordResult]) -> Iterator[Finding]:
    """数据重复性: no two records of one number, in the package or beside what is held."""
    for kind, codes in (
        ("档号", [record.archival_code for record in records]),
        ("电子文件号", [record.identifier for record in records]),
    ):
        for code, count in Counter(codes).items():
            if count > 1:
                yield Finding("PAK-CODE-TWICE", path=code, params={"kind": kind, "code": code})
    for record in records:
        if record.archival_code in subject.held:
            yield Finding("PAK-CODE-HELD", path=record.archival_code, params={"code": record.archival_code})


def consecutive(subject: Subject, records: Sequence[RecordResult]) -> Iterator[Finding]:
    """连续性: inside one prefix of 档号 no number between the first and the last is left out."""
    numbers: dict[str, set[int]] = {}
    for record in records:
        prefix, _, number = record.archival_code.rpartition("-")
        if number.isascii() and number.isdigit() and len(number) <= 9:
            numbers.setdefault(prefix, set()).add(int(number))
    for scope, found in sorted(numbers.items()):
        missing = _missing(sorted(found))
        if missing:
            yield Finding("PAK-CODE-GAP", path=scope, params={"scope": scope, "missing": "、".join(missing)})


def _missing(numbers: list[int]) -> list[str]:
    """The gaps as runs, no more than can be read: numbers may lie a billion apart."""
    gaps = [
        f"{before + 1}" if after - before == 2 else f"{before + 1}–{after - 1}"
        for before, after in itertools.pairwise(numbers)
        if after - before > 1
    ]
    return gaps if len(gaps) <= _GAPS_TOLD else [*gaps[:_GAPS_TOLD], "…"]


def totals(subject: Subject, records: Sequence[RecordResult]) -> Iterator[Finding]:
    """数据总量: records, files and bytes as the register states them."""
    if subject.stated is None:
        yield Finding("PAK-NO-TOTALS")
        return
    for code, stated, found in (
        ("PAK-TOTAL-RECORDS", subject.stated.records, len(records)),
        ("PAK-TOTAL-FILES", subject.stated.files, sum(record.files for record in records)),
        ("PAK-TOTAL-BYTES", subject.stated.bytes, sum(record.bytes for record in records)),
    ):
        if stated is not None and stated != found:
            yield Finding(code, params={"stated": str(stated), "found": str(found)})


def as_sent(subject: Subject, records: Sequence[RecordResult]) -> Iterator[Finding]:
    """信息包一致性: the package is, to the last byte, the one that was sent or deposited."""
    if subject.sent is None or subject.received is None:
        yield Finding("PAK-NO-DIGEST-SENT")
    elif subject.sent.lower() != subject.received.lower():
        yield Finding("PAK-NOT-AS-SENT")


def restored(subject: Subject, records: Sequence[RecordResult]) -> Iterator[Finding]:
    """备份数据可恢复性: what a drill gave back is what was kept."""
    if subject.restored is False:
        yield Finding("PAK-NOT-RESTORED")


Check = Callable[[Subject, Sequence[RecordResult]], Iterator[Finding]]
CHECKS: tuple[Check, ...] = (some_records, archival_codes, repeated, consecutive, totals, as_sent, restored)
