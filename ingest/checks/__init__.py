"""The 四性检测 of DA/T 70-2018: formats, signatures, metadata and package shape of one record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ingest.checks.engine import CheckContext, CheckReport, StagingAltered, run

__all__ = ["CheckContext", "CheckReport", "StagingAltered", "run"]


def __getattr__(name: str) -> Any:
    # The engine brings XML and PDF parsers with it; `guidang --help` should not wait for them.
    if name in __all__:
        from ingest.checks import engine

        return getattr(engine, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
