"""JSON about packages under /api/v1/packages: the same questions as the pages ask."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, HTTPException, Query
from fastapi import Path as InPath
from pydantic import BaseModel

from desk.guard import LedgerDep, allowed, rate
from desk.packages.proving import certified_by, done
from desk.packages.queries import Facts
from desk.packages.reading import Unreadable
from desk.packages.room import FactsDep, ReadersDep, RoomDep, opened, veil_of
from desk.roles import Right, User
from ingest.ledger import verifications

_REFUSED: dict[int | str, dict[str, Any]] = {
    401: {"description": "nobody is logged in"}, 403: {"description": "not this role's to do"},
    404: {"description": "no such package, or another agency's"},
    409: {"description": "the store cannot be read, or what was kept was altered"},
    422: {"description": "a parameter that cannot be right"}, 429: {"description": "too many requests"},
}  # fmt: skip
router = APIRouter(prefix="/api/v1", tags=["packages"], responses=_REFUSED)

See = Annotated[User, Depends(allowed(Right.SEE))]
Verify = Annotated[User, Depends(allowed(Right.VERIFY))]
Read = Annotated[User, Depends(allowed(Right.SEE_PERSONAL))]
Token = Annotated[str, InPath(pattern="^[0-9a-f]{32}$")]
Digest = Annotated[str, InPath(pattern="^[0-9a-f]{64}$")]
Outcome = Literal["good", "bad", "unknown"]


class PackageCopy(BaseModel):
    """One replica's copy as the ledger knows it; times are ISO 8601."""

    replica: str
    state: str
    sha256: str
    size: int
    version_id: str | None
    deposited_at: str
    verified_at: str
    lock_mode: str | None
    retain_until: str | None
    legal_hold: bool


class Package(BaseModel):
    """A deposited package; ``size`` in bytes."""

    id: str
    agency: str
    state: str
    archival_code: str | None
    electronic_record_code: str | None
    key: str
    sha256: str
    size: int
    version: int | None
    copies: list[PackageCopy]

    @classmethod
    def of(cls, facts: Facts) -> Package:
        names = [n for n in cls.model_fields if n != "copies"]
        copies = [PackageCopy(**{n: c[n] for n in PackageCopy.model_fields}) for c in facts.copies]
        return cls(**{n: getattr(facts, n) for n in names}, copies=copies)


class ManifestFile(BaseModel):
    """One file of the bag by its manifests; ``size`` null where it is listed and not there, digests null where not listed."""

    path: str
    size: int | None
    sha256: str | None
    sm3: str | None


class Manifest(BaseModel):
    """A stretch of the manifest as one replica holds it; ``total`` files in all."""

    replica: str
    total: int
    files: list[ManifestFile]


class Verification(BaseModel):
    """One finished verification; ``digest`` is the SHA-256 of its document, ``event`` the chained event that carries it."""

    id: str
    at: str
    by: str
    outcome: Outcome
    digest: str
    event: int


class Begun(BaseModel):
    """A verification that is under way."""

    id: str


class Standing(BaseModel):
    """How a verification stands; ``document`` has all its evidence once it is done."""

    state: Literal["running", "done", "broken"]
    part: str | None = None
    done: int = 0
    total: int = 0
    document: dict[str, Any] | None = None


class Certified(BaseModel):
    """Whether a certificate's digest is one of this archive: its document unaltered, its event in the chain."""

    digest: str
    unaltered: bool
    chained: bool
    outcome: Outcome
    record: str
    at: str


@router.get("/packages/{record_id}", name="api_package")
def package(user: See, facts: FactsDep) -> Package:
    """A package and its copies, as the ledger knows them."""
    return Package.of(facts)


@router.get("/packages/{record_id}/manifest", name="api_manifest")
def manifest(
    user: See, ledger: LedgerDep, room: RoomDep, facts: FactsDep, places: ReadersDep,
    replica: Annotated[str | None, Query(max_length=80)] = None, start: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Manifest:  # fmt: skip
    """The package's files from the package itself, read by range requests."""
    room.once.looked(ledger, user, facts.id, "manifest")
    try:
        found = opened(room, facts, places, replica)
    except Unreadable as e:
        raise HTTPException(409, str(e)) from e
    veil = veil_of(room.home, facts, user)
    files = [
        ManifestFile(path=veil.path(m.path), size=m.size, sha256=m.sha256, sm3=m.sm3)
        for m in found.members[start : start + limit]
    ]
    return Manifest(replica=found.reader.name, total=len(found.members), files=files)


@router.get("/packages/{record_id}/verifications", name="api_verifications")
def verified(user: See, ledger: LedgerDep, facts: FactsDep) -> list[Verification]:
    """The verifications of a package, newest first, two hundred at most."""
    with ledger.read() as conn:
        rows = verifications.of_record(conn, facts.id, 200)
    return [Verification(**{n: r[n] for n in Verification.model_fields}) for r in rows]


@router.post(
    "/packages/{record_id}/verifications",
    name="api_verify",
    status_code=202,
    dependencies=[Depends(rate("12/minute", "verify"))],
)
def verify(user: Verify, room: RoomDep, facts: FactsDep) -> Begun:
    """Begin to verify, or join the verification under way."""
    return Begun(id=room.jobs.start(facts.id, user.name))


@router.get("/packages/{record_id}/verifications/{token}", name="api_verification")
def verification(user: Read, ledger: LedgerDep, room: RoomDep, facts: FactsDep, token: Token) -> Standing:
    """How far a verification is, or its document."""
    kept = done(ledger, facts.id, token)
    if kept is None:
        standing = room.jobs.standing(facts.id, token)
        if standing.running:
            return Standing(state="running", part=standing.part, done=standing.done, total=standing.total)
        kept = done(ledger, facts.id, token)  # it may have ended in between
    if kept is None:
        return Standing(state="broken")
    return Standing(state="done", document=json.loads(kept["document"]))


@router.get("/certificates/{digest}", name="api_certificate")
def certificate(user: See, ledger: LedgerDep, digest: Digest) -> Certified:
    """Confirm a certificate by its digest."""
    found = certified_by(ledger, digest, user)
    kept = found.kept
    return Certified(digest=digest, unaltered=found.document is not None, chained=found.chained, outcome=kept["outcome"],
                     record=kept["record_id"], at=kept["at"])  # fmt: skip
