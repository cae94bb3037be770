"""Write OFD packages (GB/T 33190-2016) from set pages, and seal them (GB/T 38540-2020)."""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import hashlib
import io
import zipfile
from xml.sax.saxutils import escape, quoteattr

from samplenight import pictures, sm2
from samplenight.fonts import face
from samplenight.layout import HEIGHT, POINT, WIDTH, Page, Picture, Rule, Text, seal_place, stamp_kind
from samplenight.model import Paper
from samplenight.seal import seal, signature
from samplenight.sealpki import Holder

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
SPACE = 'xmlns:ofd="http://www.ofdspec.org/2016"'
SIGN = "Doc_0/Signs/Sign_0"
SM3_OID, SM2_SM3_OID = "1.2.156.10197.1.401", "1.2.156.10197.1.501"
FONT_IDS = {"song": 2, "hei": 3}
FIRST_ID = 10  # below stand the fonts and the pages' root

Members = dict[str, bytes]


@dataclasses.dataclass(frozen=True)
class Press:
    """Who presses which seal: ``owner`` is in the seal's list, ``signer`` signs (the same person in honest files)."""

    maker: Holder
    owner: Holder
    signer: Holder
    number: str
    seal_end: dt.datetime


class _Numbers:
    def __init__(self) -> None:
        self.last = FIRST_ID - 1

    def __call__(self) -> int:
        self.last += 1
        return self.last


def members(paper: Paper, made: list[Page], press: Press | None) -> Members:
    """The files of the package by name, in writing order; with ``press`` the last four are the seal's."""
    new_id = _Numbers()
    out: Members = {"OFD.xml": _ofd(paper, press is not None)}
    texts = [m for page in made for m in page.marks if isinstance(m, Text)]
    scans = sorted(
        {int(m.source[1]) for page in made for m in page.marks if isinstance(m, Picture) and m.source[0] == "scan"}
    )
    scan_ids = {number: new_id() for number in scans}
    page_ids = [new_id() for _ in made]
    contents = [_content(page, new_id, scan_ids) for page in made]
    out["Doc_0/Document.xml"] = _document(page_ids, new_id.last + 1)
    fonts = [name for name in FONT_IDS if any(m.face == name for m in texts)]
    out["Doc_0/PublicRes.xml"] = _public(fonts)
    out["Doc_0/DocumentRes.xml"] = _media(scan_ids)
    for name in fonts:
        out[f"Doc_0/Res/{name}.ttf"] = face(name).subset("".join(m.text for m in texts if m.face == name))
    for number in scans:
        out[f"Doc_0/Res/scan_{number}.jpg"] = pictures.scan(number)[2]
    for index, content in enumerate(contents):
        out[f"Doc_0/Pages/Page_{index}/Content.xml"] = content
    if press:
        _press(out, paper, made, page_ids, new_id.last + 1, press)
    return out


def pack(files: Members, at: dt.datetime) -> bytes:
    """The ZIP of ``files`` in their order, dated ``at``."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as package:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, (at.year, at.month, at.day, at.hour, at.minute, at.second))
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_STORED if name.endswith(".jpg") else zipfile.ZIP_DEFLATED
            package.writestr(entry, data)
    return out.getvalue()


def _xml(body: str) -> bytes:
    return (HEAD + body).encode()


def _ofd(paper: Paper, sealed: bool) -> bytes:
    identity = hashlib.md5(f"{paper.title}{paper.rows}{paper.made_at}".encode(), usedforsecurity=False).hexdigest()
    signs = "<ofd:Signatures>Doc_0/Signs/Signatures.xml</ofd:Signatures>" if sealed else ""
    return _xml(
        f'<ofd:OFD {SPACE} Version="1.0" DocType="OFD"><ofd:DocBody><ofd:DocInfo><ofd:DocID>{identity}</ofd:DocID>'
        f"<ofd:Title>{escape(paper.title)}</ofd:Title><ofd:Author>{escape(paper.unit)}</ofd:Author>"
        f"<ofd:CreationDate>{paper.made_at:%Y-%m-%d}</ofd:CreationDate><ofd:Creator>Guidang sample night</ofd:Creator></ofd:DocInfo>"
        f"<ofd:DocRoot>Doc_0/Document.xml</ofd:DocRoot>{signs}</ofd:DocBody></ofd:OFD>"
    )


def _document(page_ids: list[int], last: int) -> bytes:
    pages = "".join(f'<ofd:Page ID="{n}" BaseLoc="Pages/Page_{k}/Content.xml"/>' for k, n in enumerate(page_ids))
    return _xml(
        f"<ofd:Document {SPACE}><ofd:CommonData><ofd:MaxUnitID>{last}</ofd:MaxUnitID>"
        f"<ofd:PageArea><ofd:PhysicalBox>0 0 {WIDTH:g} {HEIGHT:g}</ofd:PhysicalBox></ofd:PageArea>"
        f"<ofd:PublicRes>PublicRes.xml</ofd:PublicRes><ofd:DocumentRes>DocumentRes.xml</ofd:DocumentRes></ofd:CommonData>"
        f"<ofd:Pages>{pages}</ofd:Pages></ofd:Document>"
    )


def _public(names: list[str]) -> bytes:
    fonts = "".join(
        f'<ofd:Font ID="{FONT_IDS[n]}" FontName="{face(n).family}" FamilyName="{face(n).family}">'
        f"<ofd:FontFile>{n}.ttf</ofd:FontFile></ofd:Font>"
        for n in names
    )
    return _xml(f'<ofd:Res {SPACE} BaseLoc="Res"><ofd:Fonts>{fonts}</ofd:Fonts></ofd:Res>')


def _media(scan_ids: dict[int, int]) -> bytes:
    media = "".join(
        f'<ofd:MultiMedia ID="{n}" Type="Image" Format="JPEG"><ofd:MediaFile>scan_{scan}.jpg</ofd:MediaFile></ofd:MultiMedia>'
        for scan, n in scan_ids.items()
    )
    body = f"<ofd:MultiMedias>{media}</ofd:MultiMedias>" if media else ""
    return _xml(f'<ofd:Res {SPACE} BaseLoc="Res">{body}</ofd:Res>')


def _content(page: Page, new_id: _Numbers, scan_ids: dict[int, int]) -> bytes:
    layer = new_id()
    objects = "".join(_object(mark, new_id, scan_ids) for mark in page.marks)
    return _xml(
        f"<ofd:Page {SPACE}><ofd:Area><ofd:PhysicalBox>0 0 {WIDTH:g} {HEIGHT:g}</ofd:PhysicalBox></ofd:Area>"
        f'<ofd:Content><ofd:Layer ID="{layer}" Type="Body">{objects}</ofd:Layer></ofd:Content></ofd:Page>'
    )


def _object(mark: Text | Rule | Picture, new_id: _Numbers, scan_ids: dict[int, int]) -> str:
    if isinstance(mark, Text):
        size = mark.size * POINT
        setting = face(mark.face)
        steps = " ".join(f"{setting.width(c, size):.3f}" for c in mark.text[:-1])
        delta = f' DeltaX="{steps}"' if steps else ""
        box = f"{mark.x:.3f} {mark.y - size:.3f} {setting.width(mark.text, size) + 1:.3f} {size * 1.3:.3f}"
        return (
            f'<ofd:TextObject ID="{new_id()}" Boundary="{box}" Font="{FONT_IDS[mark.face]}" Size="{size:.3f}">'
            f'<ofd:FillColor Value="{_colour(mark.colour)}"/>'
            f'<ofd:TextCode X="0" Y="{size:.3f}"{delta}>{escape(mark.text)}</ofd:TextCode></ofd:TextObject>'
        )
    if isinstance(mark, Rule):
        wide, high = mark.x2 - mark.x1, mark.y2 - mark.y1
        box = f"{mark.x1:.3f} {mark.y1:.3f} {max(wide, mark.width):.3f} {max(high, mark.width):.3f}"
        return (
            f'<ofd:PathObject ID="{new_id()}" Boundary="{box}" LineWidth="{mark.width:g}">'
            f'<ofd:StrokeColor Value="{_colour(mark.colour)}"/>'
            f"<ofd:AbbreviatedData>M 0 0 L {wide:.3f} {high:.3f}</ofd:AbbreviatedData></ofd:PathObject>"
        )
    if mark.source[0] != "scan":
        return ""  # the seal shows itself, by its StampAnnot
    return (
        f'<ofd:ImageObject ID="{new_id()}" Boundary="{mark.x:g} {mark.y:g} {mark.width:g} {mark.height:g}" '
        f'CTM="{mark.width:g} 0 0 {mark.height:g} 0 0" ResourceID="{scan_ids[int(mark.source[1])]}"/>'
    )


def _colour(rgb: tuple[int, int, int]) -> str:
    return " ".join(map(str, rgb))


def _press(out: Members, paper: Paper, made: list[Page], page_ids: list[int], stamp_id: int, press: Press) -> None:
    """Add Seal.esl, Signature.xml over all that stands in ``out``, SignedValue.dat, and the list that names them."""
    placed = seal_place(made)
    if placed is None:
        raise ValueError(f"{paper.name} has no place for a seal")
    page, mark = placed
    esl = seal(stamp_kind(paper), paper.seal_name, press.number, press.maker, press.owner, press.seal_end)
    out[f"{SIGN}/Seal.esl"] = esl
    references = "".join(
        f"<ofd:Reference FileRef={quoteattr('/' + name)}><ofd:CheckValue>{base64.b64encode(sm2.sm3(data)).decode()}</ofd:CheckValue>"
        f"</ofd:Reference>"
        for name, data in out.items()
    )
    description = _xml(
        f'<ofd:Signature {SPACE}><ofd:SignedInfo><ofd:Provider ProviderName="GuidangSampleNight" Version="1.0" Company="Guidang"/>'
        f"<ofd:SignatureMethod>{SM2_SM3_OID}</ofd:SignatureMethod>"
        f"<ofd:SignatureDateTime>{paper.made_at.astimezone(dt.UTC):%Y%m%d%H%M%SZ}</ofd:SignatureDateTime>"
        f'<ofd:References CheckMethod="{SM3_OID}">{references}</ofd:References>'
        f'<ofd:StampAnnot ID="{stamp_id}" PageRef="{page_ids[page]}" '
        f'Boundary="{mark.x:g} {mark.y:g} {mark.width:g} {mark.height:g}"/>'
        f"<ofd:Seal><ofd:BaseLoc>/{SIGN}/Seal.esl</ofd:BaseLoc></ofd:Seal></ofd:SignedInfo>"
        f"<ofd:SignedValue>/{SIGN}/SignedValue.dat</ofd:SignedValue></ofd:Signature>"
    )
    where = f"/{SIGN}/Signature.xml"
    out[f"{SIGN}/Signature.xml"] = description
    out[f"{SIGN}/SignedValue.dat"] = signature(esl, press.signer, paper.made_at, description, where)
    out["Doc_0/Signs/Signatures.xml"] = _xml(
        f"<ofd:Signatures {SPACE}><ofd:MaxSignId>1</ofd:MaxSignId>"
        f'<ofd:Signature ID="1" Type="Seal" BaseLoc="{where}"/></ofd:Signatures>'
    )
