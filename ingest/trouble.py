"""Machine trouble by cause: stable codes, whether waiting can help, what to do next. Rules of ``schemas/operations/causes.json``.

Bad content is never a cause: it gives findings. A cause is why a record stands where it stood before the stage.
"""

from __future__ import annotations

import dataclasses
import errno
import json
from functools import cache

from ingest.paths import SCHEMAS

OTHER = "MACHINE"


@dataclasses.dataclass(frozen=True, slots=True)
class Cause:
    """One cause. ``retry``: waiting may help; ``alarm`` is the code of the alarm that tells of it."""

    code: str
    retry: bool
    alarm: str
    zh: str
    en: str
    next_zh: str
    next_en: str
    errors: tuple[str, ...]


@cache
def causes() -> dict[str, Cause]:
    """All causes by code."""
    sheet = json.loads((SCHEMAS / "operations" / "causes.json").read_text("utf-8"))["causes"]
    return {code: Cause(**{**entry, "code": code, "errors": tuple(entry["errors"])}) for code, entry in sheet.items()}


def cause_of(error: BaseException) -> str:
    """The code of the cause of an error, by its class or the classes it derives from, or by its errno; else ``MACHINE``."""
    names = [kind.__name__ for kind in type(error).__mro__]
    if isinstance(error, OSError) and error.errno is not None:
        names.append(errno.errorcode.get(error.errno, ""))
    known = {name: cause.code for cause in causes().values() for name in cause.errors}
    return next((known[name] for name in names if name in known), OTHER)
