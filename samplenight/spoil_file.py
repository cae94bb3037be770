"""Faults in the bytes of one file, made after signing; the metadata tells the spoilt bytes' digest, so only the content speaks."""

from __future__ import annotations

import datetime as dt
import io
import zipfile
from collections.abc import Callable

from samplenight import pictures
from samplenight.delivery import Delivery

BOMB = 192 << 20  # bytes that the bomb's member unpacks to; it packs a thousandfold
LEFT_BEHIND = dt.timedelta(days=2)


def _decision(delivery: Delivery) -> bytes:
    return delivery.files[delivery.entry("decision")["path"]]


def tampered_pdf(delivery: Delivery) -> None:
    """One bit of a signed date: the year in /CreationDate."""
    data = bytearray(_decision(delivery))
    at = data.index(b"/CreationDate(D:") + len(b"/CreationDate(D:") + 3
    data[at] ^= 1
    delivery.replace("decision", bytes(data))


def replaced_page(delivery: Delivery) -> None:
    """A later revision draws over the signed page: the classical shadow of an incremental update."""
    from pyhanko.pdf_utils import generic

    from samplenight.pdfsign import Update

    entry = delivery.entry("decision")
    writer = Update(io.BytesIO(_decision(delivery)), dt.datetime.fromisoformat(entry["created_at"]) + LEFT_BEHIND)
    page = writer.root["/Pages"]["/Kids"][0]
    drawing = b"1 1 1 rg 60 300 480 200 re f 0 0 0 rg 80 400 400 2 re f"
    page["/Contents"] = writer.add_object(generic.StreamObject(stream_data=drawing))
    writer.update_container(page)
    out = io.BytesIO()
    writer.write(out)
    delivery.replace("decision", out.getvalue())


def encrypted_pdf(delivery: Delivery) -> None:
    """Opened by a password only. The old RC4 scheme is used because it alone gives the same bytes each time."""
    import pikepdf

    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(_decision(delivery))) as document:
        for page in document.pages:
            if "/Annots" in page:
                del page.Annots
        del document.Root.AcroForm
        document.save(out, encryption=pikepdf.Encryption(owner="sample-owner", user="sample-user", R=3, aes=False, metadata=False),
                      static_id=True)  # fmt: skip
    delivery.entry("decision").pop("signatures")
    delivery.replace("decision", out.getvalue())


def empty(delivery: Delivery) -> None:
    delivery.entry("decision").pop("signatures")
    delivery.replace("decision", b"")


def jpeg_named_pdf(delivery: Delivery) -> None:
    delivery.entry("decision").pop("signatures")
    delivery.replace("decision", pictures.scan(1)[2])


def tampered_ofd(delivery: Delivery) -> None:
    """The outcome on the sealed page is rewritten; everything else stays."""

    def rewrite(name: str, data: bytes) -> bytes:
        return data.replace("符合".encode(), "不合".encode()) if name.endswith("Page_0/Content.xml") else data

    delivery.replace("decision", _repacked(_decision(delivery), rewrite))


def hidden_seal(delivery: Delivery) -> None:
    """The list of signatures, which nothing signs, is emptied: readers show the paper as if it had never been sealed."""

    def hide(name: str, data: bytes) -> bytes:
        start, end = data.find(b"<ofd:Signature ID"), data.find(b"</ofd:Signatures>")
        return data[:start] + data[end:] if name.endswith("Signatures.xml") else data

    delivery.replace("decision", _repacked(_decision(delivery), hide))


def swapped_seal(delivery: Delivery) -> None:
    """Seal.esl, which readers show, is another paper's seal: one byte of its picture differs."""

    def swap(name: str, data: bytes) -> bytes:
        at = data.find(b"IDAT") + 40
        return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :] if name.endswith("Seal.esl") else data

    delivery.replace("decision", _repacked(_decision(delivery), swap))


def bomb_ofd(delivery: Delivery) -> None:
    delivery.replace("decision", _with_member(_decision(delivery), "Doc_0/Res/pad.bin", bytes(BOMB)))


def member_outside_ofd(delivery: Delivery) -> None:
    delivery.replace("decision", _with_member(_decision(delivery), "../../../outside.txt", "不应当写到包外".encode()))


def xml_entities(delivery: Delivery) -> None:
    """The form data brings a DTD with entities that unfold into each other."""
    entry = delivery.entry("form_data")
    head, _, rest = delivery.files[entry["path"]].partition(b"\n")
    levels = "".join(f'<!ENTITY e{k} "{f"&e{k - 1};" * 10}">' for k in range(1, 9))
    dtd = f'<!DOCTYPE 表单 [<!ENTITY e0 "归档">{levels}]>'
    rest = rest.replace("采集</字段>".encode(), "采集&e8;</字段>".encode(), 1)
    delivery.replace("form_data", head + b"\n" + dtd.encode() + b"\n" + rest)


def _repacked(package: bytes, change: Callable[[str, bytes], bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(package)) as source, zipfile.ZipFile(out, "w") as target:
        for info in source.infolist():
            target.writestr(info, change(info.filename, source.read(info)))
    return out.getvalue()


def _with_member(package: bytes, name: str, data: bytes) -> bytes:
    out = io.BytesIO(package)
    with zipfile.ZipFile(out, "a") as target:
        info = zipfile.ZipInfo(name, target.infolist()[0].date_time)
        info.compress_type = zipfile.ZIP_DEFLATED
        target.writestr(info, data)
    return out.getvalue()
