"""Signed OFD files by the verdict that they must get: each kind of signature with each fault."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Iterator

from ingest.signatures import TrustStore, Verdict

from .ca import AT, DAY, SIGNED, Holder, World, certificate, world
from .cms import Style, indefinite, signed_data, stamped
from .keys import sm2_key
from .ofd import NAMESPACE, Parts, Reference, document, pack, sign
from .seals import SealStyle, SignStyle, make_seal, seal_signature

SEALS = ("v1", "v4", "v5")
KINDS = (*SEALS, "gbt35275_attributes", "gbt35275_digest", "cms")
PAGE = "Doc_0/Pages/Page_0/Content.xml"


@dataclasses.dataclass(frozen=True)
class Case:
    """One file, the store it is judged with, and what must come out: a verdict and one code among its reasons."""

    name: str
    data: bytes
    store: TrustStore
    verdict: Verdict
    code: str | None


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What goes into one signed OFD."""

    kind: str
    holder: Holder
    maker: Holder
    chain: tuple[bytes, ...] = ()
    when: dt.datetime = SIGNED
    reference: Reference = dataclasses.field(default_factory=Reference)
    seal: SealStyle = dataclasses.field(default_factory=SealStyle)
    value: SignStyle = dataclasses.field(default_factory=SignStyle)
    cms: Style = dataclasses.field(default_factory=Style)
    with_seal_part: bool = False

    def maker_of_values(self) -> tuple[Callable[[bytes], bytes], Reference]:
        """A function from Signature.xml to its value, and the references' style."""
        local = (self.when + dt.timedelta(hours=8)).strftime("%Y-%m-%d %H:%M:%S")
        reference = dataclasses.replace(self.reference, when=local)
        if self.kind in SEALS:
            seal = make_seal(self.maker, self.holder, dataclasses.replace(self.seal, version=self.kind))
            value = dataclasses.replace(self.value, when=self.when)
            if self.with_seal_part:
                reference = dataclasses.replace(reference, seal=seal)
            return lambda xml: seal_signature(self.holder, seal, self.kind, xml, value), reference
        style = dataclasses.replace(
            self.cms,
            gm=self.kind != "cms",
            attributes=self.kind != "gbt35275_digest",
            digest_inside=self.kind == "gbt35275_digest",
            when=self.when,
            chain=self.chain,
        )
        return lambda xml: signed_data(self.holder, xml, style), dataclasses.replace(reference, typ="Sign")

    def parts(self, base: Parts | None = None, number: int = 0) -> Parts:
        value, reference = self.maker_of_values()
        return sign(base or document(), value, reference, number)


def recipe(
    kind: str, holder: Holder | None = None, chain: tuple[bytes, ...] = (), when: dt.datetime = SIGNED
) -> Recipe:
    w = world("sm2")
    return Recipe(kind, holder or w.signer, w.maker, chain, when)


Fault = Callable[[str, World], tuple[bytes, Verdict, str | None]]


def _edit(name: str, old: bytes, new: bytes) -> Callable[[Parts], Parts]:
    def apply(parts: Parts) -> Parts:
        assert old in parts[name]
        return {**parts, name: parts[name].replace(old, new)}

    return apply


def _flip(name: str, at: int = -8) -> Callable[[Parts], Parts]:
    def apply(parts: Parts) -> Parts:
        data = bytearray(parts[name])
        data[at] ^= 1
        return {**parts, name: bytes(data)}

    return apply


def _drop(name: str) -> Callable[[Parts], Parts]:
    return lambda parts: {key: value for key, value in parts.items() if key != name}


VALUE, XML, LIST = (
    "Doc_0/Signs/Sign_0/SignedValue.dat",
    "Doc_0/Signs/Sign_0/Signature.xml",
    "Doc_0/Signs/Signatures.xml",
)
_NEW_PAGE = f"<ofd:Page {NAMESPACE}><ofd:Content/></ofd:Page>".encode()

# Tampering with a well-signed file: fault, (what is done, verdict, code).
TAMPERING: dict[str, tuple[Callable[[Parts], Parts], Verdict, str]] = {
    "page_edited": (_edit(PAGE, "第1页".encode(), "第9页".encode()), Verdict.INVALID, "SIG-OFD-PART-CHANGED"),
    "page_removed": (_drop(PAGE), Verdict.INVALID, "SIG-OFD-PART-MISSING"),
    "references_edited": (_edit(XML, b"SignatureMethod", b"SignatureMethod "), Verdict.INVALID, "SIG-DIGEST-MISMATCH"),
    "value_flipped": (_flip(VALUE), Verdict.INVALID, "SIG-VALUE-WRONG"),
    "list_emptied": (
        lambda parts: {**parts, LIST: f"<ofd:Signatures {NAMESPACE}/>".encode()}, Verdict.INVALID, "SIG-OFD-ORPHAN",
    ),
    "list_and_pointer_removed": (
        lambda parts: _drop(LIST)(_edit("OFD.xml", b"<ofd:Signatures>/Doc_0/Signs/Signatures.xml</ofd:Signatures>", b"")(parts)),
        Verdict.INVALID, "SIG-OFD-ORPHAN",
    ),
    "value_removed": (_drop(VALUE), Verdict.INVALID, "SIG-OFD-DANGLING"),
    "list_removed": (_drop(LIST), Verdict.INVALID, "SIG-OFD-DANGLING"),
    "lookalike_member": (lambda parts: {**parts, PAGE.upper(): _NEW_PAGE}, Verdict.INVALID, "SIG-OFD-DUPLICATE"),
    "value_truncated": (lambda parts: {**parts, VALUE: parts[VALUE][:-20]}, Verdict.INVALID, "SIG-VALUE-BROKEN"),
    "list_with_entity": (
        lambda parts: {**parts, LIST: b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>'},
        Verdict.INVALID, "SIG-OFD-XML",
    ),
}  # fmt: skip


def cases() -> Iterator[Case]:
    """All OFD cases, made one after the other."""
    w = world("sm2")
    store = w.store()
    for kind in KINDS:
        good = recipe(kind).parts()
        yield Case(f"valid__ofd_{kind}", pack(good), store, Verdict.VALID, None)
        yield Case(
            f"indeterminate__ofd_{kind}__no_anchors",
            pack(good),
            TrustStore(),
            Verdict.INDETERMINATE,
            "SIG-ISSUER-UNKNOWN",
        )
        for fault, (change, verdict, code) in TAMPERING.items():
            yield Case(f"{verdict.lower()}__ofd_{kind}__{fault}", pack(change(good)), store, verdict, code)
        yield Case(
            f"invalid__ofd_{kind}__member_twice", pack(good, twice=PAGE), store, Verdict.INVALID, "SIG-OFD-DUPLICATE"
        )
        yield from _signer_cases(kind, w, store)
        yield from _reference_cases(kind, store)
    for kind in SEALS:
        yield from _seal_cases(kind, w, store)
    yield from _cms_cases(w, store)
    yield from _several(w, store)


def _signer_cases(kind: str, w: World, store: TrustStore) -> Iterator[Case]:
    twin_chain = (w.impostor_authority.raw,)
    for label, holder, when, chain, verdict, code in (
        ("signer_expired", w.expired, SIGNED, (), Verdict.INVALID, "SIG-SIGNER-EXPIRED"),
        ("signer_not_yet_valid", w.future, SIGNED, (), Verdict.INVALID, "SIG-SIGNER-NOT-YET-VALID"),
        ("signer_revoked", w.revoked, SIGNED, (), Verdict.INVALID, "SIG-REVOKED"),
        ("revoked_after_claim", w.revoked_later, SIGNED, (), Verdict.INDETERMINATE, "SIG-REVOKED-AFTER-CLAIMED-TIME"),
        ("encryption_certificate", w.encipher, SIGNED, (), Verdict.INVALID, "SIG-KEY-USAGE"),
        ("stranger", w.stranger, SIGNED, (), Verdict.INDETERMINATE, "SIG-ISSUER-UNKNOWN"),
        ("impostor_ca_same_names", w.impostor, SIGNED, twin_chain, Verdict.INDETERMINATE, "SIG-ISSUER-KEY-DIFFERS"),
        ("issued_by_a_leaf", w.not_ca_child, SIGNED, (w.signer.raw,), Verdict.INVALID, "SIG-ISSUER-NOT-CA"),
        ("future_time", w.signer, AT + 3 * DAY, (), Verdict.INVALID, "SIG-TIME-FUTURE"),
    ):
        if label == "issued_by_a_leaf" and kind in SEALS:
            continue  # a seal signature carries no further certificates
        made = recipe(kind, holder, chain, when).parts()
        yield Case(f"{verdict.lower()}__ofd_{kind}__{label}", pack(made), store, verdict, code)


def _reference_cases(kind: str, store: TrustStore) -> Iterator[Case]:
    base = recipe(kind)
    for label, reference, verdict, code in (
        ("sha256_references", Reference("2.16.840.1.101.3.4.2.1", "sha256"), Verdict.VALID, None),
        ("sha1_references", Reference("SHA1", "sha1"), Verdict.INDETERMINATE, "SIG-WEAK-ALGORITHM"),
        ("md5_by_default", Reference("", "md5"), Verdict.INDETERMINATE, "SIG-WEAK-ALGORITHM"),
        ("unknown_digest", Reference("1.2.156.10197.1.401.2"), Verdict.INDETERMINATE, "SIG-DIGEST-UNKNOWN"),
        ("page_not_covered", Reference(skip=(PAGE,)), Verdict.INDETERMINATE, "SIG-OFD-SHOWN-UNCOVERED"),
        ("root_not_covered", Reference(skip=("OFD.xml",)), Verdict.VALID, "SIG-OFD-ROOT-UNCOVERED"),
        ("vendor_namespace", Reference(namespace='xmlns:ofd="http://www.ofdspec.org"'), Verdict.VALID, None),
        ("provider_as_children", Reference(provider_children=True), Verdict.VALID, None),
        ("refers_to_nothing", Reference(break_reference=True), Verdict.INVALID, "SIG-OFD-PART-MISSING"),
    ):
        made = dataclasses.replace(base, reference=reference).parts()
        yield Case(f"{verdict.lower()}__ofd_{kind}__{label}", pack(made), store, verdict, code)
    extra = {**base.parts(), "Doc_0/Attachs/unlisted.bin": b"not shown by the document"}
    yield Case(f"valid__ofd_{kind}__extra_file_not_shown", pack(extra), store, Verdict.VALID, "SIG-OFD-PART-UNCOVERED")


def _seal_cases(kind: str, w: World, store: TrustStore) -> Iterator[Case]:
    base = recipe(kind)
    other = certificate("另一签名人", sm2_key("another leaf"), w.authority)
    seals = {
        "signer_not_listed": (SealStyle(listed=(other.raw,)), Verdict.INVALID, "SIG-SIGNER-NOT-LISTED"),
        "seal_expired": (SealStyle(end=SIGNED - DAY), Verdict.INVALID, "SIG-SEAL-EXPIRED"),
        "seal_not_yet_valid": (SealStyle(start=SIGNED + DAY), Verdict.INVALID, "SIG-SEAL-EXPIRED"),
        "seal_forged": (SealStyle(forge=True), Verdict.INVALID, "SIG-SEAL-MAKER-VALUE-WRONG"),
        "maker_signs_other_form": (SealStyle(other_form=True), Verdict.VALID, None),
    }
    if kind != "v1":
        seals["certificate_digests"] = (SealStyle(digests=True), Verdict.VALID, None)
        seals["not_in_certificate_digests"] = (
            SealStyle(digests=True, listed=(other.raw,)), Verdict.INVALID, "SIG-SIGNER-NOT-LISTED",
        )  # fmt: skip
    for label, (style, verdict, code) in seals.items():
        made = dataclasses.replace(base, seal=style).parts()
        yield Case(f"{verdict.lower()}__ofd_{kind}__{label}", pack(made), store, verdict, code)
    values = {
        "raw_r_s": (SignStyle(raw_rs=True), Verdict.VALID, None),
        "padded_integers": (SignStyle(padded_integers=True), Verdict.VALID, None),
        "unused_bits_octet": (SignStyle(unused_bits=1), Verdict.VALID, None),
        "signed_data_oid_as_algorithm": (SignStyle(algorithm="1.2.156.10197.6.1.4.2.2"), Verdict.VALID, None),
        "unknown_algorithm": (SignStyle(algorithm="1.2.3.4.5"), Verdict.INDETERMINATE, "SIG-ALGORITHM-UNKNOWN"),
        "wrong_data_hash": (SignStyle(wrong_hash=True), Verdict.INVALID, "SIG-DIGEST-MISMATCH"),
        "value_is_no_value": (SignStyle(value=b"no signature"), Verdict.INVALID, "SIG-VALUE-WRONG"),
        "wrong_value": (SignStyle(break_value=True), Verdict.INVALID, "SIG-VALUE-WRONG"),
    }
    if kind == "v1":
        values["local_time_text"] = (SignStyle(time_text="2026-06-01 12:00:00"), Verdict.VALID, None)
        values["iso_time_text"] = (SignStyle(time_text="2026-06-01T12:00:00.123+08:00"), Verdict.VALID, None)
    for label, (value, verdict, code) in values.items():
        made = dataclasses.replace(base, value=value).parts()
        yield Case(f"{verdict.lower()}__ofd_{kind}__{label}", pack(made), store, verdict, code)
    kept = dataclasses.replace(base, with_seal_part=True).parts()
    yield Case(f"valid__ofd_{kind}__seal_part", pack(kept), store, Verdict.VALID, None)
    swapped = make_seal(w.maker, w.signer, SealStyle(version=kind, name="另一枚印章"))
    made = {**kept, "Doc_0/Signs/Sign_0/Seal.esl": swapped}
    yield Case(f"invalid__ofd_{kind}__seal_part_swapped", pack(made), store, Verdict.INVALID, "SIG-SEAL-SWAPPED")


def _cms_cases(w: World, store: TrustStore) -> Iterator[Case]:
    for kind in ("gbt35275_attributes", "gbt35275_digest", "cms"):
        base = recipe(kind)
        value, reference = base.maker_of_values()

        def ber(xml: bytes, value: Callable[[bytes], bytes] = value) -> bytes:
            return indefinite(value(xml))

        made = sign(document(), ber, reference)
        yield Case(f"valid__ofd_{kind}__indefinite_length", pack(made), store, Verdict.VALID, None)
        for label, style, verdict, code in (
            ("raw_r_s", Style(raw_rs=True), Verdict.VALID, None),
            ("no_certificate", Style(no_certificate=True), Verdict.INDETERMINATE, "SIG-NO-CERTIFICATE"),
            ("timestamped", Style(unsigned=stamped(w.tsa, SIGNED)), Verdict.VALID, None),
            ("timestamp_of_a_stranger", Style(unsigned=stamped(w.stranger_tsa, SIGNED)), Verdict.VALID, "SIG-TIMESTAMP-UNTRUSTED"),
            ("timestamp_of_something_else", Style(unsigned=stamped(w.tsa, SIGNED, other=True)), Verdict.INVALID, "SIG-TIMESTAMP-INVALID"),
            ("timestamp_by_a_signer", Style(unsigned=stamped(w.signer, SIGNED)), Verdict.INVALID, "SIG-TIMESTAMP-INVALID"),
        ):  # fmt: skip
            made = dataclasses.replace(base, cms=style).parts()
            yield Case(f"{verdict.lower()}__ofd_{kind}__{label}", pack(made), store, verdict, code)
        late = dataclasses.replace(
            base, holder=w.revoked_later, cms=Style(unsigned=stamped(w.tsa, SIGNED))
        ).parts()  # fmt: skip
        yield Case(f"valid__ofd_{kind}__revoked_after_timestamp", pack(late), store, Verdict.VALID, "SIG-REVOKED-LATER")
    doubled = dataclasses.replace(recipe("cms"), cms=Style(second_digest=True)).parts()
    yield Case("invalid__ofd_cms__two_digests", pack(doubled), store, Verdict.INVALID, "SIG-CMS-ATTRIBUTES")


def _with_stray_member(data: bytes) -> bytes:
    """A local member in front that the directory does not list; zipfile reads over a prefix."""
    name = b"Doc_0/Signs/Sign_0/SignedValue.dat"
    header = b"PK\3\4" + bytes(22) + len(name).to_bytes(2, "little") + b"\0\0"
    return header + name + data


def _several(w: World, store: TrustStore) -> Iterator[Case]:
    first = recipe("v4").parts()
    both = recipe("gbt35275_attributes").parts(first, number=1)
    yield Case("valid__ofd_two_signatures", pack(both), store, Verdict.VALID, None)
    broken = _flip("Doc_0/Signs/Sign_1/SignedValue.dat")(both)
    yield Case("invalid__ofd_two_signatures__second_broken", pack(broken), store, Verdict.INVALID, "SIG-VALUE-WRONG")
    unlisted = {**both, LIST: first[LIST]}
    yield Case("invalid__ofd_two_signatures__second_unlisted", pack(unlisted), store, Verdict.INVALID, "SIG-OFD-ORPHAN")
    empty = {
        **document(),
        "OFD.xml": document()["OFD.xml"].replace(b"</ofd:DocBody>", b"<ofd:Signatures/></ofd:DocBody>"),
    }
    yield Case("unsigned__ofd__empty_pointer", pack(empty), store, Verdict.UNSIGNED, None)
    yield Case("unsigned__ofd", pack(document()), store, Verdict.UNSIGNED, None)
    hidden = _with_stray_member(pack(document()))
    yield Case(
        "indeterminate__ofd__parts_struck_from_directory", hidden, store, Verdict.INDETERMINATE, "SIG-OFD-HIDDEN"
    )
    require = w.store(crls=False, require=True)
    yield Case(
        "indeterminate__ofd_v4__revocation_required",
        pack(first),
        require,
        Verdict.INDETERMINATE,
        "SIG-REVOCATION-UNKNOWN",
    )
    yield Case("valid__ofd_v4__revocation_required_and_known", pack(first), w.store(require=True), Verdict.VALID, None)
