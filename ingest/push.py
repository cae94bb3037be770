"""Announced deliveries, the deployed push form: the handling system calls, naming its packages and their digests.

What it names is read where its deliveries stand anyway, its own source, and compared; what is whole is marked complete, as the
producer itself would by writing ``_DONE`` last. From there on it is a delivery like any other: the next run lists it. So a call
may be repeated, and nothing is lost when one is cut off.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from ingest.ledger import Ledger
from ingest.settings import Agency, ConfigError, Home
from ingest.sources import Source, SourceAway, TreeSource, open_source
from ingest.sources.base import DeliveryGone
from ingest.sources.trees import safe

# the deployed receipt codes, as far as a call can be answered by them
RECEIVED, REFUSED, UNREADABLE, DIGEST = 1, 2, 3, 6
_ALGORITHMS: Mapping[int, tuple[str, ...]] = {32: ("md5",), 40: ("sha1",), 64: ("sha256", "sm3"), 128: ("sha512",)}
_MARKABLE = ("folder", "sftp", "s3")  # an interface and exchange tables say by themselves what is complete
_CHUNK = 1024**2


@dataclasses.dataclass(frozen=True, slots=True)
class Package:
    """One package of a call: ``path`` below the agency's drop, ``digest`` in hex, the producer's own number of the case."""

    path: str
    digest: str
    business_id: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """What became of one package: a receipt code and words. Received is not accepted: that is told when it has been judged."""

    path: str
    business_id: str
    code: int
    zh: str
    en: str


def announce(
    home: Home, ledger: Ledger, agency: Agency, packages: Sequence[Package], xml_path: str, by: str
) -> list[Answer]:
    """Judge a call and mark what is whole. A delivery (the first part of a path) is marked when all that was named in it is good.

    ``xml_path`` is the 交接单据 that lists them, in the same folder; what it says is judged when the delivery is received. Raises
    ConfigError where the agency's source cannot be announced to, SourceAway where it does not answer.
    """
    kind = agency.raw.get("source", {}).get("kind", "folder")
    source = open_source(home, agency) if kind in _MARKABLE else None
    if not isinstance(source, TreeSource):
        raise ConfigError(
            f"来源种类 {kind} 自己说明报送是否完整，不需推送 / a source of kind {kind} tells itself what is complete: no call is needed"
        )
    with _one_at_a_time(agency.id):
        complete = {d.name for d in source.deliveries()}
        named: dict[str, list[Package]] = defaultdict(list)
        answers: dict[int, Answer] = {}
        for package in packages:
            try:
                named[safe(package.path).split("/")[0]].append(package)
            except OSError:
                answers[id(package)] = _answer(
                    package, REFUSED, "路径须在本机构的投递目录之内", "the path leads elsewhere"
                )
        for delivery, some in named.items():
            judged = [_judge(home, source, delivery, p) for p in some]
            if all(a.code == RECEIVED for a in judged) and delivery not in complete:
                trouble = _mark(ledger, source, agency.id, delivery, some, xml_path, by)
                judged = [_answer(p, *trouble) for p in some] if trouble else judged
            answers |= {id(p): a for p, a in zip(some, judged, strict=True)}
    return [answers[id(p)] for p in packages]


def _judge(home: Home, source: Source, delivery: str, package: Package) -> Answer:
    digest = package.digest.strip().lower()
    algorithms = _ALGORITHMS.get(len(digest), ())
    if not algorithms or not set(digest) <= set("0123456789abcdef"):
        return _answer(
            package, REFUSED, "摘要须为十六进制的 MD5、SHA-1、SHA-256、SHA-512 或 SM3", "no digest that is known"
        )
    try:
        found = _digests(source, delivery, package.path, algorithms, home.limits.file_bytes)
    except (OSError, DeliveryGone) as e:
        return _answer(package, UNREADABLE, f"读不到：{type(e).__name__}", f"cannot be read: {type(e).__name__}")
    if found is None:
        return _answer(package, REFUSED, "文件过大", "the file is too large")
    if digest not in found:
        return _answer(package, DIGEST, "摘要不符：传输未完成或内容已变，请重传", "another digest: send it again")
    return _answer(package, RECEIVED, "收到", "received")


def _digests(source: Source, delivery: str, path: str, algorithms: Iterable[str], most: int) -> set[str] | None:
    """The file's digests in hex, None where it is larger than ``most`` bytes."""
    assert isinstance(source, TreeSource)
    below = path.partition("/")[2] or delivery
    counts = [hashlib.new(name, usedforsecurity=False) for name in algorithms]
    size = 0
    with source.reader(source.location(delivery)).open(below) as f:
        while chunk := f.read(_CHUNK):
            size += len(chunk)
            if size > most:
                return None
            for count in counts:
                count.update(chunk)
    return {count.hexdigest() for count in counts}


def _mark(
    ledger: Ledger, source: TreeSource, agency: str, delivery: str, packages: Sequence[Package], xml_path: str, by: str
) -> tuple[int, str, str] | None:
    """Mark a delivery complete, its event first; None, or what to answer where its 交接单据 speaks against it."""
    single = any("/" not in p.path for p in packages)
    if xml_path and (single or not xml_path.startswith(f"{delivery}/")):
        return REFUSED, "xmlPath 须在信息包的同一文件夹内", "xmlPath must be in the folder of its packages"
    if xml_path:
        try:
            with source.reader(source.location(delivery)).open(xml_path.partition("/")[2]) as f:
                f.read(1)
        except (OSError, DeliveryGone):
            return UNREADABLE, "读不到 xmlPath", "xmlPath cannot be read"
    told = {"agency": agency, "delivery": delivery, "by": by, "xml": xml_path,
            "packages": {p.path: p.digest.strip().lower() for p in packages}}  # fmt: skip
    with ledger.begin() as tx:
        tx.chain.append("pushed", None, told)
    try:
        source.mark(delivery, json.dumps(told, ensure_ascii=False, sort_keys=True).encode(), single=single)
    except SourceAway as e:
        raise SourceAway(
            delivery,
            f"不能写入完成标记，请报送方自行写 _DONE / no mark can be written: let the producer write _DONE: {e}",
        ) from e
    return None


def _answer(package: Package, code: int, zh: str, en: str) -> Answer:
    return Answer(package.path, package.business_id, code, zh, en)


_LOCKS: dict[str, threading.Lock] = defaultdict(threading.Lock)


def _one_at_a_time(agency: str) -> threading.Lock:
    """Two calls of one agency at once would mark a delivery twice, and it would be listed anew."""
    return _LOCKS[agency]
