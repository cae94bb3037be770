"""The trust store: which certificates an archive believes, which help to build chains, and the CRLs it has.

Layout of a store: ``anchors/*.pem``, ``intermediates/*.pem``, ``crls/*`` and an optional ``policy.json``. A flat folder
of certificates and CRLs is taken too: there a self-issued certificate is an anchor, any other an intermediate. In
``anchors/`` every certificate is an anchor, because an archive may choose to trust an operating CA directly.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from ingest.signatures import der
from ingest.signatures.certs import Certificate, RevocationList, parse_certificate, parse_crl

_PEM = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----", re.S)
CERTIFICATE_SUFFIXES = frozenset({".pem", ".cer", ".crt", ".der"})
MAX_FILE = 64 << 20


class TrustError(ValueError):
    """The trust store itself is not usable: a matter for its keeper, not for a producer."""


@dataclasses.dataclass(frozen=True)
class TrustPolicy:
    """``require_revocation``: an unknown revocation state makes INDETERMINATE instead of being reported only.

    The default is False: an archive works without the net, and most issuers' CRLs are not public. A CRL that is present
    is used in either case.
    """

    require_revocation: bool = False

    @classmethod
    def load(cls, path: Path) -> TrustPolicy:
        if not path.is_file():
            return cls()
        try:
            data = json.loads(path.read_text("utf-8"))
        except (ValueError, RecursionError) as error:
            raise TrustError(f"{path.name}: {error}") from error
        if not isinstance(data, dict) or set(data) - {"require_revocation"}:
            raise TrustError(f"{path.name}: unknown settings")
        wish = data.get("require_revocation", False)
        if not isinstance(wish, bool):
            raise TrustError(f"{path.name}: require_revocation must be true or false")
        return cls(wish)


@dataclasses.dataclass(frozen=True, eq=False)
class TrustStore:
    """Anchors, intermediates and CRLs, indexed by name. Build it once for a worker; it never changes."""

    anchors: tuple[Certificate, ...] = ()
    intermediates: tuple[Certificate, ...] = ()
    crls: tuple[RevocationList, ...] = ()
    policy: TrustPolicy = TrustPolicy()
    digest: str = dataclasses.field(init=False)
    _anchor_digests: frozenset[str] = dataclasses.field(init=False, repr=False)
    _by_subject: Mapping[bytes, tuple[Certificate, ...]] = dataclasses.field(init=False, repr=False)
    _crls_by_issuer: Mapping[bytes, tuple[RevocationList, ...]] = dataclasses.field(init=False, repr=False)

    def __post_init__(self) -> None:
        lines = [f"anchor {c.sha256}" for c in self.anchors]
        lines += [f"intermediate {c.sha256}" for c in self.intermediates]
        lines += [f"crl {c.sha256}" for c in self.crls]
        lines.append(f"require_revocation {self.policy.require_revocation}")
        by_subject: dict[bytes, tuple[Certificate, ...]] = {}
        for certificate in (*self.anchors, *self.intermediates):
            by_subject[certificate.subject] = (*by_subject.get(certificate.subject, ()), certificate)
        crls_by_issuer: dict[bytes, tuple[RevocationList, ...]] = {}
        for crl in self.crls:
            crls_by_issuer[crl.issuer] = (*crls_by_issuer.get(crl.issuer, ()), crl)
        object.__setattr__(self, "digest", hashlib.sha256("\n".join(sorted(set(lines))).encode()).hexdigest())
        object.__setattr__(self, "_anchor_digests", frozenset(c.sha256 for c in self.anchors))
        object.__setattr__(self, "_by_subject", by_subject)
        object.__setattr__(self, "_crls_by_issuer", crls_by_issuer)

    @classmethod
    def load(cls, folder: Path) -> TrustStore:
        """The store in ``folder``; an absent or empty folder is an empty store. TrustError names the file at fault."""
        policy = TrustPolicy.load(folder / "policy.json")
        if any((folder / part).is_dir() for part in ("anchors", "intermediates", "crls")):
            anchors = list(_certificates(folder / "anchors"))
            intermediates = list(_certificates(folder / "intermediates"))
            crls = list(_crls(folder / "crls", every=True))
        else:
            found = list(_certificates(folder))
            anchors = [c for c in found if c.self_issued]
            intermediates = [c for c in found if not c.self_issued]
            crls = list(_crls(folder, every=False))
        return cls(_unique(anchors), _unique(intermediates), tuple({c.raw: c for c in crls}.values()), policy)

    def is_anchor(self, certificate: Certificate) -> bool:
        return certificate.sha256 in self._anchor_digests

    def named(self, subject: bytes) -> tuple[Certificate, ...]:
        """Anchors first, then intermediates, of this subject name (raw DER)."""
        return self._by_subject.get(subject, ())

    def crls_of(self, issuer: bytes) -> tuple[RevocationList, ...]:
        return self._crls_by_issuer.get(issuer, ())


def _unique(certificates: Iterable[Certificate]) -> tuple[Certificate, ...]:
    return tuple({c.raw: c for c in certificates}.values())


def _files(folder: Path) -> Iterator[tuple[Path, bytes]]:
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        if path.is_file() and not path.name.startswith("."):
            if path.stat().st_size > MAX_FILE:
                raise TrustError(f"{path.name}: too large")
            yield path, path.read_bytes()


def blocks(data: bytes, label: str) -> list[bytes]:
    """The DER bytes of each PEM block with this label, or ``data`` itself when it is not PEM."""
    if b"-----BEGIN" not in data:
        return [data]
    try:
        return [base64.b64decode(body, validate=False) for kind, body in _PEM.findall(data) if kind == label.encode()]
    except binascii.Error as error:
        raise TrustError("broken PEM") from error


def _certificates(folder: Path) -> Iterator[Certificate]:
    for path, data in _files(folder):
        if path.suffix.lower() in CERTIFICATE_SUFFIXES:
            try:
                yield from [parse_certificate(raw) for raw in blocks(data, "CERTIFICATE")]
            except (der.DerError, TrustError) as error:
                raise TrustError(f"{path.name}: not a certificate: {error}") from error


def _crls(folder: Path, *, every: bool) -> Iterator[RevocationList]:
    for path, data in _files(folder):
        if path.suffix.lower() == ".crl" or (every and path.suffix.lower() in CERTIFICATE_SUFFIXES):
            try:
                yield from [parse_crl(raw) for raw in blocks(data, "X509 CRL")]
            except (der.DerError, TrustError) as error:
                raise TrustError(f"{path.name}: not a CRL: {error}") from error
