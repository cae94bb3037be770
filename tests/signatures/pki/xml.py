"""Signed XML: enveloped and enveloping XML-DSig, XAdES, and DA/T 48 packages, written as text."""

from __future__ import annotations

import base64
import dataclasses
import hashlib

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from lxml import etree

from .ca import Holder
from .cms import Style, signed_data

DS = "http://www.w3.org/2000/09/xmldsig#"
EXC = "http://www.w3.org/2001/10/xml-exc-c14n#"
INC = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
SHA256, SM3 = "http://www.w3.org/2001/04/xmlenc#sha256", "urn:oid:1.2.156.10197.1.401"
METHODS = {
    "sm2": "urn:oid:1.2.156.10197.1.501",
    "rsa": "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
    "ec": "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
}
BODY = '<case xmlns="urn:test" Id="case"><title>许可 &amp; 登记</title><!-- note --><sum cur="CNY">100</sum></case>'


@dataclasses.dataclass(frozen=True)
class XmlStyle:
    """How the signature is made, and what is wrong with it on purpose."""

    form: str = INC
    uri: str = ""
    xades: bool = False
    when: str = "2026-06-01T12:00:00+08:00"
    sign_properties: bool = True
    certificate: bool = True
    named: bytes | None = None
    digest: str | None = None
    transform: str = ""
    chain: tuple[bytes, ...] = ()  # certificates written before the signer's


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _tree(text: str | bytes) -> etree._Element:
    raw = text.encode() if isinstance(text, str) else text
    return etree.fromstring(raw, etree.XMLParser(huge_tree=True))


def c14n(element: etree._Element, form: str) -> bytes:
    return etree.tostring(element, method="c14n", exclusive=form == EXC, with_comments=False)


def enveloped(holder: Holder, family: str, style: XmlStyle | None = None, body: str = BODY) -> bytes:
    """``body`` with a signature as its last child."""
    style = style or XmlStyle()
    digest_name = holder.key.digest
    method = style.digest or (SM3 if digest_name == "sm3" else SHA256)

    def digest(data: bytes) -> str:
        name = "sha1" if method.endswith("sha1") else digest_name
        return b64(hashlib.new(name, data).digest())

    root = _tree(body)
    target = root if style.uri in ("", "#case") else root.xpath(f"//*[@Id='{style.uri[1:]}']")[0]
    transforms = (
        f'<Transform Algorithm="{DS}enveloped-signature"/><Transform Algorithm="{style.form}"/>{style.transform}'
    )
    references = _reference(style.uri, digest(c14n(target, style.form)), method, transforms)
    properties = ""
    if style.xades:
        named = style.named or holder.raw
        properties = (
            '<Object><x:QualifyingProperties xmlns:x="http://uri.etsi.org/01903/v1.3.2#" Target="#sig">'
            '<x:SignedProperties Id="props"><x:SignedSignatureProperties>'
            f"<x:SigningTime>{style.when}</x:SigningTime><x:SigningCertificateV2><x:Cert><x:CertDigest>"
            f'<DigestMethod Algorithm="{method}"/><DigestValue>{digest(named)}</DigestValue></x:CertDigest></x:Cert>'
            "</x:SigningCertificateV2></x:SignedSignatureProperties></x:SignedProperties></x:QualifyingProperties></Object>"
        )
    listed = "".join(f"<X509Certificate>{b64(raw)}</X509Certificate>" for raw in (*style.chain, holder.raw))
    certificate = f"<X509Data>{listed}</X509Data>" if style.certificate else ""

    def whole(references: str, value: str) -> bytes:
        info = (
            f'<SignedInfo><CanonicalizationMethod Algorithm="{style.form}"/><SignatureMethod Algorithm="{METHODS[family]}"/>'
            f"{references}</SignedInfo>"
        )
        signature = (
            f'<Signature xmlns="{DS}" Id="sig">{info}<SignatureValue>{value}</SignatureValue>'
            f"<KeyInfo>{certificate}</KeyInfo>{properties}</Signature>"
        )
        end = body.rindex("</")
        return (body[:end] + signature + body[end:]).encode()

    if style.xades and style.sign_properties:
        draft = _tree(whole(references, ""))
        element = draft.xpath("//*[@Id='props']")[0]
        transform = f'<Transform Algorithm="{style.form}"/>'
        references += _reference("#props", digest(c14n(element, style.form)), method, transform)
    draft = _tree(whole(references, ""))
    message = c14n(draft.find(f".//{{{DS}}}SignedInfo"), style.form)
    value = holder.key.sign(message)
    if family == "ec":
        value = b"".join(number.to_bytes(32, "big") for number in decode_dss_signature(value))
    return whole(references, b64(value))


def _reference(uri: str, digest: str, method: str, transforms: str) -> str:
    return (
        f'<Reference URI="{uri}"><Transforms>{transforms}</Transforms><DigestMethod Algorithm="{method}"/>'
        f"<DigestValue>{digest}</DigestValue></Reference>"
    )


def eep(holder: Holder, *, rule: str = "c14n", as_cms: bool = False) -> bytes:
    """A DA/T 48 package whose 被签名对象 is signed in canonical form, or as the bytes stand (``rule="raw"``)."""
    target = '<被签名对象 eep版本="2009">\n <封装包类型>原始型</封装包类型><题名>许可  决定</题名>\n</被签名对象>'
    namespace = "http://www.saac.gov.cn/standards/ERM/encapsulation"
    head = f'<?xml version="1.0" encoding="UTF-8"?><电子文件封装包 xmlns="{namespace}"><版本>2009</版本>'
    return eep_signed(f"{head}{target}</电子文件封装包>", holder, rule=rule, as_cms=as_cms)


def eep_signed(body: str, holder: Holder, *, rule: str = "c14n", as_cms: bool = False) -> bytes:
    """The unsigned EEP ``body`` with the 电子签名块 of ``holder`` after its 被签名对象."""
    start, end = body.index("<被签名对象"), body.index("</被签名对象>") + len("</被签名对象>")
    message = body[start:end].encode()
    if rule == "c14n":
        element = next(e for e in _tree(body) if str(e.tag).endswith("被签名对象"))
        message = c14n(element, INC)
    value = signed_data(holder, message, Style(gm=True)) if as_cms else holder.key.sign(message)
    block = (
        f"<电子签名块><电子签名><签名标识符>修改0-签名1</签名标识符><签名规则>{rule}</签名规则>"
        f"<签名时间>2026-06-01T12:00:00</签名时间><签名人>{holder.common}</签名人><签名结果>{b64(value)}</签名结果>"
        f"<证书块><证书>{b64(holder.raw)}</证书></证书块><签名算法标识>SM2-SM3</签名算法标识></电子签名></电子签名块>"
    )
    return (body[:end] + block + body[end:]).encode()
