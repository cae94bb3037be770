"""What the nightly task calls."""

from __future__ import annotations

import datetime as dt
from typing import Any

from ingest.inspection.scan import scan
from ingest.ledger import Ledger
from ingest.settings import Home


def look(as_of: dt.datetime, home: Home | None = None) -> dict[str, Any]:
    """Scan for hazards; `Scanned` as JSON. Safe to repeat."""
    home = home or Home.of()
    with Ledger(home.database_url) as ledger:
        ledger.upgrade()
        return scan(home, ledger, as_of).as_json()
