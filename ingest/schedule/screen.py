"""Findings and tables on a terminal, where a Chinese character is two columns wide."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterable, Sequence

from ingest.findings import Finding

_LEVELS = {"reject": "必改", "hold": "须说明", "remark": "提示", "info": "说明"}


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def print_findings(findings: Iterable[Finding]) -> None:
    """One line a finding: weight, code, place, text."""
    for finding in findings:
        place = "" if finding.field is None else f" [{finding.field}]"
        say(f"{_LEVELS[finding.weight.value]} {finding.code}{place} {finding.text()}")


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """Rows of cells in columns; the first row is the head."""
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True))
        say("  ".join(cells).rstrip())


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)
