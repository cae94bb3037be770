"""Make a sample night: home folder in, deliveries, registry, schedules, trust and expectations out."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import datetime as dt
import json
import multiprocessing
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from samplenight import sealpki
from samplenight.delivery import WORK, publish
from samplenight.faults import TABLE
from samplenight.fonts import HERE, face
from samplenight.maker import Desk
from samplenight.model import CST
from samplenight.pdfpki import Authority as PdfAuthority
from samplenight.pdfpki import authority as pdf_authority
from samplenight.record import Done, Job, run

NIGHT = dt.date(2026, 11, 20)
SCHEDULES = HERE.parent / "schemas" / "schedules"
ALL_FAULTS = tuple(f.name for f in TABLE)
MAX_CASES = 9999 - len(ALL_FAULTS)  # serials have four digits


@dataclasses.dataclass(frozen=True)
class Summary:
    """What was made: good cases, faulty cases, deliveries in the inbox, files, bytes."""

    cases: int
    faulty: int
    deliveries: int
    files: int
    size: int
    expectations: Path


def make(home: Path, *, count: int = 300, seed: str = "night-1", night: dt.date = NIGHT, jobs: int | None = None,
         progress: Callable[[int, int], None] | None = None, faults: Sequence[str] | None = None) -> Summary:  # fmt: skip
    """Make ``count`` good cases and one case for each of ``faults`` (all by default) under ``home``.

    The same ``seed`` and ``night`` give the same bytes whatever ``jobs``, the number of spawned workers (default: one a core).
    Writes inbox/, config/agencies.json, config/schedules/, config/trust/ and expectations.json; deliveries of the same name are
    replaced, others stay. ``progress`` is called with (cases done, cases in all). ValueError for more cases than serials.
    """
    if not 0 <= count <= MAX_CASES:
        raise ValueError(f"a sample night has 0 to {MAX_CASES} good cases")
    names = ALL_FAULTS if faults is None else tuple(faults)
    home.mkdir(parents=True, exist_ok=True)
    for name in ("song", "hei"):
        face(name)  # once, before the workers would all do it
    issued = dt.datetime.combine(night, dt.time(0), CST) - dt.timedelta(days=1)
    authority = pdf_authority(issued)
    _configure(home, authority, sealpki.authority(issued))
    work = _jobs(home, seed, night, count, names)
    shutil.rmtree(home / WORK, ignore_errors=True)
    for folder in (home / WORK, home / "inbox"):
        folder.mkdir(exist_ok=True)
    done: list[Done] = []
    with _workers(jobs or os.cpu_count() or 1, authority, issued) as results:
        for number, result in enumerate(results(work), 1):
            done.append(result)
            if progress:
                progress(number, len(work))
    path = _expect(home, night, [e for d in done for e in d.expectations])
    publish(home)  # last and at once, so that a killed maker leaves the inbox as it was
    return Summary(
        count,
        len(names),
        sum(len(d.expectations) for d in done),
        sum(d.files for d in done),
        sum(d.size for d in done),
        path,
    )


def _jobs(home: Path, seed: str, night: dt.date, count: int, names: Sequence[str]) -> list[Job]:
    """Faulty cases have the highest serials, so that a fault's case is the same in a small night and a large one."""
    top = 9999
    good = [Job(home, seed, night, serial) for serial in range(1, count + 1)]
    return good + [Job(home, seed, night, top - ALL_FAULTS.index(name), name) for name in names]


def _configure(home: Path, pdf: PdfAuthority, seals: sealpki.Authority) -> None:
    """The registry, the schedules and the trust store that the night needs."""
    config = home / "config"
    trust = config / "trust"
    for folder in (config / "schedules", trust / "anchors", trust / "intermediates", trust / "crls"):
        folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(HERE / "agencies.json", config / "agencies.json")
    shutil.copyfile(HERE / "matters.json", config / "matters.json")  # the on-line matters that coverage is measured by
    for path in sorted(SCHEDULES.glob("*.json")):
        shutil.copyfile(path, config / "schedules" / path.name)
    (trust / "anchors" / "sample-root.pem").write_bytes(pdf.root)
    (trust / "anchors" / "seal-root.pem").write_bytes(sealpki.pem(seals.root.certificate))
    (trust / "intermediates" / "sample-intermediate.pem").write_bytes(pdf.intermediate)
    (trust / "intermediates" / "seal-intermediate.pem").write_bytes(sealpki.pem(seals.intermediate.certificate))
    for name, crl in (pdf.crls | seals.crls).items():
        (trust / "crls" / f"{name}.crl").write_bytes(crl)


def _expect(home: Path, night: dt.date, records: list[dict[str, Any]]) -> Path:
    """expectations.json: every delivery's end, and totals an agency. The night runs at 01:00 in China."""
    records = sorted(records, key=lambda r: (r["agency"], r["delivery"]))
    totals: dict[str, dict[str, int]] = {}
    for record in records:
        agency = totals.setdefault(record["agency"], collections.Counter(deliveries=0))
        agency["deliveries"] += 1
        agency[record["state"]] += 1
    data = {"schema": "guidang.expectations/1.0", "as_of": dt.datetime.combine(night, dt.time(1), CST).isoformat(), "records": records,
            "totals": totals}  # fmt: skip
    path = home / "expectations.json"
    temp = path.with_suffix(".tmp")
    temp.write_text(json.dumps(data, ensure_ascii=False, indent=1) + "\n", "utf-8")
    temp.replace(path)
    return path


_DESK: list[Desk] = []  # a worker's one desk


def _open_desk(pdf: PdfAuthority, issued: dt.datetime) -> None:
    _DESK[:] = [Desk(pdf, sealpki.authority(issued))]


def _at_desk(job: Job) -> Done:
    return run(job, _DESK[0])


@contextlib.contextmanager
def _workers(count: int, pdf: PdfAuthority, issued: dt.datetime) -> Iterator[Callable[[list[Job]], Iterator[Done]]]:
    """Spawned processes (a fork would copy the parent's threads), or this process when one is enough."""
    if count == 1:
        _open_desk(pdf, issued)
        yield lambda work: map(_at_desk, work)
        return
    with multiprocessing.get_context("spawn").Pool(count, _open_desk, (pdf, issued)) as pool:
        yield lambda work: pool.imap(_at_desk, work, chunksize=2)
