"""A proposal for 开放审核 at the time of filing: the entry's control, made stricter where the metadata shows personal data.

It proposes only. Opening is decided by people at transfer (档案法 art. 30); the reasons are what they start from.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ingest.metadata.codes import check_citizen
from ingest.schedule.codes import code_lists
from ingest.schedule.index import fold
from ingest.schedule.model import Entry

_STRICTNESS = ("open", "delayed", "restricted")
_MAX_TEXTS = 10_000  # enough for the largest honest case; a hostile one must not cost more
_ID_NUMBER = re.compile(r"(?<![0-9A-Za-z])[1-9][0-9]{5}(?:18|19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[0-9]{3}[0-9Xx](?![0-9A-Za-z])")  # fmt: skip  # noqa: E501
_MOBILE = re.compile(r"(?<![0-9A-Za-z])(?:\+?86[- ]?)?1[3-9][0-9][- ]?[0-9]{4}[- ]?[0-9]{4}(?![0-9A-Za-z])")


@dataclasses.dataclass(frozen=True, slots=True)
class Opening:
    """``decision`` is open, delayed or restricted; ``reasons`` are words without the data themselves."""

    decision: str
    reasons: tuple[str, ...]


def propose_opening(entry: Entry, record: Mapping[str, Any], terms: Sequence[str] = ()) -> Opening:
    """Propose the 开放控制属性 of a record filed by ``entry``.

    An ID number with a right check digit (GB 11643-1999), a mobile number, or one of the configured ``terms`` (third-party
    secrets, 商业秘密 …) anywhere in the metadata makes an open entry's record *delayed*. A stricter entry is never loosened.
    """
    reasons = [f"条款{entry.entry_no}规定为{code_lists()['open_controls'][entry.open_control]}"]
    kinds: dict[str, int] = {}
    for text in _texts(record):
        for kind in _sensitive(text, terms):
            kinds[kind] = kinds.get(kind, 0) + 1
    reasons += [f"元数据中有{kind}{count}处" for kind, count in sorted(kinds.items())]
    found = "delayed" if kinds else "open"
    return Opening(max(entry.open_control, found, key=_STRICTNESS.index), tuple(reasons))


def _sensitive(text: str, terms: Sequence[str]) -> Iterator[str]:
    yield from ("公民身份号码" for found in _ID_NUMBER.findall(text) if check_citizen(found.upper()).ok)
    yield from ("移动电话号码" for _ in _MOBILE.findall(text))
    if terms:
        folded = fold(text)
        yield from (f"敏感词“{term}”" for term in terms if fold(term) in folded)


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
