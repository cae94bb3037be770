"""What holds for every file: the two ways of reading a PDF agree, verdicts are reproducible, nothing escapes."""

from __future__ import annotations

import datetime as dt
import json
import pickle
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.findings import table
from ingest.signatures import FileVerdict, TrustStore, Verdict, pdf, verify
from ingest.signatures.pdf_full import install_fast_hex_reader, read_pdf
from ingest.signatures.pdf_lean import read_plain_pdf

from . import fuzz
from .pki import ofd_cases, pdf_cases
from .pki.ca import AT, world
from .pki.pdf import Layout, hybrid
from .pki.seals import SealStyle, make_seal

PDFS = list(pdf_cases.cases())
PLAIN = [case for case in PDFS if read_plain_pdf(case.data) is not None]


def test_the_lean_way_serves_plain_files_and_no_others() -> None:
    names = {case.name for case in PLAIN}
    assert {f"valid__pdf_{kind}" for kind in pdf_cases.KINDS} <= names
    assert not any(
        word in name for name in names for word in ("replaced", "junk", "widened", "unhooked", "blt", "blta")
    )


@pytest.mark.parametrize("case", PLAIN, ids=lambda case: case.name)
def test_both_ways_of_reading_give_the_same_verdict(case: ofd_cases.Case, monkeypatch: pytest.MonkeyPatch) -> None:
    lean = verify(case.data, "x", case.store, AT)
    monkeypatch.setattr(pdf, "read_plain_pdf", lambda data: None)
    assert verify(case.data, "x", case.store, AT).as_json() == lean.as_json()


def test_pyhanko_itself_agrees_on_integrity() -> None:
    """Stock pyHanko as the oracle: what it finds altered is never VALID here, what it finds sound is never INVALID for
    the value's sake."""
    import io

    from pyhanko.pdf_utils.reader import PdfFileReader
    from pyhanko.sign.validation import validate_pdf_signature
    from pyhanko_certvalidator import ValidationContext

    compared = 0
    for case in PDFS:
        if not any(kind in case.name for kind in ("pdf_rsa", "pdf_ec", "pades", "pyhanko")):
            continue
        ours = verify(case.data, case.name, case.store, AT)
        try:
            if "vendor_subfilter" in case.name:
                continue  # pyHanko passes over it in silence
            embedded = PdfFileReader(io.BytesIO(case.data)).embedded_regular_signatures
            status = [validate_pdf_signature(e, ValidationContext(trust_roots=[], moment=AT)) for e in embedded]
        except Exception:
            assert ours.verdict is not Verdict.VALID, case.name
            continue
        regular = [s for s in ours.signatures if s.kind != "pdf-document-timestamp"]
        assert len(status) == len(regular)
        for theirs, own in zip(status, regular, strict=True):
            compared += 1
            if not (theirs.intact and theirs.valid):
                assert own.verdict is not Verdict.VALID or "future" in case.name, case.name
            else:
                assert not {"SIG-VALUE-WRONG", "SIG-DIGEST-MISMATCH"} & set(own.reasons), case.name
    assert compared > 50


def test_fast_hex_reader_is_in_place() -> None:
    from pyhanko.pdf_utils import generic

    assert install_fast_hex_reader()
    assert generic.read_hex_string_from_stream.fast


def test_short_fuzz_finds_nothing() -> None:
    tally = fuzz.run(600, seed=20261120)
    assert tally.failures == []
    assert tally.verdicts["INVALID"] > 300


@settings(max_examples=150, deadline=None)
@given(
    st.binary(max_size=300), st.sampled_from([b"", b"%PDF-1.7\n", b"PK\3\4OFD.xml", b"\x30\x82", b"\x30\x80\x06\x09"])
)
def test_arbitrary_bytes_are_judged_without_an_exception(data: bytes, head: bytes) -> None:
    assert verify(head + data, "x", TrustStore(), AT).verdict is not Verdict.VALID


def test_a_naive_moment_is_a_programming_error() -> None:
    with pytest.raises(ValueError, match="time zone"):
        verify(b"", "x", TrustStore(), dt.datetime(2026, 1, 1))


OFDS = [case for number, case in enumerate(ofd_cases.cases()) if number % 11 == 0]


def _some() -> list[FileVerdict]:
    chosen = [*PDFS[::7], *OFDS]
    return [verify(case.data, case.name, case.store, AT) for case in chosen]


def test_verdicts_are_data() -> None:
    """JSON-ready, the same on every run, small enough to cross a process, with texts in both languages."""
    codes = table()
    for one, two in zip(_some(), _some(), strict=True):
        text = json.dumps(one.as_json(), ensure_ascii=False, sort_keys=True, allow_nan=False)
        assert text == json.dumps(two.as_json(), ensure_ascii=False, sort_keys=True)
        assert pickle.loads(pickle.dumps(one)) == one
        assert "{" not in "".join(f.text(lang) for f in one.findings({}) for lang in ("zh", "en")), one.findings({})
        assert set(one.reasons) <= set(codes)
        for name, data in one.evidence_files().items():
            import hashlib

            assert name.split(".")[0] == hashlib.sha256(data).hexdigest()


def test_policy_decides_what_a_verdict_means() -> None:
    w = world("sm2")
    good, bad = ofd_cases.recipe("v4"), ofd_cases.recipe("v4", w.stranger)
    unknown = verify(ofd_cases.pack(bad.parts()), "a.ofd", w.store(), AT)
    weights = {
        wish: unknown.findings({"signature_indeterminate": wish})[0].weight.value
        for wish in ("hold", "reject", "accept")
    }
    assert weights == {"hold": "hold", "reject": "reject", "accept": "remark"}
    assert all(f.path == "a.ofd" for f in unknown.findings({}))
    broken = verify(ofd_cases.pack({**good.parts(), "OFD.xml": b"<x/>"}), "b.ofd", w.store(), AT)
    assert {f.weight.value for f in broken.findings({}) if f.code == "SIG-OFD-ORPHAN"} == {"reject"}
    assert {f.weight.value for f in broken.findings({"signature_invalid": "hold"}) if f.code == "SIG-OFD-ORPHAN"} == {
        "hold"
    }
    plain = verify(b"text", "c.txt", w.store(), AT)
    assert plain.findings({}) == []
    assert [f.weight.value for f in plain.findings({"signature_unsigned": "hold"})] == ["hold"]


def test_every_code_of_the_sheet_is_used_and_every_used_code_is_in_the_sheet() -> None:
    import re
    from pathlib import Path

    import ingest.signatures

    source = "".join(p.read_text("utf-8") for p in Path(ingest.signatures.__file__).parent.glob("*.py"))
    used = set(re.findall(r'"(SIG-[A-Z0-9-]+)"', source))
    assert used == {code for code in table() if code.startswith("SIG-")}


def test_a_password_makes_the_verdict_indeterminate() -> None:
    import io

    import pikepdf

    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(pdf_cases.unsigned_pdf())) as source:
        source.save(out, encryption=pikepdf.Encryption(owner="o", user="u", R=6))
    found = verify(out.getvalue(), "locked.pdf", TrustStore(), AT)
    assert (found.verdict, found.reasons) == (Verdict.INDETERMINATE, ("SIG-PDF-ENCRYPTED",))
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(pdf_cases.unsigned_pdf())) as source:
        source.save(out, encryption=pikepdf.Encryption(owner="o", user="", R=6))
    assert verify(out.getvalue(), "open.pdf", TrustStore(), AT).verdict is Verdict.UNSIGNED


def test_sealed_pdf_is_seen_although_pyhanko_skips_it() -> None:
    data = pdf_cases.make("seal_v4", world("sm2").signer)
    assert [s.subfilter for s in read_pdf(data).signatures] == ["/GM.sm2seal"]


def test_sloppy_files_are_read_leniently_but_never_believed() -> None:
    sloppy = pdf_cases.unsigned_pdf().replace(b"/Size 8/", b"/Size 3/")
    assert verify(sloppy, "x", TrustStore(), AT).verdict is Verdict.UNSIGNED
    assert verify(b"%PDF-1.7\nnothing", "x", TrustStore(), AT).reasons == ("SIG-PDF-UNREADABLE",)
    w = world("rsa")
    signed = verify(pdf_cases.make("rsa", w.signer, layout=Layout(sloppy=True)), "x", w.store(), AT)
    assert (signed.verdict, signed.reasons) == (Verdict.INDETERMINATE, ("SIG-PDF-SLOPPY",))
    assert signed.signatures[0].verdict is Verdict.VALID  # what was signed is intact; what is shown is not certain


GOOD = [case for case in [*PDFS[::3], *OFDS] if case.verdict is Verdict.VALID]


@pytest.mark.parametrize("case", GOOD, ids=lambda case: case.name)
def test_a_package_can_be_judged_again_from_its_own_evidence(case: ofd_cases.Case, tmp_path: Path) -> None:
    """The certificates and CRLs kept beside a verdict, in a flat folder, give the same verdict without the old store."""
    first = verify(case.data, "x", case.store, AT)
    for name, data in first.evidence_files().items():
        (tmp_path / name).write_bytes(data)
    again = verify(case.data, "x", TrustStore.load(tmp_path), dt.datetime.fromisoformat(first.judged_at))
    assert (again.verdict, again.signatures) == (first.verdict, first.signatures)


def test_hybrid_files_are_a_doubt_only_when_signed() -> None:
    w = world("rsa")
    assert verify(hybrid(pdf_cases.unsigned_pdf()), "x", w.store(), AT).verdict is Verdict.UNSIGNED
    signed = verify(pdf_cases.make("rsa", w.signer, layout=Layout(hybrid=True)), "x", w.store(), AT)
    assert (signed.verdict, signed.reasons) == (Verdict.INDETERMINATE, ("SIG-PDF-HYBRID",))


def test_a_verdict_stays_small_whatever_the_file_holds() -> None:
    parts = ofd_cases.document() | {f"Doc_0/Res/{n:05}.bin": b"x" for n in range(3000)}
    signed = ofd_cases.recipe("v4").parts(parts)
    changed = {name: b"y" if name.startswith("Doc_0/Res/") else data for name, data in signed.items()}
    found = verify(ofd_cases.pack(changed), "x", world("sm2").store(), AT)
    assert found.verdict is Verdict.INVALID
    assert len(json.dumps(found.as_json())) < 40_000
    extra = signed | {f"Doc_0/More/{n:05}.bin": b"x" for n in range(3000)}
    assert len(json.dumps(verify(ofd_cases.pack(extra), "x", world("sm2").store(), AT).as_json())) < 40_000
    seal = make_seal(world("sm2").maker, world("sm2").signer, SealStyle(name="章" * 100_000))
    assert len(json.dumps(verify(seal, "x", world("sm2").store(), AT).as_json())) < 40_000
