"""The whole event chain and its signed heads, and where this record's events stand in it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from sqlalchemy import Connection

from ingest.audit import heads, keys
from ingest.audit.compare import Compared, compare, published
from ingest.audit.heads import Head
from ingest.ledger import chain
from ingest.proof.evidence import Evidence, Outcome
from ingest.proof.progress import Progress
from ingest.proof.subject import Subject
from ingest.settings import Home
from ingest.signatures import TrustStore
from ingest.store.reading import Reader

_MOST = 100


def examine(
    home: Home, conn: Connection, subject: Subject, readers: Mapping[str, Reader], at: dt.datetime, progress: Progress
) -> tuple[list[Evidence], dict[str, Any]]:
    """Evidence, and the chain's end as it was found: event, digest, and the last good signed head."""
    tail = chain.head(conn)
    out = list(_own(conn, tail.seq, progress))
    last: Head | None = None
    if readers:
        name, reader = next(iter(readers.items()))
        try:
            judged, by = _heads(home, reader, at, conn)
            last = judged.heads[-1] if judged.heads else None
            out += _signed(judged, name, by, tail.seq)
            out += _sealed(subject, judged)
            out += _others(judged, name, readers)
        except (ClientError, BotoCoreError) as e:
            out.append(Evidence(Outcome.UNKNOWN, "HEAD-AWAY", "存储不可达，未与签名链头比对",
                                "The store cannot be read: not held against signed heads", name, found=str(e)))  # fmt: skip
    end = {"seq": tail.seq, "digest": tail.digest, "head": last.number if last else None, "head_seq": last.seq if last else None,
           "head_sha256": last.sha256 if last else None, "key": last.key if last else None}  # fmt: skip
    return out, end


def _own(conn: Connection, tail: int, progress: Progress) -> Iterator[Evidence]:
    faults: list[chain.ChainFault] = []
    for fault in chain.verify(conn, lambda seq: progress.tell("chain", seq, tail)):
        if len(faults) < _MOST:
            faults.append(fault)
    for fault in faults:
        zh, en = _CHAIN.get(fault.code, ("事件链有误", "The chain is broken"))
        yield Evidence(
            Outcome.BAD, fault.code, zh, f"{en}: {fault.text}", f"事件 event #{fault.seq}", by="事件链 event chain"
        )
    if not faults:
        what = f"事件 events 1…{tail}"
        yield Evidence(Outcome.GOOD, "CHAIN-WHOLE", "逐个重算事件摘要，每个都接着前一个",
                       "Every event digested anew; each follows the one before", "event", what, "事件链 event chain", what)  # fmt: skip


_CHAIN = {
    "CHAIN-GAP": ("有事件缺失", "Events are missing"),
    "CHAIN-PREV": ("不接着前一个事件", "It does not follow the event before"),
    "CHAIN-DIGEST": ("内容与摘要不符：事件被改动", "Its content is not what was digested: it was edited"),
    "CHAIN-HEAD": ("链头不是最后一个事件", "The head is not the last event"),
}
_HEADS = {
    "HEAD-REWRITTEN": (
        "台账的事件不是签名链头所签的那个：链被改写",
        "The ledger has another event than the one that was signed",
    ),
    "HEAD-BEYOND": (
        "台账在已签名的事件之前就断了：尾部被截去",
        "The ledger ends before the signed event: its tail was cut",
    ),
}


def _heads(home: Home, reader: Reader, at: dt.datetime, conn: Connection) -> tuple[Compared, str]:
    believed = keys.trusted(home)
    by = "本机与 config/trust/chain 的公钥 own keys"
    if not believed:
        believed, by = published(reader.store), "存储中公布的公钥 keys published in the store"
    return compare(reader.store, believed, TrustStore.load(home.trust), at, conn), by


def _signed(judged: Compared, name: str, by: str, tail: int) -> Iterator[Evidence]:
    for fault in judged.faults[:_MOST]:
        zh, en = _HEADS.get(fault.code, ("签名链头有误", "A signed head is wrong"))
        yield Evidence(Outcome.BAD, fault.code, f"{zh}（{fault.text}）", f"{en}: {fault.text}",
                       f"{name} · 事件 event #{fault.seq}", by="签名链头 signed head")  # fmt: skip
    if not judged.heads:
        yield Evidence(
            Outcome.NOTE,
            "HEAD-NONE",
            "存储中还没有有效的签名链头",
            "There is no good signed head in the store yet",
            name,
        )
        return
    last = judged.heads[-1]
    if not judged.faults:
        yield Evidence(Outcome.GOOD, "HEAD-SIGNED", "每个签名链头有效，台账与之相同",
                       "Every signed head is good, and the ledger agrees with it", f"{name} · 1…{last.number}",
                       f"事件 event #{last.seq} {last.digest}", f"{by}（{last.key}）", f"事件 event #{last.seq} {last.digest}")  # fmt: skip
    if tail > last.seq:
        yield Evidence(Outcome.NOTE, "HEAD-OPEN", "此后的事件要到下一夜才签名", "Events since are signed the next night",
                       name, f"#{last.seq}", "签名链头 signed head", f"#{tail}")  # fmt: skip
    for number, when in list(judged.stamped.items())[-1:]:
        yield Evidence(Outcome.GOOD, "HEAD-STAMPED", "时间戳有效", "The time stamp is good", f"{name} · head {number}",
                       when.isoformat(), "RFC 3161", when.isoformat())  # fmt: skip


def _sealed(subject: Subject, judged: Compared) -> Iterator[Evidence]:
    """Where the making of the package stands in the chain, and which head seals it."""
    packaged = subject.packaged
    if packaged is None:
        return
    sha256, _, seq = packaged
    head = next((h for h in judged.heads if h.first <= seq <= h.seq), None)
    sealed = f"签名链头 head {head.number}（{head.as_of}）" if head else "尚未签名 not signed yet"
    yield Evidence(Outcome.GOOD if head else Outcome.NOTE, "CHAIN-PACKAGE", "本包的封装事件由签名链头封存",
                   "The event of this package's making is sealed by a head", f"事件 event #{seq}", sha256, sealed, sha256)  # fmt: skip


def _others(judged: Compared, name: str, readers: Mapping[str, Reader]) -> Iterator[Evidence]:
    """The last head in the other replicas, byte for byte."""
    if not judged.heads:
        return
    last = judged.heads[-1]
    for other, reader in readers.items():
        if other == name:
            continue
        try:
            data = heads.whole(reader.store, heads.name(last.number, "head.json"))
        except (ClientError, BotoCoreError) as e:
            yield Evidence(
                Outcome.UNKNOWN, "HEAD-AWAY", "副本不可达", "The replica cannot be read", other, found=str(e)
            )
            continue
        except ValueError as e:
            data = str(e).encode()
        same = data == last.dumps()
        outcome = Outcome.GOOD if same else Outcome.NOTE if data is None else Outcome.BAD
        found = last.sha256 if same else "—" if data is None else "另一内容 other bytes"
        yield Evidence(outcome, "HEAD-COPY", "签名链头的副本", "A copy of the signed head", f"{other} · head {last.number}",
                       last.sha256, name, found)  # fmt: skip
