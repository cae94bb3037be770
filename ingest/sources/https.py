"""An agency's HTTPS interface as source.

    GET <base>/deliveries?since=YYYY-MM-DD&cursor=…   {"deliveries": [{"name", "size", "modified", "etag"}], "next": cursor or null}
    GET <base>/deliveries/<name>/files                {"files": ["case.json", "申报文件/…", …]}
    GET <base>/deliveries/<name>/files/<path>         the bytes
    PUT <base>/receipts/<name>.received.json          the receipts: received,
    PUT <base>/receipts/<name>.examined.json          accepted, rejected or held,
    PUT <base>/receipts/<name>.receipt.json           and the last word

A delivery of another form than case.json says ``"packed": true``. ``modified`` is ISO 8601 with an offset, when the delivery was
complete. Names in paths are percent-encoded. The server is known by its certificate; we by a bearer token, a client
certificate, or both.
"""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, BinaryIO, cast
from urllib.parse import quote, urlencode

import urllib3
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse
from urllib3.util import Retry, Timeout

from ingest.settings import ConfigError
from ingest.sources.base import DONE, METADATA, DeliveryGone, SourceAway, SourceRefuses
from ingest.sources.connections import Connection
from ingest.sources.trees import Marked, SteadyFile, one_part, read_up_to, safe, whole_name

_PAGE_BYTES = 16 * 1024**2
_PAGES = 10_000
_PAGE_SECONDS = 120.0
_SECONDS = 30.0
_AT_ONCE = 4  # receipts on their way at the same time
_RETRIES = Retry(
    total=4,
    redirect=0,
    backoff_factor=0.5,
    status_forcelist=(429, 500, 502, 503, 504),
    allowed_methods=("GET", "PUT"),
    respect_retry_after_header=True,
    retry_after_max=60,
    raise_on_status=False,
)


class HttpsTree:
    """One interface; ``folder`` is ``deliveries/<name>`` for a delivery, ``receipts`` for receipts."""

    remote = True

    def __init__(self, connection: Connection) -> None:
        if connection.option("scheme", "https") != "https":
            raise ConfigError(f"连接 {connection.id}: 只用 HTTPS / only HTTPS")
        port = f":{connection.port}" if connection.port else ""
        self._base = f"https://{connection.host}{port}/{connection.schema.strip('/')}".rstrip("/")
        token = connection.password
        self._headers = {"Accept-Encoding": "identity"} | ({"Authorization": f"Bearer {token}"} if token else {})
        self._pool = urllib3.PoolManager(
            cert_reqs="CERT_REQUIRED",
            ca_certs=connection.option("ca_file") or None,
            cert_file=connection.option("cert_file") or None,
            key_file=connection.option("key_file") or None,
            timeout=Timeout(connect=_SECONDS, read=_SECONDS),
            retries=_RETRIES,
            maxsize=_AT_ONCE,
        )

    def marked(self, folder: str, markers: Collection[str], since: dt.date | None) -> Iterator[Marked]:
        cursor, seen = None, set()
        for _ in range(_PAGES):
            query = {"since": since.isoformat() if since else None, "cursor": cursor}
            try:
                page = self._json(f"{folder}?{urlencode({k: v for k, v in query.items() if v})}")
            except DeliveryGone as e:
                raise SourceAway(folder, "HTTP 404") from e
            yield from (_marked(d, folder) for d in _list(page, "deliveries", folder))
            cursor = page.get("next")
            if not cursor:
                return
            if not isinstance(cursor, str) or cursor in seen:
                break
            seen.add(cursor)
        raise SourceAway(folder, "续页没有尽头 / its pages have no end")

    def at(self, folder: str) -> HttpsTree:
        return self

    def walk(self, folder: str) -> list[str]:
        names = _list(self._json(f"{self._path(folder)}/files"), "files", folder)
        if not all(isinstance(n, str) for n in names):
            raise SourceAway(folder, "文件清单有误 / its list of files is broken")
        return names

    def open(self, folder: str, name: str) -> SteadyFile:
        path = f"{self._path(folder)}/files/{quote(safe(name), safe='/')}"
        try:
            answer = self._get(path)
        except DeliveryGone as e:
            raise FileNotFoundError(path) from e
        length = answer.headers.get("Content-Length")
        return SteadyFile(_Body(answer, path, length), name, lambda: None, lambda e: _away(path, e))

    def write(self, folder: str, files: Mapping[str, bytes]) -> None:
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            list(threads.map(lambda item: self._write(f"{folder}/{quote(item[0], safe='')}", item[1]), files.items()))

    def _write(self, path: str, data: bytes) -> None:
        headers = self._headers | {"Content-Type": "application/json"}
        try:
            answer = self._pool.request("PUT", f"{self._base}/{path}", body=data, headers=headers)
        except HTTPError as e:
            raise SourceAway(path, e) from e
        if not 200 <= answer.status < 300:
            raise _refusal(path, answer.status)

    def close(self) -> None:
        self._pool.clear()

    def join(self, folder: str, name: str) -> str:
        return f"{folder}/{one_part(name)}"

    # -------------------------------------------------------------------------------------------- asking

    @staticmethod
    def _path(folder: str) -> str:
        """``deliveries/<name>`` with the name encoded: a name may hold any character, a slash too."""
        kind, _, name = folder.partition("/")
        return f"{kind}/{quote(whole_name(name), safe='')}"

    def _get(self, path: str) -> BaseHTTPResponse:
        try:
            answer = self._pool.request("GET", f"{self._base}/{path}", headers=self._headers, preload_content=False)
        except HTTPError as e:
            raise SourceAway(path, e) from e
        if answer.status in (404, 410):
            answer.drain_conn()
            raise DeliveryGone(path)
        if answer.status != 200:
            answer.close()
            raise _refusal(path, answer.status)
        return answer

    def _json(self, path: str) -> Mapping[str, Any]:
        body = SteadyFile(self._get(path), path, lambda: None, lambda e: _away(path, e))
        body.until, body.remote = time.monotonic() + _PAGE_SECONDS, True
        with body:
            data = read_up_to(cast(BinaryIO, body), _PAGE_BYTES + 1)
        if len(data) > _PAGE_BYTES:
            raise SourceAway(path, f"一页超过 / a page exceeds {_PAGE_BYTES} bytes")
        try:
            page = json.loads(data)
        except (ValueError, RecursionError) as e:
            raise SourceAway(path, f"不是 JSON / not JSON: {e}") from e
        if not isinstance(page, dict):
            raise SourceAway(path, "不是 JSON 对象 / not a JSON object")
        return page


class _Body:
    """A response's body that must be as long as the server said: a cut connection is not the end of a file."""

    def __init__(self, answer: BaseHTTPResponse, path: str, length: str | None) -> None:
        self._answer = answer
        self._path = path
        self._left = int(length) if length is not None and length.isdecimal() else None

    def read(self, size: int) -> bytes:
        chunk = self._answer.read(size)
        if self._left is not None:
            self._left -= len(chunk)
            if not chunk and self._left > 0:
                raise SourceAway(self._path, f"连接中断，还差 {self._left} 字节 / cut off, {self._left} bytes missing")
        return chunk

    def close(self) -> None:
        self._answer.close()


def _refusal(path: str, status: int) -> SourceAway:
    """An answer that says no: for ever (who we are, what we ask), or for now."""
    kind = SourceRefuses if status in (401, 403, 407) else SourceAway
    return kind(path, f"HTTP {status}")


def _away(path: str, error: Exception) -> Exception:
    return error if isinstance(error, SourceAway) else SourceAway(path, error)


def _list(page: Mapping[str, Any], key: str, where: str) -> list[Any]:
    value = page.get(key)
    if not isinstance(value, list):
        raise SourceAway(where, f"答复中没有 {key} / the answer has no {key}")
    return value


def _marked(entry: Any, where: str) -> Marked:
    try:
        name, modified = entry["name"], dt.datetime.fromisoformat(entry["modified"])
        if not isinstance(name, str) or not name or modified.tzinfo is None:
            raise ValueError(name)
        marker = DONE if entry.get("packed") else METADATA
        moment = int(modified.timestamp() * 10**6) * 1000
        return Marked(name, marker, int(entry.get("size", 0)), moment, str(entry.get("etag", "")))
    except (KeyError, TypeError, ValueError, OverflowError) as e:
        raise SourceAway(where, f"报送清单有误 / its list of deliveries is broken: {e}") from e
