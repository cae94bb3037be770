"""Certificates, chains and revocation: rules of their own, and agreement with OpenSSL's verifier as an oracle."""

from __future__ import annotations

import datetime as dt
import shutil
import subprocess
from pathlib import Path

import pytest

from ingest.signatures import TrustError, TrustPolicy, TrustStore, chain, revocation
from ingest.signatures.certs import parse_certificate, parse_crl
from ingest.signatures.chain import Moment, judge_chain
from ingest.signatures.verdict import Aspect, Judge, Outcome

from .pki.asn1 import boolean, integer, seq, tlv
from .pki.ca import (
    AT,
    CERT_SIGN,
    DAY,
    SIGNED,
    Holder,
    World,
    certificate,
    crl,
    extension,
    world,
)
from .pki.keys import make_key

FAMILIES = ("sm2", "rsa", "ec")


def judged(
    leaf: Holder, store: TrustStore, when: dt.datetime = SIGNED, extra: tuple[Holder, ...] = (), **how: bool
) -> Judge:
    judge = Judge("test")
    moment = Moment(when, **how)
    judge_chain(judge, parse_certificate(leaf.raw), [parse_certificate(e.raw) for e in extra], store, moment, at=AT)
    return judge


def codes(judge: Judge, aspect: Aspect) -> tuple[str, ...]:
    return judge.verdict().results[aspect].codes


def outcome(judge: Judge, aspect: Aspect) -> Outcome:
    return judge.verdict().results[aspect].outcome


@pytest.fixture(params=FAMILIES)
def w(request: pytest.FixtureRequest) -> World:
    return world(request.param)


def test_good_chain_passes_in_every_family(w: World) -> None:
    judge = judged(w.signer, w.store())
    for aspect in (Aspect.CHAIN, Aspect.REVOCATION, Aspect.TIME):
        assert outcome(judge, aspect) is Outcome.PASS
    chain_evidence = judge.evidence["chains"]["signer"]
    assert len(chain_evidence) == 3
    assert set(judge.blobs) >= {f"{entry['sha256']}.cer" for entry in chain_evidence}
    assert any(name.endswith(".crl") for name in judge.blobs)


def test_intermediate_may_come_with_the_signature(w: World) -> None:
    store = TrustStore((parse_certificate(w.root.raw),))
    assert codes(judged(w.signer, store), Aspect.CHAIN) == ("SIG-ISSUER-UNKNOWN",)
    assert outcome(judged(w.signer, store, extra=(w.authority,)), Aspect.CHAIN) is Outcome.PASS


def test_operating_ca_may_be_an_anchor_itself(w: World) -> None:
    store = TrustStore((parse_certificate(w.authority.raw),))
    assert outcome(judged(w.signer, store), Aspect.CHAIN) is Outcome.PASS


def test_anchor_named_alike_with_another_key_does_not_match(w: World) -> None:
    judge = judged(w.impostor, w.store(), extra=(w.impostor_authority,))
    assert codes(judge, Aspect.CHAIN) == ("SIG-ISSUER-KEY-DIFFERS",)


def test_self_signed_stranger_is_not_trusted(w: World) -> None:
    alone = certificate("自签名", make_key(w.family, f"{w.family} alone"), None)
    assert codes(judged(alone, w.store()), Aspect.CHAIN) == ("SIG-ROOT-NOT-TRUSTED",)


def test_anchor_without_cert_sign_usage_is_believed(w: World) -> None:
    root = certificate("无签发用途根", make_key(w.family, f"{w.family} root"), None, ca=True, usage=0xC0)
    leaf = certificate("叶", make_key(w.family, f"{w.family} leaf"), root)
    assert outcome(judged(leaf, TrustStore((parse_certificate(root.raw),))), Aspect.CHAIN) is Outcome.PASS


def test_path_length_is_enforced(w: World) -> None:
    tight = certificate(
        "限长CA", make_key(w.family, f"{w.family} authority"), w.root, ca=True, usage=CERT_SIGN, path_length=0
    )
    below = certificate("超长CA", make_key(w.family, f"{w.family} other authority"), tight, ca=True, usage=CERT_SIGN)
    leaf = certificate("叶", make_key(w.family, f"{w.family} leaf"), below)
    assert "SIG-PATH-LENGTH" in codes(judged(leaf, w.store(), extra=(tight, below)), Aspect.CHAIN)
    direct = certificate("叶", make_key(w.family, f"{w.family} leaf"), tight)
    assert outcome(judged(direct, w.store(), extra=(tight,)), Aspect.CHAIN) is Outcome.PASS


def test_unknown_critical_extension_fails_and_constraints_are_a_doubt(w: World) -> None:
    leaf_key = make_key(w.family, f"{w.family} leaf")
    odd = certificate("怪", leaf_key, w.authority, extra=(extension("1.2.3.4", b"\5\0", critical=True),))
    assert codes(judged(odd, w.store()), Aspect.CHAIN) == ("SIG-CRITICAL-EXTENSION",)
    limited = certificate(
        "限名CA", make_key(w.family, f"{w.family} other authority"), w.root, ca=True, usage=CERT_SIGN,
        extra=(extension("2.5.29.30", seq(), critical=True),),
    )  # fmt: skip
    leaf = certificate("叶", leaf_key, limited)
    assert codes(judged(leaf, w.store(), extra=(limited,)), Aspect.CHAIN) == ("SIG-CHAIN-CONSTRAINT",)


def test_explicit_default_false_in_basic_constraints_is_read(w: World) -> None:
    odd = certificate(
        "显式FALSE", make_key(w.family, f"{w.family} leaf"), w.authority,
        extra=(extension("2.5.29.19", seq(boolean(False))),),
    )  # fmt: skip
    assert parse_certificate(odd.raw).basic_constraints == (False, None)


def test_loop_of_two_authorities_ends(w: World) -> None:
    one, two = make_key(w.family, f"{w.family} authority"), make_key(w.family, f"{w.family} other authority")
    first = certificate("甲", one, Holder(b"", two, "乙"), ca=True, usage=CERT_SIGN)
    second = certificate("乙", two, Holder(b"", one, "甲"), ca=True, usage=CERT_SIGN)
    leaf = certificate("叶", make_key(w.family, f"{w.family} leaf"), first)
    assert not chain.build(
        parse_certificate(leaf.raw), [parse_certificate(c.raw) for c in (first, second)], w.store()
    ).complete


def test_expired_intermediate_fails_and_expired_anchor_is_a_doubt(w: World) -> None:
    key = make_key(w.family, f"{w.family} authority")
    old = certificate("旧CA", key, w.root, ca=True, usage=CERT_SIGN, end=SIGNED - DAY)
    leaf = certificate("叶", make_key(w.family, f"{w.family} leaf"), old)
    assert "SIG-CA-EXPIRED" in codes(judged(leaf, w.store(), extra=(old,)), Aspect.TIME)
    root = certificate("旧根", key, None, ca=True, usage=CERT_SIGN, end=SIGNED - DAY)
    under = certificate("叶", make_key(w.family, f"{w.family} leaf"), root)
    judge = judged(under, TrustStore((parse_certificate(root.raw),)))
    assert "SIG-ANCHOR-OUTSIDE-VALIDITY" in codes(judge, Aspect.TIME)
    assert outcome(judge, Aspect.TIME) is Outcome.UNKNOWN


def test_without_any_time_an_expired_signer_is_a_doubt(w: World) -> None:
    judge = judged(w.expired, w.store(), when=AT, claimed=False)
    assert codes(judge, Aspect.TIME) == ("SIG-TIME-UNKNOWN-EXPIRED",)


def test_revoked_before_after_and_proven(w: World) -> None:
    assert codes(judged(w.revoked, w.store()), Aspect.REVOCATION) == ("SIG-REVOKED",)
    claimed = judged(w.revoked_later, w.store())
    assert codes(claimed, Aspect.REVOCATION) == ("SIG-REVOKED-AFTER-CLAIMED-TIME",)
    proven = judged(w.revoked_later, w.store(), proven=True)
    assert codes(proven, Aspect.REVOCATION) == ("SIG-REVOKED-LATER",)
    assert outcome(proven, Aspect.REVOCATION) is Outcome.PASS


def _with_crl(w: World, raw: bytes, *, require: bool = False) -> TrustStore:
    base = w.store(crls=False, require=require)
    return TrustStore(base.anchors, base.intermediates, (parse_crl(raw), parse_crl(w.root_crl)), TrustPolicy(require))


def test_forged_crl_is_not_believed(w: World) -> None:
    forged = crl(w.authority, {}, key=make_key(w.family, f"{w.family} other authority"))
    assert "SIG-REVOCATION-UNKNOWN" in codes(judged(w.signer, _with_crl(w, forged)), Aspect.REVOCATION)


def test_stale_crl_still_names_the_revoked_but_clears_nobody(w: World) -> None:
    stale = crl(w.authority, {0x1005: SIGNED - 100 * DAY}, this=SIGNED - 90 * DAY, following=SIGNED - 60 * DAY)
    assert codes(judged(w.revoked, _with_crl(w, stale)), Aspect.REVOCATION) == ("SIG-REVOKED",)
    assert codes(judged(w.signer, _with_crl(w, stale)), Aspect.REVOCATION) == ("SIG-CRL-STALE",)
    strict = judged(w.signer, _with_crl(w, stale, require=True))
    assert strict.verdict().verdict.value == "INDETERMINATE"


def test_crl_from_the_future_is_not_used(w: World) -> None:
    early = crl(w.authority, {0x1001: SIGNED - DAY}, this=AT + 9 * DAY, following=AT + 20 * DAY)
    assert "SIG-REVOCATION-UNKNOWN" in codes(judged(w.signer, _with_crl(w, early)), Aspect.REVOCATION)


def test_delta_and_partial_crls_clear_nobody(w: World) -> None:
    delta = crl(w.authority, {}, extra=(extension("2.5.29.27", integer(1), critical=True),))
    users_only = crl(w.authority, {}, extra=(extension("2.5.29.28", seq(tlv(0x81, b"\xff")), critical=True),))
    other_part = crl(
        w.authority, {},
        extra=(extension("2.5.29.28", seq(tlv(0xA0, tlv(0xA0, tlv(0x86, b"http://ca.example/7.crl")))), critical=True),),
    )  # fmt: skip
    for raw in (delta, users_only, other_part):
        assert "SIG-REVOCATION-UNKNOWN" in codes(judged(w.signer, _with_crl(w, raw)), Aspect.REVOCATION)


def test_crl_partition_serves_the_certificates_that_name_it(w: World) -> None:
    point = tlv(0xA0, tlv(0xA0, tlv(0x86, b"http://ca.example/7.crl")))
    leaf = certificate(
        "分区", make_key(w.family, f"{w.family} leaf"), w.authority, extra=(extension("2.5.29.31", seq(seq(point))),)
    )
    part = crl(w.authority, {}, extra=(extension("2.5.29.28", seq(point), critical=True),))
    assert outcome(judged(leaf, _with_crl(w, part)), Aspect.REVOCATION) is Outcome.PASS


def test_leaf_cannot_sign_crls(w: World) -> None:
    by_leaf = crl(Holder(w.signer.raw, w.signer.key, w.authority.common), {})
    assert not revocation.crl_issued(parse_crl(by_leaf), parse_certificate(w.authority.raw))


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl command")
@pytest.mark.parametrize("family", FAMILIES)
def test_openssl_command_agrees_on_who_issued_what(family: str, tmp_path: Path) -> None:
    w = world(family)
    parent = tmp_path / "parent.pem"
    subprocess.run(
        ["openssl", "x509", "-inform", "DER", "-out", parent], input=w.authority.raw, check=True, capture_output=True
    )
    options = ["-vfyopt", "distid:1234567812345678"] if family == "sm2" else []
    for holder in (w.signer, w.expired, w.stranger, w.impostor, w.not_ca_child):
        child = tmp_path / "child.pem"
        subprocess.run(
            ["openssl", "x509", "-inform", "DER", "-out", child], input=holder.raw, check=True, capture_output=True
        )
        moment = str(int(SIGNED.timestamp()))
        done = subprocess.run(
            ["openssl", "verify", "-attime", moment, "-partial_chain", "-trusted", parent, *options, child],
            capture_output=True, check=False,
        )  # fmt: skip
        ours = judged(holder, TrustStore((parse_certificate(w.authority.raw),)))
        good = all(outcome(ours, aspect) is Outcome.PASS for aspect in (Aspect.CHAIN, Aspect.TIME))
        assert (done.returncode == 0) == good, (holder.common, done.stdout, done.stderr)


@pytest.mark.parametrize("family", FAMILIES)
def test_pyopenssl_agrees_on_revocation(family: str) -> None:
    from cryptography import x509
    from OpenSSL import crypto

    w = world(family)
    store = crypto.X509Store()
    for holder in (w.root, w.authority):
        store.add_cert(crypto.X509.from_cryptography(x509.load_der_x509_certificate(holder.raw)))
    for raw in (w.crl, w.root_crl):
        store.add_crl(x509.load_der_x509_crl(raw))
    store.set_flags(crypto.X509StoreFlags.CRL_CHECK | crypto.X509StoreFlags.CRL_CHECK_ALL)
    store.set_time(AT.replace(tzinfo=None))
    for holder, good in ((w.signer, True), (w.revoked, False), (w.revoked_later, False), (w.stranger, False)):
        context = crypto.X509StoreContext(
            store, crypto.X509.from_cryptography(x509.load_der_x509_certificate(holder.raw))
        )
        try:
            context.verify_certificate()
            theirs = True
        except crypto.X509StoreContextError:
            theirs = False
        assert theirs is good
        ours = judged(holder, w.store(), when=AT)
        assert all(outcome(ours, a) is Outcome.PASS for a in (Aspect.CHAIN, Aspect.REVOCATION)) is good


def test_store_layouts_and_digest(tmp_path: Path) -> None:
    import base64

    w = world("sm2")

    def pem(label: str, raw: bytes) -> bytes:
        return f"-----BEGIN {label}-----\n{base64.encodebytes(raw).decode()}-----END {label}-----\n".encode()

    flat, deep = tmp_path / "flat", tmp_path / "deep"
    flat.mkdir()
    (flat / "all.pem").write_bytes(pem("CERTIFICATE", w.root.raw) + pem("CERTIFICATE", w.authority.raw))
    (flat / "a.crl").write_bytes(w.crl)
    for folder, name, data in (
        ("anchors", "root.pem", pem("CERTIFICATE", w.root.raw)), ("intermediates", "ca.cer", w.authority.raw),
        ("crls", "a.crl", pem("X509 CRL", w.crl)),
    ):  # fmt: skip
        (deep / folder).mkdir(parents=True)
        (deep / folder / name).write_bytes(data)
    one, two = TrustStore.load(flat), TrustStore.load(deep)
    assert one.digest == two.digest != TrustStore().digest
    assert [len(x) for x in (two.anchors, two.intermediates, two.crls)] == [1, 1, 1]
    (deep / "policy.json").write_text('{"require_revocation": true}')
    strict = TrustStore.load(deep)
    assert strict.policy.require_revocation and strict.digest != two.digest
    assert TrustStore.load(tmp_path / "absent").digest == TrustStore().digest


@pytest.mark.parametrize(
    ("name", "data"),
    [("anchors/a.pem", b"no certificate"), ("crls/a.crl", b"0\x03\x02\x01\x01"), ("policy.json", b'{"typo": true}'),
     ("policy.json", b'{"require_revocation": 1}'), ("policy.json", b"{")],
)  # fmt: skip
def test_broken_store_names_the_file(tmp_path: Path, name: str, data: bytes) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    with pytest.raises(TrustError, match=path.name):
        TrustStore.load(tmp_path)


def test_years_are_read_with_two_and_four_digits() -> None:
    from ingest.signatures.der import parse_time

    assert parse_time("200422021807Z", short_year=True) == dt.datetime(2020, 4, 22, 2, 18, 7, tzinfo=dt.UTC)
    assert parse_time("490101000000Z", short_year=True).year == 2049
    assert parse_time("500101000000Z", short_year=True).year == 1950
    assert parse_time("20200422021807Z").year == 2020
    assert parse_time("20200422101807+0800") == parse_time("20200422021807Z")
