"""Verdicts on every signature and seal that government-service files carry: PDF, OFD, CMS, GB/T 35275, XML, SM2.

    trust = TrustStore.load(Path("config/trust"))
    verdict = verify(data, "结果文件/01_许可证.ofd", trust, at=as_of)

What a verdict means and the one rule that makes it stand in :mod:`ingest.signatures.verdict`. Nothing here reads a clock,
the network or a file other than the trust store. Parts are imported when they are first asked for, so that a command which
judges nothing does not wait for the parsers.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ingest.signatures.detached import detached_target, verify_detached
    from ingest.signatures.dispatch import verify, verify_eep
    from ingest.signatures.trust import TrustError, TrustPolicy, TrustStore
    from ingest.signatures.verdict import (
        Aspect,
        Cause,
        Effect,
        FileVerdict,
        Outcome,
        Result,
        SignatureVerdict,
        Verdict,
        worst,
    )

_HOMES = {
    "detached_target": "detached", "verify_detached": "detached", "verify": "dispatch", "verify_eep": "dispatch", "TrustError": "trust",
    "TrustPolicy": "trust", "TrustStore": "trust", "Aspect": "verdict", "Cause": "verdict", "Effect": "verdict",
    "FileVerdict": "verdict", "Outcome": "verdict", "Result": "verdict", "SignatureVerdict": "verdict",
    "Verdict": "verdict", "worst": "verdict",
}  # fmt: skip

__all__ = [
    "Aspect", "Cause", "Effect", "FileVerdict", "Outcome", "Result", "SignatureVerdict", "TrustError", "TrustPolicy",
    "TrustStore", "Verdict", "detached_target", "verify", "verify_detached", "verify_eep", "worst",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(name)
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
