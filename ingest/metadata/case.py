"""The outermost reading of a delivery's metadata: what receive must know before it fetches a single byte of a file."""

from __future__ import annotations

import dataclasses
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from ingest.metadata import strictjson

SECRET = ("秘密", "机密", "绝密")
_LEVELS = ("公开", "限制", "内部", *SECRET)
_MAX_CASE_NO = 200

# Digest algorithms that a source may give, by the spellings met; MD5 and SHA-1 are checked as the source's own claim only.
_ALGORITHMS = {
    "SHA256": "SHA-256", "SHA512": "SHA-512", "SHA1": "SHA-1", "MD5": "MD5", "SM3": "SM3", "SOURCEMD5": "MD5",
}  # fmt: skip
_HEX_LENGTH = {"SHA-256": 64, "SHA-512": 128, "SHA-1": 40, "MD5": 32, "SM3": 64}
_HEX = re.compile(r"[0-9A-Fa-f]+")


class BadEnvelope(ValueError):
    """The metadata lacks what receiving needs. ``reason`` says what, with a JSON pointer."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclasses.dataclass(frozen=True, slots=True)
class DeclaredFile:
    """A file as the metadata names it: ``path`` untrusted, ``size`` in bytes or None, ``digests`` hex by algorithm."""

    path: str
    size: int | None
    digests: Mapping[str, str]


@dataclasses.dataclass(frozen=True, slots=True)
class Envelope:
    """Who the case is, whether it may enter at all, and which files belong to it."""

    case_no: str
    version: int
    classification: str
    files: list[DeclaredFile]

    @property
    def secret(self) -> bool:
        return self.classification in SECRET


def read(data: bytes) -> dict[str, Any]:
    """The case object in the bytes of a ``case.json``. Raises BadJson, or BadEnvelope when it is no object."""
    value = strictjson.loads(data)
    if not isinstance(value, dict):
        raise BadEnvelope("顶层不是对象 / the top level is not an object")
    return value


def envelope(value: Any) -> Envelope:
    """The outermost facts of a case. Raises BadEnvelope when one of them is absent or of the wrong type.

    A missing security level is refused here and not left to the checks: what may be secret must not be fetched first.
    """
    case = _object(value, "case")
    record = _object(value, "record")
    case_no = case.get("case_no")
    if not isinstance(case_no, str) or not case_no.strip() or len(case_no) > _MAX_CASE_NO or _has_control(case_no):
        raise BadEnvelope("/case/case_no 缺失或不可用 / missing or unusable")
    version = case.get("version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise BadEnvelope("/case/version 不是 ≥ 1 的整数 / not an integer ≥ 1")
    files = value.get("files")
    if not isinstance(files, list):
        raise BadEnvelope("/files 不是数组 / not an array")
    return Envelope(case_no, version, _classification(record), [_file(i, f) for i, f in enumerate(files)])


def _object(value: Any, key: str) -> dict[str, Any]:
    if not isinstance(value, dict) or not isinstance(part := value.get(key), dict):
        raise BadEnvelope(f"/{key} 不是对象 / not an object")
    return part


def _classification(record: Mapping[str, Any]) -> str:
    given = record.get("security_classification")
    if not isinstance(given, str) or not given.strip():
        raise BadEnvelope("/record/security_classification 缺失 / missing")
    # A level is written with its term: 机密★10年. Nothing may hide behind blanks or full-width forms.
    plain = "".join(unicodedata.normalize("NFKC", given).split())
    found = [level for level in _LEVELS if level in plain]
    secret = [level for level in found if level in SECRET]
    if secret:
        return secret[-1]
    return found[0] if found and found[0] == plain else given


def _file(index: int, value: Any) -> DeclaredFile:
    at = f"/files/{index}"
    if not isinstance(value, dict):
        raise BadEnvelope(f"{at} 不是对象 / not an object")
    path, size = value.get("path"), value.get("size")
    if not isinstance(path, str) or not path:
        raise BadEnvelope(f"{at}/path 缺失 / missing")
    if size is not None and (not isinstance(size, int) or isinstance(size, bool) or size < 0):
        raise BadEnvelope(f"{at}/size 不是 ≥ 0 的整数 / not an integer ≥ 0")
    digest = value.get("digest")
    if digest is None:
        return DeclaredFile(path, size, {})
    if not isinstance(digest, dict):
        raise BadEnvelope(f"{at}/digest 不是对象 / not an object")
    return DeclaredFile(path, size, _digests(at, digest))


def _digests(at: str, given: Mapping[str, Any]) -> dict[str, str]:
    out: dict[str, str] = {}
    for name, value in given.items():
        if value is None:
            continue
        algorithm = _ALGORITHMS.get(name.upper().replace("-", "").replace("_", ""))
        if algorithm is None:
            raise BadEnvelope(f"{at}/digest 算法未知 / unknown algorithm: {name[:40]}")
        if not isinstance(value, str) or len(value) != _HEX_LENGTH[algorithm] or not _HEX.fullmatch(value):
            raise BadEnvelope(f"{at}/digest/{name} 不是十六进制 {algorithm} 值 / not a {algorithm} value in hex")
        if out.setdefault(algorithm, value.lower()) != value.lower():
            raise BadEnvelope(f"{at}/digest {algorithm} 给出两个不同的值 / two different values")
    return out


def _has_control(text: str) -> bool:
    return any(unicodedata.category(char) in ("Cc", "Cs") for char in text)
