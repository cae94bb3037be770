"""Templates and what they are given: texts in the reader's language, addresses that know where the desk is mounted, filters."""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode

import jinja2
from fastapi import Depends, Request
from fastapi.responses import HTMLResponse, Response
from markupsafe import Markup

from desk import masking
from desk.guard import NONCE_COOKIE, form_token, nonce, visitor
from desk.roles import ROLE_NAMES, Right, User
from ingest.findings import Finding
from ingest.model import CST, State
from ingest.settings import ConfigError

TEMPLATES = Path(__file__).parent / "templates"
LANGUAGE_COOKIE = "guidang_language"
_YEAR = 365 * 24 * 3600


@dataclasses.dataclass(frozen=True, slots=True)
class Nav:
    """An entry of the navigation: the room's folder, the route's name, its texts, and the right it asks for."""

    room: str
    route: str
    zh: str
    en: str
    right: Right = Right.SEE


NAV = (
    Nav("tonight", "tonight", "今夜", "Tonight"),
    Nav("records", "records", "档案", "Records"),
    Nav("packages", "packages", "档案包", "Packages"),
    Nav("queues", "held", "待定与退回", "Held & rejected"),
    Nav("schedules", "schedules", "三合一", "Schedules"),
    Nav("inspection", "inspection", "监督检查", "Inspection"),
    Nav("numbers", "numbers", "指标", "Numbers"),
)

STATE_NAMES: dict[str, tuple[str, str]] = {
    State.LISTED: ("已列出", "listed"),
    State.RECEIVED: ("已接收", "received"),
    State.CHECKED: ("已检测", "checked"),
    State.FILED: ("已整理", "filed"),
    State.PACKAGED: ("已封装", "packaged"),
    State.DEPOSITED: ("已入库", "deposited"),
    State.ACKNOWLEDGED: ("已归档", "archived"),
    State.REJECTED: ("已退回", "rejected"),
    State.HELD: ("待定", "held"),
    State.DUPLICATE: ("重复", "duplicate"),
}


class Page:
    """One answer in the making. As a dependency: ``page: PageDep``; then ``page.render("room/name.html", rows=…)``."""

    def __init__(self, request: Request) -> None:
        self.request = request

    @property
    def user(self) -> User | None:
        return visitor(self.request)

    @property
    def language(self) -> str:
        """``zh`` or ``en``."""
        return "en" if self.request.cookies.get(LANGUAGE_COOKIE) == "en" else "zh"

    def t(self, zh: str, en: str) -> str:
        """The text in the reader's language."""
        return en if self.language == "en" else zh

    def url(self, name: str, query: Mapping[str, Any] | None = None, **path: Any) -> str:
        """The address of a route by its name, below wherever the desk is mounted; empty values of ``query`` are left out."""
        root: str = self.request.scope.get("root_path", "")
        address = root.rstrip("/") + str(self.request.app.url_path_for(name, **path))
        asked = {k: v for k, v in (query or {}).items() if v not in (None, "", [], ())}
        return f"{address}?{urlencode(asked, doseq=True)}" if asked else address

    @functools.cached_property
    def agency_names(self) -> dict[str, str]:
        """Names by id; of a registry that is broken the nights tell, and here agencies are shown by their ids."""
        try:
            return {agency.id: agency.name for agency in self.request.app.state.home.agencies().values()}
        except ConfigError:
            return {}

    @property
    def here(self) -> str:
        """The address of this page itself, to come back to; of a form that was refused, the page it was on is not known."""
        if self.request.method != "GET":
            return ""
        query = f"?{self.request.url.query}" if self.request.url.query else ""
        return str(self.request.scope["path"]) + query

    @property
    def partial(self) -> bool:
        """Whether htmx asked for a part of the page only."""
        return self.request.headers.get("hx-request") == "true"

    def render(self, template: str, status_code: int = 200, *, unmasked: bool = False, **context: Any) -> HTMLResponse:
        """The template in HTML. ``unmasked`` is what `looks.in_clear` answered."""
        room = template.split("/")[0]
        text = (
            _environment()
            .get_template(template)
            .render(
                page=self,
                user=self.user,
                lang="en" if self.language == "en" else "zh-CN",
                language=self.language,
                t=self.t,
                url=self.url,
                here=room,
                nav=[n for n in NAV if self.user and self.user.may(n.right)],
                csrf=Markup('<input type="hidden" name="csrf" value="{}">').format(form_token(self.request)),
                csrf_token=form_token(self.request),
                may=lambda right: bool(self.user and self.user.may(Right(right))),
                unmasked=unmasked,
                has_login=self.request.app.state.sessions.own,
                role_names=ROLE_NAMES,
                **context,
            )
        )
        response = HTMLResponse(text, status_code)
        self._keep_nonce(response)
        return response

    def _keep_nonce(self, response: Response) -> None:
        if NONCE_COOKIE not in self.request.cookies:
            response.set_cookie(NONCE_COOKIE, nonce(self.request), path=self._cookie_path, httponly=True,
                                samesite="strict", secure=self.request.url.scheme == "https")  # fmt: skip

    def keep_language(self, response: Response, language: str) -> None:
        response.set_cookie(LANGUAGE_COOKIE, language, max_age=_YEAR, path=self._cookie_path, httponly=True,
                            samesite="strict", secure=self.request.url.scheme == "https")  # fmt: skip

    @property
    def _cookie_path(self) -> str:
        return str(self.request.scope.get("root_path") or "/")


PageDep = Annotated[Page, Depends(Page)]


# ------------------------------------------------------------------------------------------------ filters


@functools.cache
def _environment() -> jinja2.Environment:
    env = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters |= {
        "time": time,
        "day": lambda text: time(text)[:10],
        "size": size,
        "count": lambda n: f"{n:,}" if n is not None else "—",
        "dash": lambda value: "—" if value in (None, "") else value,
        "agency_name": _agency_name,
        "state_name": _state_name,
        "finding_text": _finding_text,
        "masked_name": _unless_unmasked(masking.mask_name),
        "masked_id": _unless_unmasked(masking.mask_id),
        "masked_phone": _unless_unmasked(masking.mask_phone),
    }
    return env


def time(text: str | None) -> str:
    """An ISO 8601 time as the archive's people read it: Shanghai time, no zone. ``—`` for none."""
    if not text:
        return "—"
    if len(text) <= 10:
        return text
    given = dt.datetime.fromisoformat(text)
    return (given if given.tzinfo is None else given.astimezone(CST)).strftime("%Y-%m-%d %H:%M:%S")


def size(number: int | None) -> str:
    """Bytes in a unit one can read: 1.2 MB (decimal)."""
    if number is None:
        return "—"
    if number < 1000:
        return f"{number} B"
    value = float(number)
    for unit in ("kB", "MB", "GB"):
        value /= 1000
        if value < 999.95:
            return f"{value:.1f} {unit}"
    return f"{value / 1000:.1f} TB"


@jinja2.pass_context
def _agency_name(context: jinja2.runtime.Context, agency: str) -> str:
    return str(context["page"].agency_names.get(agency, agency))


@jinja2.pass_context
def _state_name(context: jinja2.runtime.Context, state: str) -> str:
    return str(context["t"](*STATE_NAMES.get(state, (state, state))))


@jinja2.pass_context
def _finding_text(context: jinja2.runtime.Context, finding: Finding | Mapping[str, Any]) -> str:
    known = finding if isinstance(finding, Finding) else Finding.from_json(finding)
    text = known.text(context["language"])
    return text if context["unmasked"] else masking.mask_text(text)


def _unless_unmasked(mask: Callable[[str | None], str]) -> Callable[[jinja2.runtime.Context, str | None], str]:
    @jinja2.pass_context
    def masked(context: jinja2.runtime.Context, text: str | None) -> str:
        if not text:
            return "—"
        return text if context["unmasked"] else mask(text)

    return masked
