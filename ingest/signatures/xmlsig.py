"""Signatures in XML: XML-DSig and XAdES (W3C, ETSI EN 319 132), and the 电子签名块 of DA/T 48 packages (EEP).

Only what can be judged without executing anything is supported: the canonical forms, the enveloped-signature transform,
references into the document. An id must be unique, and what a reference covers is compared with the document's root, so
that signed content cannot be moved aside for other content ("wrapping").
"""

from __future__ import annotations

import copy
import datetime as dt
import hmac
import re
from collections.abc import Sequence

from lxml import etree

from ingest.signatures import chain, cms, crypto, der, ses, timestamps
from ingest.signatures.certs import Algorithm, Certificate, parse_certificate
from ingest.signatures.cms import Content
from ingest.signatures.package import PackageError, child, descendants, local, parse_xml, value
from ingest.signatures.trust import TrustStore
from ingest.signatures.verdict import Aspect, Cause, Effect, FileVerdict, Judge, fold, worst

DS = "http://www.w3.org/2000/09/xmldsig#"
MAX_SIGNATURES = 50
MAX_REFERENCES = 200

_C14N = {
    "http://www.w3.org/TR/2001/REC-xml-c14n-20010315": (False, False),
    "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments": (False, True),
    "http://www.w3.org/2001/10/xml-exc-c14n#": (True, False),
    "http://www.w3.org/2001/10/xml-exc-c14n#WithComments": (True, True),
}
_DEFAULT_C14N = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
_ENVELOPED = DS + "enveloped-signature"
_MORE, _ENC = "http://www.w3.org/2001/04/xmldsig-more#", "http://www.w3.org/2001/04/xmlenc#"
_DIGESTS = {
    DS + "sha1": "sha1", _ENC + "sha256": "sha256", _MORE + "sha384": "sha384", _ENC + "sha512": "sha512",
    _MORE + "sm3": "sm3", "urn:oid:1.2.156.10197.1.401": "sm3",
}  # fmt: skip
_RSA, _EC, _SM2 = "1.2.840.113549.1.1.1", "1.2.840.10045.2.1", crypto.SM2_WITH_SM3
_METHODS = {
    DS + "rsa-sha1": (_RSA, "sha1"), _MORE + "rsa-sha256": (_RSA, "sha256"), _MORE + "rsa-sha384": (_RSA, "sha384"),
    _MORE + "rsa-sha512": (_RSA, "sha512"), _MORE + "ecdsa-sha1": (_EC, "sha1"), _MORE + "ecdsa-sha256": (_EC, "sha256"),
    _MORE + "ecdsa-sha384": (_EC, "sha384"), _MORE + "ecdsa-sha512": (_EC, "sha512"), _MORE + "sm2-sm3": (_SM2, "sm3"),
    "urn:oid:1.2.156.10197.1.501": (_SM2, "sm3"),
}  # fmt: skip


def verify_xml(data: bytes, name: str, store: TrustStore, at: dt.datetime) -> FileVerdict | None:
    """The verdict on an XML file, or None when it holds no signature at all. Bad content never raises."""
    try:
        root = parse_xml(data, name, large=True)
        found = [(e, True) for e in root.iter(f"{{{DS}}}Signature")]
        found += [(e, False) for e in descendants(root, "电子签名") if not len(found) > MAX_SIGNATURES]
        locked = bool(descendants(root, "锁定签名"))
        if not found and not locked:
            return None
        if len(found) > MAX_SIGNATURES:
            raise PackageError("SIG-XML-BROKEN", f"{len(found)} signatures")
    except PackageError as error:
        cause = Cause("SIG-XML-BROKEN", Effect.INVALID, {"detail": error.detail})
        return FileVerdict(name, fold([cause]), (), (cause,), store.digest, at.isoformat())
    judges: list[Judge] = []
    for element, standard in found:
        judge = Judge("xml-dsig" if standard else "xml-eep")
        judges.append(judge)
        try:
            (_judge_dsig if standard else _judge_eep)(judge, data, root, element, store, at)
        except (der.DerError, PackageError, ValueError) as error:
            judge.fail(Aspect.CRYPTOGRAPHY, "SIG-VALUE-BROKEN", detail=str(error)[:200])
    verdicts = tuple(judge.verdict() for judge in judges)
    causes = (Cause("SIG-EEP-LOCK", Effect.INDETERMINATE),) if locked else ()
    verdict = worst([*(v.verdict for v in verdicts), *(fold([cause]) for cause in causes)])
    return FileVerdict(name, verdict, verdicts, causes, store.digest, at.isoformat())


def canonical(element: etree._Element, method: str, prefixes: Sequence[str] = ()) -> bytes:
    """The element in the canonical form ``method`` (a URI). UnsupportedError for others."""
    if method not in _C14N:
        raise crypto.UnsupportedError(f"canonical form {method[:80]}")
    exclusive, comments = _C14N[method]
    try:
        return etree.tostring(
            element, method="c14n", exclusive=exclusive, with_comments=comments,
            inclusive_ns_prefixes=list(prefixes) or None if exclusive else None,
        )  # fmt: skip
    except etree.LxmlError as error:  # a relative namespace has no canonical form
        raise PackageError("SIG-XML-BROKEN", str(error)[:120]) from error


def _method(element: etree._Element | None, default: str = "") -> tuple[str, list[str]]:
    """Algorithm of a ds:…Method or ds:Transform, and the prefixes of exclusive canonicalisation."""
    if element is None:
        return default, []
    inner = child(element, "InclusiveNamespaces")
    return str(element.get("Algorithm", default)), (
        str(inner.get("PrefixList", "")).split() if inner is not None else []
    )


def _judge_dsig(
    judge: Judge, data: bytes, root: etree._Element, element: etree._Element, store: TrustStore, at: dt.datetime
) -> None:
    info = child(element, "SignedInfo")
    if info is None:
        raise PackageError("SIG-XML-BROKEN", "SignedInfo")
    references = [item for item in info if local(item) == "Reference"]
    if not 0 < len(references) <= MAX_REFERENCES:
        judge.fail(Aspect.INTEGRITY, "SIG-XML-NO-REFERENCES")
        return
    properties = next(iter(descendants(element, "SignedProperties")), None)
    if properties is not None:
        judge.kind = "xml-xades"
    covered = [_judge_reference(judge, root, element, reference) for reference in references]
    _judge_coverage(judge, root, element, covered)
    certificates = _certificates(element)
    signer = _named_certificate(judge, properties, certificates)
    value_text = child(element, "SignatureValue")
    signature = cms.read_digest_text((value_text.text or "") if value_text is not None else "")
    if not signature:
        raise PackageError("SIG-XML-BROKEN", "SignatureValue")
    if signer is None:
        judge.doubt(Aspect.CRYPTOGRAPHY, "SIG-NO-CERTIFICATE")
        return
    _judge_value(judge, info, signer, signature)
    claimed = None
    if properties is not None:
        if properties not in covered:
            judge.fail(Aspect.CRYPTOGRAPHY, "SIG-XML-PROPERTIES-UNSIGNED")
        times = descendants(properties, "SigningTime")
        claimed = ses.parse_local_time((times[0].text or "").replace("Z", "+00:00")) if times else None
    proven = _proven_time(judge, element, value_text, store, at, certificates)
    moment = cms.judge_time(judge, claimed, proven, at)
    chain.judge_chain(judge, signer, certificates, store, moment, at=at)


def _judge_reference(
    judge: Judge, root: etree._Element, element: etree._Element, reference: etree._Element
) -> etree._Element | None:
    """Judge one reference's digest; returns the element that it covers (None: outside the file)."""
    name = _DIGESTS.get(_method(child(reference, "DigestMethod"))[0])
    expected = cms.read_digest_text(value(reference, "DigestValue") or "")
    uri = reference.get("URI")
    if name is None:
        judge.doubt(Aspect.INTEGRITY, "SIG-DIGEST-UNKNOWN", algorithm=_method(child(reference, "DigestMethod"))[0][:80])
        return None
    if name in crypto.WEAK_DIGESTS:
        judge.doubt(Aspect.INTEGRITY, "SIG-WEAK-ALGORITHM", algorithm=name.upper(), where="Reference")
    if uri is None or (uri and not uri.startswith("#")):
        judge.doubt(Aspect.INTEGRITY, "SIG-XML-OUTSIDE", uri=str(uri)[:120])
        return None
    target = root if uri == "" else _by_id(root, str(uri)[1:])
    if target is None:
        judge.fail(Aspect.INTEGRITY, "SIG-XML-TARGET", uri=str(uri)[:120])
        return None
    try:
        content = _transformed(target, element, child(reference, "Transforms"))
    except crypto.UnsupportedError as error:
        judge.doubt(Aspect.INTEGRITY, "SIG-ALGORITHM-UNKNOWN", algorithm="Transform", detail=str(error))
        return target
    if expected is not None and hmac.compare_digest(expected, crypto.digest(name, content)):
        judge.ok(Aspect.INTEGRITY)
    else:
        judge.fail(Aspect.INTEGRITY, "SIG-DIGEST-MISMATCH")
    return target


def _by_id(root: etree._Element, wanted: str) -> etree._Element | None:
    """The one element with this id; None when there is none or more than one."""
    found = [
        e for e in root.iter("*")
        if wanted in (e.get("Id"), e.get("ID"), e.get("id"), e.get("{http://www.w3.org/XML/1998/namespace}id"))
    ]  # fmt: skip
    return found[0] if len(found) == 1 else None


def _transformed(target: etree._Element, signature: etree._Element, transforms: etree._Element | None) -> bytes:
    """The octets that a reference digests."""
    form, prefixes, enveloped = _DEFAULT_C14N, list[str](), False
    for transform in transforms if transforms is not None else ():
        if local(transform) != "Transform":
            continue
        algorithm, names = _method(transform)
        if algorithm == _ENVELOPED:
            enveloped = True
        elif algorithm in _C14N:
            form, prefixes = algorithm, names
        else:
            raise crypto.UnsupportedError(f"transform {algorithm[:80]}")
    if enveloped and signature is not target and any(a is target for a in signature.iterancestors()):
        target = _without(target, signature)
    return canonical(target, form, prefixes)


def _without(target: etree._Element, signature: etree._Element) -> etree._Element:
    """A copy of ``target``'s document, at ``target``, without ``signature``; the text after it stays."""
    tree = target.getroottree()
    target_path, signature_path = tree.getpath(target), tree.getpath(signature)
    clone = copy.deepcopy(tree)
    found, doomed = clone.xpath(target_path), clone.xpath(signature_path)
    if not isinstance(found, list) or not isinstance(doomed, list):
        raise PackageError("SIG-XML-BROKEN", "path")
    new_target, gone = found[0], doomed[0]
    if not isinstance(new_target, etree._Element) or not isinstance(gone, etree._Element):
        raise PackageError("SIG-XML-BROKEN", "path")
    parent, before = gone.getparent(), gone.getprevious()
    if parent is None:
        raise PackageError("SIG-XML-BROKEN", "the signature is the document")
    if gone.tail:
        if before is not None:
            before.tail = (before.tail or "") + gone.tail
        else:
            parent.text = (parent.text or "") + gone.tail
    parent.remove(gone)
    return new_target


def _judge_coverage(
    judge: Judge, root: etree._Element, signature: etree._Element, covered: Sequence[etree._Element | None]
) -> None:
    """Whole: the root is covered, or the file is the signature and all its ds:Object content is covered."""
    parts = [part for part in covered if part is not None]
    judge.evidence["covered"] = sorted({local(part)[:100] for part in parts})[:20]
    if any(part is root for part in parts):
        judge.ok(Aspect.COVERAGE)
        return
    if signature is root:
        objects = [
            item for item in signature if local(item) == "Object" and not descendants(item, "QualifyingProperties")
        ]
        if objects and all(o in parts or (len(o) and all(c in parts for c in o)) for o in objects):
            judge.ok(Aspect.COVERAGE)
            return
    judge.doubt(Aspect.COVERAGE, "SIG-XML-PARTIAL", covered=", ".join(judge.evidence["covered"])[:200])


def _certificates(element: etree._Element) -> list[Certificate]:
    out: list[Certificate] = []
    for item in descendants(element, "X509Certificate")[:100]:
        raw = cms.read_digest_text(item.text or "")
        if raw:
            out.append(parse_certificate(raw))
    return out


def _named_certificate(
    judge: Judge, properties: etree._Element | None, certificates: Sequence[Certificate]
) -> Certificate | None:
    """The certificate that XAdES' SigningCertificate names by digest; without XAdES the first in KeyInfo that issued none of
    the others, for the order there is free."""
    named = descendants(properties, "CertDigest") if properties is not None else []
    if not named:
        issuers = {c.issuer for c in certificates if not c.self_issued}
        return next((c for c in certificates if c.subject not in issuers), None)
    name = _DIGESTS.get(_method(child(named[0], "DigestMethod"))[0])
    expected = cms.read_digest_text(value(named[0], "DigestValue") or "")
    if name is None or expected is None:
        judge.doubt(Aspect.CRYPTOGRAPHY, "SIG-DIGEST-UNKNOWN", algorithm="SigningCertificate")
        return certificates[0] if certificates else None
    found = next((c for c in certificates if hmac.compare_digest(crypto.digest(name, c.raw), expected)), None)
    if found is None and certificates:
        judge.fail(Aspect.CRYPTOGRAPHY, "SIG-CMS-ATTRIBUTES", attribute="SigningCertificate")
        return certificates[0]
    return found


def _judge_value(judge: Judge, info: etree._Element, signer: Certificate, signature: bytes) -> None:
    method, _ = _method(child(info, "SignatureMethod"))
    if method not in _METHODS:
        judge.doubt(Aspect.CRYPTOGRAPHY, "SIG-ALGORITHM-UNKNOWN", algorithm=method[:80], detail="SignatureMethod")
        return
    oid, digest_name = _METHODS[method]
    form, prefixes = _method(child(info, "CanonicalizationMethod"))
    try:
        message = canonical(info, form, prefixes)
    except crypto.UnsupportedError as error:
        judge.doubt(Aspect.CRYPTOGRAPHY, "SIG-ALGORITHM-UNKNOWN", algorithm=form[:80], detail=str(error))
        return
    if oid == _EC:  # XML-DSig writes r‖s
        half = len(signature) // 2
        numbers = (int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big"))
        signature = der.wrap(der.SEQUENCE, *(_integer(number) for number in numbers))
    cms.judge_value(judge, signer, Algorithm(oid), signature, [message], digest_name)


def _integer(number: int) -> bytes:
    return der.wrap(der.INTEGER, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def _proven_time(
    judge: Judge, element: etree._Element, value_element: etree._Element | None, store: TrustStore, at: dt.datetime,
    certificates: Sequence[Certificate],
) -> dt.datetime | None:  # fmt: skip
    """The time of XAdES-T: a token over the canonical SignatureValue."""
    proven: dt.datetime | None = None
    for stamp in descendants(element, "SignatureTimeStamp")[:10]:
        form, prefixes = _method(child(stamp, "CanonicalizationMethod"), _DEFAULT_C14N)
        for item in descendants(stamp, "EncapsulatedTimeStamp"):
            token = cms.read_digest_text(item.text or "")
            if token and value_element is not None:
                content = Content(canonical(value_element, form, prefixes))
                proven = timestamps.judge_timestamp(judge, token, content, store, at, certificates) or proven
    return proven


def _judge_eep(
    judge: Judge, data: bytes, root: etree._Element, element: etree._Element, store: TrustStore, at: dt.datetime
) -> None:
    """A DA/T 48 电子签名 over 被签名对象. The standard leaves the octets to a free-text rule, so the known forms are tried:
    canonical forms and the bytes as found; a value that fits none of them is taken as wrong."""
    target = next(iter(descendants(root, "被签名对象")), None)
    signature = cms.read_digest_text(value(element, "签名结果") or "")
    if target is None or not signature:
        raise PackageError("SIG-XML-BROKEN", "被签名对象 / 签名结果")
    judge.evidence["rule"] = (value(element, "签名规则") or "")[:200]
    judge.evidence["covered"] = ["被签名对象"]
    judge.ok(Aspect.COVERAGE)
    messages = [canonical(target, form) for form in _C14N]
    raw = re.search(
        rb"<(?:[^\s<>/:]+:)?"
        + "被签名对象".encode()
        + rb"[\s>].*</(?:[^\s<>/:]+:)?"
        + "被签名对象".encode()
        + rb"\s*>",
        data,
        re.S,
    )
    if raw:
        messages.append(raw.group())
    messages = list(dict.fromkeys(messages))
    claimed = ses.parse_local_time(value(element, "签名时间") or "")
    certificates = [
        parse_certificate(raw_certificate)
        for item in descendants(element, "证书")
        if (raw_certificate := cms.read_digest_text(item.text or ""))
    ]
    if signature[:1] == b"\x30" and _is_cms(signature):
        _judge_eep_cms(judge, cms.parse(signature), messages, claimed, store, at)
        return
    judge.ok(Aspect.INTEGRITY)  # bound by the value itself
    if not certificates:
        judge.doubt(Aspect.CRYPTOGRAPHY, "SIG-NO-CERTIFICATE")
        return
    signer = certificates[0]
    text = (value(element, "签名算法标识") or "").upper().replace("-", "")
    name = (
        "sm3"
        if signer.key.is_sm2
        else next((n for n in ("sha512", "sha384", "sha256", "sha1") if n.upper() in text), "sha256")
    )
    oid = _SM2 if signer.key.is_sm2 else signer.key.algorithm.oid
    cms.judge_value(judge, signer, Algorithm(oid), signature, messages, name)
    moment = cms.judge_time(judge, claimed, None, at)
    chain.judge_chain(judge, signer, certificates, store, moment, at=at)


def _is_cms(value_: bytes) -> bool:
    try:
        return der.parse(value_).fields(1)[0].tag == der.OID
    except der.DerError:
        return False


def _judge_eep_cms(
    judge: Judge, data: cms.SignedData, messages: Sequence[bytes], claimed: dt.datetime | None, store: TrustStore,
    at: dt.datetime,
) -> None:  # fmt: skip
    """The signature block as CMS: over the first form whose digest fits."""
    from ingest.signatures.detached import judge_content, matching_content

    content = matching_content(data, messages)
    judge_content(judge, data, content, claimed, store, at)
