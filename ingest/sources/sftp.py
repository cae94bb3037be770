"""SFTP as source. The server is who we think it is (its key is pinned in the connection), or nothing is read."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import errno
import hashlib
import io
import itertools
import os
import posixpath
import stat
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

import paramiko

from ingest.settings import ConfigError
from ingest.sources.base import DeliveryGone, SourceAway, SourceRefuses
from ingest.sources.connections import Connection
from ingest.sources.trees import Marked, SteadyFile, safe

_T = TypeVar("_T")
_SECONDS = 30.0  # without a sign of life
_WAITS = (0.5, 2.0)  # seconds before the second and third try
_REQUEST = 32 * 1024
_WINDOW = 8 * 1024**2
_MOST = 1_000_000  # entries of one listing
_DEPTH = 32  # what lies deeper is named, as a link is, and not gone into


class SftpTree:
    """The file system behind an SFTP server; connects when first asked, and again after a break.

    A connection serves one request, or one open file, at a time: an answer that two wait for is taken from one of them. So a
    request that was left behind (patience.py) keeps its connection, and the next one has its own.
    """

    remote = True

    def __init__(self, connection: Connection) -> None:
        self._at = connection
        self._lock = threading.Lock()
        self._closed = False
        self._idle: _Line | None = None

    def marked(self, folder: str, markers: Collection[str], since: dt.date | None) -> Iterator[Marked]:
        entries = {e.filename: e for e in self._ask(folder, lambda line: _listing(line.sftp, folder))}
        for (name, entry), marker in itertools.product(entries.items(), markers):
            if stat.S_ISDIR(entry.st_mode or 0):
                path = posixpath.join(folder, name, marker)
                mark = self._ask(path, lambda line, path=path: _lstat(line.sftp, path))  # type: ignore[misc]
                tag = ""
            else:
                mark = entries.get(name + marker) if _is_file(entry) else None
                tag = "-".join(map(str, _state(entry)))
            if mark is not None and _is_file(mark):
                yield Marked(name, marker, mark.st_size or 0, (mark.st_mtime or 0) * 10**9, tag)

    def at(self, folder: str) -> SftpTree:
        return self

    def walk(self, folder: str) -> list[str]:
        st = self._ask(folder, lambda line: _lstat(line.sftp, folder))
        if st is None:
            raise DeliveryGone(folder)
        if _is_file(st):  # a delivery that is a single file
            return [posixpath.basename(folder)]
        return self._ask(folder, lambda line: list(_below(line.sftp, folder, "", itertools.count(1))))

    def open(self, folder: str, name: str) -> SteadyFile:
        path = posixpath.join(folder, safe(name))
        if name == posixpath.basename(folder):
            own = self._ask(folder, lambda line: _lstat(line.sftp, folder))
            path = folder if own is not None and _is_file(own) else path
        return self._ask(path, lambda line: self._open(line, path), keep=True)

    def _open(self, line: _Line, path: str) -> SteadyFile:
        st = line.sftp.lstat(path)
        if not _is_file(st):
            raise OSError(errno.ELOOP, f"not a regular file: {path!r}")
        file = _Windows(line.sftp.open(path, "rb"), st.st_size or 0, lambda: self._give_back(line))
        return SteadyFile(file, path, lambda: _state(line.sftp.lstat(path)), lambda e: SourceAway(path, e))

    def write(self, folder: str, files: Mapping[str, bytes]) -> None:
        self._ask(folder, lambda line: _make(line.sftp, folder))
        for name, data in files.items():
            self._ask(folder, lambda line, name=name, data=data: _write(line.sftp, folder, name, data))  # type: ignore[misc]

    def join(self, folder: str, name: str) -> str:
        return posixpath.join(folder, name)

    def close(self) -> None:
        with self._lock:
            self._closed = True  # a request that was left behind does not connect again
            line, self._idle = self._idle, None
        if line is not None:
            line.ssh.close()

    # -------------------------------------------------------------------------------------------- the connection

    def _ask(self, what: str, work: Callable[[_Line], _T], keep: bool = False) -> _T:
        """``work`` on a connection of its own; after a break it is done again on another. Raises SourceAway.

        ``keep``: what ``work`` gives goes on with the connection, and gives it back.
        """
        for wait in (*_WAITS, None):
            try:
                return self._once(work, keep)
            except (paramiko.BadHostKeyException, paramiko.AuthenticationException) as e:
                raise SourceRefuses(self._at.id, e) from e
            except PermissionError as e:
                raise SourceRefuses(what, e) from e
            except OSError as e:
                if e.errno in (errno.ENOENT, errno.ELOOP):
                    raise
                broken: Exception = e
            except (paramiko.SSHException, EOFError) as e:
                broken = e
            if wait is None:
                raise SourceAway(what, broken) from broken
            time.sleep(wait)
        raise AssertionError("unreachable")

    def _once(self, work: Callable[[_Line], _T], keep: bool) -> _T:
        with self._lock:
            if self._closed:
                raise SourceAway(self._at.id, "已挂断 / hung up")
            line, self._idle = self._idle, None
        line = line or self._connect()
        try:
            result = work(line)
        except BaseException as e:
            if isinstance(e, FileNotFoundError | PermissionError):  # an answer as good as any
                self._give_back(line)
            else:
                line.ssh.close()
            raise
        if not keep:
            self._give_back(line)
        return result

    def _give_back(self, line: _Line) -> None:
        with self._lock:
            if not self._closed and self._idle is None:
                self._idle = line
                return
        line.ssh.close()

    def _connect(self) -> _Line:
        ssh = paramiko.SSHClient()
        ssh.get_host_keys().add(self._host(), (key := _host_key(self._at)).get_name(), key)
        ssh.set_missing_host_key_policy(paramiko.RejectPolicy())
        try:
            ssh.connect(
                self._at.host,
                self._at.port or 22,
                username=self._at.login,
                password=self._at.password or None,
                pkey=_private_key(self._at),
                look_for_keys=False,
                allow_agent=False,
                timeout=_SECONDS,
                banner_timeout=_SECONDS,
                auth_timeout=_SECONDS,
                channel_timeout=_SECONDS,
            )
            sftp = ssh.open_sftp()
        except BaseException:
            ssh.close()
            raise
        if (channel := sftp.get_channel()) is not None:
            channel.settimeout(_SECONDS)
        return _Line(ssh, sftp)

    def _host(self) -> str:
        """How paramiko looks a host's key up."""
        port = self._at.port or 22
        return self._at.host if port == 22 else f"[{self._at.host}]:{port}"


class _Line(NamedTuple):
    """One connection, and the SFTP session on it."""

    ssh: paramiko.SSHClient
    sftp: paramiko.SFTPClient


class _Windows:
    """A remote file read a window at a time: many requests under way at once, and never more than a window in memory.

    ``done`` is called when it is closed.
    """

    def __init__(self, file: paramiko.SFTPFile, size: int, done: Callable[[], None]) -> None:
        self._file = file
        self._size = size
        self._done = done
        self._at = 0
        self._have = memoryview(b"")

    def read(self, size: int) -> bytes:
        if not self._have and self._at < self._size:
            end = min(self._at + _WINDOW, self._size)
            chunks = [(at, min(_REQUEST, end - at)) for at in range(self._at, end, _REQUEST)]
            data = b"".join(self._file.readv(chunks, max_concurrent_prefetch_requests=64))
            self._at = end if len(data) == end - self._at else self._size  # shorter: it is another file by now
            self._have = memoryview(data)
        out, self._have = self._have[:size], self._have[size:]
        return bytes(out)

    def close(self) -> None:
        self._file.close()
        self._done()


def _host_key(at: Connection) -> paramiko.PKey:
    """The pinned key: ``extra.host_key``, written as in known_hosts (``ssh-ed25519 AAAA…``)."""
    kind, _, text = at.option("host_key").strip().partition(" ")
    try:
        return paramiko.PKey.from_type_string(kind, base64.b64decode(text.split()[0], validate=True))
    except (IndexError, binascii.Error, ValueError, paramiko.SSHException):
        raise ConfigError(
            f"连接 {at.id} 的 extra.host_key 缺失或有误：用 ssh-keyscan 取得并核对指纹后填写"
            f" / connection {at.id} needs extra.host_key: take it by ssh-keyscan and compare its fingerprint"
        ) from None


def _private_key(at: Connection) -> paramiko.PKey | None:
    text = at.option("private_key")
    if not text:
        return None
    phrase = at.option("private_key_passphrase") or None
    for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
        try:
            return kind.from_private_key(io.StringIO(text), phrase)
        except (paramiko.SSHException, ValueError):
            continue
    raise ConfigError(f"连接 {at.id} 的私钥不能读取 / the private key of connection {at.id} cannot be read")


def _listing(client: paramiko.SFTPClient, folder: str) -> list[paramiko.SFTPAttributes]:
    try:
        return list(_entries(client, folder, itertools.count(1)))
    except FileNotFoundError:
        return []


def _entries(client: paramiko.SFTPClient, folder: str, counted: Iterator[int]) -> Iterator[paramiko.SFTPAttributes]:
    """What stands in a folder. A name that leads elsewhere is no name; more than _MOST entries in all have no end."""
    for entry in client.listdir_iter(folder):
        if next(counted) > _MOST:
            raise SourceAway(folder, f"目录没有尽头 / more than {_MOST} entries")
        if entry.filename not in ("", ".", "..") and "/" not in entry.filename and "\0" not in entry.filename:
            yield entry


def _lstat(client: paramiko.SFTPClient, path: str) -> paramiko.SFTPAttributes | None:
    try:
        return client.lstat(path)
    except FileNotFoundError:
        return None


def _below(client: paramiko.SFTPClient, folder: str, base: str, counted: Iterator[int]) -> Iterator[str]:
    for entry in list(_entries(client, posixpath.join(folder, base), counted)):
        name = posixpath.join(base, entry.filename)
        if stat.S_ISDIR(entry.st_mode or 0) and name.count("/") < _DEPTH:
            yield from _below(client, folder, name, counted)
        else:
            yield name


def _is_file(st: paramiko.SFTPAttributes) -> bool:
    return stat.S_ISREG(st.st_mode or 0)


def _state(st: paramiko.SFTPAttributes) -> tuple[Any, Any]:
    return st.st_size, st.st_mtime


def _write(client: paramiko.SFTPClient, folder: str, name: str, data: bytes) -> None:
    """Beside its place first, then renamed over it: nobody sees half a receipt."""
    temp = posixpath.join(
        folder,
        f".{os.getpid()}-{threading.get_native_id()}-{hashlib.sha256(name.encode('utf-8')).hexdigest()[:16]}.tmp",
    )
    with client.open(temp, "wb") as f:
        f.write(data)
    client.posix_rename(temp, posixpath.join(folder, name))


def _make(client: paramiko.SFTPClient, folder: str) -> None:
    if folder in ("", "/") or _lstat(client, folder) is not None:
        return
    _make(client, posixpath.dirname(folder))
    client.mkdir(folder)
