"""A schedule in a file, whatever its form: JSON, CSV or XLSX, told by the ending of its name."""

from __future__ import annotations

import importlib.util
import json
from pathlib import PurePath

from ingest.findings import Finding
from ingest.schedule.csvfile import read_csv, write_csv
from ingest.schedule.load import ScheduleError, parse_schedule
from ingest.schedule.model import Schedule

FORMS = (".json", ".csv", ".xlsx")


def read_schedule(content: bytes, name: str) -> Schedule:
    """The version in the bytes of a file called ``name``. Raises ScheduleError."""
    form = _form(name)
    if form == ".csv":
        return read_csv(content, name)
    if form == ".xlsx":
        from ingest.schedule.xlsxfile import read_xlsx

        return read_xlsx(content, name)
    return parse_schedule(content, name)


def write_schedule(schedule: Schedule, name: str) -> bytes:
    """The bytes of the version in the form that ``name`` asks for; the same version gives the same bytes. Raises ScheduleError."""
    form = _form(name)
    if form == ".csv":
        return write_csv(schedule)
    if form == ".xlsx":
        from ingest.schedule.xlsxform import write_xlsx

        return write_xlsx(schedule)
    return (json.dumps(schedule.as_json(), ensure_ascii=False, indent=1) + "\n").encode("utf-8")


def _form(name: str) -> str:
    form = PurePath(name).suffix.lower()
    if form not in FORMS:
        raise _cannot(name, f"文件名应以 {'、'.join(FORMS)} 结尾")
    if form == ".xlsx" and importlib.util.find_spec("openpyxl") is None:
        raise _cannot(name, "没有安装 openpyxl，请安装 guidang[forms] / install guidang[forms]")
    return form


def _cannot(name: str, reason: str) -> ScheduleError:
    return ScheduleError([Finding("SCH-FILE", path=name, params={"reason": reason})])
