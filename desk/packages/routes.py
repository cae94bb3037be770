"""档案包 / Packages: the manifest, its tag files and PREMIS, one member without the rest."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query
from fastapi.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from starlette.concurrency import iterate_in_threadpool

from desk.guard import LedgerDep, allowed, rate
from desk.packages import looking, members, queries
from desk.packages.api import router as api
from desk.packages.members import Mismatch, TooLarge
from desk.packages.proving import router as proving
from desk.packages.queries import Facts
from desk.packages.reading import Member, Opened, Unreadable
from desk.packages.room import FactsDep, ReadersDep, Room, RoomDep, mismatched, opened, veil_of
from desk.pages import PageDep
from desk.roles import Right, User
from ingest.ledger import verifications

router = APIRouter()
router.include_router(api)
router.include_router(proving)  # before those below: /packages/certificates is no record

See = Annotated[User, Depends(allowed(Right.SEE))]
Read = Annotated[User, Depends(allowed(Right.SEE_PERSONAL))]  # what stands in a member nobody can mask
Replica = Annotated[str | None, Query(max_length=80)]
Path = Annotated[str, Query(max_length=4096)]
Number = Annotated[int, Query(ge=1, le=1_000_000)]

_ROWS = 100
_DEAR = [Depends(rate("240/minute", "draw"))]  # what is parsed and drawn for one person
_ALONE = {"Content-Security-Policy": "default-src 'none'; sandbox", "Cache-Control": "no-store"}
_PREMIS = "metadata/premis.xml"
_PREMIS_SHOWN = 128 << 20


@router.get("/packages", name="packages", response_class=HTMLResponse)
def packages(page: PageDep, ledger: LedgerDep, user: See, name: Annotated[str, Query(max_length=250)] = "") -> Response:
    """Find a package by its numbers or key, or a certificate by its digest; what was verified last, which copies are unsound."""
    name = name.strip()
    with ledger.read() as conn:
        found = queries.find(conn, name, user) if name.isprintable() and name else []
        kept = verifications.by_digest(conn, name.lower()) if len(name) == 64 else None
        if kept is not None:
            return RedirectResponse(page.url("package_certified", digest=kept["digest"]), 303)
        if len(found) == 1:
            return RedirectResponse(page.url("package", record_id=found[0]), 303)
        several = [f for f in (queries.facts(conn, i, user) for i in found) if f is not None]
        return page.render(
            "packages/index.html", name=name, found=several, latest=queries.latest(conn, user),
            unsound=queries.unsound(conn, user),
        )  # fmt: skip


@router.get("/packages/{record_id}", name="package", response_class=HTMLResponse)
def package(
    page: PageDep, user: See, ledger: LedgerDep, room: RoomDep, facts: FactsDep, places: ReadersDep,
    replica: Replica = None, q: Annotated[str, Query(max_length=250)] = "", n: Number = 1,
) -> HTMLResponse:  # fmt: skip
    """The manifest, a hundred files a page, from the package itself by range requests."""
    room.once.looked(ledger, user, facts.id, "manifest")
    found, trouble = _open(room, facts, places, replica)
    veil = veil_of(room.home, facts, user)
    asked = q.casefold()
    # who may not see names may not find them out by asking either
    rows: list[Member] = (
        [m for m in found.members if not asked or asked in veil.path(m.path).casefold()] if found else []
    )
    last = max(1, -(-len(rows) // _ROWS))
    n = min(n, last)
    with ledger.read() as conn:
        proofs = verifications.of_record(conn, facts.id, 5)
    return page.render(
        "packages/show.html", **_about(facts, places, found, replica), trouble=trouble, q=q, n=n, last=last, count=len(rows),
        rows=rows[(n - 1) * _ROWS : n * _ROWS], proofs=proofs, tab="manifest", veil=veil,
        info=_info(found, user) if found else (),
    )  # fmt: skip


@router.get("/packages/{record_id}/premis", name="package_premis", response_class=HTMLResponse)
def premis(
    page: PageDep, user: See, ledger: LedgerDep, room: RoomDep, facts: FactsDep, places: ReadersDep,
    replica: Replica = None, n: Number = 1,
) -> HTMLResponse:  # fmt: skip
    """PREMIS as tables: what was done to the record, by whom, what it is made of, who may see it."""
    room.once.looked(ledger, user, facts.id, "premis")
    found, trouble = _open(room, facts, places, replica)
    told: dict[str, Any] | None = None
    if found is not None:
        try:
            data = members.whole(found, _PREMIS, _PREMIS_SHOWN)
            told = room.drawing.run(looking.premis, data, (n - 1) * _ROWS, _ROWS)
        except KeyError:
            trouble = "包内没有 premis.xml / there is no premis.xml"
        except Mismatch as e:
            mismatched(room, ledger, user, facts, found.reader.name, e)
            trouble = str(e)
        except (TooLarge, looking.NotShown, Unreadable) as e:
            trouble = str(e)
    last = max(1, -(-told["total"] // _ROWS)) if told else 1
    return page.render(
        "packages/premis.html",
        **_about(facts, places, found, replica),
        told=told,
        trouble=trouble,
        n=n,
        last=last,
        tab="premis",
        veil=veil_of(room.home, facts, user),
    )


@router.get("/packages/{record_id}/member", name="package_member", response_class=HTMLResponse, dependencies=_DEAR)
def member(
    page: PageDep, user: Read, ledger: LedgerDep, room: RoomDep, facts: FactsDep, places: ReadersDep, path: Path,
    replica: Replica = None, n: Number = 1,
) -> HTMLResponse:  # fmt: skip
    """One member, shown as far as it can be shown safely; its digest was compared before anything of it is shown."""
    found = _opened(room, facts, places, replica)
    one = _member(found, path)
    room.once.looked(ledger, user, facts.id, f"member:{path}")
    shown: dict[str, Any] = {"kind": "other", "pages": 0, "told": None, "reason": "", "wrong": None}
    try:
        data = members.whole(found, path)
        kind = looking.kind_of(data[:8192], path)
        shown["kind"] = kind
        if kind in _DRAWN:
            _, shown["pages"] = room.drawing.picture(_name(found, path), _DRAWN[kind], lambda: data, n)
        elif kind in ("xml", "json", "text"):
            shown["told"] = room.drawing.run(looking.text, data, kind)
    except TooLarge:
        shown["reason"] = page.t(
            f"超过 {members.MOST_SHOWN >> 20} MB，不在页面中显示；请下载。",
            f"Larger than {members.MOST_SHOWN >> 20} MB: download it.",
        )
    except Mismatch as e:
        mismatched(room, ledger, user, facts, found.reader.name, e)
        shown["wrong"] = e.fixity
    except (looking.NotShown, Unreadable) as e:
        shown["reason"] = str(e)
    return page.render(
        "packages/member.html", **_about(facts, places, found, replica), one=one, n=n, tab="member", **shown
    )


@router.get("/packages/{record_id}/page/{n}.png", name="package_page", response_class=Response, dependencies=_DEAR)
def drawn(
    user: Read, ledger: LedgerDep, room: RoomDep, facts: FactsDep, places: ReadersDep, path: Path, n: int,
    replica: Replica = None,
) -> Response:  # fmt: skip
    """A page of a PDF or a picture, drawn anew as PNG."""
    found = _opened(room, facts, places, replica)
    _member(found, path)
    room.once.looked(ledger, user, facts.id, f"member:{path}")
    try:
        head = members.head(found, path)
        kind = looking.kind_of(head, path)
        if kind not in _DRAWN:
            raise looking.NotShown("不是 PDF 或图像 / is no PDF and no picture")
        png, _ = room.drawing.picture(_name(found, path), _DRAWN[kind], lambda: members.whole(found, path), n)
    except Mismatch as e:
        mismatched(room, ledger, user, facts, found.reader.name, e)
        raise HTTPException(409, str(e)) from e
    except (looking.NotShown, TooLarge, Unreadable) as e:
        raise HTTPException(409, str(e)) from e
    return Response(png, media_type="image/png", headers=_ALONE)


@router.get("/packages/{record_id}/download", name="package_download", response_class=StreamingResponse)
def download(
    user: Read,
    ledger: LedgerDep,
    room: RoomDep,
    facts: FactsDep,
    places: ReadersDep,
    path: Path,
    replica: Replica = None,
) -> StreamingResponse:
    """One member as it is, to be saved. Its last piece is sent only once its digest is right; else the connection breaks."""
    found = _opened(room, facts, places, replica)
    one = _member(found, path)
    room.once.looked(ledger, user, facts.id, f"download:{path}")
    pieces = members.download(found, path, lambda e: mismatched(room, ledger, user, facts, found.reader.name, e))
    headers = {**_ALONE, "Content-Disposition": members.attachment(path), "Content-Length": str(one.size)}
    return StreamingResponse(iterate_in_threadpool(pieces), media_type="application/octet-stream", headers=headers)


# ------------------------------------------------------------------------------------------------ what they share

_DRAWN = {"pdf": looking.pdf_page, "picture": looking.picture}


def _open(room: Room, facts: Facts, places: Any, replica: str | None) -> tuple[Opened | None, str]:
    try:
        return opened(room, facts, places, replica), ""
    except Unreadable as e:
        return None, str(e)


def _opened(room: Room, facts: Facts, places: Any, replica: str | None) -> Opened:
    try:
        return opened(room, facts, places, replica)
    except Unreadable as e:
        raise HTTPException(409, str(e)) from e


def _member(found: Opened, path: str) -> Member:
    one = found.by_path.get(path)
    if one is None or one.size is None:
        raise HTTPException(404, "包内没有此文件 / there is no such file in the package")
    return one


def _name(found: Opened, path: str) -> tuple[Any, ...]:
    return (found.reader.name, found.key, found.version, found.by_path[path].sha256, path)


def _about(facts: Facts, places: Any, found: Opened | None, replica: str | None) -> dict[str, Any]:
    return {"facts": facts, "places": places, "opened": found, "replica": replica}


def _info(found: Opened, user: User) -> tuple[tuple[str, str], ...]:
    """bag-info.txt; who may not see personal data does not see the description, which is the record's title."""
    hidden = set() if user.may(Right.SEE_PERSONAL) else {"external-description"}
    return tuple((label, "***" if label.lower() in hidden else value) for label, value in found.info)
