"""Waiting for a source, but not for ever: whatever it does, or does not, a request ends.

A time-out of a socket starts anew with each byte, and a client library may ask for page after page. So a request to another
machine is made in a thread of its own, which is waited for no longer than the whole may take, and then left behind: it ends by
itself when the source hangs up, and holds up nobody. It is not hung up on from here: a socket that is closed under a reader
may become another one's.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import TypeVar

from ingest.sources.base import TooSlow

_T = TypeVar("_T")


def in_time(seconds: float, what: str, work: Callable[[], _T]) -> _T:
    """The result of ``work``, or what it raised, if it ends within ``seconds``. Raises TooSlow otherwise."""
    if math.isinf(seconds):
        return work()
    results: list[_T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as e:
            errors.append(e)

    thread = threading.Thread(target=run, name=f"source {what}", daemon=True)
    thread.start()
    thread.join(max(seconds, 0.0))
    if errors:
        raise errors[0]
    if not results:
        raise TooSlow(what, seconds)
    return results[0]
