"""A proposal for 开放审核 at the time of filing: the entry's control, made stricter where the metadata shows personal data.

It proposes only. Opening is decided by people at transfer (档案法 art. 30); the reasons are what they start from.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from ingest.metadata.codes import check_citizen
from ingest.paths import SCHEMAS
from ingest.schedule.codes import code_lists
from ingest.schedule.index import fold
from ingest.schedule.model import Entry

_STRICTNESS = ("open", "delayed", "restricted")
_FOUND = "元数据中有"
_MAX_TEXTS = 10_000  # enough for the largest honest case; a hostile one must not cost more
_ID_NUMBER = re.compile(r"(?<![0-9A-Za-z])[1-9][0-9]{5}(?:18|19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[0-9]{3}[0-9Xx](?![0-9A-Za-z])")  # fmt: skip  # noqa: E501
_MOBILE = re.compile(r"(?<![0-9A-Za-z])(?:\+?86[- ]?)?1[3-9][0-9][- ]?[0-9]{4}[- ]?[0-9]{4}(?![0-9A-Za-z])")


@dataclasses.dataclass(frozen=True, slots=True)
class Opening:
    """``decision`` is open, delayed or restricted; ``reasons`` are words without the data themselves."""

    decision: str
    reasons: tuple[str, ...]


@cache
def common_terms() -> tuple[str, ...]:
    """The words of ``schemas/opening-terms.json``, which tell of third parties' secrets in any agency."""
    return tuple(json.loads((SCHEMAS / "opening-terms.json").read_text("utf-8"))["terms"])


def load_terms(file: Path) -> tuple[str, ...]:
    """The common words and those of an installation's own ``{"terms": [...]}``; an absent file adds none.

    Raises ValueError for a file of another form.
    """
    if not file.is_file():
        return common_terms()
    data = json.loads(file.read_text("utf-8"))
    own = data.get("terms") if isinstance(data, dict) else None
    if not isinstance(own, list) or not all(isinstance(term, str) and term.strip() for term in own):
        raise ValueError(f'{file}: 应为 {{"terms": ["…"]}} / must be {{"terms": ["…"]}}')
    return tuple(dict.fromkeys((*common_terms(), *own)))


def unit_opinion(record: Mapping[str, Any]) -> dict[str, str] | None:
    """What the producer said about opening in ``record.open_control`` (decision, reason, open_from), or None."""
    about = record.get("record")
    given = about.get("open_control") if isinstance(about, Mapping) else None
    if not isinstance(given, Mapping):
        return None
    said = {name: given[name][:500] for name in ("decision", "reason", "open_from") if isinstance(given.get(name), str)}
    return said or None


def propose_opening(entry: Entry, record: Mapping[str, Any], terms: Sequence[str] = ()) -> Opening:
    """Propose the 开放控制属性 of a record filed by ``entry``.

    An ID number with a right check digit (GB 11643-1999), a mobile number, or one of the configured ``terms`` (third-party
    secrets, 商业秘密 …) anywhere in the metadata makes an open entry's record *delayed*. A stricter entry is never loosened.
    """
    ground = f"条款{entry.entry_no}规定为{code_lists()['open_controls'][entry.open_control]}"
    return stricter(entry.open_control, (ground,), record, terms)


def stricter(control: str, reasons: Sequence[str], record: Mapping[str, Any], terms: Sequence[str] = ()) -> Opening:
    """The control and its reasons, made stricter by what ``record`` holds: of a later version of a filed case, its own."""
    reasons = [reason for reason in reasons if not reason.startswith(_FOUND)]
    kinds = dict(_sensitive("\n".join(_texts(record)), terms))
    reasons += [f"{_FOUND}{kind}{count}处" for kind, count in sorted(kinds.items())]
    found = "delayed" if kinds else "open"
    return Opening(max(control, found, key=_STRICTNESS.index), tuple(reasons))


def _sensitive(text: str, terms: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Each kind of what should not be open, and how often it stands in ``text``."""
    if ids := sum(check_citizen(found.upper()).ok for found in _ID_NUMBER.findall(text)):
        yield "公民身份号码", ids
    if phones := len(_MOBILE.findall(text)):
        yield "移动电话号码", phones
    if terms:
        folded = fold(text)
        yield from ((f"敏感词“{term}”", count) for term in terms if (count := folded.count(fold(term))))


def _texts(value: object) -> Iterator[str]:
    """All strings of the metadata, walked without recursion: depth is the sender's choice."""
    open_, left = [value], _MAX_TEXTS
    while open_ and left:
        left -= 1
        at = open_.pop()
        if isinstance(at, str):
            yield at
        elif isinstance(at, Mapping):
            open_.extend(at.values())
        elif isinstance(at, list):
            open_.extend(at)
