"""The tokens by which an agency's system calls: one each, shown once; kept is only what tells a right one."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets

from ingest.servers.secrets import write_private
from ingest.settings import ConfigError, Home

_FILE = "push-tokens.json"


def make(home: Home, agency: str) -> str:
    """A new token for the agency, in place of the one it had. Raises ConfigError for an agency that is not registered."""
    if agency not in home.agencies():
        raise ConfigError(f"没有机构 / no such agency: {agency}; config/agencies.json")
    token = secrets.token_urlsafe(32)
    _keep(home, _known(home) | {agency: _digest(token)})
    return token


def revoke(home: Home, agency: str) -> bool:
    """Make the agency's token worth nothing; False where it had none."""
    known = _known(home)
    if agency not in known:
        return False
    _keep(home, {a: d for a, d in known.items() if a != agency})
    return True


def good(home: Home, agency: str, token: str) -> bool:
    """Whether this is the agency's token; as slow for an agency that has none."""
    expected = _known(home).get(agency, "")
    return hmac.compare_digest(expected, _digest(token)) and bool(expected)


def _digest(token: str) -> str:
    """A token is 32 random bytes: a plain digest cannot be guessed back."""
    return hashlib.sha256(token.encode()).hexdigest()


def _known(home: Home) -> dict[str, str]:
    try:
        given: dict[str, str] = json.loads((home.secrets / _FILE).read_text("utf-8"))
        return given
    except FileNotFoundError:
        return {}


def _keep(home: Home, known: dict[str, str]) -> None:
    home.secrets.mkdir(parents=True, mode=0o700, exist_ok=True)
    write_private(home.secrets / _FILE, json.dumps(known, sort_keys=True))
