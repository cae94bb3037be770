"""Agency reform (机构改革): which fonds takes a case when one fonds has been succeeded by another.

What was closed before the day of reform stays in the old fonds, which is then frozen with its 档号 untouched; what is closed on
the day or later goes to the successor, also when the case was opened before.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

SCHEMA_ID = "guidang.lineage/1.0"


@dataclasses.dataclass(frozen=True, slots=True)
class Succession:
    """One step: from ``date`` on, ``successor`` takes what ``predecessor`` did.

    ``matter_codes`` (beginnings of 实施编码 or 基本编码) limit the step to some matters where an agency was split; empty: all.
    """

    predecessor: str
    successor: str
    date: dt.date
    matter_codes: tuple[str, ...] = ()
    document_no: str = ""

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Succession:
        """From ``{"predecessor", "successor", "date", "matter_codes"?, "document_no"?}``. Raises KeyError, ValueError."""
        return cls(
            data["predecessor"],
            data["successor"],
            dt.date.fromisoformat(data["date"]),
            tuple(data.get("matter_codes", ())),
            data.get("document_no", ""),
        )


class Lineage:
    """All steps of all fonds. Raises ValueError for a fonds that succeeds itself or two successors for the same matters."""

    def __init__(self, steps: Iterable[Succession]) -> None:
        self._steps: dict[str, list[Succession]] = {}
        for step in sorted(steps, key=lambda s: (s.date, s.predecessor, s.successor)):
            if step.predecessor == step.successor:
                raise ValueError(f"全宗 {step.predecessor} 不能承继自己")
            taken = [code for other in self._steps.get(step.predecessor, ()) for code in other.matter_codes or ("",)]
            for code in step.matter_codes or ("",):
                if code in taken:
                    raise ValueError(f"全宗 {step.predecessor} 的{code or '全部事项'}有两个承继全宗")
            self._steps.setdefault(step.predecessor, []).append(step)

    @classmethod
    def load(cls, file: Path) -> Lineage:
        """From ``{"schema": "guidang.lineage/1.0", "steps": [...]}``; an absent file is an empty lineage.

        Raises ValueError with the file's name for what is wrong in it.
        """
        if not file.is_file():
            return cls(())
        try:
            data = json.loads(file.read_text("utf-8"))
            if data["schema"] != SCHEMA_ID:
                raise ValueError(f"schema 应为 {SCHEMA_ID}")
            return cls(Succession.from_json(step) for step in data["steps"])
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"全宗沿革 {file.name} 有误 / lineage is broken: {error}") from error

    def fonds_for(self, fonds_no: str, closed: dt.date, codes: Sequence[str] = ()) -> str:
        """The fonds that takes a case of ``fonds_no`` closed on that day; ``codes`` are its 实施编码 and 基本编码.

        Steps are followed on: of a successor that was itself succeeded before the closing day, its successor takes the case.
        The most particular step (longest code) speaks first.
        """
        seen = {fonds_no}
        while (step := self._step(fonds_no, closed, codes)) is not None and step.successor not in seen:
            fonds_no = step.successor
            seen.add(fonds_no)
        return fonds_no

    def _step(self, fonds_no: str, closed: dt.date, codes: Sequence[str]) -> Succession | None:
        fitting = [
            (max(map(len, found)), step)
            for step in self._steps.get(fonds_no, ())
            if closed >= step.date
            and (found := [own for own in step.matter_codes or ("",) if any(c.startswith(own) for c in codes or ("",))])
        ]
        return max(fitting, key=lambda pair: pair[0])[1] if fitting else None

    def frozen_since(self, fonds_no: str) -> dt.date | None:
        """The day from which the fonds takes no more records: that of the step which handed over all its matters, or None."""
        whole = [step.date for step in self._steps.get(fonds_no, ()) if not step.matter_codes]
        return min(whole, default=None)

    def handover(self, fonds_no: str, filings: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """The 移交目录 of a frozen fonds: its filings (``Filing.as_json`` plus title) in the order of 档号, with serial numbers.

        Raises ValueError if the fonds is not frozen.
        """
        since = self.frozen_since(fonds_no)
        if since is None:
            raise ValueError(f"全宗 {fonds_no} 未被整体承继，不能编制移交目录")
        rows = sorted((f for f in filings if f["fonds_no"] == fonds_no), key=lambda f: str(f["archival_code"]))
        names = (
            "archival_code",
            "electronic_record_code",
            "title",
            "year",
            "retention_code",
            "closed_on",
            "object_key",
        )
        return [
            {"no": at, "frozen_since": since.isoformat()} | {n: row.get(n) for n in names}
            for at, row in enumerate(rows, 1)
        ]
