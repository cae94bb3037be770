"""The on-line 事项 that agencies declared: what a schedule must reach, and what coverage is measured by."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ingest.metadata import strictjson

Matter = Mapping[str, Any]


class BadMatters(ValueError):
    """The list cannot be read; the text says where and why, Chinese and English."""


def read_matters(file: Path) -> list[Matter]:
    """The rows of a list of 事项 (objects like ``case.matter``), bare or under ``matters``. Raises BadMatters."""
    try:
        data = strictjson.loads(file.read_bytes())
    except (OSError, strictjson.BadJson) as e:
        raise BadMatters(f"事项清单不能读取 / cannot read the list of matters: {file}: {e}") from e
    rows = data.get("matters") if isinstance(data, dict) else data
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise BadMatters(f"事项清单应为对象的数组 / a list of matters is an array of objects: {file}")
    return rows


def matters_by_fonds(file: Path, fonds_of: Mapping[str, str]) -> dict[str, list[Matter]]:
    """The rows of ``config/matters.json`` by fonds, each naming its ``agency``; none if there is no such file.

    ``fonds_of`` maps agencies to their fonds. Raises BadMatters, also for an agency that is not registered.
    """
    out: dict[str, list[Matter]] = {}
    for row in read_matters(file) if file.is_file() else ():
        agency = row.get("agency")
        if not isinstance(agency, str) or agency not in fonds_of:
            raise BadMatters(f"事项清单中的机构没有登记 / an agency that is not registered: {file}: {agency!r}")
        out.setdefault(fonds_of[agency], []).append(row)
    return out
