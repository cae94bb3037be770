"""What the 数字化率 of each fonds is held against, and which traditional archives should be digitised at all."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from ingest.lists.rate import Words
from ingest.paths import SCHEMAS
from ingest.settings import ConfigError, Home

SCHEMA = "guidang.holdings/1.0"
FILE = "holdings.json"
SHORT_TERM = "short_term"  # the reason that the plan gives, and no catalogue


@dataclasses.dataclass(frozen=True, slots=True)
class Target:
    """A share that a plan asks for; ``basis`` is the document that does."""

    kind: str
    rate: float
    words: Words
    basis: str


@dataclasses.dataclass(frozen=True, slots=True)
class HoldingsPlan:
    """``kinds`` names each fonds' target, ``default`` that of all others; archives of a term in ``short_terms`` are not digitised."""

    kinds: Mapping[str, str] = dataclasses.field(default_factory=dict)
    default: str = "archives"
    short_terms: frozenset[str] = frozenset()

    @classmethod
    def of(cls, home: Home) -> HoldingsPlan:
        """From ``config/holdings.json``; without it, provincial organs (``transfer_level`` in the registry) have theirs, and all
        others that of the archives. Raises ConfigError."""
        path = home.config / FILE
        province = {a.fonds_no for a in home.agencies().values() if a.raw.get("transfer_level") == "province"}
        kinds = dict.fromkeys(province, "province_unit")
        try:
            data = json.loads(path.read_text("utf-8"))
            if data["schema"] != SCHEMA:
                raise ValueError(f"schema: {SCHEMA}")
            kinds |= data.get("fonds", {})
            default, short = data.get("default", "archives"), frozenset(data.get("short_terms", ()))
            if unknown := {default, *kinds.values()} - targets().keys():
                raise ValueError(f"{'、'.join(map(str, unknown))}：应为 {'、'.join(targets())}")
        except FileNotFoundError:
            return cls(kinds)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as e:
            raise ConfigError(f"馆藏数字化配置有误 / the plan for holdings is broken: {path}: {e}") from e
        return cls(kinds, default, short)

    def target(self, fonds_no: str) -> Target:
        return targets()[self.kinds.get(fonds_no, self.default)]


@cache
def targets() -> Mapping[str, Target]:
    """The targets by kind (``schemas/indicators.json``)."""
    sheet = _sheet()
    return {k: Target(k, t["rate"], Words(t["zh"], t["en"]), sheet["basis"]) for k, t in sheet["targets"].items()}


@cache
def reasons() -> Mapping[str, Words]:
    """Why something is not to be digitised, by code."""
    return {code: Words(r["zh"], r["en"]) for code, r in _sheet()["not_to_digitise"].items()}


def _sheet() -> Any:
    return json.loads((SCHEMAS / "indicators.json").read_text("utf-8"))["digitisation"]
