"""What is checked of scans of traditional archives, beside what holds for any file: the 档号 that they bring, their pages against
the catalogue, and whether the pictures are worth keeping (``schemas/checks/scans.json``)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from ingest.checks import pixels
from ingest.findings import Finding
from ingest.metadata import codes
from ingest.metadata.parts import section, text, whole
from ingest.model import StagedFile
from ingest.paths import SCHEMAS
from ingest.schedule.numbers import parse_archival_code

_PAGE = re.compile(r"0*([1-9][0-9]{0,5})")
_CLASS = re.compile(r"[A-Z]{2}(·[A-Z0-9]{1,4}){0,2}")
_RETENTION = re.compile(r"Y|D[1-9][0-9]{0,2}")
_PICTURES = ("jpeg", "tiff", "png")


@cache
def rules() -> Mapping[str, Any]:
    """The sheet ``schemas/checks/scans.json``."""
    sheet: dict[str, Any] = json.loads((SCHEMAS / "checks" / "scans.json").read_text("utf-8"))
    return sheet


def check(
    case: Any, files: Sequence[StagedFile], formats: Mapping[str, Mapping[str, Any]], base: Path
) -> Iterator[Finding]:
    """Findings on one digitised 件 or 卷; ``formats`` are what opening its files found, by payload path."""
    yield from _check_code(section(case, "record"))
    yield from _check_formats(files, formats)
    yield from _check_pages(section(case, "record"), files, formats)
    yield from _check_numbers(files)
    yield from _check_same(files)
    yield from _check_pictures(files, formats, base)


def _check_code(record: Mapping[str, Any]) -> Iterator[Finding]:
    """The 档号 has one of the standards' forms, and the catalogue says nothing else than it."""
    code = text(record, "archival_code") or ""
    given = "·".join(c for c in (text(record, "category_code"), text(record, "class2")) if c)  # in a package, in two
    category, year = codes.normalise_archival(given), whole(record, "year")
    retention = text(record, "retention_code") or ""
    usable = {
        "类别号": bool(_CLASS.fullmatch(category)),
        "年度": year is not None and 1900 <= year <= 2099,
        "保管期限": bool(_RETENTION.fullmatch(retention)),
    }
    yield from (Finding("DIG-FIELD", field="/record", params={"name": n}) for n, good in usable.items() if not good)
    found = codes.check_archival(codes.normalise_archival(code))
    field = "/record/archival_code"
    if not found.ok:
        yield Finding("DIG-CODE-FORM", field=field)
    elif (template := found.parts["template"]) in ("DAT22", "DAT13"):  # the others do not say these three
        parts = parse_archival_code(code, template)
        path = "·".join(part for part in (parts.code, parts.class2, parts.class3) if part)
        for name, said, is_ in (
            ("年度", year, parts.year), ("类别号", category, path), ("保管期限", retention, parts.retention_code)
        ):  # fmt: skip
            if usable[name] and said != is_:
                yield Finding("DIG-CODE-DISAGREES", field=field, params={"name": name})


def _check_formats(files: Sequence[StagedFile], formats: Mapping[str, Mapping[str, Any]]) -> Iterator[Finding]:
    sheet = rules()
    for file in files:
        found = formats[file.path]
        if found.get("format") is not None and found["format"] not in sheet["formats"]:
            params = {"wanted": sheet["formats_zh"], "name": str(found.get("zh"))}
            yield Finding("DIG-FORMAT", path=file.source_path, params=params)


def _check_pages(
    record: Mapping[str, Any], files: Sequence[StagedFile], formats: Mapping[str, Mapping[str, Any]]
) -> Iterator[Finding]:
    stated = whole(record, "total_pages")
    counted = [formats[file.path].get("pages") for file in files]
    known = [pages for pages in counted if isinstance(pages, int)]
    if stated is None:
        return
    if len(known) < len(counted):
        yield Finding("DIG-PAGES-UNKNOWN", field="/record/total_pages")
    elif sum(known) != stated:
        params = {"stated": str(stated), "pages": str(sum(known))}
        yield Finding("DIG-PAGES", field="/record/total_pages", params=params)


def _check_numbers(files: Sequence[StagedFile]) -> Iterator[Finding]:
    """Files that are called by their page, in one folder, run from 1 without a gap."""
    by_folder: dict[str, dict[int, str]] = {}
    for file in files:
        folder, _, name = file.path.rpartition("/")
        if (page := _PAGE.fullmatch(name.rpartition(".")[0])) is None:
            continue
        pages = by_folder.setdefault(folder, {})
        if pages.setdefault(int(page[1]), file.path) != file.path:
            yield Finding("DIG-PAGE-TWICE", path=file.source_path, params={"page": page[1]})
    for folder, pages in by_folder.items():
        missing = next((n for n in range(1, len(pages) + 1) if n not in pages), None)
        if missing is not None:
            yield Finding("DIG-PAGE-GAP", path=folder, params={"page": str(missing)})


def _check_same(files: Sequence[StagedFile]) -> Iterator[Finding]:
    first: dict[str, str] = {}
    for file in files:
        other = first.setdefault(file.sha256, file.source_path)
        if other != file.source_path:
            yield Finding("DIG-SAME-SCAN", path=file.source_path, params={"other": other})


def _check_pictures(
    files: Sequence[StagedFile], formats: Mapping[str, Mapping[str, Any]], base: Path
) -> Iterator[Finding]:
    """Resolution and blank pages of pictures; of a PDF or OFD neither is looked at, which is said."""
    sheet = rules()
    blank = unknown = seen = 0
    for file in files:
        form = formats[file.path].get("format")
        if form not in _PICTURES:
            unknown += form is not None  # where there is none, it could not be opened, which has been said
            continue
        look = pixels.look(base / file.staged, sheet["blank"]["tone"], sheet["blank"]["share"])
        if look is None:
            continue  # the same
        seen += 1
        if look.dpi is None:
            unknown += 1
        elif look.dpi < sheet["least_dpi"]:
            params = {"dpi": str(look.dpi), "least": str(sheet["least_dpi"])}
            yield Finding("DIG-RESOLUTION", path=file.source_path, params=params)
        if look.blank:
            blank += 1
            yield Finding("DIG-BLANK", path=file.source_path)
    if unknown:
        yield Finding("DIG-RESOLUTION-UNKNOWN", params={"count": str(unknown)})
    if blank and blank == seen == len(files):
        yield Finding("DIG-ALL-BLANK")
