"""Figures that took a while to count are kept as long as nothing has happened since: the event chain's end tells."""

from __future__ import annotations

import threading
import time

from desk.acting import now
from ingest.ledger import Ledger, chain
from ingest.lists.indicators import Indicators, gather
from ingest.settings import Agency, Home

_SECONDS = 60.0  # in a running night something happens every moment: figures are then at most so old, and say of when
_WORTH = 60  # times as long as they took to count, if that is longer
_LONGEST = 900.0  # what is declared in config/ may change without an event


class Kept:
    """One process's memory of the last figures of each view (all agencies, or one producer's own)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str], tuple[float, float, Indicators]] = {}

    def of(self, home: Home, ledger: Ledger, agency: Agency | None) -> Indicators:
        """The figures, counted now unless those known are still right or were counted a moment ago."""
        key = (ledger.url, agency.id if agency else "")
        with ledger.read() as conn:
            end = chain.head(conn).seq
        with self._lock:  # one counts, the others wait for it instead of counting too
            at, took, known = self._known.get(key, (0.0, 0.0, None))
            today = now()
            lasts = (
                _LONGEST if known is not None and known.event == end else max(_SECONDS, min(_WORTH * took, _LONGEST))
            )
            if known is not None and known.day == today.date().isoformat() and time.monotonic() - at < lasts:
                return known
            begun = time.monotonic()
            found = gather(home, ledger, today, agency)
            self._known[key] = (time.monotonic(), time.monotonic() - begun, found)
            return found


kept = Kept()
