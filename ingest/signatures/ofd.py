"""Signatures in OFD files (GB/T 33190 §18, GM/T 0099): found, judged, and what they leave uncovered.

The list of signatures (Signatures.xml) is signed by nobody, so it is a hint only: signature parts that it does not name
are looked for and reported. What a signature value is, is decided by its content and never by the unsigned Type.
"""

from __future__ import annotations

import datetime as dt
import hmac
import posixpath
import re
from collections.abc import Sequence

from lxml import etree

from ingest.signatures import cms, der, seals, ses, sm2
from ingest.signatures.cms import Content, Form
from ingest.signatures.crypto import WEAK_DIGESTS
from ingest.signatures.package import Package, PackageError, child, descendants, local, value
from ingest.signatures.signer import Around, judge_signer, only_signer
from ingest.signatures.trust import TrustStore
from ingest.signatures.verdict import Aspect, Cause, Effect, FileVerdict, Judge, SignatureVerdict, Verdict, fold, worst

MAX_SIGNATURES = 500
MAX_NAMED = 200  # parts that the evidence names
ENTRIES = "OFDEntries.xml"
_TRACES = re.compile(rb"(?i)signedvalue\.dat|signature\.xml|seal\.esl")


class _Found:
    """One Signature.xml and how it was reached."""

    def __init__(self, part: str, listed: bool, source: str) -> None:
        self.part, self.listed, self.source = part, listed, source
        self.covered: frozenset[str] = frozenset()
        self.infrastructure: set[str] = {part}


def verify_ofd(data: bytes, name: str, store: TrustStore, at: dt.datetime) -> FileVerdict:
    """The verdict on one OFD file. Whatever is wrong with its content becomes a cause, never an exception."""
    judged_at = at.isoformat()
    try:
        package = Package(data)
        root = next((n for n in package if n.casefold() == "ofd.xml"), "OFD.xml")
        causes: list[Cause] = []
        found = _listed(package, root, causes)
        found += _orphans(package, found)
    except PackageError as error:
        cause = Cause(error.code, Effect.INVALID, {"detail": error.detail})
        return FileVerdict(name, Verdict.INVALID, (), (cause,), store.digest, judged_at)
    if len(found) > MAX_SIGNATURES:
        causes.append(Cause("SIG-OFD-LIMIT", Effect.INVALID, {"detail": f"{len(found)} signatures"}))
        found = []
    judges = [_judge_one(package, item, store, at) for item in found]
    _judge_coverage(package, root, found, judges)
    verdicts = [judge.verdict() for judge in judges]
    verdicts += _entries(package, store, at)
    if not verdicts and _TRACES.search(data):
        causes.append(Cause("SIG-OFD-HIDDEN", Effect.INDETERMINATE))
    verdict = worst([*(v.verdict for v in verdicts), *([fold(causes)] if causes else [])])
    return FileVerdict(name, verdict, tuple(verdicts), tuple(causes), store.digest, judged_at)


def _listed(package: Package, root: str, causes: list[Cause]) -> list[_Found]:
    """The signatures that OFD.xml leads to."""
    if root not in package:
        raise PackageError("SIG-OFD-UNREADABLE", "OFD.xml")
    out: dict[str, _Found] = {}
    for pointer in descendants(package.xml(root), "Signatures"):
        location = (pointer.text or "").strip()
        if not location:
            continue  # some producers write the element and leave it empty
        part = package.resolve(location, root)
        if part is None:
            causes.append(Cause("SIG-OFD-DANGLING", Effect.INVALID, {"part": location[:200]}))
            continue
        for entry in descendants(package.xml(part), "Signature"):
            base = (value(entry, "BaseLoc") or "").strip()
            target = package.resolve(base, part)
            if target is None:
                causes.append(Cause("SIG-OFD-DANGLING", Effect.INVALID, {"part": base[:200]}))
            elif target not in out:
                out[target] = _Found(target, True, part)
                out[target].infrastructure.add(part)
    return list(out.values())


def _orphans(package: Package, found: Sequence[_Found]) -> list[_Found]:
    """Signature parts that no list names: the list may have been edited to make a sealed file look unsigned."""
    known = {item.part for item in found}
    homes = {posixpath.dirname(item.part) for item in found}
    out: list[_Found] = []
    for name in package:
        base = posixpath.basename(name).casefold()
        if base == "signature.xml" and name not in known:
            out.append(_Found(name, False, name))
            homes.add(posixpath.dirname(name))
    for name in package:
        folder = posixpath.dirname(name)
        if posixpath.basename(name).casefold() == "signedvalue.dat" and folder not in homes and ENTRIES not in package:
            out.append(_Found(name, False, name))
    return out


def _judge_one(package: Package, found: _Found, store: TrustStore, at: dt.datetime) -> Judge:
    judge = Judge("ofd-signature")
    judge.evidence["part"] = found.part
    if not found.listed:
        judge.fail(Aspect.COVERAGE, "SIG-OFD-ORPHAN", part=found.part)
    try:
        raw = package.read(found.part)
        if posixpath.basename(found.part).casefold() == "signedvalue.dat":
            judge.fail(Aspect.INTEGRITY, "SIG-OFD-DANGLING", part="Signature.xml")
            return judge
        tree = package.xml(found.part)
        info = child(tree, "SignedInfo")
        if local(tree) != "Signature" or info is None:
            raise PackageError("SIG-OFD-XML", f"{found.part}: SignedInfo")
        _judge_references(package, found, judge, info)
        _judge_value(package, found, judge, tree, info, raw, store, at)
    except PackageError as error:
        judge.fail(Aspect.INTEGRITY, error.code, detail=error.detail)
    except der.DerError as error:
        judge.fail(Aspect.CRYPTOGRAPHY, "SIG-VALUE-BROKEN", detail=str(error))
    return judge


def _judge_references(package: Package, found: _Found, judge: Judge, info: etree._Element) -> None:
    """Every part that the signature names must be there with the digest it names (GB/T 33190 §18.2.3)."""
    references = child(info, "References")
    entries = [item for item in references if local(item) == "Reference"] if references is not None else []
    if references is None or not entries:
        judge.fail(Aspect.INTEGRITY, "SIG-OFD-NO-REFERENCES")
        return
    method = (value(references, "CheckMethod") or "MD5").strip()  # MD5 is the standard's default when absent
    name = ses.DIGEST_NAMES.get(method.lower())
    if name is None:
        judge.doubt(Aspect.INTEGRITY, "SIG-DIGEST-UNKNOWN", algorithm=method[:64])
    elif name in WEAK_DIGESTS:
        judge.doubt(Aspect.INTEGRITY, "SIG-WEAK-ALGORITHM", algorithm=name.upper(), where="References")
    judge.evidence["digest"] = method[:64]
    covered: set[str] = set()
    for entry in entries:
        location = value(entry, "FileRef") or ""
        part = package.resolve(location, found.part)
        if part is None:
            judge.fail(Aspect.INTEGRITY, "SIG-OFD-PART-MISSING", part=location[:200])
            continue
        expected = cms.read_digest_text(value(entry, "CheckValue") or "")
        if expected is None:
            judge.fail(Aspect.INTEGRITY, "SIG-OFD-XML", detail=f"CheckValue {part[:120]}")
        elif name is not None and not hmac.compare_digest(expected, package.digest(part, name)):
            judge.fail(Aspect.INTEGRITY, "SIG-OFD-PART-CHANGED", part=part)
        covered.add(part)
    found.covered = frozenset(covered)
    judge.ok(Aspect.INTEGRITY)


def _judge_value(
    package: Package, found: _Found, judge: Judge, tree: etree._Element, info: etree._Element, raw: bytes,
    store: TrustStore, at: dt.datetime,
) -> None:  # fmt: skip
    """The signature value, whatever structure it has, over the raw bytes of Signature.xml."""
    location = (value(tree, "SignedValue") or "").strip()
    part = package.resolve(location, found.part)
    if part is None:
        judge.fail(Aspect.CRYPTOGRAPHY, "SIG-OFD-DANGLING", part=location[:200])
        return
    found.infrastructure.add(part)
    signed_value = package.read(part)
    claimed = ses.parse_local_time(value(info, "SignatureDateTime") or "")
    content = Content(raw)
    kind = kind_of(signed_value)
    if kind == "ses":
        signature = ses.parse_signature(signed_value)
        judge.kind = f"ofd-seal-{signature.version}"
        seals.judge_seal_signature(judge, signature, content, store, at, claimed)
        _judge_seal_part(package, found, judge, info, signature.seal)
    elif kind == "cms":
        data = cms.parse(signed_value)
        judge.kind = "ofd-sign-gbt35275" if data.gm else "ofd-sign-cms"
        _judge_cms(judge, data, content, claimed, store, at)
    else:
        judge.kind = "ofd-sign-bare"
        judge.evidence["signing_time"] = {"claimed": claimed.isoformat()} if claimed else {}
        judge.doubt(Aspect.CRYPTOGRAPHY, "SIG-NO-CERTIFICATE")
        sm2.decode_signature(signed_value)


def _judge_cms(
    judge: Judge,
    data: cms.SignedData,
    content: Content,
    claimed: dt.datetime | None,
    store: TrustStore,
    at: dt.datetime,
) -> None:
    """A GB/T 35275 or CMS value over ``content``; ``claimed`` is the document's own statement of when."""
    signer = only_signer(judge, data)
    if signer is not None:
        judge_signer(judge, data, signer, content, Form.DIGEST_INSIDE, store, at, Around(claimed, loose=True))


def kind_of(signed_value: bytes) -> str:
    """``ses``, ``cms`` or ``bare``, by the first element inside. DerError when it is none of them."""
    if len(signed_value) == 64 and signed_value[:1] != b"\x30":
        return "bare"
    try:
        first = der.parse(signed_value).fields(1)[0]
    except der.DerError:
        if len(signed_value) == 64:
            return "bare"
        raise
    if first.tag == der.OID:
        return "cms"
    if first.tag == der.INTEGER:
        return "bare"
    if first.tag == der.SEQUENCE:
        return "ses"
    raise der.DerError("a signature value of unknown structure")


def _judge_seal_part(package: Package, found: _Found, judge: Judge, info: etree._Element, seal: ses.Seal) -> None:
    """Seal.esl, where the signature names it, must be the very seal that was signed: readers show that one."""
    entry = child(info, "Seal")
    location = (value(entry, "BaseLoc") or "").strip() if entry is not None else ""
    if not location:
        return
    part = package.resolve(location, found.part)
    if part is None:
        judge.fail(Aspect.INTEGRITY, "SIG-OFD-PART-MISSING", part=location[:200])
        return
    found.infrastructure.add(part)
    shown = package.read(part)
    # some makers pad the part with zeros; a seal may itself end in one
    if not shown.startswith(seal.raw) or shown[len(seal.raw) :].strip(b"\0"):
        judge.fail(Aspect.INTEGRITY, "SIG-SEAL-SWAPPED", part=part)


def _judge_coverage(package: Package, root: str, found: Sequence[_Found], judges: Sequence[Judge]) -> None:
    """What each signature leaves out. A part that is shown and that no sound signature covers leaves the file open to
    change, so it is a doubt; a part that another signature covers is told only."""
    infrastructure = set().union(*(item.infrastructure for item in found)) if found else set()
    sound = [
        item for item, judge in zip(found, judges, strict=True)
        if not judge.failed(Aspect.INTEGRITY) and not judge.failed(Aspect.CRYPTOGRAPHY)
    ]  # fmt: skip
    covered_by_any = frozenset().union(*(item.covered for item in sound)) if sound else frozenset()
    shown: frozenset[str] | None = None
    for item, judge in zip(found, judges, strict=True):
        uncovered = [n for n in package if n not in item.covered and n not in infrastructure]
        judge.evidence["uncovered"] = sorted(uncovered)[:MAX_NAMED]
        if not uncovered:
            judge.ok(Aspect.COVERAGE)
            continue
        if shown is None:
            shown = reachable(package, root)
        open_parts = sorted(n for n in uncovered if n in shown and n not in covered_by_any)
        if open_parts:
            judge.doubt(
                Aspect.COVERAGE, "SIG-OFD-SHOWN-UNCOVERED", count=str(len(open_parts)), part=open_parts[0][:200]
            )
        elif all(n == root for n in uncovered):
            judge.note(Aspect.COVERAGE, "SIG-OFD-ROOT-UNCOVERED")
        else:
            judge.note(Aspect.COVERAGE, "SIG-OFD-PART-UNCOVERED", count=str(len(uncovered)), part=uncovered[0][:200])
        judge.ok(Aspect.COVERAGE)


def reachable(package: Package, root: str) -> frozenset[str]:
    """The members that the document leads to: from DocRoot, every text or attribute of every XML part on the way that
    names a member. Wider than what is painted, on purpose."""
    todo = [
        part
        for pointer in descendants(package.xml(root), "DocRoot")
        if (part := package.resolve(pointer.text or "", root)) is not None
    ]
    seen: set[str] = set(todo)
    while todo:
        part = todo.pop()
        if not part.casefold().endswith(".xml"):
            continue
        try:
            tree = package.xml(part)
        except PackageError:
            continue
        bases = [part]
        if tree.get("BaseLoc"):
            bases.append(posixpath.join(posixpath.dirname(part), str(tree.get("BaseLoc")), "_"))
        for element in tree.iter():
            texts = [element.text or "", *map(str, element.attrib.values())]
            for text in texts:
                if text.replace("\\", "/").rpartition("/")[2].strip() in package.base_names:
                    for base in bases:
                        target = package.resolve(text, base)
                        if target is not None and target not in seen:
                            seen.add(target)
                            todo.append(target)
    return frozenset(seen)


def _entries(package: Package, store: TrustStore, at: dt.datetime) -> list[SignatureVerdict]:
    """The protection of the whole package by a signed list of its members (GM/T 0099), when there is one."""
    if ENTRIES not in package:
        return []
    judge = Judge("ofd-entries")
    judge.evidence["part"] = ENTRIES
    try:
        tree = package.xml(ENTRIES)
        location = (value(tree, "SignedValueLoc") or "").strip()
        part = package.resolve(location, ENTRIES)
        if part is None:
            judge.fail(Aspect.CRYPTOGRAPHY, "SIG-OFD-DANGLING", part=location[:200])
            return [judge.verdict()]
        listed: set[str] = set()
        for entry in descendants(tree, "File"):
            location = value(entry, "FileLoc") or ""
            member = package.resolve(location, ENTRIES)
            if member is None:
                judge.fail(Aspect.INTEGRITY, "SIG-OFD-PART-MISSING", part=location[:200])
            else:
                listed.add(member)
        extra = sorted(set(package) - listed - {ENTRIES, part})
        for name in extra[:20]:
            judge.fail(Aspect.COVERAGE, "SIG-OFD-EXTRA-PART", part=name[:200])
        judge.ok(Aspect.COVERAGE)
        judge.note(Aspect.COVERAGE, "SIG-OFD-LIST-ONLY")
        raw, data = package.read(ENTRIES), cms.parse(package.read(part))
        claimed = ses.parse_local_time(value(tree, "CreationDate") or "")
        _judge_cms(judge, data, Content(raw), claimed, store, at)
    except PackageError as error:
        judge.fail(Aspect.INTEGRITY, error.code, detail=error.detail)
    except der.DerError as error:
        judge.fail(Aspect.CRYPTOGRAPHY, "SIG-VALUE-BROKEN", detail=str(error))
    return [judge.verdict()]
