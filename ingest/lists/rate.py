"""One figure that an archive is judged by: a numerator over a denominator, with the rule by which both were counted."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any


@dataclasses.dataclass(frozen=True, slots=True)
class Words:
    """The same thing said in both languages."""

    zh: str
    en: str

    def as_json(self) -> dict[str, str]:
        return {"zh": self.zh, "en": self.en}


@dataclasses.dataclass(frozen=True, slots=True)
class Beside:
    """What was counted, but stands outside the numerator or the denominator, and why. ``key`` is a stable name."""

    key: str
    count: int
    why: Words

    def as_json(self) -> dict[str, Any]:
        return {"key": self.key, "count": self.count, **self.why.as_json()}


@dataclasses.dataclass(frozen=True, slots=True)
class Rate:
    """One rate. ``of`` says of what (``{"fonds_no": "T001"}``, ``{"agency": …, "period": "2024", "nature": …}``), ``unit`` what is
    counted (件, 卷, 页), ``target`` the share asked for, where one is.

    ``excluded`` is not in the denominator; ``open`` is in the denominator, and may yet come into the numerator.
    """

    of: Mapping[str, str]
    unit: str
    numerator: int
    denominator: int
    rule: Words
    target: float | None = None
    target_from: str | None = None
    excluded: tuple[Beside, ...] = ()
    open: tuple[Beside, ...] = ()

    @property
    def value(self) -> float | None:
        """The share, between 0 and 1; None where there is nothing to count."""
        return self.numerator / self.denominator if self.denominator else None

    @property
    def met(self) -> bool | None:
        """Whether the target is reached, judged by whole numbers; None without target or denominator."""
        if self.target is None or not self.denominator:
            return None
        return self.numerator * 10_000 >= round(self.target * 10_000) * self.denominator

    def as_json(self) -> dict[str, Any]:
        return {
            **self.of,
            "unit": self.unit,
            "numerator": self.numerator,
            "denominator": self.denominator,
            "rate": None if self.value is None else round(self.value, 6),
            "target": self.target,
            "target_from": self.target_from,
            "met": self.met,
            "excluded": [b.as_json() for b in self.excluded],
            "open": [b.as_json() for b in self.open],
            "rule": self.rule.as_json(),
        }
