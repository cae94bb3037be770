"""Receive and check one delivery without a night."""

from __future__ import annotations

import datetime as dt
import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from case_samples import AGENCY, AS_OF

from ingest.checks import CheckContext, run
from ingest.profiles import Profiles, Rooms, parts
from ingest.settings import Limits
from ingest.signatures import TrustStore
from ingest.sources import local_delivery
from ingest.steps import check
from ingest.steps.receive import Context, Received, receive


def received(
    delivery: Path, tmp_path: Path, part: str = "", profile: str | None = None, limits: Limits | None = None
) -> tuple[Received, Path]:
    """What receive makes of it, and the staging folder."""
    into = tmp_path / f"staged-{len(list(tmp_path.iterdir()))}"
    into.mkdir()
    agency = dict(AGENCY) | ({"profile": profile} if profile else {})
    context = Context(Profiles.load(tmp_path / "profiles"), agency, tmp_path / "whole" / into.name, part)
    return receive(local_delivery(delivery), into, limits or Limits(), context), into


def judged(
    delivery: Path, tmp_path: Path, part: str = "", profile: str | None = None, as_of: dt.datetime = AS_OF
) -> tuple[set[str], dict[str, Any], dict[str, bytes]]:
    """(all codes, the canonical record, the files as received by their path)."""
    out, into = received(delivery, tmp_path, part, profile)
    if out.final:
        return {f.code for f in out.findings}, {}, {}
    case = json.loads((into / "case.json").read_bytes())
    context = CheckContext(
        as_of, AGENCY, TrustStore.load(tmp_path / "trust"), out.findings,
        lacks=check.lacks(into), whole=check.whole(into), scans=check.scans(into),
    )  # fmt: skip
    report = run(case, out.files, into, context)
    return {f.code for f in report.findings}, report.record, {f.path: (into / f.staged).read_bytes() for f in out.files}


def records(delivery: Path, tmp_path: Path, profile: str | None = None) -> list[str] | None:
    """The records that the delivery is seen to hold when it is listed."""
    agency = dict(AGENCY) | ({"profile": profile} if profile else {})
    with ExitStack() as stack:
        rooms = Rooms(tmp_path / "work", tmp_path / f"listed-{len(list(tmp_path.iterdir()))}", stack)
        return parts(local_delivery(delivery), Profiles.load(tmp_path / "profiles"), agency, rooms, Limits())
