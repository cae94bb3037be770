"""OCSP answers that come inside files, made by another implementation (`cryptography`)."""

from __future__ import annotations

import datetime as dt

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp as maker

from ingest.signatures import Verdict, chain, ocsp, verify
from ingest.signatures.certs import parse_certificate
from ingest.signatures.der import DerError
from ingest.signatures.verdict import Aspect, Judge

from .pki.asn1 import explicit, seq
from .pki.ca import AT, DAY, SIGNED, Holder, World, certificate, world
from .pki.cms import Style, attribute, stamped
from .pki.keys import make_key
from .pki.pdf_cases import make

OCSP_SIGNING = "1.3.6.1.5.5.7.3.9"


@pytest.fixture(params=["rsa", "ec"])
def w(request: pytest.FixtureRequest) -> World:
    return world(request.param)


def answer(
    w: World, subject: Holder, *, responder: Holder | None = None, revoked: dt.datetime | None = None,
    this: dt.datetime = SIGNED, following: dt.datetime = SIGNED + DAY,
) -> bytes:  # fmt: skip
    """An OCSPResponse on ``subject`` by its issuer, or by a delegated responder."""
    signer = responder or w.authority
    load = x509.load_der_x509_certificate
    builder = maker.OCSPResponseBuilder().add_response(
        cert=load(subject.raw), issuer=load(w.authority.raw), algorithm=hashes.SHA1(),
        cert_status=maker.OCSPCertStatus.REVOKED if revoked else maker.OCSPCertStatus.GOOD, this_update=this,
        next_update=following, revocation_time=revoked,
        revocation_reason=x509.ReasonFlags.key_compromise if revoked else None,
    ).responder_id(maker.OCSPResponderEncoding.HASH, load(signer.raw))  # fmt: skip
    if responder is not None:
        builder = builder.certificates([load(responder.raw)])
    made = builder.sign(signer.key.private, hashes.SHA256())  # type: ignore[attr-defined]
    return made.public_bytes(Encoding.DER)


def judged(w: World, subject: Holder, raw: bytes, *, proven: bool = False) -> tuple[str, tuple[str, ...]]:
    judge = Judge("test")
    chain.judge_chain(
        judge, parse_certificate(subject.raw), (), w.store(crls=False), chain.Moment(SIGNED, proven=proven), at=AT,
        sources=ocsp.answers_from([raw]),
    )  # fmt: skip
    result = judge.verdict().results[Aspect.REVOCATION]
    leaf = [c.code for c in result.causes if c.params["subject"] == parse_certificate(subject.raw).subject_text]
    return result.outcome.value, tuple(leaf)


def test_good_answer_clears_the_signer(w: World) -> None:
    assert judged(w, w.signer, answer(w, w.signer))[1] == ()


def test_revoked_answer(w: World) -> None:
    assert judged(w, w.signer, answer(w, w.signer, revoked=SIGNED - DAY))[1] == ("SIG-REVOKED",)
    later = answer(w, w.signer, revoked=SIGNED + DAY, this=SIGNED + 2 * DAY, following=SIGNED + 3 * DAY)
    assert judged(w, w.signer, later)[1] == ("SIG-REVOKED-AFTER-CLAIMED-TIME",)
    assert judged(w, w.signer, later, proven=True)[1] == ("SIG-REVOKED-LATER",)


def test_answer_on_another_certificate_or_too_old_says_nothing(w: World) -> None:
    assert judged(w, w.signer, answer(w, w.maker))[1] == ("SIG-REVOCATION-UNKNOWN",)
    old = answer(w, w.signer, this=SIGNED - 9 * DAY, following=SIGNED - 8 * DAY)
    assert judged(w, w.signer, old)[1] == ("SIG-CRL-STALE",)


def test_only_appointed_responders_are_believed(w: World) -> None:
    key = make_key(w.family, f"{w.family} tsa")
    appointed = certificate("应答者", key, w.authority, extended=OCSP_SIGNING)
    assert judged(w, w.signer, answer(w, w.signer, responder=appointed))[1] == ()
    for responder in (
        certificate("无用途", key, w.authority),
        certificate("外来应答者", key, w.stranger_authority, extended=OCSP_SIGNING),
        certificate("过期应答者", key, w.authority, extended=OCSP_SIGNING, end=SIGNED - DAY),
    ):
        assert judged(w, w.signer, answer(w, w.signer, responder=responder))[1] == ("SIG-REVOCATION-UNKNOWN",)


def test_altered_answer_is_not_believed(w: World) -> None:
    raw = answer(w, w.signer, revoked=SIGNED - DAY)
    for at in range(60, len(raw), 37):
        changed = raw[:at] + bytes((raw[at] ^ 1,)) + raw[at + 1 :]
        assert judged(w, w.signer, changed)[1] != ()
    with pytest.raises(DerError):
        ocsp.parse_answer(b"\x30\x03\x0a\x01\x06")  # "unauthorized": a response without an answer


@pytest.mark.parametrize("revoked", [False, True])
def test_adobe_attribute_in_a_pdf(w: World, revoked: bool) -> None:
    raw = answer(w, w.signer, revoked=SIGNED - DAY if revoked else None)
    further = (attribute("1.2.840.113583.1.1.8", seq(explicit(0, seq(w.crl)), explicit(1, seq(raw)))),)
    data = make(w.family, w.signer, style=Style(further=further, unsigned=stamped(w.tsa, SIGNED)))
    found = verify(data, "x.pdf", w.store(crls=False), AT)
    assert found.verdict is (Verdict.INVALID if revoked else Verdict.VALID), found.as_json()
    assert ("SIG-REVOKED" in found.reasons) is revoked
    names = found.evidence_files()
    assert sum(name.endswith(".ocsp") for name in names) == 1 and sum(name.endswith(".crl") for name in names) == 1
