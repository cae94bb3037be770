"""When a run is late, missed or stalled, as ``config/alerts.json`` says; the defaults fit a night that begins at 01:00."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from typing import Any

from ingest.settings import ConfigError, Home


@dataclasses.dataclass(frozen=True, slots=True)
class Rules:
    """``stalled_minutes`` without progress; a night must have begun by ``begin_by`` and ended by ``end_by`` (China time)."""

    stalled_minutes: int = 60
    begin_by: dt.time = dt.time(2, 0)
    end_by: dt.time = dt.time(7, 0)

    @classmethod
    def of(cls, home: Home) -> Rules:
        """The rules of a home. Raises ConfigError."""
        path = home.config / "alerts.json"
        try:
            given: dict[str, Any] = json.loads(path.read_text("utf-8"))
            rules = {**{f.name: f.default for f in dataclasses.fields(cls)}, **given}
            for name in ("begin_by", "end_by"):
                if name in given:
                    rules[name] = dt.time.fromisoformat(given[name])
            if type(rules["stalled_minutes"]) is not int or rules["stalled_minutes"] < 1:
                raise ValueError(f"stalled_minutes {rules['stalled_minutes']}")
            return cls(**rules)
        except FileNotFoundError:
            return cls()
        except (ValueError, TypeError, AttributeError) as e:
            raise ConfigError(f"告警时限配置有误 / the alarms' times are broken: {path}: {e}") from e
