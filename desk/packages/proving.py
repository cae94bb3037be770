"""Verify now, certificates, and the copies side by side."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any

import sqlalchemy as sa
from botocore.exceptions import BotoCoreError, ClientError
from fastapi import APIRouter, Depends, HTTPException, Query
from fastapi import Path as InPath
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from desk.guard import LedgerDep, allowed, rate
from desk.packages import certificate, queries
from desk.packages.room import FactsDep, ReadersDep, RoomDep, veil_of
from desk.pages import Page, PageDep
from desk.roles import Right, User
from ingest.ledger import Ledger, verifications
from ingest.ledger.tables import event
from ingest.proof import sides
from ingest.proof.evidence import NAMES, Evidence, Outcome, Part
from ingest.proof.parts import PARTS
from ingest.proof.prove import evidence_of
from ingest.proof.subject import detail_of

router = APIRouter()

See = Annotated[User, Depends(allowed(Right.SEE))]
Read = Annotated[User, Depends(allowed(Right.SEE_PERSONAL))]  # evidence names files and titles as they are
Verify = Annotated[User, Depends(allowed(Right.VERIFY))]
Digest = Annotated[str, InPath(pattern="^[0-9a-f]{64}$")]
Token = Annotated[str, InPath(pattern="^[0-9a-f]{32}$")]
_MOST_COMPARED = 512 << 20  # bytes of a copy that is read whole while somebody waits
_ALONE = {"Content-Security-Policy": "default-src 'none'; sandbox"}


# ------------------------------------------------------------------------------------------------ certificates


@router.get("/packages/certificates/{digest}.json", name="package_document", response_class=Response)
def document(user: Read, ledger: LedgerDep, digest: Digest) -> Response:
    """The document of a verification, byte for byte as its digest was taken."""
    kept = _kept(ledger, digest, user)
    name = f'attachment; filename="verification-{digest[:16]}.json"'
    return Response(kept["document"], media_type="application/json", headers={**_ALONE, "Content-Disposition": name})


@router.get("/packages/certificates/{digest}", name="package_certified", response_class=HTMLResponse)
def certified(page: PageDep, user: See, ledger: LedgerDep, room: RoomDep, digest: Digest) -> HTMLResponse:
    """Whether a certificate with this digest was ever given: by the kept document, and by its event in the chain."""
    found = certified_by(ledger, digest, user)
    room.once.looked(ledger, user, found.kept["record_id"], f"certificate:{digest[:16]}")
    return page.render("packages/certified.html", kept=found.kept, event=found.event, document=found.document,
                       chained=found.chained)  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True)
class Certified:
    """A kept verification, its document (None where it was altered), its event, and whether that carries its digest."""

    kept: Mapping[str, Any]
    document: Mapping[str, Any] | None
    event: Mapping[str, Any] | None
    chained: bool


def certified_by(ledger: Ledger, digest: str, user: User) -> Certified:
    """What there is about a certificate's digest; 404 where there is nothing, or it is another agency's."""
    kept = _kept(ledger, digest, user)
    with ledger.read() as conn:
        row = conn.execute(sa.select(event).where(event.c.seq == kept["event"])).one_or_none()
    told = dict(row._mapping) if row else None
    chained = told is not None and told["kind"] == "verified" and detail_of(told["detail"]).get("digest") == digest
    return Certified(kept, _document(kept), told, chained)


@router.get("/packages/{record_id}/certificate.pdf", name="package_certificate", response_class=Response)
def printed(
    user: Read,
    ledger: LedgerDep,
    room: RoomDep,
    facts: FactsDep,
    verification: Annotated[str | None, Query(max_length=40)] = None,
) -> Response:
    """A verification on paper; the latest one where none is named. The same one gives the same bytes."""
    with ledger.read() as conn:
        if verification is None:
            latest = verifications.of_record(conn, facts.id, 1)
            verification = str(latest[0]["id"]) if latest else ""
        kept = verifications.by_id(conn, verification)
    if kept is None or kept["record_id"] != facts.id:
        raise HTTPException(404, "还没有核验过，请先核验 / it has not been verified yet: verify it first")
    room.once.looked(ledger, user, facts.id, f"certificate:{kept['digest'][:16]}")
    name = f'inline; filename="certificate-{kept["digest"][:16]}.pdf"'
    return Response(certificate.pdf(_unaltered(kept), kept["digest"]), media_type="application/pdf",
                    headers={**_ALONE, "Content-Disposition": name})  # fmt: skip


def _document(kept: Mapping[str, Any]) -> dict[str, Any] | None:
    """The kept document; None where it is not the one whose digest was taken: then nothing in it is to be believed, or shown."""
    if hashlib.sha256(kept["document"].encode("utf-8", "surrogatepass")).hexdigest() != kept["digest"]:
        return None
    found: dict[str, Any] = json.loads(kept["document"])
    return found


def _unaltered(kept: Mapping[str, Any]) -> dict[str, Any]:
    found = _document(kept)
    if found is None:
        raise HTTPException(
            409, "保存的核验文件已被改动，不可信 / the kept document was altered and is not to be believed"
        )
    return found


def _kept(ledger: Ledger, digest: str, user: User) -> Mapping[str, Any]:
    """404 where no verification has this digest, or its package is another agency's."""
    with ledger.read() as conn:
        kept = verifications.by_digest(conn, digest)
        if kept is None or queries.facts(conn, kept["record_id"], user) is None:
            raise HTTPException(
                404,
                "没有此摘要的核验证明：可能是伪造的，或摘要抄写有误 / no certificate has this digest: forged, or misread",
            )
    return kept


# ------------------------------------------------------------------------------------------------ verify now


@router.post("/packages/{record_id}/verify", name="package_verify", dependencies=[Depends(rate("12/minute", "verify"))])
def verify(page: PageDep, user: Verify, room: RoomDep, facts: FactsDep) -> Response:
    """Begin to verify, or join the verification under way."""
    token = room.jobs.start(facts.id, user.name)
    return RedirectResponse(page.url("package_verification", record_id=facts.id, token=token), 303)


@router.get("/packages/{record_id}/verify", name="package_verifications", response_class=HTMLResponse)
def verified(page: PageDep, user: See, ledger: LedgerDep, facts: FactsDep, places: ReadersDep) -> HTMLResponse:
    """All verifications of this package, newest first."""
    with ledger.read() as conn:
        proofs = verifications.of_record(conn, facts.id, 200)
    return page.render(
        "packages/verifications.html", facts=facts, places=places, replica=None, proofs=proofs, tab="verify"
    )


@router.get("/packages/{record_id}/verify/{token}", name="package_verification", response_class=HTMLResponse)
def verification(
    page: PageDep, user: See, ledger: LedgerDep, room: RoomDep, facts: FactsDep, places: ReadersDep, token: Token
) -> Response:
    """One verification: how far it is, or what it found, with all its evidence."""
    kept = done(ledger, facts.id, token)
    if kept is None:
        standing = room.jobs.standing(facts.id, token)
        kept = None if standing.running else done(ledger, facts.id, token)  # it may have ended in between
        if kept is None:
            return _progress(page, facts, token, standing, places=places)
    if page.partial:  # the page that waited for it is loaded anew
        return Response(status_code=204, headers={"HX-Refresh": "true"})
    room.once.looked(ledger, user, facts.id, f"verification:{token}")
    document = _unaltered(kept)
    return page.render("packages/verification.html", facts=facts, places=places, replica=None, kept=kept, document=document,
                       told=_gravest_first(document), names=NAMES,
                       veil=veil_of(room.home, facts, user), tab="verify")  # fmt: skip


def _gravest_first(document: Mapping[str, Any]) -> dict[Part, list[Evidence]]:
    order = [Outcome.BAD, Outcome.UNKNOWN, Outcome.GOOD, Outcome.NOTE]
    return {part: sorted(told, key=lambda e: order.index(e.outcome)) for part, told in evidence_of(document).items()}


def _progress(page: Page, facts: queries.Facts, token: str, standing: Any, **more: Any) -> HTMLResponse:
    template = "packages/_progress.html" if page.partial else "packages/progress.html"
    return page.render(template, facts=facts, token=token, standing=standing, parts=[p.value for p in PARTS], replica=None,
                       names={p.value: n for p, n in NAMES.items()}, tab="verify", **more)  # fmt: skip


def done(ledger: Ledger, record_id: str, token: str) -> Mapping[str, Any] | None:
    """A verification of this record that has ended, None where the ledger has none of that name."""
    with ledger.read() as conn:
        kept = verifications.by_id(conn, token)
    return kept if kept is not None and kept["record_id"] == record_id else None


# ------------------------------------------------------------------------------------------------ side by side


@router.get("/packages/{record_id}/compare", name="package_compare", response_class=HTMLResponse,
            dependencies=[Depends(rate("12/minute", "compare"))])  # fmt: skip
def compare(
    page: PageDep, user: Verify, ledger: LedgerDep, room: RoomDep, facts: FactsDep, places: ReadersDep,
    a: Annotated[str | None, Query(max_length=80)] = None, b: Annotated[str | None, Query(max_length=80)] = None,
) -> HTMLResponse:  # fmt: skip
    """Two replicas' copies: bytes, versions, locks, digests, and the member in which they part."""
    names = list(places)
    a, b = a or names[0], b or next((n for n in names if n != (a or names[0])), None)
    if a not in places or (b is not None and b not in places):
        raise HTTPException(404, "没有这个副本 / there is no such replica")
    found, trouble = None, ""
    if b is None or a == b:
        trouble = page.t("只配置了一个副本，没有可比较的。", "One replica only: there is nothing to compare.")
    elif facts.size > _MOST_COMPARED:
        trouble = page.t(
            "包太大，不在页面中逐字节比较；请用“立即核验”。", "Too large to compare here: use “verify now”."
        )
    else:
        room.once.looked(ledger, user, facts.id, "compare")
        try:
            versions = {str(c["replica"]): c["version_id"] for c in facts.copies}
            found = sides.compare(facts.key, places[a], places[b], versions)
        except (ClientError, BotoCoreError, OSError) as e:
            trouble = page.t(f"副本不可达：{type(e).__name__}", f"A replica cannot be read: {type(e).__name__}")
    return page.render("packages/compare.html", facts=facts, places=places, replica=None, found=found, trouble=trouble,
                       a=a, b=b, tab="compare")  # fmt: skip
