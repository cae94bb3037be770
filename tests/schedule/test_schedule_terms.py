"""Days that follow from year and retention."""

from __future__ import annotations

import datetime as dt

import pytest

from ingest.schedule import terms


def test_the_term_starts_after_the_year_of_closing_and_ends_with_its_last_year() -> None:
    assert terms.retention_start(2024) == dt.date(2025, 1, 1)
    assert terms.retention_end(2024, "D30") == dt.date(2054, 12, 31)
    assert terms.retention_end(2024, "D10") == dt.date(2034, 12, 31)
    assert terms.retention_end(2024, "Y") is None
    with pytest.raises(ValueError, match="长期"):
        terms.retention_end(2024, "长期")


def test_opening_is_due_after_25_years_and_transfer_by_kind_and_level() -> None:
    assert terms.open_due(2024) == dt.date(2049, 12, 31)
    assert terms.transfer_due(2024) == dt.date(2029, 12, 31)
    assert terms.transfer_due(2024, "county") == dt.date(2034, 12, 31)
    assert terms.transfer_due(2024, "city") == dt.date(2044, 12, 31)
