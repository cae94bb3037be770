"""The push endpoint: an agency's handling system announces packages, with a token of its own instead of a user."""

from __future__ import annotations

from typing import Annotated

import limits
from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict, Field

from desk.api import models, tokens
from desk.guard import HomeDep, LedgerDep, client, ensure_room, limit
from desk.roles import Right, Role, User
from ingest import push
from ingest.settings import Agency, ConfigError
from ingest.sources import SourceAway

router = APIRouter(prefix="/api/v1", tags=["push"])
_BEARER = HTTPBearer(auto_error=False, description="`guidang desk token AGENCY`")
_CALLS, _WRONG = limits.parse("120/minute"), limits.parse("20/minute")


class PushedPackage(BaseModel):
    """One package, named as the deployed interface names it; ``path`` is below the agency's drop, the digest in hex."""

    model_config = ConfigDict(extra="ignore")

    path: str = Field(min_length=1, max_length=1000)
    digitaldigest: str = Field(min_length=1, max_length=128)
    businessId: str = Field(default="", max_length=200)  # noqa: N815  as deployed
    systemNum: str = Field(default="", max_length=200)  # noqa: N815
    systemName: str = Field(default="", max_length=200)  # noqa: N815


class PushCall(BaseModel):
    """A call: the 交接单据 that lists the packages, where there is one, and the packages."""

    model_config = ConfigDict(extra="ignore")

    xmlPath: str = Field(default="", max_length=1000)  # noqa: N815
    packages: list[PushedPackage] = Field(min_length=1, max_length=1000)


class PushResult(BaseModel):
    """What became of one package: 1 received, 2 refused, 3 cannot be read, 6 digest differs."""

    path: str
    businessId: str  # noqa: N815
    code: int
    message: str


class PushAnswer(BaseModel):
    """1 when all packages are received, else the code of the first that is not."""

    code: int
    message: str
    results: list[PushResult]


def pusher(
    agency: str,
    request: Request,
    home: HomeDep,
    given: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)],
) -> Agency:
    """The agency that calls, if the token is its own; 401 alike for a wrong token and an unknown agency."""
    ensure_room(request, _WRONG, "push", client(request))
    if given is None or not tokens.good(home, agency, given.credentials):
        request.app.state.limiter.take(_WRONG, "push", client(request))
        raise HTTPException(401, "令牌不对 / not the agency's token", {"WWW-Authenticate": "Bearer"})
    caller = User(f"push:{agency}", Role.PRODUCER, agency)
    found = home.agencies().get(agency)
    if found is None or not caller.may(Right.PUSH):
        raise HTTPException(403)
    limit(request, _CALLS, "push", agency)
    return found


@router.post("/push/{agency}", name="push", responses={
    code: {"model": models.Problem} for code in (401, 403, 409, 413, 429, 503)
})  # fmt: skip
def announce(
    call: PushCall, agency: Annotated[Agency, Depends(pusher)], home: HomeDep, ledger: LedgerDep
) -> PushAnswer:
    """收到: the packages are there and whole, and the next run takes them. Whether they are accepted is told by receipts."""
    packages = [push.Package(p.path.lstrip("/"), p.digitaldigest, p.businessId) for p in call.packages]
    try:
        found = push.announce(home, ledger, agency, packages, call.xmlPath.lstrip("/"), f"push:{agency.id}")
    except ConfigError as e:
        raise HTTPException(409, str(e)) from None
    except SourceAway as e:
        raise HTTPException(503, str(e), {"Retry-After": "300"}) from None
    worst = next((a for a in found if a.code != push.RECEIVED), found[0])
    return PushAnswer(
        code=worst.code, message=f"{worst.zh} / {worst.en}",
        results=[PushResult(path=a.path, businessId=a.business_id, code=a.code, message=f"{a.zh} / {a.en}") for a in found],
    )  # fmt: skip
