"""How many cases each agency closed, as it declared them itself: ``config/closed-cases.json``, the denominator of the 归档率."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from ingest.settings import ConfigError, Home

FILE = "closed-cases.json"
SCHEMA = "guidang.closed-cases/1.0"
Key = tuple[str, ...]  # (agency, year) or (agency, year, 实施编码)


@dataclasses.dataclass(frozen=True, slots=True)
class ClosedCases:
    """What was declared, each line by (agency, year, 实施编码 or "" for all matters of that year)."""

    lines: Mapping[tuple[str, str, str], int] = dataclasses.field(default_factory=dict)

    @classmethod
    def of(cls, home: Home) -> ClosedCases:
        """The declarations of this installation. Raises ConfigError."""
        return cls.load(home.config / FILE)

    @classmethod
    def load(cls, path: Path) -> ClosedCases:
        """The declarations of the file, none where there is no file. Raises ConfigError.

        A year is declared as a whole or by matter, not both: the one would count the other again.
        """
        try:
            data = json.loads(path.read_text("utf-8"))
            if data["schema"] != SCHEMA:
                raise ValueError(f"schema: {SCHEMA}")
            lines: dict[tuple[str, str, str], int] = {}
            for n, row in enumerate(data["closed"]):
                agency, year, matter, cases = row["agency"], row["year"], row.get("matter_code") or "", row["cases"]
                if type(year) is not int or type(cases) is not int or cases < 0 or not isinstance(agency, str):
                    raise ValueError(f"closed/{n}")
                same = [k for k in lines if k[:2] == (agency, str(year)) and (k[2] == matter or not (k[2] and matter))]
                if same:
                    raise ValueError(f"closed/{n}: {agency} {year} 申报了两次，或既有总数又有分项 / declared twice")
                lines[agency, str(year), matter] = cases
        except FileNotFoundError:
            return cls()
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as e:
            raise ConfigError(f"办结数申报有误 / declared closed cases are broken: {path}: {e}") from e
        return cls(lines)

    def of_matter(self, key: Key) -> int | None:
        """What was declared for (agency, year, 实施编码), or None."""
        return self.lines.get((key[0], key[1], key[2]))

    def of_year(self, key: Key) -> int | None:
        """What was declared for all matters of (agency, year), or None."""
        return self.lines.get((key[0], key[1], ""))

    def matters(self, agency: str | None, year: int | None) -> list[Key]:
        """The keys (agency, year, 实施编码) for which something was declared."""
        return [line for line in self._wanted(agency, year) if line[2]]

    def years(self, agency: str | None, year: int | None) -> list[tuple[str, str]]:
        """The (agency, year) for which a number of all matters was declared."""
        return [line[:2] for line in self._wanted(agency, year) if not line[2]]

    def _wanted(self, agency: str | None, year: int | None) -> Iterator[tuple[str, str, str]]:
        return (k for k in self.lines if agency in (None, k[0]) and (year is None or k[1] == str(year)))
