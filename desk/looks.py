"""Every look at what a package or a record says of people is an event in the chain: who, when, what, and whether in clear."""

from __future__ import annotations

from fastapi import HTTPException, Request

from desk.guard import visitor
from desk.roles import Right, User
from ingest.ledger import Ledger


def looked(ledger: Ledger, user: User, record_id: str, what: str, *, unmasked: bool = False) -> int:
    """Write the event ``looked`` (or ``unmasked``) of ``record_id``; returns its number in the chain.

    ``what`` says which part was shown: ``record``, ``manifest``, ``member:data/结果文件/1.pdf``.
    """
    with ledger.begin() as tx:
        return tx.chain.append(
            "unmasked" if unmasked else "looked", record_id, {"by": user.name, "role": user.role.value, "what": what}
        )


def in_clear(request: Request, ledger: Ledger, record_id: str, what: str) -> bool:
    """Whether this page shows personal data in clear: ``?unmask=1`` was asked and may be; it is an event then. 403 otherwise."""
    if request.query_params.get("unmask") != "1":
        return False
    user = visitor(request)
    if user is None or not user.may(Right.SEE_PERSONAL):
        raise HTTPException(403, "无权查看个人信息 / personal data is not yours to see")
    looked(ledger, user, record_id, what, unmasked=True)
    return True
