"""The sample night: fake cases of fake agencies with really signed files. This package signs; the verifier never imports it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from samplenight.night import Summary, make

__all__ = ["Summary", "make"]


def __getattr__(name: str) -> Any:
    """Load the maker only when it is asked for: `guidang --help` needs neither pyHanko nor fonts."""
    if name in __all__:
        from samplenight import night

        return getattr(night, name)
    raise AttributeError(name)
