"""`guidang check --stage BC`: the 四性检测 of packages as they are kept, without servers and without a ledger."""

from __future__ import annotations

import datetime as dt
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from ingest.checks import CheckContext
from ingest.checks.items import Stage
from ingest.checks.kept import kept_package
from ingest.checks.packages import PackageReport, run
from ingest.checks.subject import Subject
from ingest.metadata.parts import section, text
from ingest.settings import ConfigError, Home
from ingest.signatures import TrustStore

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ingest.checks.virus import Scanner


def check(path: Path, home: Home, as_of: dt.datetime, scanner: Scanner | None) -> PackageReport:
    """Check one package at stage BC. Raises OSError where it cannot be read."""
    trust = TrustStore.load(home.trust)
    with tempfile.TemporaryDirectory(prefix="guidang-check-") as folder:
        subject = kept_package(path, path.name, Path(folder))
        return run(Stage.BC, subject, CheckContext(as_of, _unit(home, subject), trust, (), scanner))


def _unit(home: Home, subject: Subject) -> Mapping[str, Any]:
    """The registry's entry of the unit that archived it; else the package is taken at its word."""
    about = next((section(record.case, "record") for record in subject.records), {})
    code = text(about, "unit_uscc")
    try:
        known = {entry.uscc: entry.raw for entry in home.agencies().values()}
    except ConfigError:
        known = {}
    return known.get(code or "") or {"id": "?", "uscc": code, "fonds_no": text(about, "fonds_no")}
