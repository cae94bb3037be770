"""Tell people that something is wrong: a file below ``alerts/`` always, and an HTTP POST where an address is configured."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import urllib.request
from collections.abc import Sequence
from urllib.error import URLError

from ingest.settings import ConfigError, Home
from sip import canonical

_SECONDS = 15


def send(home: Home, what: str, run_id: str, lines: Sequence[str]) -> None:
    """Write ``alerts/<what>-<run>.json`` and post it to ``GUIDANG_ALERT_URL`` (mail gateways, chat hooks take JSON).

    The same run's alert replaces its earlier one. An address that does not answer is noted in the file, which is there in
    any case. Raises ConfigError for an address that is none, OSError where the home cannot be written.
    """
    name = f"{what}-{hashlib.sha256(run_id.encode()).hexdigest()[:12]}.json"
    path = home.root / "alerts" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    body = {"schema": "guidang.alert/1.0", "what": what, "run": run_id, "at": dt.datetime.now(dt.UTC).isoformat(),
            "count": len(lines), "lines": list(lines[:200])}  # fmt: skip
    path.write_bytes(canonical.dumps(body))
    url = os.environ.get("GUIDANG_ALERT_URL")
    if not url:
        return
    if not url.startswith(("http://", "https://")):
        raise ConfigError(
            f"GUIDANG_ALERT_URL 须以 http:// 或 https:// 开头 / must begin with http:// or https://: {url}"
        )
    call = urllib.request.Request(url, canonical.dumps(body), {"Content-Type": "application/json"})  # noqa: S310
    try:
        with urllib.request.urlopen(call, timeout=_SECONDS):  # noqa: S310 http and https only, see above
            pass
    except (URLError, OSError) as e:
        path.write_bytes(canonical.dumps({**body, "undelivered": str(e)}))
