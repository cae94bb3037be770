"""What a verdict on signatures costs, against the ways that lie nearest.

    python bench/signatures.py [--files 12] [--rounds 7]

PDF: files of 150 KB with a chain of three RSA-2048 certificates and CRLs, against stock ``pyhanko.validate_pdf_signature``
with a context of its own for each file. OFD: sealed V4 files, against the same verification with nothing remembered from
file to file and SM2 by our own arithmetic alone. CPU time of one process, both ways by turns in one run, medians. Verdicts
must be equal. Exits 1 below 6 (any PDF level) or 3 (OFD).
"""

from __future__ import annotations

import argparse
import functools
import gc
import io
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import logging

from asn1crypto import crl as asn1_crl
from asn1crypto import x509
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature, validate_pdf_timestamp
from pyhanko_certvalidator import ValidationContext

from ingest.signatures import certs, chain, crypto, pdf, pdf_full, revocation, seals, sm2, sm2_native, verify
from tests.signatures.pki import ofd_cases
from tests.signatures.pki.ca import AT, SIGNED, world
from tests.signatures.pki.pdf import pades, unsigned_pdf

logging.getLogger("pyhanko").setLevel(logging.CRITICAL)
logging.getLogger("pyhanko_certvalidator").setLevel(logging.CRITICAL)
STOCK_READER = generic.read_hex_string_from_stream
CACHES: Sequence[Any] = (
    certs.parse_certificate, certs.parse_crl, chain.issued, revocation.crl_issued, crypto._load, seals.maker_check,
    seals.read_seal, sm2.za, sm2._key_table, sm2_native._key,
)  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=7)
    args = parser.parse_args()
    print(
        f"libcrypto does SM2 here: {sm2_native.available()}; times are CPU ms a file, medians of {args.rounds} rounds"
    )
    ratios: dict[str, float] = {}
    for level in ("b", "t", "lt", "lta"):
        files = [pades(world("rsa"), level, data=unsigned_pdf(15, 9_000 + n)) for n in range(args.files)]
        label = f"PDF PAdES B-{level.upper()} ({len(files[0]) // 1000} KB)"
        ratios[level] = compare(label, files, "stock pyHanko", stock_pyhanko, "ours", ours("rsa"), args.rounds)
        if level == "b":
            compare(label, files, "stock pyHanko", stock_pyhanko, "ours, full reading", full_reading, args.rounds)
    files = [ofd(number) for number in range(args.files)]
    ratios["ofd"] = compare(
        "OFD seal V4", files, "nothing remembered", forgetful(False), "ours", ours("sm2"), args.rounds
    )
    compare("OFD seal V4", files, "nothing remembered", forgetful(False), "ours, own SM2", own_sm2, args.rounds)
    compare("OFD seal V4", files, "nothing remembered, libcrypto", forgetful(True), "ours", ours("sm2"), args.rounds)
    return 0 if min(ratios[level] for level in ("b", "t", "lt", "lta")) >= 6 and ratios["ofd"] >= 3 else 1


def ofd(number: int) -> bytes:
    """One sealed file; each has its own content, all the same signer and seal."""
    parts = ofd_cases.document()
    parts["Doc_0/Res/picture.png"] = bytes(number % 256 for number in range(number, number + 40_000))
    return ofd_cases.pack(ofd_cases.recipe("v4").parts(parts))


def compare(
    label: str, files: Sequence[bytes], other_name: str, other: Callable[[bytes], bool], name: str,
    mine: Callable[[bytes], bool], rounds: int,
) -> float:  # fmt: skip
    """Run both ways by turns over all files; prints and returns how many times faster ``mine`` is."""
    if [other(data) for data in files] != [mine(data) for data in files] or not all(mine(data) for data in files):
        raise SystemExit(f"{label}: the two ways do not agree that the files are good")
    theirs, ours_ = [], []
    for _ in range(rounds):
        theirs.append(cost(other, files))
        ours_.append(cost(mine, files))
    slow, fast = statistics.median(theirs), statistics.median(ours_)
    print(f"{label}: {other_name} {slow:.2f}, {name} {fast:.2f}: {slow / fast:.1f} x")
    return slow / fast


def cost(work: Callable[[bytes], bool], files: Iterable[bytes]) -> float:
    gc.collect()
    taken = []
    for data in files:
        began = time.process_time()
        work(data)
        taken.append(time.process_time() - began)
    return statistics.fmean(taken) * 1000


@functools.cache
def _stock_material() -> tuple[list[Any], list[Any], list[Any]]:
    w = world("rsa")
    load = x509.Certificate.load
    crls = [asn1_crl.CertificateList.load(raw) for raw in (w.crl, w.root_crl)]
    return [load(w.root.raw)], [load(w.authority.raw)], crls


def stock_pyhanko(data: bytes) -> bool:
    """As pyHanko's documentation shows it, every signature and document timestamp of the file."""
    generic.read_hex_string_from_stream = STOCK_READER
    roots, others, crls = _stock_material()
    reader = PdfFileReader(io.BytesIO(data))

    def context() -> ValidationContext:
        return ValidationContext(
            trust_roots=roots, other_certs=others, crls=crls, moment=SIGNED, revocation_mode="soft-fail"
        )

    good = all(
        validate_pdf_signature(s, context(), ts_validation_context=context()).bottom_line
        for s in reader.embedded_regular_signatures
    )
    return good and all(validate_pdf_timestamp(s, context()).trusted for s in reader.embedded_timestamp_signatures)


def ours(family: str) -> Callable[[bytes], bool]:
    store = world(family).store()
    return lambda data: verify(data, "bench", store, AT).verdict.value == "VALID"


def full_reading(data: bytes) -> bool:
    """Ours without the lean way: pyHanko reads the file."""
    kept = pdf.read_plain_pdf
    pdf.read_plain_pdf = lambda data: None  # type: ignore[assignment]
    try:
        pdf_full.install_fast_hex_reader()
        return ours("rsa")(data)
    finally:
        pdf.read_plain_pdf = kept


def own_sm2(data: bytes) -> bool:
    sm2_native.enable(False)
    try:
        return ours("sm2")(data)
    finally:
        sm2_native.enable(True)


def forgetful(native: bool) -> Callable[[bytes], bool]:
    """Verification that remembers nothing from one file to the next."""
    judge = ours("sm2") if native else own_sm2

    def work(data: bytes) -> bool:
        for cache in CACHES:
            cache.cache_clear()
        return judge(data)

    return work


if __name__ == "__main__":
    raise SystemExit(main())
