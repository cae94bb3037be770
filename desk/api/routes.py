"""JSON under /api/v1, and its own description."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.openapi.utils import get_openapi

from desk.api.rooms import router as rooms
from desk.guard import allowed
from desk.roles import Right, User

router = APIRouter(prefix="/api/v1")
router.include_router(rooms)


@router.get("/openapi.json", name="openapi")
def description(request: Request, user: Annotated[User, Depends(allowed(Right.SEE))]) -> dict[str, Any]:
    """What the API can do, for those who may use it (OpenAPI 3.1)."""
    routes = [r for r in request.app.routes if getattr(r, "path", "").startswith("/api/")]
    root: str = request.scope.get("root_path", "")
    return get_openapi(title=request.app.title, version="1", routes=routes, servers=[{"url": root or "/"}])
