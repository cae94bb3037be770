"""Make the deliveries of one case: the unit of work of a worker process."""

from __future__ import annotations

import dataclasses
import datetime as dt
from pathlib import Path
from typing import Any

from samplenight import delivery as inbox
from samplenight import maker, ofdfile
from samplenight.faults import Fault, by_name
from samplenight.maker import Desk, Made
from samplenight.model import Case, Paper
from samplenight.plan import plan


@dataclasses.dataclass(frozen=True)
class Job:
    """Case number ``serial`` of a night, good or with one ``fault``."""

    home: Path
    seed: str
    night: dt.date
    serial: int
    fault: str | None = None


@dataclasses.dataclass(frozen=True)
class Done:
    """What a job laid down: entries of expectations.json, and sums."""

    expectations: list[dict[str, Any]]
    files: int
    size: int


def run(job: Job, desk: Desk) -> Done:
    """Make, spoil and deliver one case."""
    fault = by_name(job.fault) if job.fault else None
    case = _planned(job, fault)
    made = [_made(desk, case, paper, fault) for paper in case.papers]
    first = inbox.deliver(case, made)
    if fault and fault.spoil:
        fault.spoil(first)
    state, codes = (fault.state, fault.codes) if fault else ("acknowledged", ())
    laid = [(first, state, codes)]
    if fault and fault.again:
        laid.append((_again(fault, first, case, made), fault.state_again, fault.codes_again))
    for one, _, _ in laid:
        inbox.write(one, job.home, job.night)
    return Done([_expectation(one, case, job.fault, s, c) for one, s, c in laid], sum(len(d.files) for d, _, _ in laid),
                sum(d.size for d, _, _ in laid))  # fmt: skip


def _planned(job: Job, fault: Fault | None) -> Case:
    if fault is None:
        return plan(job.seed, job.serial, job.night)
    kind = fault.kind if fault.kind in ("pdf", "ofd") else "pdf"
    case = plan(job.seed, job.serial, job.night, result_kind=kind, scheduled=fault.scheduled)
    papers = list(case.papers)
    if fault.kind == "xml" and not any(p.kind == "xml" for p in papers):
        form = dataclasses.replace(
            papers[0], role="form_data", kind="xml", name="申请表单数据", material_code=None, signer=None
        )
        papers.insert(1, form)
    if fault.signer:
        papers = [dataclasses.replace(p, signer=fault.signer) if p.role == "decision" else p for p in papers]
    return dataclasses.replace(case, papers=tuple(papers))


def _made(desk: Desk, case: Case, paper: Paper, fault: Fault | None) -> Made:
    if fault and paper.role == "decision" and paper.kind == "ofd":
        files, pages = maker.ofd_members(desk, case, paper, fault.owner, fault.seal_end)
        return Made(ofdfile.pack(files, paper.made_at), pages)
    return maker.make(desk, case, paper)


def _again(fault: Fault, first: inbox.Delivery, case: Case, made: list[Made]) -> inbox.Delivery:
    """The second delivery: the same bytes under another name, version 2, or version 1 with another title."""
    if fault.again == "same":
        return dataclasses.replace(first, name=f"{first.name}-again")
    second = inbox.deliver(case, made, version=2 if fault.again == "newer" else 1)
    second.meta["record"]["title"] += "（更正）"
    if fault.again == "other":
        second.name += "-other"
    return second


def _expectation(
    one: inbox.Delivery, case: Case, fault: str | None, state: str, codes: tuple[str, ...]
) -> dict[str, Any]:
    """A broken case.json names no case."""
    known = one.raw is None
    return {"agency": one.agency, "delivery": one.name, "case_no": case.case_no if known else None,
            "version": one.meta["case"]["version"] if known else None, "fault": fault, "state": state, "codes": list(codes)}  # fmt: skip
