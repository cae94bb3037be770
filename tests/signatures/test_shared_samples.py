"""Real signed files, each with the verdict that the collection's MANIFEST states, and for the stated cause.

The collection stands beside the checkout and is not part of it; where it is absent these tests say so and are skipped.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from ingest.signatures import FileVerdict, Outcome, TrustStore, Verdict, verify

SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "samples"
AT = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)

pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason=f"the sample collection is not at {SAMPLES}")

# file: (verdict, a code that must be among the reasons, or None)
EXPECTED: dict[str, tuple[Verdict, str | None]] = {
    "ofd_v4_taxtest_invoice.ofd": (Verdict.INDETERMINATE, "SIG-ISSUER-UNKNOWN"),
    "ofd_v4_taxtest_invoice_modified.ofd": (Verdict.INVALID, "SIG-OFD-PART-CHANGED"),
    "ofd_v4_riding_seal.ofd": (Verdict.VALID, "SIG-REVOCATION-UNKNOWN"),
    "ofd_sign_p7_attrs_permit.ofd": (Verdict.INDETERMINATE, "SIG-ISSUER-UNKNOWN"),
    "ofd_v1_malformed_sanitised.ofd": (Verdict.INVALID, "SIG-DIGEST-MISMATCH"),
    "ofd_bare_sm2_signature.ofd": (Verdict.INDETERMINATE, "SIG-NO-CERTIFICATE"),
    "ofd_integrity_entries.ofd": (Verdict.VALID, "SIG-OFD-LIST-ONLY"),
    "ofd_v4_odd_alg_oid.ofd": (Verdict.INDETERMINATE, "SIG-ISSUER-UNKNOWN"),
    "seal_v1.esl": (Verdict.VALID, "SIG-SEAL-EXPIRED-NOW"),
    "seal_v5.esl": (Verdict.VALID, None),
    "signedvalue_v4.dat": (Verdict.VALID, "SIG-CONTENT-ABSENT"),
    "pdf_sig-with-ski-sid.pdf": (Verdict.VALID, "SIG-TIME-CLAIMED-ONLY"),
    "pdf_pades-lta-dss-indirect-arrs-test.pdf": (Verdict.VALID, "SIG-PDF-ARCHIVAL-UPDATE"),
    # The signers' certificate is self-signed and in no store; both values fit, the first was followed by the second only.
    "pdf_minimal-two-fields-signed-twice.pdf": (Verdict.INDETERMINATE, "SIG-ROOT-NOT-TRUSTED"),
    "pdf_tail-uncovered.pdf": (Verdict.INVALID, "SIG-PDF-TAIL-UNCOVERED"),
    "pdf_weird-byterange.pdf": (Verdict.INVALID, "SIG-PDF-BYTE-RANGE"),
    "pdf_form-update-override-appearance-stream-sneaky.pdf": (Verdict.INVALID, "SIG-PDF-CHANGED"),
    "pdf_pdf-sig-with-econtent.pdf": (Verdict.INVALID, "SIG-CMS-ENCAPSULATED"),
    "pdf_ed448-shake256-nolen.pdf": (Verdict.VALID, "SIG-TIME-CLAIMED-ONLY"),
    "pdf_dss_hash_failure.pdf": (Verdict.INVALID, "SIG-VALUE-WRONG"),
    "pdf_dss_DSS1376-rev_n.pdf": (Verdict.INVALID, "SIG-PDF-CHANGED"),
    "pdf_dss_shadow_hide.pdf": (Verdict.INVALID, "SIG-PDF-UNREADABLE"),
    "pdf_dss_pades_infinite_loop.pdf": (Verdict.INVALID, "SIG-PDF-UNREADABLE"),
}


@pytest.fixture(scope="module")
def trust() -> TrustStore:
    return TrustStore.load(SAMPLES / "trust")


def judge(name: str, trust: TrustStore) -> FileVerdict:
    return verify((SAMPLES / "signed" / name).read_bytes(), name, trust, AT)


def test_every_signed_sample_has_an_expectation() -> None:
    assert {path.name for path in (SAMPLES / "signed").iterdir()} == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_sample_gets_its_verdict_for_the_stated_cause(name: str, trust: TrustStore) -> None:
    verdict, code = EXPECTED[name]
    found = judge(name, trust)
    assert found.verdict is verdict, found.as_json()
    assert code is None or code in found.reasons


def test_without_the_root_a_good_seal_is_indeterminate() -> None:
    found = judge("ofd_v4_riding_seal.ofd", TrustStore())
    assert found.verdict is Verdict.INDETERMINATE
    signature = found.signatures[0]
    assert (signature.integrity.outcome, signature.cryptography.outcome) == (Outcome.PASS, Outcome.PASS)


def test_modified_invoice_fails_by_its_document_alone(trust: TrustStore) -> None:
    (signature,) = judge("ofd_v4_taxtest_invoice_modified.ofd", trust).signatures
    (cause,) = signature.integrity.causes
    assert cause.params["part"] == "Doc_0/Document.xml"
    assert signature.cryptography.outcome is Outcome.PASS


def test_sanitised_v1_seal_keeps_a_good_maker_signature(trust: TrustStore) -> None:
    (signature,) = judge("ofd_v1_malformed_sanitised.ofd", trust).signatures
    assert signature.evidence["seal"]["maker_message"] == "standard"
    assert "SIG-SEAL-MAKER-VALUE-WRONG" not in signature.reasons


def test_second_signature_is_the_only_change_after_the_first(trust: TrustStore) -> None:
    found = judge("pdf_minimal-two-fields-signed-twice.pdf", trust)
    assert sorted(s.evidence["changes"] for s in found.signatures) == ["none", "signatures"]
    assert all(s.cryptography.outcome is Outcome.PASS for s in found.signatures)


def test_real_national_roots_load_and_their_crls_are_signed_by_them() -> None:
    from ingest.signatures import chain, revocation

    store = TrustStore.load(SAMPLES / "trust")
    for crl in store.crls:
        assert any(revocation.crl_issued(crl, root) for root in store.named(crl.issuer))
    for authority in store.intermediates:
        assert chain.build(authority, (), store).complete
