"""What the tasks of the daily refresh call: one line of wiring a step."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ingest.ledger import Ledger
from ingest.model import CST
from ingest.settings import Home
from ingest.trust import refresh
from ingest.trust.sources import Endpoint, Unreachable

_log = logging.getLogger(__name__)


def pull(source: str, connection: Callable[[str], Endpoint], home: Home | None = None) -> dict[str, str]:
    """Fetch one source; raises Unreachable so that the task is tried again."""
    home = home or Home.of()
    with Ledger(home.database_url) as ledger:
        ledger.upgrade()
        pulled = refresh.pull(home, ledger, source, connection, dt.datetime.now(CST))
    if pulled.outcome == refresh.UNREACHABLE:
        raise Unreachable(pulled.detail)
    return pulled.as_json()


def report(pulled: Iterable[Mapping[str, str]], home: Home | None = None) -> dict[str, Any]:
    """The day's report, written, logged and returned; raises Unreachable at the end when a source could not be reached, so that
    the run does not look finished."""
    home = home or Home.of()
    with Ledger(home.database_url) as ledger:
        ledger.upgrade()
        told = refresh.report(home, ledger, [refresh.Pulled(**one) for one in pulled], dt.datetime.now(CST))
    for line in refresh.lines(told):
        _log.warning("%s", line)
    away = [p["source"] for p in told["pulled"] if p["outcome"] == refresh.UNREACHABLE]
    if away:
        raise Unreachable(f"取不到 / out of reach: {', '.join(away)}")
    return told
