"""OFD packages: a two-page document, signed in any of the ways that exist, and ways to tamper with it."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import io
import zipfile
from collections.abc import Callable

NAMESPACE = 'xmlns:ofd="http://www.ofdspec.org/2016"'
CHINESE_TIME = "2026-06-01 12:00:00"  # SIGNED in China
Parts = dict[str, bytes]


HEAD = '<?xml version="1.0" encoding="UTF-8"?>'


def _page(number: int) -> bytes:
    text = f"<ofd:TextObject ID='{number}1'><ofd:TextCode>第{number}页</ofd:TextCode></ofd:TextObject>"
    layer = f"<ofd:Content><ofd:Layer ID='{number}'>{text}</ofd:Layer></ofd:Content>"
    return f"{HEAD}<ofd:Page {NAMESPACE}>{layer}</ofd:Page>".encode()


def document() -> Parts:
    """The parts of an unsigned OFD file."""
    body = "<ofd:DocInfo><ofd:DocID>1</ofd:DocID></ofd:DocInfo><ofd:DocRoot>Doc_0/Document.xml</ofd:DocRoot>"
    data = (
        "<ofd:CommonData><ofd:MaxUnitID>9</ofd:MaxUnitID><ofd:PublicRes>PublicRes.xml</ofd:PublicRes></ofd:CommonData>"
    )
    pages = "".join(f"<ofd:Page ID='{n + 1}' BaseLoc='Pages/Page_{n}/Content.xml'/>" for n in range(2))
    root = f"{HEAD}<ofd:OFD {NAMESPACE} Version='1.0' DocType='OFD'><ofd:DocBody>{body}</ofd:DocBody></ofd:OFD>"
    main = f"{HEAD}<ofd:Document {NAMESPACE}>{data}<ofd:Pages>{pages}</ofd:Pages></ofd:Document>"
    return {
        "OFD.xml": root.encode(),
        "Doc_0/Document.xml": main.encode(),
        "Doc_0/PublicRes.xml": f"{HEAD}<ofd:Res {NAMESPACE} BaseLoc='Res'/>".encode(),
        "Doc_0/Pages/Page_0/Content.xml": _page(1),
        "Doc_0/Pages/Page_1/Content.xml": _page(2),
    }


@dataclasses.dataclass(frozen=True)
class Reference:
    """How the parts are referred to."""

    method: str = "SM3"
    digest: str = "sm3"
    skip: tuple[str, ...] = ()
    when: str = CHINESE_TIME
    seal: bytes | None = None
    typ: str = "Seal"
    namespace: str = NAMESPACE
    provider_children: bool = False
    break_reference: bool = False


def signature_xml(parts: Parts, number: int, style: Reference) -> bytes:
    def value(data: bytes) -> str:
        return base64.b64encode(hashlib.new(style.digest, data).digest()).decode()

    entries = "".join(
        f'<ofd:Reference FileRef="/{name}"><ofd:CheckValue>{value(data)}</ofd:CheckValue></ofd:Reference>'
        for name, data in sorted(parts.items())
        if name not in style.skip and "/Signs/" not in name
    )
    if style.break_reference:
        entries += '<ofd:Reference FileRef="/Doc_0/Missing.xml"><ofd:CheckValue>AAAA</ofd:CheckValue></ofd:Reference>'
    folder = f"/Doc_0/Signs/Sign_{number}"
    seal = f"<ofd:Seal><ofd:BaseLoc>{folder}/Seal.esl</ofd:BaseLoc></ofd:Seal>" if style.seal else ""
    provider = '<ofd:Provider ProviderName="test" Company="测试" Version="1"/>'
    if style.provider_children:
        provider = "<ofd:Provider><ofd:ProviderName>test</ofd:ProviderName></ofd:Provider>"
    method = f' CheckMethod="{style.method}"' if style.method else ""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><ofd:Signature {style.namespace}><ofd:SignedInfo>{provider}'
        f"<ofd:SignatureMethod>1.2.156.10197.1.501</ofd:SignatureMethod><ofd:SignatureDateTime>{style.when}</ofd:SignatureDateTime>"
        f"<ofd:References{method}>{entries}</ofd:References>{seal}</ofd:SignedInfo>"
        f"<ofd:SignedValue>{folder}/SignedValue.dat</ofd:SignedValue></ofd:Signature>"
    ).encode()


def sign(
    parts: Parts,
    make_value: Callable[[bytes], bytes],
    style: Reference | None = None,
    number: int = 0,
    root: bool = True,
) -> Parts:
    """``parts`` with one more signature; ``make_value`` gets the bytes of Signature.xml. OFD.xml names the list before
    it is signed, as producers do."""
    style = style or Reference()
    out = dict(parts)
    listing = "Doc_0/Signs/Signatures.xml"
    if root and b"<ofd:Signatures>" not in out["OFD.xml"]:
        out["OFD.xml"] = out["OFD.xml"].replace(
            b"</ofd:DocRoot>", f"</ofd:DocRoot><ofd:Signatures>/{listing}</ofd:Signatures>".encode()
        )
    folder = f"Doc_0/Signs/Sign_{number}"
    xml = signature_xml(out, number, style)
    out[f"{folder}/Signature.xml"] = xml
    out[f"{folder}/SignedValue.dat"] = make_value(xml)
    if style.seal:
        out[f"{folder}/Seal.esl"] = style.seal
    entry = f'<ofd:Signature ID="s{number}" Type="{style.typ}" BaseLoc="/{folder}/Signature.xml"/>'.encode()
    old = out.get(listing, f"<ofd:Signatures {NAMESPACE}></ofd:Signatures>".encode())
    out[listing] = old.replace(b"</ofd:Signatures>", entry + b"</ofd:Signatures>")
    return out


def pack(parts: Parts, *, twice: str | None = None) -> bytes:
    """The ZIP with fixed times; ``twice`` writes one member a second time."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as package:
        for name, data in parts.items():
            package.writestr(zipfile.ZipInfo(name, (2026, 6, 1, 12, 0, 0)), data)
        if twice is not None:
            import warnings

            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                package.writestr(zipfile.ZipInfo(twice, (2026, 6, 1, 12, 0, 0)), parts[twice] + b" ")
    return buffer.getvalue()
