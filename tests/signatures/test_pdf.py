"""PDF: each kind of signature with each fault gets the verdict that its name says."""

from __future__ import annotations

import pytest

from ingest.signatures import verify

from .pki.ca import AT
from .pki.ofd_cases import Case
from .pki.pdf_cases import cases

CASES = list(cases())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_verdict(case: Case) -> None:
    found = verify(case.data, f"{case.name}.pdf", case.store, AT)
    assert found.verdict is case.verdict, found.as_json()
    codes = {cause.code for cause in found.causes} | {c.code for s in found.signatures for c in s.causes}
    assert case.code is None or case.code in (found.reasons if case.verdict.value != "VALID" else codes), found.reasons


def test_names_are_unique() -> None:
    assert len({case.name for case in CASES}) == len(CASES)
