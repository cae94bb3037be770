"""Random mutations of signed files: none may crash, hang, or be taken as VALID when a covered byte changed.

    python -m tests.signatures.fuzz --count 20000 --seed 1

Every mutation is of a byte string that was VALID before. What no signature covers (the list of signatures, zero padding
behind a PDF's signature value, the ZIP's own headers) may change without harm; for the rest VALID is a failure.
"""

from __future__ import annotations

import argparse
import dataclasses
import io
import random
import re
import sys
import time
import zipfile
from collections.abc import Callable, Iterator

import pikepdf
from lxml import etree

from ingest.signatures import TrustStore, Verdict, cms, ses, sm2, verify
from ingest.signatures import der as der_reader
from ingest.signatures.certs import parse_certificate, parse_crl
from ingest.signatures.pdf_archival import read_archival_pdf
from ingest.signatures.pdf_full import read_pdf
from ingest.signatures.pdf_model import PdfStructure, PdfUnreadableError

from .pki.ca import AT, world
from .pki.ofd_cases import KINDS as OFD_KINDS
from .pki.ofd_cases import LIST, VALUE, pack, recipe
from .pki.pdf import append_revision, pades, unsigned_pdf
from .pki.pdf_cases import KINDS as PDF_KINDS
from .pki.pdf_cases import family, make
from .pki.xml import DS, XmlStyle, eep, enveloped

SLOW = 5.0  # seconds for one small file: a hang


@dataclasses.dataclass
class Tally:
    """What came out, by verdict, and what must not have; how many of the mutations changed what a signature covers."""

    verdicts: dict[str, int] = dataclasses.field(default_factory=dict)
    failures: list[str] = dataclasses.field(default_factory=list)
    slowest: float = 0.0
    covered: int = 0

    def add(self, verdict: str) -> None:
        self.verdicts[verdict] = self.verdicts.get(verdict, 0) + 1


def mutate(rng: random.Random, data: bytes) -> bytes:
    """One to three edits: a flipped bit, a replaced, removed, doubled or inserted piece."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        if not out:
            break
        at = rng.randrange(len(out))
        size = rng.choice((1, 1, 2, 4, 16))
        kind = rng.randrange(6)
        if kind == 0:
            out[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            out[at] = rng.randrange(256)
        elif kind == 2:
            del out[at : at + size]
        elif kind == 3:
            out[at:at] = out[at : at + size]
        elif kind == 4:
            out[at:at] = rng.randbytes(size)
        else:
            out[at : at + size] = (
                rng.choice((b"\0", b"\xff", b"\x80", b"\x30\x80", b"<", b"&", b"/", b"0", b" ")) * size
            )
    return bytes(out)


def flip_covered(rng: random.Random, data: bytes, allowed: Callable[[int], bool]) -> bytes:
    """Exactly one covered byte changed to another value."""
    while True:
        at = rng.randrange(len(data))
        if allowed(at):
            out = bytearray(data)
            out[at] ^= rng.randrange(1, 256)
            return bytes(out)


def meaning(value: bytes) -> object:
    """What a signature value says. Around it stands framing that no signature protects and that means nothing: version
    numbers, the set of digest algorithms, the octet of unused bits, the form of a length."""
    try:
        found = ses.parse_signature(value)
        seal = dataclasses.replace(found.seal, raw=b"")
        return found.tbs, seal, found.certificate, found.algorithm.oid, sm2.decode_signature(found.signature)
    except (der_reader.DerError, sm2.Sm2Error):
        pass
    try:
        data = cms.parse(value)
        signers = [(s.signed_raw, s.serial, s.issuer, sm2.decode_signature(s.signature)) for s in data.signers]
        return data.content, [(c.tbs, c.signature) for c in data.certificates], signers
    except (der_reader.DerError, sm2.Sm2Error):
        return value


def ofd_target(kind: str) -> tuple[TrustStore, Callable[[random.Random], tuple[bytes, bool]]]:
    """Mutations inside an OFD's members. Covered: every member but the list of signatures, and of
    the signature value what it means."""
    parts = recipe(kind).parts()
    names = sorted(parts)
    before = meaning(parts[VALUE])

    def produce(rng: random.Random) -> tuple[bytes, bool]:
        name = rng.choice(names)
        changed = mutate(rng, parts[name])
        covered = name != LIST and changed != parts[name]
        if name == VALUE and covered:
            covered = meaning(changed) != before
        return pack({**parts, name: changed}), covered

    return world("sm2").store(), produce


def pdf_target(kind: str) -> tuple[TrustStore, Callable[[random.Random], tuple[bytes, bool]]]:
    """Single bytes of a PDF. Covered: all outside /Contents; inside, the digits of the signature value itself."""
    w = world(family(kind))
    data = make(kind, w.signer)
    start = data.index(b"/Contents <") + len(b"/Contents <")
    end = data.index(b">", start)
    value_end = start + len(data[start:end].rstrip(b"0")) - 2

    def produce(rng: random.Random) -> tuple[bytes, bool]:
        if rng.random() < 0.5:
            return flip_covered(rng, data, lambda at: not start <= at < end), True
        if rng.random() < 0.5:
            return flip_covered(rng, data, lambda at: start <= at < value_end), False
        return mutate(rng, data), False

    return w.store(), produce


def archival_target(level: str) -> tuple[TrustStore, Callable[[random.Random], tuple[bytes, bool]]]:
    """A PDF with further revisions. Single bytes as above; and further revisions in which an object, or a new one, says
    something random: never VALID unless the object is one of those that hold validation data."""
    w = world("rsa")
    data = pades(w, level, data=unsigned_pdf(2, 600))
    signed = max(int(a) + int(n) for a, n in re.findall(rb"/ByteRange \[0 \d+ (\d+) (\d+)", data)[:1])
    bodies = {int(m[1]): m[2] for m in re.finditer(rb"(?s)\n(\d+) 0 obj\s*(.*?)\s*endobj", data)}
    shown = [n for n, body in bodies.items() if re.search(rb"/Type ?/(Page|Pages|Font)|stream", body) and n < 9]

    def produce(rng: random.Random) -> tuple[bytes, bool]:
        kind = rng.randrange(4)
        if kind == 0:
            return flip_covered(rng, data[:signed], lambda at: True) + data[signed:], False
        if kind == 1:
            return mutate(rng, data), False
        number = rng.choice(shown if kind == 2 else list(bodies))
        changed = mutate(rng, bodies[number]).replace(b"endobj", b"")
        out = append_revision(data, {number: changed})
        return out, kind == 2 and _said(out, number) not in (_said(data, number), None)

    return w.store(), produce


def _said(data: bytes, number: int) -> tuple[bytes, bytes] | None:
    """What an object says to another reader; None when that one finds it broken: then nothing else is shown for it."""
    try:
        with pikepdf.open(io.BytesIO(data), suppress_warnings=True) as pdf:
            item = pdf.get_object((number, 0))
            stream = isinstance(item, pikepdf.Stream)
            text = (item.stream_dict if stream else item).unparse(resolved=True)
            raw = bytes(item.read_raw_bytes()) if stream else b""
            return None if pdf.get_warnings() else (bytes(text), raw)
    except (pikepdf.PdfError, ValueError, TypeError, AttributeError, KeyError, RuntimeError):
        return None


def xml_target(kind: str) -> tuple[TrustStore, Callable[[random.Random], tuple[bytes, bool]]]:
    """Mutations of signed XML. Covered: what is signed, in canonical form; the words around it are not."""
    w = world("sm2")
    data = eep(w.signer) if kind == "eep" else enveloped(w.signer, "sm2", XmlStyle(xades=True))
    before = _signed_text(data)

    def produce(rng: random.Random) -> tuple[bytes, bool]:
        changed = mutate(rng, data)
        return changed, _signed_text(changed) not in (before, None)

    return w.store(), produce


def _signed_text(data: bytes) -> tuple[bytes, ...] | None:
    """The canonical forms of what is signed: the body without its signature and the signed properties, or 被签名对象. None
    when the file is no longer XML, or no longer has a signature: then nothing claims to be signed."""
    try:
        root = etree.fromstring(data)
        etree.tostring(root, method="c14n")
    except (etree.LxmlError, ValueError):
        return None
    target = root.find("{*}被签名对象")
    if target is not None:
        return (
            (etree.tostring(target, method="c14n", with_comments=False),)
            if b"\xe7\xad\xbe\xe5\x90\x8d\xe7\xbb\x93" in data
            else None
        )
    properties = root.find(".//{*}SignedProperties")
    if root.find(f".//{{{DS}}}Signature") is None or properties is None:
        return None
    said = etree.tostring(properties, method="c14n", with_comments=False)
    for signature in root.findall(f".//{{{DS}}}Signature"):
        parent = signature.getparent()
        if parent is None:
            return None
        parent.remove(signature)
    return etree.tostring(root, method="c14n", with_comments=False), said


def zip_target() -> tuple[TrustStore, Callable[[random.Random], tuple[bytes, bool]]]:
    """Mutations of the whole package, its ZIP structure included. A change that leaves every member as it was is none."""
    parts = recipe("v4").parts()
    data = pack(parts)

    def produce(rng: random.Random) -> tuple[bytes, bool]:
        changed = mutate(rng, data)
        try:
            with zipfile.ZipFile(io.BytesIO(changed)) as package:
                same = {i.filename: package.read(i) for i in package.infolist()} == parts
        except Exception:
            return changed, True  # a package that zipfile does not read must not be VALID either
        return changed, not same and LIST in parts and changed.count(b"Signatures.xml") > 0

    return world("sm2").store(), produce


def structure_target() -> Iterator[tuple[str, bytes]]:
    """Raw structures for the readers below the verifier."""
    w = world("sm2")
    parts = recipe("v4").parts()
    yield "certificate", w.signer.raw
    yield "crl", w.crl
    yield "ses", parts["Doc_0/Signs/Sign_0/SignedValue.dat"]
    yield "cms", recipe("gbt35275_attributes").parts()["Doc_0/Signs/Sign_0/SignedValue.dat"]


def run(count: int, seed: int) -> Tally:
    """``count`` mutations spread over all kinds of files and readers."""
    rng = random.Random(seed)
    tally = Tally()
    targets: list[tuple[str, TrustStore, Callable[[random.Random], tuple[bytes, bool]]]] = []
    targets += [(f"ofd {kind}", *ofd_target(kind)) for kind in OFD_KINDS]
    targets += [(f"pdf {kind}", *pdf_target(kind)) for kind in PDF_KINDS]
    targets += [(f"archival {level}", *archival_target(level)) for level in ("lt", "lta")]
    targets.append(("zip", *zip_target()))
    targets += [(f"xml {kind}", *xml_target(kind)) for kind in ("xades", "eep")]
    raw = list(structure_target())
    for number in range(count):
        label, store, produce = targets[number % len(targets)]
        data, covered = produce(rng)
        tally.covered += covered
        began = time.perf_counter()
        try:
            found = verify(data, label, store, AT)
        except Exception as error:
            tally.failures.append(f"{label} #{number}: {type(error).__name__}: {error}")
            continue
        took = time.perf_counter() - began
        verdict = found.verdict
        if "SIG-INTERNAL" in found.reasons:
            tally.failures.append(f"{label} #{number}: {found.causes[0].params}")
        tally.slowest = max(tally.slowest, took)
        tally.add(verdict.value)
        if took > SLOW:
            tally.failures.append(f"{label} #{number}: took {took:.1f} s")
        if covered and verdict in (Verdict.VALID, Verdict.UNSIGNED) and not label.startswith(("zip", "xml")):
            tally.failures.append(f"{label} #{number}: a covered byte changed and the file is {verdict}")
        if covered and verdict is Verdict.VALID and label.startswith(("zip", "xml")):
            tally.failures.append(f"{label} #{number}: signed content changed and the file is VALID")
        if (
            label.startswith("archival")
            and verdict is Verdict.VALID
            and (quick := read_archival_pdf(data)) is not None
            and quick != _full(data)
        ):
            tally.failures.append(f"{label} #{number}: the quick way and pyHanko differ")
        name, source = raw[number % len(raw)]
        changed = mutate(rng, source)
        try:
            der_reader.parse(changed)
            parse_certificate(changed) if name == "certificate" else parse_crl(changed)
        except der_reader.DerError:
            pass
        except Exception as error:
            tally.failures.append(f"{name} reader #{number}: {type(error).__name__}: {error}")
        alone = verify(changed, name, store, AT)
        if "SIG-INTERNAL" in alone.reasons:
            tally.failures.append(f"{name} alone #{number}: {alone.causes[0].params}")
    return tally


def _full(data: bytes) -> PdfStructure | None:
    try:
        return read_pdf(data)
    except PdfUnreadableError:
        return None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=40_000)  # more than 20,000 of them change what is signed
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    began = time.perf_counter()
    tally = run(arguments.count, arguments.seed)
    seconds = time.perf_counter() - began
    sys.stdout.write(
        f"{arguments.count} mutations, {tally.covered} of them of what is signed, in {seconds:.0f} s, "
        f"slowest {tally.slowest * 1000:.0f} ms: {tally.verdicts}\n"
    )
    sys.stdout.writelines(f"FAILURE {line}\n" for line in tally.failures)
    return 1 if tally.failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
