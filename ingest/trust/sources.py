"""Where CRLs come from: ``config/trust/sources.json`` of a home, and the one place that fetches them."""

from __future__ import annotations

import base64
import dataclasses
import json
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from typing import IO, Any
from urllib.parse import urljoin, urlsplit

from ingest.settings import ConfigError, Home

SCHEMA = "guidang.trust-sources/1.0"
MAX_BYTES = 64 << 20
SECONDS = 60.0
_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,59}")


@dataclasses.dataclass(frozen=True)
class CrlSource:
    """One CRL. Exactly one of: ``file``, a path on this machine; ``url``, open to all; ``path`` at the host of ``connection``."""

    id: str
    file: str = ""
    url: str = ""
    connection: str = ""
    path: str = ""

    @property
    def told(self) -> str:
        """Where it comes from, as the event shall say it: never with a password."""
        return self.file or self.url or f"{self.connection}:{self.path}"


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """The host that a connection names, and who asks there."""

    base: str
    login: str = ""
    password: str = dataclasses.field(default="", repr=False)


class Unreachable(Exception):
    """The source did not answer, or not with a CRL's worth of bytes: trying again may help."""


def load(home: Home) -> list[CrlSource]:
    """The sources of a home; none when there is no such file. ConfigError says what is wrong with it."""
    path = home.trust / "sources.json"
    try:
        data = json.loads(path.read_text("utf-8"))
        if data["schema"] != SCHEMA:
            raise ValueError(f"schema {data['schema']}")
        sources = [CrlSource(**entry) for entry in data["crls"]]
    except FileNotFoundError:
        return []
    except (ValueError, KeyError, TypeError) as e:
        raise ConfigError(f"CRL 来源有误 / CRL sources are broken: {path}: {e}") from e
    for source in sources:
        ways = [w for w in (source.file, source.url, source.connection) if w]
        good = len(ways) == 1 and bool(source.path) == bool(source.connection) and _ID.fullmatch(source.id)
        if not good or (source.url and urlsplit(source.url).scheme not in ("http", "https")):
            raise ConfigError(
                f"CRL 来源有误 / a CRL source is broken: {path}: {source.id}: id（小写字母、数字）加 file、url(http/https) 或 "
                "connection+path 之一 / an id and one of file, url (http, https), or connection with path"
            )
    if len({s.id for s in sources}) != len(sources):
        raise ConfigError(f"CRL 来源的 id 重复 / an id stands twice: {path}")
    return sources


def fetch(source: CrlSource, connection: Callable[[str], Endpoint]) -> bytes:
    """The bytes at a source. Unreachable when they cannot be had; ``connection`` resolves the connection's name."""
    try:
        if source.file:
            with Path(source.file).open("rb") as file:
                return _bounded(file, source)
        if source.url:
            return _get(source, Endpoint(source.url), source.url)
        at = connection(source.connection)
        return _get(source, at, urljoin(at.base.rstrip("/") + "/", source.path.lstrip("/")))
    except (OSError, HTTPException, ValueError) as error:  # URLError and timeouts are OSErrors
        raise Unreachable(f"{source.id}: {_words(error)}") from error


def _get(source: CrlSource, at: Endpoint, url: str) -> bytes:
    if _host(url) != _host(at.base):
        raise ValueError("the path leads to another host")
    request = urllib.request.Request(url, headers={"User-Agent": "guidang"})  # noqa: S310 - http or https only, see load
    if at.login:
        token = base64.b64encode(f"{at.login}:{at.password}".encode()).decode()
        request.add_unredirected_header("Authorization", f"Basic {token}")
    with urllib.request.build_opener(_SameHost()).open(request, timeout=SECONDS) as answer:
        return _bounded(answer, source)


def _bounded(file: Any, source: CrlSource) -> bytes:
    data: bytes = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ValueError(f"more than {MAX_BYTES} bytes")
    return data


def _host(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        raise ValueError(f"scheme {parts.scheme}")
    return parts.scheme, parts.hostname, parts.port


def _words(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"HTTP {error.code}"
    return f"{type(error).__name__}: {error}"[:200]


class _SameHost(urllib.request.HTTPRedirectHandler):
    """A CRL host may move its files, but not send us to other hosts."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        if _host(newurl) != _host(req.full_url):
            raise urllib.error.HTTPError(req.full_url, code, "redirected to another host", headers, fp)
        return super().redirect_request(req, fp, code, msg, headers, newurl)
