"""Signed PDFs by the verdict that they must get: each kind of signature with each fault."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
from collections.abc import Callable, Iterator

from pyhanko.sign.fields import MDPPerm

from ingest.signatures import TrustStore, Verdict

from .asn1 import octets
from .ca import AT, DAY, SIGNED, Holder, World, world
from .cms import Style, signed_data, stamped, timestamp
from .ofd_cases import Case
from .pdf import (
    Layout,
    add_annotation,
    add_empty_field,
    fill_form,
    flip,
    pades,
    replace_page,
    sign_pdf,
    unsigned_pdf,
    with_text_field,
)
from .seals import SealStyle, SignStyle, make_seal, seal_signature

SEALS = ("seal_v1", "seal_v4", "seal_v5")
KINDS = ("rsa", "ec", "sm2", "gbt35275", *SEALS)


def family(kind: str) -> str:
    return kind if kind in ("rsa", "ec") else "sm2"


def make(
    kind: str, holder: Holder, *, when: dt.datetime = SIGNED, chain: tuple[bytes, ...] = (), layout: Layout | None = None,
    style: Style | None = None, value: SignStyle | None = None,
) -> bytes:  # fmt: skip
    """A one-revision PDF signed by ``holder``."""
    layout = dataclasses.replace(layout or Layout(), when=when)
    if kind in SEALS:
        version = kind[5:]
        seal = make_seal(world("sm2").maker, holder, SealStyle(version=version))
        made = dataclasses.replace(value or SignStyle(), when=when)
        layout = dataclasses.replace(layout, subfilter="GM.sm2seal", filter="Gomain.GMPkiLite")
        return sign_pdf(lambda covered: seal_signature(holder, seal, version, covered, made), layout)
    style = dataclasses.replace(style or Style(), gm=kind == "gbt35275", when=when, chain=chain)
    return sign_pdf(lambda covered: signed_data(holder, covered, style), layout)


# Tampering with a well-signed file: fault, (what is done, verdict, code).
TAMPERING: dict[str, tuple[Callable[[bytes], bytes], Verdict, str]] = {
    "content_edited": (lambda data: flip(data, b"100 CNY", b"900 CNY"), Verdict.INVALID, "SIG-DIGEST-MISMATCH"),
    "page_replaced": (replace_page, Verdict.INVALID, "SIG-PDF-CHANGED"),
    "annotated": (add_annotation, Verdict.INVALID, "SIG-PDF-CHANGED"),
    "junk_after_end": (lambda data: data + b"hidden", Verdict.INVALID, "SIG-PDF-TRAILING-BYTES"),
    "newlines_after_end": (lambda data: data + b"\r\n\n", Verdict.VALID, "SIG-PDF-TRAILING-WHITESPACE"),
    "empty_field_added": (add_empty_field, Verdict.VALID, "SIG-PDF-ARCHIVAL-UPDATE"),
    "truncated": (lambda data: data[:-80], Verdict.INVALID, "SIG-PDF-UNREADABLE"),
    "byte_range_moved": (
        lambda data: flip(data, b"/ByteRange [0 ", b"/ByteRange [1 "), Verdict.INVALID, "SIG-PDF-BYTE-RANGE",
    ),
    "polyglot": (lambda data: data + _ofd(), Verdict.INVALID, "SIG-PDF-TRAILING-BYTES"),
}  # fmt: skip


def _ofd() -> bytes:
    from .ofd import document, pack

    return pack(document())


def cases() -> Iterator[Case]:
    """All PDF cases, made one after the other."""
    for kind in KINDS:
        w = world(family(kind))
        store = w.store()
        good = make(kind, w.signer)
        yield Case(f"valid__pdf_{kind}", good, store, Verdict.VALID, "SIG-TIME-CLAIMED-ONLY")
        yield Case(
            f"indeterminate__pdf_{kind}__no_anchors", good, TrustStore(), Verdict.INDETERMINATE, "SIG-ISSUER-UNKNOWN"
        )
        for fault, (change, verdict, code) in TAMPERING.items():
            yield Case(f"{verdict.lower()}__pdf_{kind}__{fault}", change(good), store, verdict, code)
        yield from _layouts(kind, w, store)
        yield from _signers(kind, w, store)
        if kind not in SEALS:
            yield from _structures(kind, w, store)
    yield from _levels()
    yield from _stamps()
    w = world("rsa")
    yield Case("unsigned__pdf", unsigned_pdf(), w.store(), Verdict.UNSIGNED, None)


def _layouts(kind: str, w: World, store: TrustStore) -> Iterator[Case]:
    for label, layout, verdict, code in (
        ("widened_gap", Layout(widen=16), Verdict.INVALID, "SIG-PDF-BYTE-RANGE"),
        ("tail_uncovered", Layout(unsigned_tail=8), Verdict.INVALID, "SIG-PDF-TAIL-UNCOVERED"),
        ("field_unhooked", Layout(hide_field=True), Verdict.INDETERMINATE, "SIG-PDF-ORPHAN"),
    ):
        data = make(kind, w.signer, layout=layout)
        yield Case(f"{verdict.lower()}__pdf_{kind}__{label}", data, store, verdict, code)


def _signers(kind: str, w: World, store: TrustStore) -> Iterator[Case]:
    for label, holder, when, chain, verdict, code in (
        ("signer_expired", w.expired, SIGNED, (), Verdict.INVALID, "SIG-SIGNER-EXPIRED"),
        ("signer_not_yet_valid", w.future, SIGNED, (), Verdict.INVALID, "SIG-SIGNER-NOT-YET-VALID"),
        ("signer_revoked", w.revoked, SIGNED, (), Verdict.INVALID, "SIG-REVOKED"),
        ("revoked_after_claim", w.revoked_later, SIGNED, (), Verdict.INDETERMINATE, "SIG-REVOKED-AFTER-CLAIMED-TIME"),
        ("encryption_certificate", w.encipher, SIGNED, (), Verdict.INVALID, "SIG-KEY-USAGE"),
        ("stranger", w.stranger, SIGNED, (), Verdict.INDETERMINATE, "SIG-ISSUER-UNKNOWN"),
        ("impostor_ca_same_names", w.impostor, SIGNED, (w.impostor_authority.raw,), Verdict.INDETERMINATE, "SIG-ISSUER-KEY-DIFFERS"),
        ("future_time", w.signer, AT + 3 * DAY, (), Verdict.INVALID, "SIG-TIME-FUTURE"),
    ):  # fmt: skip
        data = make(kind, holder, when=when, chain=chain)
        yield Case(f"{verdict.lower()}__pdf_{kind}__{label}", data, store, verdict, code)


def _structures(kind: str, w: World, store: TrustStore) -> Iterator[Case]:
    for label, style, verdict, code in (
        ("value_wrong", Style(break_value=True), Verdict.INVALID, None),
        ("digest_wrong", Style(break_digest=True), Verdict.INVALID, "SIG-DIGEST-MISMATCH"),
        ("content_inside", Style(inside=b"something else"), Verdict.INVALID, "SIG-CMS-ENCAPSULATED"),
        ("no_certificate", Style(no_certificate=True), Verdict.INDETERMINATE, "SIG-NO-CERTIFICATE"),
        ("other_signing_certificate", Style(signing_certificate=b"x"), Verdict.INVALID, "SIG-CMS-ATTRIBUTES"),
        ("signing_certificate", Style(signing_certificate=w.signer.raw), Verdict.VALID, None),
        ("two_digests", Style(second_digest=True), Verdict.INVALID, "SIG-CMS-ATTRIBUTES"),
        ("timestamped", Style(unsigned=stamped(w.tsa, SIGNED)), Verdict.VALID, None),
        ("timestamp_of_something_else", Style(unsigned=stamped(w.tsa, SIGNED, other=True)), Verdict.INVALID, "SIG-TIMESTAMP-INVALID"),
        ("chain_and_crl_inside", Style(chain=(w.authority.raw,), crls=(w.crl,)), Verdict.VALID, None),
    ):  # fmt: skip
        data = make(kind, w.signer, style=style)
        yield Case(f"{verdict.lower()}__pdf_{kind}__{label}", data, store, verdict, code)
    late = make(kind, w.revoked_later, style=Style(unsigned=stamped(w.tsa, SIGNED)))
    yield Case(f"valid__pdf_{kind}__revoked_after_timestamp", late, store, Verdict.VALID, "SIG-REVOKED-LATER")
    unknown = make(kind, w.signer, layout=Layout(subfilter="Vendor.Own"))
    yield Case(f"valid__pdf_{kind}__vendor_subfilter", unknown, store, Verdict.VALID, "SIG-PDF-SUBFILTER")


def _levels() -> Iterator[Case]:
    w = world("rsa")
    store = w.store()
    bare = sign_pdf(lambda covered: octets(w.signer.key.sign(covered)), Layout(subfilter="adbe.x509.rsa_sha1"))
    yield Case("indeterminate__pdf_x509_rsa_sha1", bare, store, Verdict.INDETERMINATE, "SIG-PDF-RSA-SHA1")
    for level in ("b", "t", "lt", "lta"):
        data = pades(w, level)
        yield Case(f"valid__pades_b{level if level != 'b' else ''}", data, store, Verdict.VALID, None)
        yield Case(
            f"invalid__pades_b{level}__page_replaced", replace_page(data), store, Verdict.INVALID, "SIG-PDF-CHANGED"
        )
        yield Case(
            f"invalid__pades_b{level}__junk", data + b"\n%junk", store, Verdict.INVALID, "SIG-PDF-TRAILING-BYTES"
        )
    signed = pades(w)
    yield Case(
        "valid__pades_two_signatures",
        pades(w, data=signed, field="Sig2"),
        store,
        Verdict.VALID,
        "SIG-PDF-LATER-SIGNATURE",
    )
    certified = pades(w, data=with_text_field(), certify=True, permission=MDPPerm.NO_CHANGES)
    yield Case("valid__pades_certified", certified, store, Verdict.VALID, None)
    filled = fill_form(certified)
    yield Case("invalid__pades_certified__filled", filled, store, Verdict.INVALID, "SIG-PDF-FORBIDDEN-CHANGE")
    form = pades(w, data=with_text_field())
    yield Case(
        "indeterminate__pades_form__filled_after_signing",
        fill_form(form),
        store,
        Verdict.INDETERMINATE,
        "SIG-PDF-FORM-FILLED",
    )
    detached = pades(w, detached=False)
    yield Case("valid__pyhanko_adbe_detached", detached, store, Verdict.VALID, None)


def _stamps() -> Iterator[Case]:
    """Document timestamps alone, and adbe.pkcs7.sha1."""
    for kind in ("rsa", "ec", "sm2"):
        w = world(kind)
        store = w.store()
        layout = Layout(subfilter="ETSI.RFC3161", type="DocTimeStamp")
        data = sign_pdf(lambda covered, w=w: timestamp(w.tsa, covered, SIGNED), layout)  # type: ignore[misc]
        yield Case(f"valid__pdf_document_timestamp_{kind}", data, store, Verdict.VALID, None)
        edited = flip(data, b"100 CNY", b"900 CNY")
        yield Case(
            f"invalid__pdf_document_timestamp_{kind}__edited", edited, store, Verdict.INVALID, "SIG-TIMESTAMP-MISMATCH"
        )
        data = sign_pdf(lambda covered, w=w: timestamp(w.signer, covered, SIGNED), layout)  # type: ignore[misc]
        yield Case(f"invalid__pdf_document_timestamp_{kind}__no_tsa", data, store, Verdict.INVALID, "SIG-KEY-USAGE")
        data = sign_pdf(lambda covered, w=w: timestamp(w.tsa, covered, AT + 3 * DAY), layout)  # type: ignore[misc]
        yield Case(f"invalid__pdf_document_timestamp_{kind}__future", data, store, Verdict.INVALID, "SIG-TIME-FUTURE")
    w = world("rsa")

    def inside(covered: bytes) -> bytes:
        return signed_data(w.signer, covered, Style(inside=hashlib.sha1(covered).digest()))

    data = sign_pdf(inside, Layout(subfilter="adbe.pkcs7.sha1"))
    yield Case("indeterminate__pdf_pkcs7_sha1", data, w.store(), Verdict.INDETERMINATE, "SIG-WEAK-ALGORITHM")
    edited = flip(data, b"100 CNY", b"900 CNY")
    yield Case("invalid__pdf_pkcs7_sha1__edited", edited, w.store(), Verdict.INVALID, "SIG-DIGEST-MISMATCH")
