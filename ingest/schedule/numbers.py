"""The two numbers of a record: 电子文件号 (given at archiving) and 档号 (its place in the fonds); how they are written, read, counted.

Both are gapless inside a *scope*. The scope is the written number without its last part, so two records can share a number only
if one scope gave the same serial twice, and an auditor who holds only packages can tell a gap by the numbers alone.
"""

from __future__ import annotations

import dataclasses
import re

from ingest.metadata.codes import normalise_archival
from ingest.schedule.model import Category, retention_years

_SERIAL_WIDTH = 6
_FONDS = r"(?P<fonds>[A-Z0-9]{3,6})"
_YEAR = r"(?P<year>(?:19|20)[0-9]{2})"
_RETENTION = r"(?P<retention>Y|D[0-9]{1,3})"
_ORG = r"(?P<org>[A-Z0-9]{1,10}|[\u4e00-\u9fff]{1,12})"
# domain: DA/T 22-2015 puts hyphens before retention and organ, DA/T 13-2022 middle dots
_ARCHIVAL = {
    "DAT22": re.compile(rf"{_FONDS}-(?P<code>[A-Z]{{2}})·{_YEAR}-{_RETENTION}(?:-{_ORG})?-(?P<item>[0-9]{{3,6}})"),
    "DAT13": re.compile(
        rf"{_FONDS}-(?P<code>[A-Z]{{2}})(?:·(?P<class2>[A-Z0-9]{{1,4}}))?(?:·(?P<class3>[A-Z0-9]{{1,4}}))?"
        rf"·{_YEAR}·{_RETENTION}(?:·{_ORG})?-(?P<item>[0-9]{{3,6}})"
    ),
}
_ELECTRONIC = re.compile(
    rf"(?P<region>[0-9]{{6}})-{_FONDS}-(?P<matter>[0-9A-HJ-NPQRTUWXY]{{18}}[1-6][0-9]{{2}}[0-9A-Z]{{10}}"
    rf"|[A-Z]{{2}}(?:_[A-Z0-9]{{1,4}}){{0,2}})-{_YEAR}-{_RETENTION}-(?P<serial>[0-9]{{6}})"
)


class NumberSpaceExhausted(ValueError):
    """A serial does not fit the width that the classification scheme fixed; the scheme needs a wider template."""


@dataclasses.dataclass(frozen=True, slots=True)
class ElectronicRecordCode:
    """The parts of an 电子文件号; ``implementation_code`` is the class (`class_part`) where there is no matter."""

    region: str
    fonds_no: str
    implementation_code: str
    year: int
    retention_code: str
    serial: int


@dataclasses.dataclass(frozen=True, slots=True)
class ArchivalCode:
    """The parts of a 档号; ``item_no`` is the 件号 as written, with its leading zeros."""

    fonds_no: str
    code: str
    class2: str | None
    class3: str | None
    year: int
    retention_code: str
    org_code: str | None
    item_no: str


def electronic_scope(region: str, fonds_no: str, implementation_code: str, year: int, retention_code: str) -> str:
    """The key of the sequence from which the 流水号 of an 电子文件号 is drawn.

    The run is per (region, fonds, 实施编码, year, retention), not per fonds and year: the number is then unique by its own
    parts, six digits last for every matter, and records of different matters never wait for one another's row lock.
    """
    return f"电子文件号:{_electronic_prefix(region, fonds_no, implementation_code, year, retention_code)}"


def class_part(category: str) -> str:
    """What stands in the place of the 实施编码 for archives of no matter: the class, ``ZY·XK`` as ``ZY_XK`` (keys are ASCII)."""
    return category.replace("·", "_")


def electronic_record_code(
    region: str, fonds_no: str, implementation_code: str, year: int, retention_code: str, serial: int
) -> str:
    """``440100-T001-<31>-2024-D30-000001``. Raises NumberSpaceExhausted for a serial above 999999, ValueError for bad parts."""
    prefix = _electronic_prefix(region, fonds_no, implementation_code, year, retention_code)
    text = f"{prefix}-{_padded(serial, _SERIAL_WIDTH, prefix)}"
    parse_electronic_record_code(text)
    return text


def _electronic_prefix(region: str, fonds_no: str, implementation_code: str, year: int, retention_code: str) -> str:
    return f"{region}-{fonds_no}-{implementation_code}-{year}-{retention_code}"


def parse_electronic_record_code(text: str) -> ElectronicRecordCode:
    """Take an 电子文件号 apart. Raises ValueError if it does not have the form."""
    found = _ELECTRONIC.fullmatch(normalise_archival(text))
    if found is None:
        raise ValueError(f"not an 电子文件号: {text!r}")
    return ElectronicRecordCode(
        found["region"], found["fonds"], found["matter"], int(found["year"]), found["retention"], int(found["serial"])
    )


def archival_scope(category: Category, fonds_no: str, year: int, retention_code: str, org_code: str | None) -> str:
    """The key of the sequence from which the 件号 of a 档号 is drawn (DA/T 13-2022: fonds, class, year, retention, organ).

    The organ counts only where the template writes it; otherwise two organs would give out the same 档号.
    """
    return f"档号:{_archival_prefix(category, fonds_no, year, retention_code, org_code)}"


def archival_code(
    category: Category, fonds_no: str, year: int, retention_code: str, org_code: str | None, item_no: int
) -> str:
    """``T001-ZY·XK·2024·D30-00001`` (DAT13) or ``T001-WS·2024-Y-BGS-0001`` (DAT22), by the category's template.

    Raises NumberSpaceExhausted where ``item_no`` needs more digits than the template has, ValueError for bad parts.
    """
    prefix = _archival_prefix(category, fonds_no, year, retention_code, org_code)
    text = f"{prefix}-{_padded(item_no, category.number_width, prefix)}"
    parse_archival_code(text, category.template)
    return text


def scopes_of(electronic_code: str, archival: str) -> list[tuple[str, int]]:
    """The sequences that two written numbers were drawn from, each with its serial: what `electronic_scope` and
    `archival_scope` gave, read from the numbers alone. Raises ValueError for what is no number."""
    out = []
    for kind, written in (("电子文件号", electronic_code), ("档号", archival)):
        prefix, _, serial = written.rpartition("-")
        if not prefix or not (serial.isascii() and serial.isdigit()):
            raise ValueError(f"not a {kind}: {written!r}")
        out.append((f"{kind}:{prefix}", int(serial)))
    return out


def _archival_prefix(category: Category, fonds_no: str, year: int, retention_code: str, org_code: str | None) -> str:
    retention_years(retention_code)
    if category.with_org and org_code is None:
        raise ValueError(f"category {category.path} writes the organ, but the entry names none")
    between = "·" if category.template == "DAT13" else "-"
    parts = [f"{category.path}·{year}", retention_code]
    if category.with_org and org_code is not None:
        parts.append(org_code)
    return f"{fonds_no}-{between.join(parts)}"


def parse_archival_code(text: str, template: str) -> ArchivalCode:
    """Take a 档号 apart by its category's template (``DAT13`` or ``DAT22``; never by trial, the forms overlap).

    Raises ValueError if it does not have the form. In DAT13 a class and a year cannot be confused: the retention follows the year.
    """
    found = _ARCHIVAL[template].fullmatch(normalise_archival(text))
    if found is None:
        raise ValueError(f"not a 档号 of template {template}: {text!r}")
    parts = found.groupdict()
    return ArchivalCode(
        fonds_no=parts["fonds"],
        code=parts["code"],
        class2=parts.get("class2"),
        class3=parts.get("class3"),
        year=int(parts["year"]),
        retention_code=parts["retention"],
        org_code=parts["org"],
        item_no=parts["item"],
    )


def _padded(number: int, width: int, prefix: str) -> str:
    if number < 1:
        raise ValueError(f"serials run from 1: {number}")
    if number >= 10**width:
        raise NumberSpaceExhausted(f"{prefix}: {number} does not fit {width} digits")
    return f"{number:0{width}d}"
