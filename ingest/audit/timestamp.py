"""Time stamps over the signed heads (RFC 3161): asked of an authority over HTTP, kept as its whole answer.

When it is asked, what binds the stamp to the head is checked (status, imprint, nonce); whether its signature holds and its
authority is believed is told by `judged`, with the archive's trust, or by ``openssl ts -verify``.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import secrets
import urllib.request
from urllib.error import URLError

from asn1crypto import algos, tsp

from ingest.audit import heads
from ingest.audit.heads import Head
from ingest.settings import ConfigError
from ingest.signatures import TrustStore, Verdict
from ingest.store.locks import Lock
from ingest.store.objects import ObjectStore

_GRANTED = ("granted", "granted_with_mods")
_MOST, _SECONDS = 1 << 20, 30


class NotStamped(Exception):
    """The answer is no time stamp over what was asked."""


class AuthorityAway(Exception):
    """The authority cannot be asked, or refuses. The heads are signed and stored; the next run asks again."""


def authority() -> str | None:
    """The address of the time-stamping authority from ``GUIDANG_TSA_URL``; None where none is configured."""
    url = os.environ.get("GUIDANG_TSA_URL") or None
    if url is not None and not url.startswith(("http://", "https://")):
        raise ConfigError(f"GUIDANG_TSA_URL 须以 http:// 或 https:// 开头 / must begin with http:// or https://: {url}")
    return url


def stamp_missing(store: ObjectStore, url: str, lock: Lock | None = None) -> list[int]:
    """Ask for a stamp over every signed head that has none yet; the numbers of those stamped now. Raises AuthorityAway."""
    there = {key for key, _ in store.listing(heads.PREFIX)}
    out = []
    for number in heads.numbers(store):
        name = heads.name(number, "head.tsr")
        if name in there or heads.name(number, "head.sig") not in there:
            continue
        head = Head.loads(heads.whole(store, heads.name(number, "head.json")) or b"")
        answer = ask(url, hashlib.sha256(head.dumps()).digest())
        heads.put(store, name, answer, lock)
        out.append(number)
    return out


def ask(url: str, digest: bytes) -> bytes:
    """The authority's whole answer (DER) over a SHA-256 digest, checked to be a stamp over it. Raises AuthorityAway."""
    nonce = secrets.randbits(63)
    request = tsp.TimeStampReq(
        {
            "version": "v1",
            "message_imprint": {"hash_algorithm": {"algorithm": "sha256"}, "hashed_message": digest},
            "nonce": nonce,
            "cert_req": True,  # the answer must be enough by itself in thirty years
        }
    )
    call = urllib.request.Request(  # noqa: S310 `authority` admits http and https only
        url, request.dump(), {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
    )
    try:
        with urllib.request.urlopen(call, timeout=_SECONDS) as answer:  # noqa: S310
            data: bytes = answer.read(_MOST)
        time_of(data, digest, nonce)
    except (URLError, OSError, NotStamped) as e:
        raise AuthorityAway(
            f"时间戳服务不可用，链头已签名入库，下次运行补盖 / no time stamp from {url}, the next run asks again: {e}"
        ) from e
    return data


def time_of(answer: bytes, digest: bytes, nonce: int | None = None) -> dt.datetime:
    """The time that an answer states for a SHA-256 digest. NotStamped where it is no granted stamp over that digest."""
    try:
        response = tsp.TimeStampResp.load(answer, strict=True)
        if response["status"]["status"].native not in _GRANTED:
            raise NotStamped(f"status {response['status'].native}")
        info = response["time_stamp_token"]["content"]["encap_content_info"]["content"].parsed
        imprint = info["message_imprint"]
        algorithm: algos.DigestAlgorithm = imprint["hash_algorithm"]
        if (algorithm["algorithm"].native, imprint["hashed_message"].native) != ("sha256", digest):
            raise NotStamped("over something else")
        if nonce is not None and info["nonce"].native != nonce:
            raise NotStamped("the answer to another question")
        when: dt.datetime = info["gen_time"].native
    except (ValueError, TypeError, KeyError, AttributeError) as e:
        raise NotStamped(f"not an answer: {e}") from e
    return when


def judged(answer: bytes, head: bytes, trust: TrustStore, at: dt.datetime) -> tuple[Verdict, tuple[str, ...]]:
    """The verdict on the stamp's own signature and authority, with the reasons' codes. Raises NotStamped."""
    from ingest.signatures.cms import Content
    from ingest.signatures.timestamps import verify_timestamp
    from ingest.signatures.verdict import Judge

    time_of(answer, hashlib.sha256(head).digest())
    token = tsp.TimeStampResp.load(answer)["time_stamp_token"].dump()
    judge = Judge("timestamp")
    verify_timestamp(judge, token, Content(head), trust, at)
    result = judge.verdict()
    return result.verdict, tuple(result.reasons)
