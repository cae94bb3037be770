"""The daily refresh: CRLs from their sources into the trust store, then what a keeper should know, as a report."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ingest.ledger import Ledger
from ingest.settings import ConfigError, Home
from ingest.signatures import keeping
from ingest.signatures.keeping import AlreadyThere
from ingest.signatures.trust import TrustError
from ingest.trust import acts
from ingest.trust.sources import Endpoint, Unreachable, fetch, load

BY = "trust_refresh"
WARN_DAYS = 60
NEW, SAME, REFUSED, UNREACHABLE = "new", "same", "refused", "unreachable"


@dataclasses.dataclass(frozen=True)
class Pulled:
    """What one source gave: ``new`` (now in the store), ``same`` (nothing newer than what is there), ``refused`` (no CRL of an
    issuer that the store knows, of the future, ...), or ``unreachable``; ``detail`` says why."""

    source: str
    outcome: str
    detail: str = ""

    def as_json(self) -> dict[str, str]:
        return dataclasses.asdict(self)


def pull(home: Home, ledger: Ledger, source_id: str, connection: Callable[[str], Endpoint], at: dt.datetime) -> Pulled:
    """Fetch one source into the store. A CRL that is bad, older, of the future or by another issuer changes nothing.
    Never raises for what a source does; TrustError or ConfigError when store or configuration are broken."""
    source = next((s for s in load(home) if s.id == source_id), None)
    if source is None:
        raise ConfigError(f"没有此 CRL 来源 / no such CRL source: {source_id}")
    keeping.items(home.trust)  # a store that cannot be read is not this source's fault
    try:
        data = fetch(source, connection)
        added = acts.add(home.trust, ledger, data, kind="crl", by=BY, source=source.told, at=at, purpose=source.id)
    except Unreachable as error:
        return Pulled(source_id, UNREACHABLE, str(error))
    except AlreadyThere as error:
        return Pulled(source_id, SAME, str(error))
    except TrustError as error:
        return Pulled(source_id, REFUSED, str(error))
    return Pulled(source_id, NEW, "; ".join(f"{one.name} {one.entry.sha256[:16]}" for one in added))


def report(home: Home, ledger: Ledger, pulled: list[Pulled], at: dt.datetime) -> dict[str, Any]:
    """What was pulled and what a keeper should act on, also written to ``reports/trust/<day>.json`` of the home. Shape:
    ``{schema, at, pulled: [{source, outcome, detail}], notices: [{code, about, zh, en}]}``."""
    history = acts.history(ledger)
    notices = [dataclasses.asdict(n) for n in keeping.check(home.trust, at, WARN_DAYS, history)]
    missed = sorted({s.id for s in load(home)} - {p.source for p in pulled})
    told = [*pulled, *(Pulled(i, UNREACHABLE, "任务未完成 / its task did not end") for i in missed)]
    out = {
        "schema": "guidang.trust-report/1.0", "at": at.isoformat(), "notices": notices,
        "pulled": [p.as_json() for p in sorted(told, key=lambda p: p.source)],
    }  # fmt: skip
    folder = home.root / "reports" / "trust"
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / f"{at.date()}.json", json.dumps(out, ensure_ascii=False, indent=2).encode())
    return out


def _write(path: Path, data: bytes) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".")
    with os.fdopen(handle, "wb") as out:
        out.write(data)
    Path(temporary).chmod(0o644)
    Path(temporary).replace(path)


def lines(told: dict[str, Any]) -> list[str]:
    """The report for a log, what needs a person first."""
    pulled = sorted(told["pulled"], key=lambda p: p["outcome"] in (NEW, SAME))
    return [
        *(f"{n['code']}: {n['about']}: {n['zh']} / {n['en']}" for n in told["notices"]),
        *(f"CRL {p['source']}: {p['outcome']} {p['detail']}".rstrip() for p in pulled),
    ]
