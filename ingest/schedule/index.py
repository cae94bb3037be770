"""One version, indexed once so that a record is matched without walking its entries (5,000 in a large organ)."""

from __future__ import annotations

import dataclasses
import unicodedata
from collections.abc import Callable, Iterable, Sequence

from ingest.schedule.codes import BASIC_LENGTH, IMPLEMENTATION_LENGTH, MatterCodes
from ingest.schedule.model import Entry, Schedule

# the levels of domain/three-in-one §1.4 in their order; the first two are one level in which the longest prefix wins
LEVELS = ("handling_item_code", "implementation_code", "basic_code", "matter_type", "category_default")


def fold(text: str) -> str:
    """Text as keywords are compared: NFKC and case-folded, so that full-width letters and brackets do not hide a word."""
    return unicodedata.normalize("NFKC", text).casefold()


@dataclasses.dataclass(frozen=True, slots=True)
class Hits:
    """The equally good entries that one kind of material hits: ``entries`` archive it, ``excluded`` say 不归档.

    ``passed_over`` are entries of the same standing that gave way because an entry is made for the record's very result.
    """

    level: str
    evidence: str
    entries: tuple[Entry, ...]
    excluded: tuple[Entry, ...] = ()
    passed_over: tuple[Entry, ...] = ()


class ScheduleIndex:
    """Look-ups of one version: by code prefix, by keyword below a 事项类型, and the defaults of a 事项类型."""

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule
        self._basic: dict[int, dict[str, list[Entry]]] = {}
        self._full: dict[int, dict[str, list[Entry]]] = {}
        self._keywords: dict[str, dict[int, dict[str, list[Entry]]]] = {}
        self._results: dict[str, list[Entry]] = {}
        self._defaults: dict[str, list[Entry]] = {}
        for entry in schedule.entries:
            self._add(entry)

    def _add(self, entry: Entry) -> None:
        if entry.retention_code is None and entry.archive:
            return  # 按主事项就高: the main matter's own entry decides, this one never does
        for code in entry.matter_codes:
            table = self._basic if len(code) <= BASIC_LENGTH else self._full
            table.setdefault(len(code), {}).setdefault(code, []).append(entry)
        kind = entry.matter_kind
        if entry.matter_codes or kind is None:
            return
        if entry.category_default:
            self._defaults.setdefault(kind, []).append(entry)
        elif entry.keywords:
            for keyword in map(fold, entry.keywords):
                self._keywords.setdefault(kind, {}).setdefault(len(keyword), {}).setdefault(keyword, []).append(entry)
        elif entry.result_codes:
            self._results.setdefault(kind, []).append(entry)

    def query(self, codes: MatterCodes, titles: Sequence[str], result: str | None) -> Query:
        """Prepare the candidates of one record: everything that does not depend on the kind of material."""
        folded = [fold(title) for title in titles]
        rungs: list[tuple[str, str, list[Entry]]] = []
        full = [code for code in (codes.handling_item, codes.implementation) if code]
        rungs += self._by_prefix(self._full, full)
        rungs += self._by_prefix(self._basic, [codes.basic] if codes.basic else [])
        if codes.kind is not None:
            named = self._by_keyword(codes.kind, folded)
            named += [entry for entry in self._results.get(codes.kind, ()) if result in entry.result_codes]
            rungs.append(("matter_type", "", named))
            rungs.append(("category_default", "", self._defaults.get(codes.kind, [])))
        return Query(rungs, folded, result)

    @staticmethod
    def _by_prefix(
        table: dict[int, dict[str, list[Entry]]], codes: Sequence[str]
    ) -> list[tuple[str, str, list[Entry]]]:
        out = []
        for length in sorted(table, reverse=True):
            for prefix in dict.fromkeys(code[:length] for code in codes if len(code) >= length):
                if prefix in table[length]:
                    out.append((_code_level(length), prefix, table[length][prefix]))
        return out

    def _by_keyword(self, kind: str, titles: Sequence[str]) -> list[Entry]:
        found: dict[str, Entry] = {}
        for length, table in self._keywords.get(kind, {}).items():
            for title in titles:
                for at in range(len(title) - length + 1):
                    for entry in table.get(title[at : at + length], ()):
                        found[entry.entry_no] = entry
        return list(found.values())


class Query:
    """The candidates of one record, best rung first. ``hits`` picks those that fit one kind of material."""

    def __init__(self, rungs: list[tuple[str, str, list[Entry]]], titles: Sequence[str], result: str | None) -> None:
        self._rungs = rungs
        self._titles = titles
        self._result = result

    def hits(self, kind: str | None) -> Hits | None:
        """What a file of this 材料类别 (None: unknown) hits: the first rung with an entry that fits, or None."""
        for level, prefix, entries in self._rungs:
            fitting = [entry for entry in entries if self._fits(entry, kind)]
            if not fitting:
                continue
            # an entry made for this result speaks before one for all results (three-in-one §1.4 rule 4)
            chosen = [entry for entry in fitting if entry.result_codes] or fitting
            passed = (
                [] if chosen is fitting else [entry for entry in fitting if not entry.result_codes and entry.archive]
            )
            return Hits(
                level,
                prefix or self._evidence(chosen),
                tuple(_ordered(chosen, lambda entry: entry.archive)),
                tuple(_ordered(chosen, lambda entry: not entry.archive)),
                tuple(passed),
            )
        return None

    def _fits(self, entry: Entry, kind: str | None) -> bool:
        if entry.material_kind not in ("all", kind):
            return False
        if entry.result_codes and self._result not in entry.result_codes:
            return False
        return not entry.keywords or bool(self._words(entry))

    def _words(self, entry: Entry) -> list[str]:
        return [word for word in entry.keywords if any(fold(word) in title for title in self._titles)]

    def _evidence(self, entries: Iterable[Entry]) -> str:
        words = dict.fromkeys(word for entry in entries for word in self._words(entry))
        return "、".join(words)


def _code_level(length: int) -> str:
    if length <= BASIC_LENGTH:
        return "basic_code"
    return "implementation_code" if length <= IMPLEMENTATION_LENGTH else "handling_item_code"


def _ordered(entries: Iterable[Entry], keep: Callable[[Entry], bool]) -> list[Entry]:
    """Longest retention first (就高), then the lower 条款号."""
    return sorted((entry for entry in entries if keep(entry)), key=lambda entry: (-entry.years, entry.key))
