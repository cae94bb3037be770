"""What a verification has to show: for each comparison what was held against what, with both values."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Iterable, Mapping
from typing import Any

_LONGEST = 600  # characters of one value: a digest, a name, a sentence; never a document


class Outcome(enum.StrEnum):
    GOOD = "good"
    BAD = "bad"
    UNKNOWN = "unknown"  # it could not be compared; that is no proof of anything
    NOTE = "note"  # worth knowing, for or against nothing


class Part(enum.StrEnum):
    """The parts of a verification, in the order in which they are done."""

    COPIES = "copies"  # each replica's bytes against ledger, chain and commit mark
    MANIFEST = "manifest"  # every file in the package
    SIGNATURES = "signatures"  # by the evidence in the package alone
    LEDGER = "ledger"  # the record's row against the chain and the package
    CHAIN = "chain"  # the whole event chain and its signed heads


NAMES = {
    Part.COPIES: ("各副本", "Each replica"),
    Part.MANIFEST: ("包内每个文件", "Every file in the package"),
    Part.SIGNATURES: ("电子签名", "Signatures"),
    Part.LEDGER: ("台账记录", "The ledger's row"),
    Part.CHAIN: ("事件链", "The event chain"),
}


@dataclasses.dataclass(frozen=True, slots=True)
class Evidence:
    """One comparison. ``code`` is stable; ``where`` names the replica, member, column or event; ``by`` who says what was
    ``expected``."""

    outcome: Outcome
    code: str
    zh: str
    en: str
    where: str = ""
    expected: str = ""
    by: str = ""
    found: str = ""

    def as_json(self) -> dict[str, str]:
        out = dataclasses.asdict(self)
        return {name: _plain(value) for name, value in out.items()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Evidence:
        return cls(**{**data, "outcome": Outcome(data["outcome"])})


def compared(
    code: str,
    what: tuple[str, str],
    where: str,
    expected: object,
    by: str,
    found: object,
    *,
    unequal: Outcome = Outcome.BAD,
) -> Evidence:
    """Good where both values are the same."""
    outcome = Outcome.GOOD if expected == found else unequal
    return Evidence(outcome, code, *what, where, _shown(expected), by, _shown(found))


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """The outcome of many: bad if one is, else unknown if one is, else good."""
    seen = set(outcomes)
    return next((o for o in (Outcome.BAD, Outcome.UNKNOWN) if o in seen), Outcome.GOOD)


def _shown(value: object) -> str:
    return "—" if value is None else str(value)


def _plain(value: object) -> str:
    """Text that can be written anywhere, shortened where somebody's name or reason is endless."""
    text = str(value).encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
