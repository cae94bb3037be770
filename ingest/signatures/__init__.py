"""Verdicts on every signature and seal that government-service files carry: PDF, OFD, CMS, GB/T 35275, SM2.

    trust = TrustStore.load(Path("config/trust"))
    verdict = verify(data, "结果文件/01_许可证.ofd", trust, at=as_of)

What a verdict means and the one rule that makes it stand in :mod:`ingest.signatures.verdict`. Nothing here reads a clock,
the network or a file other than the trust store. PDF parsing is imported when the first PDF comes.
"""

from ingest.signatures.detached import detached_target, verify_detached
from ingest.signatures.dispatch import verify
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

__all__ = [
    "Aspect", "Cause", "Effect", "FileVerdict", "Outcome", "Result", "SignatureVerdict", "TrustError", "TrustPolicy",
    "TrustStore", "Verdict", "detached_target", "verify", "verify_detached", "worst",
]  # fmt: skip
