"""The YJ checks (移交与接收) of a transfer package: the package as a whole, and every record in it as at archiving.

The records are checked in killable worker processes, one at a time: their parsers meet whatever a sender has put in.
"""

from __future__ import annotations

import bisect
import contextlib
import dataclasses
import datetime as dt
import hashlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from ingest.checks import CheckContext
from ingest.checks import packages as engine
from ingest.checks.items import Stage
from ingest.checks.packages import RecordResult
from ingest.checks.subject import PackagedRecord, Subject, Totals, take_out
from ingest.findings import Finding, Severity
from ingest.settings import ConfigError, Home
from ingest.steps import house
from ingest.workers import Done, Workers
from sip.container import Container, Item
from sip.transfer import tree
from sip.transfer.verify import TransferResult, opened

SCHEMA = "guidang.transfer-checks/1.0"
_MOST_TOLD = 5000


@dataclasses.dataclass(frozen=True, slots=True)
class Said:
    """What is said of a package from outside: the SHA-256 that was sent, the totals of its register. None for what nobody said."""

    sha256: str | None = None
    totals: Totals | None = None


def judge(
    home: Home, path: Path, judged: TransferResult, *,
    said: Said, received: str, as_of: dt.datetime, held: Sequence[str] = (),
) -> dict[str, Any]:  # fmt: skip
    """The check report of the package at ``path``, which `sip.transfer.verify` has ``judged``; ``received`` is its SHA-256 as it is
    here, ``held`` those of its 档号 that are kept already, ``as_of`` (aware) when signatures are judged."""
    agency = _agency(home, judged)
    jobs = [
        {
            "package": str(path),
            "folder": i.folder,
            "code": i.line.archival_code,
            "agency": agency,
            "as_of": as_of.isoformat(),
        }
        for i in judged.items
    ]
    with Workers(home) as workers:
        done = [d for some in workers.map(check_one, jobs, ordered=True) for d in some]
    if broken := [d for d in done if d.error is not None]:
        raise OSError(f"{broken[0].job['code']}: {broken[0].error}")
    context = CheckContext(as_of=as_of, agency=agency, trust=house.trust(home))
    subject = Subject(
        judged.identifier or path.name, (), judged.findings, said.totals, said.sha256, received, frozenset(held)
    )
    report = engine.report(Stage.YJ, subject, [_result(d) for d in done], context)
    weights = [f.weight for f in report.findings]
    own = (judged.claims or {}).get("items", ())
    return report.as_json() | {
        "schema": SCHEMA,
        "as_of": as_of.isoformat(),
        "sender": judged.note.get("移交单位", ""),
        "findings": [f.as_json() for f in sorted(report.findings, key=_gravest_first)[:_MOST_TOLD]],
        "errors": weights.count(Severity.REJECT),
        "warnings": weights.count(Severity.HOLD) + weights.count(Severity.REMARK),
        "manual": sum(i["result"] == "manual" for i in report.items),
        "codes": [{"archival_code": i["archival_code"], "package_sha256": i["package_sha256"]} for i in own]
        or [{"archival_code": i.line.archival_code, "package_sha256": ""} for i in judged.items],
    }


def _gravest_first(finding: Finding) -> int:
    return [Severity.REJECT, Severity.HOLD, Severity.REMARK, Severity.INFO].index(finding.weight)


def _agency(home: Home, judged: TransferResult) -> Mapping[str, Any]:
    """The registry's entry of the unit that transfers; where this house does not know it, what the package says of it."""
    sender = (judged.claims or {}).get("sender")
    told: Mapping[str, Any] = sender if isinstance(sender, dict) else {}
    with contextlib.suppress(ConfigError):  # an archives need not register the units
        for agency in house.agencies(home).values():
            if agency.fonds_no == told.get("fonds_no"):
                return agency.raw
    return {k: str(v) for k, v in told.items()} | {"id": str(told.get("name", "")), "policy": {}}


def _result(done: Done) -> RecordResult:
    if done.value is None:
        lost = Finding("RCV-WORKER-LOST", params={"stage": "YJ"})
        return RecordResult(done.job["code"], done.job["code"], "", 0, 0, (lost,))
    found = done.value
    findings = tuple(Finding.from_json(f) for f in found["findings"])
    return RecordResult(
        found["identifier"], found["archival_code"], found["title"], found["files"], found["bytes"], findings
    )


def check_one(home: Home, job: dict[str, Any]) -> dict[str, Any]:
    """Worker side: one item of the package, taken out under neutral names, checked, and thrown away."""
    name = hashlib.sha256(f"{job['package']}|{job['code']}".encode()).hexdigest()[:24]
    base = home.root / "transfers" / "checking" / name
    shutil.rmtree(base, ignore_errors=True)  # of a worker that was killed
    context = CheckContext(as_of=dt.datetime.fromisoformat(job["as_of"]), agency=job["agency"], trust=house.trust(home))
    try:
        record = _take_out(job["folder"], job["code"], _kept(job["package"]), base)
        result = engine.check_record(record, context)
    finally:
        shutil.rmtree(base, ignore_errors=True)
    return dataclasses.asdict(result) | {"findings": [f.as_json() for f in result.findings]}


@dataclasses.dataclass(frozen=True, slots=True)
class _Opened:
    """A package with its tree, the paths in order so that those of one folder are found at once."""

    container: Container
    files: Mapping[str, Item]
    paths: Sequence[str]
    open_while: contextlib.ExitStack  # closed with the worker

    def below(self, folder: str) -> Iterator[tuple[str, Item]]:
        start = folder + "/"
        for path in self.paths[bisect.bisect_left(self.paths, start) :]:
            if not path.startswith(start):
                return
            yield path.removeprefix(start), self.files[path]


def _take_out(folder: str, code: str, package: _Opened, base: Path) -> PackagedRecord:
    """The item's files by the paths that they had in the archived package; content of other makers is content all the same."""
    below = dict(package.below(folder))
    ours = f"{tree.EVIDENCE}/bagit.txt" in below
    members = {(tree.in_package(p) if ours else f"data/{p}"): i for p, i in below.items() if ours or tree.is_content(p)}
    return take_out(code, package.container, members, base)


def _kept(package: str) -> _Opened:
    """A package stays open in its worker: its directory is read once, not once a record."""
    at = Path(package).stat()
    return _open(package, at.st_ino, at.st_size, at.st_mtime_ns)


@lru_cache(maxsize=1)
def _open(package: str, inode: int, size: int, changed: int) -> _Opened:
    stack = contextlib.ExitStack()
    container, files = stack.enter_context(opened(Path(package)))
    return _Opened(container, files, sorted(files), stack)
