"""What the routes of packages share: open directories, the process that draws, verifications under way. One set an application."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, HTTPException, Path, Request

from desk.guard import HomeDep, LedgerDep, visitor
from desk.looks import Once
from desk.packages import looking, queries
from desk.packages.jobs import Jobs
from desk.packages.members import Mismatch
from desk.packages.queries import Facts
from desk.packages.reading import Opened, Shelf, Unreadable
from desk.records.veil import Veil, by_digest
from desk.roles import Right, User
from ingest.alerts import Alarm, settle
from ingest.ledger import Ledger
from ingest.settings import ConfigError, Home
from ingest.signatures.apart import Apart, Lost
from ingest.store.reading import Reader, readers

_SECONDS = 15.0
_MEMORY = 2 << 30
_DRAWN = 24  # pictures kept for the browser that asks for them next
_MAKING = threading.Lock()


class Drawing:
    """Members drawn in killable processes, a second one beside a first that hangs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._apart: Apart | None = None
        self._kept: OrderedDict[tuple[Any, ...], tuple[bytes, int]] = OrderedDict()

    def run(self, work: Callable[..., Any], *args: Any) -> Any:
        """Raises looking.NotShown; what takes too long, too much memory or its process with it is not shown either."""
        with self._lock:
            self._apart = self._apart or Apart(_SECONDS, workers=2, memory=_MEMORY)
            apart = self._apart
        try:
            return apart.run(work, *args)
        except Lost as e:
            raise looking.NotShown(
                f"显示此文件的进程被终止（{e}）；可下载后用专用软件查看 / the process that drew it was ended ({e}): download it"
            ) from e

    def picture(
        self,
        name: tuple[Any, ...],
        work: Callable[[bytes, int], tuple[bytes, int]],
        data: Callable[[], bytes],
        number: int,
    ) -> tuple[bytes, int]:
        """A drawn page by its name, drawn once while it is asked for again and again."""
        key = (*name, number)
        with self._lock:
            if (found := self._kept.get(key)) is not None:
                return found
        drawn: tuple[bytes, int] = self.run(work, data(), number)
        with self._lock:
            self._kept[key] = drawn
            while len(self._kept) > _DRAWN:
                self._kept.popitem(last=False)
        return drawn

    def close(self) -> None:
        """End its processes."""
        with self._lock:
            if self._apart is not None:
                self._apart.__exit__(None, None, None)
                self._apart = None


@dataclasses.dataclass(slots=True)
class Room:
    """One an application."""

    home: Home
    shelf: Shelf
    drawing: Drawing
    jobs: Jobs
    once: Once


def the_room(request: Request) -> Room:
    state = request.app.state
    with _MAKING:
        if not hasattr(state, "packages"):
            state.packages = Room(state.home, Shelf(), Drawing(), Jobs(state.home, state.ledger), Once())
        found: Room = state.packages
    return found


RoomDep = Annotated[Room, Depends(the_room)]
RecordId = Annotated[str, Path(max_length=40, pattern="^[0-9A-Za-z_-]+$")]


def the_facts(request: Request, record_id: RecordId, ledger: LedgerDep) -> Facts:
    """The package of the route, 404 where there is none or it is another agency's. After `allowed`."""
    user = visitor(request)
    if user is None:
        raise HTTPException(401)
    with ledger.read() as conn:
        found = queries.facts(conn, record_id, user)
    if found is None:
        raise HTTPException(404, "没有这个档案包 / there is no such package")
    return found


FactsDep = Annotated[Facts, Depends(the_facts)]


def the_readers(home: HomeDep) -> dict[str, Reader]:
    """Each replica as the auditor reads it; 409 where no store is configured."""
    try:
        return readers(home)
    except ConfigError as e:
        raise HTTPException(409, str(e)) from e


ReadersDep = Annotated[dict[str, Reader], Depends(the_readers)]


def veil_of(home: Home, facts: Facts, user: User) -> Veil:
    """What hides people in the names of files and in evidence, from those who may not see personal data."""
    return by_digest(home, facts.applicant_keys, user.may(Right.SEE_PERSONAL))


def opened(room: Room, facts: Facts, places: dict[str, Reader], replica: str | None) -> Opened:
    """The package as ``replica`` holds it; without one, as the first that has a copy. Raises Unreadable, 404 for no such replica."""
    if replica is not None and replica not in places:
        raise HTTPException(404, "没有这个副本 / there is no such replica")
    names = [replica] if replica is not None else [n for n in places if facts.copy(n)] or list(places)[:1]
    trouble: list[str] = []
    for name in names:
        row = facts.copy(name)
        try:
            return room.shelf.open(places[name], facts.key, row["version_id"] if row else None)
        except Unreadable as e:
            trouble.append(str(e))
    raise Unreadable("\n".join(trouble) or "没有副本 / there is no copy")


def mismatched(room: Room, ledger: Ledger, user: User, facts: Facts, replica: str, error: Mismatch) -> None:
    """A member that is not what its manifest lists is an event and an alert, told once in a while however often it is asked for."""
    found = error.fixity
    if not room.once.first(user.name, facts.id, f"mismatch {replica} {found.path}"):
        return
    with ledger.begin() as tx:
        tx.chain.append("member_mismatch", facts.id, {
            "key": facts.key, "replica": replica, "member": found.path, "expected": found.expected, "found": found.found,
            "by": user.name,
        })  # fmt: skip
    with contextlib.suppress(OSError):  # the event stands; a full disk must not hide the finding from who looks
        part = frozenset([f"{replica} {found.path}"])
        alarm = Alarm("PROOF-FAILED", facts.key, [f"{facts.key}  {replica}: {error}"], part)
        settle(room.home, ["PROOF-FAILED"], [alarm], dt.datetime.now(dt.UTC), subject=facts.key)
