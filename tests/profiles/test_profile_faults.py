"""Each named fault of each form gives exactly its codes, and one faulty delivery stops nothing."""

from __future__ import annotations

import resource
import time
from pathlib import Path

import pytest
from form_reading import judged, records
from form_samples import Files, laid
from profile_faults import FAULTS

from ingest.findings import table

QUICK = 10.0  # seconds; none may take longer


@pytest.mark.parametrize(("files", "codes"), [f[1:] for f in FAULTS], ids=[f[0] for f in FAULTS])
def test_each_fault_gives_exactly_its_codes(tmp_path: Path, files: Files, codes: set[str]) -> None:
    laid(tmp_path / "d", files)
    started, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    parts = records(tmp_path / "d", tmp_path)
    assert judged(tmp_path / "d", tmp_path, parts[0] if parts else "")[0] - {"PRF-NAME-ENCODING"} == codes
    assert time.process_time() - started < QUICK
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 512 * 1024


def test_every_finding_of_the_profiles_has_a_fault() -> None:
    own = {code for code in table() if code.startswith("PRF-")}
    shown = set().union(*(codes for _, _, codes in FAULTS))
    # these have tests of their own: told beside good records, or only by sources that cannot list
    assert own - shown == {"PRF-NAME-ENCODING", "PRF-OTHER-NOT-TAKEN", "PRF-SEVERAL"}
