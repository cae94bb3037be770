"""Each named fault of each form gives exactly its codes, and one faulty delivery stops nothing."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from form_reading import judged, records
from form_samples import Files, laid
from profile_faults import FAULTS

from ingest.findings import table


@pytest.mark.parametrize(("files", "codes"), [f[1:] for f in FAULTS], ids=[f[0] for f in FAULTS])
def test_each_fault_gives_exactly_its_codes(
    tmp_path: Path, files: Files, codes: set[str], frugal: Callable[[], AbstractContextManager[None]]
) -> None:
    laid(tmp_path / "d", files)
    with frugal():
        parts = records(tmp_path / "d", tmp_path)
        assert judged(tmp_path / "d", tmp_path, parts[0] if parts else "")[0] - {"PRF-NAME-ENCODING"} == codes


def test_every_finding_of_the_profiles_has_a_fault() -> None:
    own = {code for code in table() if code.startswith("PRF-")}
    shown = set().union(*(codes for _, _, codes in FAULTS))
    # these have tests of their own: told beside good records, or only by sources that cannot list
    assert own - shown == {"PRF-NAME-ENCODING", "PRF-OTHER-NOT-TAKEN", "PRF-SEVERAL"}
