"""Whether what the trust store holds now would help a signature that could not be judged before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ingest.signatures import TrustStore
from ingest.signatures.certs import name_text
from ingest.signatures.keeping import would_help

_NO_CRL = ("SIG-REVOCATION-UNKNOWN", "SIG-CRL-STALE")


def helps(verdicts: Iterable[Mapping[str, Any]], store: TrustStore) -> str | None:
    """The name of a certificate or CRL issuer in ``store`` for want of which one of these stored verdicts
    (``FileVerdict.as_json()``) is INDETERMINATE; None if nothing in the store would change one."""
    for verdict in verdicts:
        for certificate in (*store.anchors, *store.intermediates):
            if would_help(verdict, certificate):
                return certificate.subject_text
        if verdict.get("verdict") == "INDETERMINATE":
            wanted = {
                cause["params"].get("issuer")
                for signature in verdict.get("signatures", ())
                for result in signature.get("results", {}).values()
                for cause in result.get("causes", ())
                if cause["code"] in _NO_CRL
            }
            for crl in store.crls:
                if (name := name_text(crl.issuer)) in wanted:
                    return name
    return None
