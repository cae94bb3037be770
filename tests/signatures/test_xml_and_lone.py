"""XML signatures, and signatures and seals in files of their own."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest

from ingest.signatures import TrustStore, Verdict, detached_target, verify, verify_detached

from .pki.ca import AT, DAY, SIGNED, world
from .pki.cms import Style, indefinite, signed_data, stamped, timestamp
from .pki.ofd_cases import Case
from .pki.seals import SealStyle, SignStyle, make_seal, seal_signature
from .pki.xml import BODY, EXC, XmlStyle, eep, enveloped


def xml_cases() -> Iterator[Case]:
    for family in ("sm2", "rsa", "ec"):
        w = world(family)
        store = w.store()

        def case(
            verdict: str,
            label: str,
            data: bytes,
            code: str | None = None,
            family: str = family,
            store: TrustStore = store,
        ) -> Case:
            return Case(f"{verdict}__xml_{family}__{label}", data, store, Verdict(verdict.upper()), code)

        good = enveloped(w.signer, family)
        xades = enveloped(w.signer, family, XmlStyle(xades=True, form=EXC))
        yield case(
            "indeterminate", "dsig_without_time_is_judged_now", enveloped(w.expired, family), "SIG-TIME-UNKNOWN-EXPIRED"
        )
        yield case("valid", "dsig", good, "SIG-TIME-UNKNOWN")
        yield case("valid", "dsig_by_id", enveloped(w.signer, family, XmlStyle(uri="#case")))
        chain = (w.root.raw, w.authority.raw)
        yield case("valid", "dsig_root_first", enveloped(w.signer, family, XmlStyle(chain=chain)))
        yield case("valid", "dsig_exclusive", enveloped(w.signer, family, XmlStyle(form=EXC)))
        yield case("valid", "xades", xades, "SIG-TIME-CLAIMED-ONLY")
        yield case("valid", "xades_inclusive", enveloped(w.signer, family, XmlStyle(xades=True)))
        yield case("invalid", "dsig_edited", good.replace(b">100<", b">900<"), "SIG-DIGEST-MISMATCH")
        yield case("invalid", "dsig_attribute_edited", good.replace(b'"CNY"', b'"USD"'), "SIG-DIGEST-MISMATCH")
        info = good.replace(b'<Reference URI="">', b'<Reference  Id="r" URI="">')
        yield case("invalid", "dsig_signed_info_edited", info, "SIG-VALUE-WRONG")
        yield case("valid", "dsig_comment_edited", good.replace(b"<!-- note -->", b""))
        yield case(
            "invalid", "xades_time_edited", xades.replace(b"2026-06-01T12", b"2026-05-01T12"), "SIG-DIGEST-MISMATCH"
        )
        yield case(
            "invalid", "xades_properties_unsigned",
            enveloped(w.signer, family, XmlStyle(xades=True, sign_properties=False)), "SIG-XML-PROPERTIES-UNSIGNED",
        )  # fmt: skip
        yield case(
            "invalid", "xades_names_another_certificate",
            enveloped(w.signer, family, XmlStyle(xades=True, named=w.maker.raw)), "SIG-CMS-ATTRIBUTES",
        )  # fmt: skip
        yield case("invalid", "xades_expired", enveloped(w.expired, family, XmlStyle(xades=True)), "SIG-SIGNER-EXPIRED")
        yield case(
            "invalid", "xades_future",
            enveloped(w.signer, family, XmlStyle(xades=True, when=(AT + 3 * DAY).isoformat())), "SIG-TIME-FUTURE",
        )  # fmt: skip
        yield case(
            "indeterminate", "stranger", enveloped(w.stranger, family, XmlStyle(xades=True)), "SIG-ISSUER-UNKNOWN"
        )
        yield case("invalid", "revoked", enveloped(w.revoked, family, XmlStyle(xades=True)), "SIG-REVOKED")
        yield case(
            "indeterminate",
            "no_certificate",
            enveloped(w.signer, family, XmlStyle(certificate=False)),
            "SIG-NO-CERTIFICATE",
        )
        part = enveloped(w.signer, family, XmlStyle(uri="#t"), BODY.replace("<title>", '<title Id="t">'))
        yield case("indeterminate", "partly_covered", part, "SIG-XML-PARTIAL")
        twin = part.replace(b"<sum", b'<title Id="t">forged</title><sum')
        yield case("invalid", "wrapped_twice_the_same_id", twin, "SIG-XML-TARGET")
        odd = '<Transform Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116"/>'
        yield case(
            "indeterminate", "xslt", enveloped(w.signer, family, XmlStyle(transform=odd)), "SIG-ALGORITHM-UNKNOWN"
        )
        doctype = good.replace(b"<case", b'<!DOCTYPE case [<!ENTITY e "x">]><case', 1)
        yield case("invalid", "doctype", doctype, "SIG-XML-BROKEN")
        yield case("invalid", "truncated", good[:-10], "SIG-XML-BROKEN")
        yield case("unsigned", "no_signature", BODY.encode())
    weak = XmlStyle(digest="http://www.w3.org/2000/09/xmldsig#sha1")
    rsa = world("rsa")
    yield Case(
        "indeterminate__xml_sha1",
        enveloped(rsa.signer, "rsa", weak),
        rsa.store(),
        Verdict.INDETERMINATE,
        "SIG-WEAK-ALGORITHM",
    )
    w = world("sm2")
    for label, data in {
        "canonical": eep(w.signer), "raw": eep(w.signer, rule="raw"), "cms": eep(w.signer, as_cms=True),
    }.items():  # fmt: skip
        yield Case(f"valid__eep_{label}", data, w.store(), Verdict.VALID, "SIG-TIME-CLAIMED-ONLY")
        code = "SIG-DIGEST-MISMATCH" if label == "cms" else "SIG-VALUE-WRONG"
        edited = data.replace("许可  决定".encode(), "许可 决定".encode())
        yield Case(f"invalid__eep_{label}__edited", edited, w.store(), Verdict.INVALID, code)
    yield Case("invalid__eep__expired", eep(w.expired), w.store(), Verdict.INVALID, "SIG-SIGNER-EXPIRED")
    yield Case("indeterminate__eep__stranger", eep(w.stranger), w.store(), Verdict.INDETERMINATE, "SIG-ISSUER-UNKNOWN")


def lone_cases() -> Iterator[Case]:
    w = world("sm2")
    store = w.store()
    for version in ("v1", "v4", "v5"):
        seal = make_seal(w.maker, w.signer, SealStyle(version=version))
        yield Case(f"valid__seal_{version}", seal, store, Verdict.VALID, None)
        yield Case(
            f"indeterminate__seal_{version}__unknown_maker",
            seal,
            TrustStore(),
            Verdict.INDETERMINATE,
            "SIG-ISSUER-UNKNOWN",
        )
        forged = make_seal(w.maker, w.signer, SealStyle(version=version, forge=True))
        yield Case(f"invalid__seal_{version}__forged", forged, store, Verdict.INVALID, "SIG-SEAL-MAKER-VALUE-WRONG")
        renamed = seal.replace("测试专用章".encode(), "测试公用章".encode())
        yield Case(f"invalid__seal_{version}__renamed", renamed, store, Verdict.INVALID, "SIG-SEAL-MAKER-VALUE-WRONG")
        over = make_seal(w.maker, w.signer, SealStyle(version=version, end=AT - DAY))
        yield Case(f"valid__seal_{version}__now_expired", over, store, Verdict.VALID, "SIG-SEAL-EXPIRED-NOW")
        revoked = make_seal(w.revoked, w.signer, SealStyle(version=version))
        yield Case(
            f"indeterminate__seal_{version}__maker_revoked_later",
            revoked,
            store,
            Verdict.INDETERMINATE,
            "SIG-REVOKED-AFTER-CLAIMED-TIME",
        )
        value = seal_signature(w.signer, seal, version, b"some document")
        yield Case(f"valid__ses_{version}", value, store, Verdict.VALID, "SIG-CONTENT-ABSENT")
        broken = seal_signature(w.signer, seal, version, b"some document", SignStyle(break_value=True))
        yield Case(f"invalid__ses_{version}__wrong_value", broken, store, Verdict.INVALID, "SIG-VALUE-WRONG")
        if version == "v1":
            continue
        seal_value = SignStyle(timestamp=b"\1\2\3")
        data = seal_signature(w.signer, seal, version, b"some document", seal_value)
        yield Case(f"invalid__ses_{version}__timestamp_is_none", data, store, Verdict.INVALID, "SIG-TIMESTAMP-INVALID")
    for family in ("sm2", "rsa", "ec"):
        w = world(family)
        inside = signed_data(w.signer, b"x", Style(inside=b"letter"))
        yield Case(f"valid__p7m_{family}", inside, w.store(), Verdict.VALID, None)
        edited = inside.replace(b"letter", b"Letter")
        yield Case(f"invalid__p7m_{family}__edited", edited, w.store(), Verdict.INVALID, "SIG-DIGEST-MISMATCH")
        alone = signed_data(w.signer, b"letter")
        yield Case(f"indeterminate__p7s_{family}__alone", alone, w.store(), Verdict.INDETERMINATE, "SIG-CONTENT-ABSENT")


@pytest.mark.parametrize("case", [*xml_cases(), *lone_cases()], ids=lambda case: case.name)
def test_verdict(case: Case) -> None:
    found = verify(case.data, case.name, case.store, AT)
    assert found.verdict is case.verdict, found.as_json()
    codes = {cause.code for cause in found.causes} | {c.code for s in found.signatures for c in s.causes}
    assert case.code is None or case.code in (found.reasons if case.verdict.value != "VALID" else codes), found.reasons


def test_file_content_of_many_megabytes_inside_signed_xml() -> None:
    w = world("rsa")
    body = BODY.replace("</case>", f"<data>{'QUJD' * 3_000_000}</data></case>")
    data = enveloped(w.signer, "rsa", body=body)
    assert verify(data, "x", w.store(), AT).verdict is Verdict.VALID
    assert verify(data.replace(b"QUJDQUJD", b"QUJDQUJE", 1), "x", w.store(), AT).verdict is Verdict.INVALID


@pytest.mark.parametrize("family", ["sm2", "gbt35275", "rsa", "ec"])
def test_detached_signature(family: str) -> None:
    w = world("sm2" if family == "gbt35275" else family)
    gm = family == "gbt35275"
    good = signed_data(w.signer, b"letter", Style(gm=gm))
    for signature in (good, indefinite(good), signed_data(w.signer, b"letter", Style(gm=gm, inside=b"letter"))):
        assert verify_detached(signature, b"letter", "a", w.store(), AT).verdict is Verdict.VALID
        assert verify_detached(signature, b"Letter", "a", w.store(), AT).verdict is Verdict.INVALID
    plain = signed_data(w.signer, b"letter", Style(gm=gm, attributes=False, digest_inside=gm))
    assert verify_detached(plain, b"letter", "a", w.store(), AT).verdict is Verdict.VALID
    assert verify_detached(plain, b"Letter", "a", w.store(), AT).verdict is Verdict.INVALID
    late = signed_data(w.revoked_later, b"letter", Style(gm=gm, unsigned=stamped(w.tsa, SIGNED)))
    assert verify_detached(late, b"letter", "a", w.store(), AT).verdict is Verdict.VALID
    assert verify_detached(good[:-5], b"letter", "a", w.store(), AT).reasons == ("SIG-CMS-BROKEN",)
    assert verify_detached(b"", b"letter", "a", w.store(), AT).verdict is Verdict.INVALID
    with pytest.raises(ValueError, match="time zone"):
        verify_detached(good, b"letter", "a", w.store(), dt.datetime(2026, 1, 1))


def test_v1_time_may_be_a_token_over_the_document() -> None:
    """V1 lets timeInfo be a timestamp over what was sealed."""
    from ingest.signatures import ses
    from ingest.signatures.cms import Content
    from ingest.signatures.seals import judge_seal_signature
    from ingest.signatures.verdict import Judge

    from .pki.asn1 import bits, ia5, integer, octets, oid, seq

    w = world("sm2")
    seal = make_seal(w.maker, w.signer, SealStyle(version="v1"))
    import hashlib

    for about, verdict in ((b"document", Verdict.VALID), (b"other", Verdict.INVALID)):
        token = timestamp(w.tsa, about, SIGNED)
        digest = hashlib.new("sm3", b"document").digest()
        tbs = seq(
            integer(1), seal, bits(token), bits(digest), ia5("x"), octets(w.signer.raw), oid("1.2.156.10197.1.501")
        )
        signature = ses.parse_signature(seq(tbs, bits(w.signer.key.sign(tbs))))
        judge = Judge("x")
        judge_seal_signature(judge, signature, Content(b"document"), w.store(), AT)
        assert judge.verdict().evidence["signing_time"].get("proven") == (
            SIGNED.isoformat() if about == b"document" else None
        )
        assert (judge.verdict().verdict is Verdict.INVALID) == (verdict is Verdict.INVALID)


def test_seal_timestamp_over_the_value_proves_the_time() -> None:
    from ingest.signatures import ses
    from ingest.signatures.cms import Content
    from ingest.signatures.seals import judge_seal_signature
    from ingest.signatures.verdict import Judge

    from .pki.asn1 import bits, explicit, octets, oid, seq

    w = world("sm2")
    seal = make_seal(w.maker, w.revoked_later, SealStyle(version="v4"))
    bare = ses.parse_signature(seal_signature(w.revoked_later, seal, "v4", b"document"))
    token = timestamp(w.tsa, bare.signature, SIGNED)
    stamped_value = seq(
        bare.tbs,
        octets(w.revoked_later.raw),
        oid("1.2.156.10197.1.501"),
        bits(bare.signature),
        explicit(0, bits(token)),
    )
    judge = Judge("x")
    judge_seal_signature(judge, ses.parse_signature(stamped_value), Content(b"document"), w.store(), AT)
    result = judge.verdict()
    assert result.evidence["signing_time"]["proven"] == SIGNED.isoformat()
    assert result.revocation.codes == ("SIG-REVOKED-LATER",)


@pytest.mark.parametrize(
    ("name", "names", "target"),
    [
        ("d/a.pdf.p7s", ["d/a.pdf", "d/a.ofd"], "d/a.pdf"), ("d/a.p7s", ["d/a.pdf"], "d/a.pdf"),
        ("d/a.p7s", ["d/a.pdf", "d/a.ofd"], None), ("d/a.p7s", ["e/a.pdf"], None), ("d/a.pdf", ["d/a.pdf"], None),
        ("d/a.SIG", ["d/a.xml", "d/a.SIG"], "d/a.xml"),
    ],
)  # fmt: skip
def test_which_file_a_detached_signature_is_about(name: str, names: list[str], target: str | None) -> None:
    assert detached_target(name, names) == target
