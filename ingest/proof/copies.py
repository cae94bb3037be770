"""Each replica's copy: its bytes against the ledger, the chain and the commit mark; what stands over it and beside it."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa
from botocore.exceptions import BotoCoreError, ClientError
from sqlalchemy import Connection

from ingest.audit.look import Look, Pace, look
from ingest.ledger.tables import record
from ingest.model import CopyState
from ingest.proof.evidence import Evidence, Outcome, compared
from ingest.proof.progress import Progress
from ingest.proof.subject import Subject
from ingest.store.objects import ObjectStore
from ingest.store.reading import Reader
from sip import commit

_TROUBLE = (ClientError, BotoCoreError)
WHOLE = ("整包字节的 SHA-256", "SHA-256 of all its bytes")
MARK = ("提交标记所写的 SHA-256", "SHA-256 that the commit mark states")
SIZE = ("字节数", "Size in bytes")
LOCK = ("锁定与保全", "Lock and legal hold")


@dataclasses.dataclass(slots=True)
class Bytes:
    """One set of bytes that stands somewhere under the package's key. ``replicas`` gave the very same."""

    sha256: str
    size: int
    version: str | None
    replicas: list[str]
    deposited: bool  # they are what the chain (or, without it, the ledger) says was deposited

    def as_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


@dataclasses.dataclass(slots=True)
class Copies:
    """What all replicas gave: evidence, the different bytes found (those deposited first), and each copy's state."""

    evidence: list[Evidence] = dataclasses.field(default_factory=list)
    found: list[Bytes] = dataclasses.field(default_factory=list)
    states: dict[str, Look] = dataclasses.field(default_factory=dict)


def examine(conn: Connection, subject: Subject, readers: Mapping[str, Reader], progress: Progress) -> Copies:
    """Read every copy whole. Trouble with a store is in the evidence: it proves nothing."""
    out = Copies()
    key = subject.key
    if key is None:
        out.evidence.append(Evidence(Outcome.UNKNOWN, "COPY-NONE", "该记录没有归档信息包", "The record has no package"))
        return out
    rows = {str(c["replica"]): c for c in subject.copies}
    total = sum(int(c["size"]) for c in subject.copies)
    pace = _Told(progress, total)
    for name in [*readers, *(n for n in rows if n not in readers)]:
        row, reader = rows.get(name), readers.get(name)
        if reader is None:
            out.evidence.append(
                Evidence(Outcome.UNKNOWN, "COPY-NOT-CONFIGURED", "副本已不在 config/store.json 中",
                         "The replica is in config/store.json no more", name)
            )  # fmt: skip
            continue
        try:
            if row is None:
                out.evidence += _without_row(reader.store, key, name)
            else:
                _one(out, subject, reader.store, row, pace)
            out.evidence += _beside(conn, subject, reader.store, key, name)
        except _TROUBLE as e:
            out.evidence.append(
                Evidence(
                    Outcome.UNKNOWN,
                    "COPY-AWAY",
                    "副本不可达，未能读取",
                    "The replica cannot be read",
                    name,
                    found=str(e),
                )
            )
    out.found.sort(key=lambda b: not b.deposited)
    return out


class _Told(Pace):
    """Reading at full speed, with its progress told."""

    def __init__(self, progress: Progress, total: int) -> None:
        super().__init__(0)
        self._progress, self._total, self._done = progress, total, 0

    def took(self, size: int) -> None:
        self._done += size
        self._progress.tell("copies", self._done, self._total)


def _one(out: Copies, subject: Subject, store: ObjectStore, row: Mapping[str, Any], pace: Pace) -> None:
    name, key, version = store.name, str(row["object_key"]), row["version_id"]
    seen = look(store, row, pace)  # the nightly audit's own judge
    out.states[name] = seen
    if seen.state is CopyState.MISSING:
        found = seen.findings[0]
        out.evidence.append(
            Evidence(
                Outcome.BAD, "FIX-MISSING", found.text("zh"), found.text("en"), name, row["sha256"], "台账 ledger", "—"
            )
        )
        return
    unreadable = next((f for f in seen.findings if f.code == "FIX-UNREADABLE"), None)
    if unreadable is not None:
        out.evidence.append(
            Evidence(Outcome.BAD, unreadable.code, unreadable.text("zh"), unreadable.text("en"), name, row["sha256"],
                     "台账 ledger", unreadable.params["detail"])
        )  # fmt: skip
        return
    if seen.good:
        sha256, size = str(row["sha256"]), int(row["size"])  # `look` has just read them and found the same
    elif (other := next((f for f in seen.findings if f.code == "FIX-DAMAGED"), None)) is not None:
        sha256, size = other.params["found"], int(other.params["bytes"])
    elif store.size(key, version) is None:
        out.evidence.append(
            Evidence(Outcome.BAD, "FIX-MISSING", "入库的版本已不在", "The deposited version is gone", name, str(version),
                     "台账 ledger", ", ".join(map(str, store.versions(key))))
        )  # fmt: skip
        return
    else:
        sha256, size = store.digest(key, version)
    by_chain = subject.packaged
    out.evidence += _bytes(name, row, by_chain, sha256, size)
    expected = by_chain[:2] if by_chain is not None else (row["sha256"], row["size"])
    _enter(out, Bytes(sha256, size, version, [name], (sha256, size) == expected))
    for hidden in (f for f in seen.findings if f.code == "FIX-HIDDEN"):
        newest = hidden.params["found"]
        over, length = store.digest(key, newest)
        out.evidence.append(
            Evidence(Outcome.BAD, "FIX-HIDDEN", hidden.text("zh"), hidden.text("en"), f"{name} · {newest}",
                     f"{version} · {row['sha256']}", "台账 ledger", f"{newest} · {over}")
        )  # fmt: skip
        _enter(out, Bytes(over, length, newest, [name], False))
    out.evidence += _marks(store, key, name, sha256, size)
    out.evidence += _lock(store, row)


def _bytes(
    name: str, row: Mapping[str, Any], by_chain: tuple[str, int, int] | None, sha256: str, size: int
) -> Iterator[Evidence]:
    yield compared("COPY-LEDGER", WHOLE, name, row["sha256"], "台账 copy 行 ledger", sha256)
    if by_chain is not None:
        yield compared("COPY-CHAIN", WHOLE, name, by_chain[0], f"事件 event #{by_chain[2]} packaged", sha256)
        yield compared("COPY-SIZE", SIZE, name, by_chain[1], f"事件 event #{by_chain[2]} packaged", size)
    else:
        yield compared("COPY-SIZE", SIZE, name, row["size"], "台账 copy 行 ledger", size)


def _marks(store: ObjectStore, key: str, name: str, sha256: str, size: int) -> Iterator[Evidence]:
    """The mark as it was first written counts; one put over it is told too."""
    mark_key = commit.commit_key(key)
    versions = store.versions(mark_key)
    if not versions:
        yield Evidence(Outcome.BAD, "COPY-MARK", "没有提交标记", "There is no commit mark", name, mark_key, found="—")
        return
    for number, version in enumerate(dict.fromkeys((versions[0], versions[-1]))):
        where = name if not number else f"{name} · {version}"
        try:
            said = commit.read(b"".join(store.stream(mark_key, version)))
        except ValueError as e:
            yield Evidence(
                Outcome.BAD, "COPY-MARK", "提交标记不能读", "The commit mark cannot be read", where, found=str(e)
            )
            continue
        yield compared("COPY-MARK", MARK, where, said.get("sha256"), "提交标记 commit mark", sha256)
        if said.get("size") != size:
            yield compared("COPY-MARK", SIZE, where, said.get("size"), "提交标记 commit mark", size)


def _lock(store: ObjectStore, row: Mapping[str, Any]) -> Iterator[Evidence]:
    """The store's own word against what the ledger noted: a lock that somebody lifted or shortened is told."""
    key, version = str(row["object_key"]), row["version_id"]
    mode, until = store.retention(key, version)
    noted = _lock_text(row["lock_mode"], row["retain_until"], row["legal_hold"])
    found = _lock_text(mode.lower() if mode else None, until.isoformat() if until else None, store.held(key, version))
    if noted == found:
        yield Evidence(Outcome.GOOD, "COPY-LOCK", *LOCK, store.name, noted, "台账 ledger", found)
        return
    weaker = bool(row["legal_hold"]) and not store.held(key, version)
    if row["lock_mode"] is not None:
        asked = _moment(row["retain_until"])
        weaker |= mode is None or until is None or (asked is not None and until.timestamp() < asked - 1)
    yield Evidence(Outcome.BAD if weaker else Outcome.NOTE, "COPY-LOCK", *LOCK, store.name, noted, "台账 ledger", found)


def _lock_text(mode: str | None, until: str | None, held: bool) -> str:
    moment = _moment(until)
    day = "" if moment is None else _utc(moment)
    return " ".join(w for w in (mode or "未锁定 unlocked", day, "保全 legal hold" if held else "") if w)


def _moment(text: str | None) -> float | None:
    return None if text is None else dt.datetime.fromisoformat(text).timestamp()


def _utc(moment: float) -> str:
    return dt.datetime.fromtimestamp(round(moment), dt.UTC).isoformat()


def _without_row(store: ObjectStore, key: str, name: str) -> Iterator[Evidence]:
    there = store.size(key) is not None
    zh, en = (
        (
            "台账没有此副本的记录，但存储中有此键的对象",
            "The ledger knows no copy here, yet something stands under the key",
        )
        if there
        else ("此副本还没有该包", "This replica does not have the package yet")
    )
    yield Evidence(Outcome.BAD if there else Outcome.NOTE, "COPY-NO-ROW", zh, en, name)


def _beside(conn: Connection, subject: Subject, store: ObjectStore, key: str, name: str) -> Iterator[Evidence]:
    """What stands in the record's folder and belongs to no package that the ledger knows: a forged version, say."""
    folder = key.rpartition("/")[0] + "/"
    there = [found for found, _ in store.kept(folder)]
    # a folder holds the versions of one case, which is an indexed question
    same_case = (record.c.agency == subject.row["agency"], record.c.case_no == subject.row["case_no"])
    known = {
        key,
        *conn.execute(sa.select(record.c.object_key).where(*same_case, record.c.object_key.is_not(None))).scalars(),
    }
    known |= {commit.commit_key(k) for k in known}
    strange = [found for found in there if found not in known]
    for found in strange:
        yield Evidence(Outcome.BAD, "COPY-STRANGER", "同一文件夹中有台账不认识的对象",
                       "An object in the record's folder that the ledger does not know", f"{name} · {found}",
                       "—", "台账 ledger", found)  # fmt: skip
    if not strange:
        yield Evidence(Outcome.GOOD, "COPY-STRANGER", "文件夹中只有台账认识的对象",
                       "Only objects that the ledger knows stand in the folder", f"{name} · {folder}",
                       str(len(there)), "台账 ledger", str(len(there)))  # fmt: skip


def _enter(out: Copies, new: Bytes) -> None:
    same = next((b for b in out.found if (b.sha256, b.size) == (new.sha256, new.size)), None)
    if same is None:
        out.found.append(new)
    else:
        same.replicas += new.replicas
