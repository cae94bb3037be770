"""Small real files of each format, made at test time, and the staging of a record made of them."""

from __future__ import annotations

import hashlib
import io
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import pikepdf
from PIL import Image

from ingest.model import StagedFile

OFD_NS = 'xmlns:ofd="http://www.ofdspec.org/2016"'


def pdf(pages: int = 1) -> bytes:
    with pikepdf.new() as document:
        for _ in range(pages):
            document.add_blank_page()
        return saved(document)


def saved(document: pikepdf.Pdf, **options: object) -> bytes:
    out = io.BytesIO()
    document.save(out, deterministic_id=not options, **options)
    return out.getvalue()


def ofd_members(pages: int = 1) -> dict[str, bytes]:
    listing = "".join(f'<ofd:Page ID="{i}" BaseLoc="Pages/Page_{i}/Content.xml"/>' for i in range(pages))
    members = {
        "OFD.xml": f'<ofd:OFD {OFD_NS} Version="1.1" DocType="OFD"><ofd:DocBody><ofd:DocInfo/>'
        "<ofd:DocRoot>Doc_0/Document.xml</ofd:DocRoot></ofd:DocBody></ofd:OFD>",
        "Doc_0/Document.xml": f"<ofd:Document {OFD_NS}><ofd:CommonData/><ofd:Pages>{listing}</ofd:Pages></ofd:Document>",
    }
    for i in range(pages):
        members[f"Doc_0/Pages/Page_{i}/Content.xml"] = f"<ofd:Page {OFD_NS}><ofd:Content/></ofd:Page>"
    return {name: text.encode() for name, text in members.items()}


def zipped(members: Mapping[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as package:
        for name, data in members.items():
            package.writestr(zipfile.ZipInfo(name), data, compression)
    return out.getvalue()


def ofd(pages: int = 1) -> bytes:
    return zipped(ofd_members(pages))


def picture(kind: str, frames: int = 1) -> bytes:
    out = io.BytesIO()
    image = Image.new("RGB", (16, 16), (200, 30, 30))
    more = {"save_all": True, "append_images": [image.copy()] * (frames - 1)} if kind == "TIFF" else {}
    image.save(out, kind, **more)
    return out.getvalue()


def wav(samples: int = 800) -> bytes:
    sound = b"\0\0" * samples
    fmt = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 8000, 16000, 2, 16)
    body = b"WAVE" + fmt + struct.pack("<4sI", b"data", len(sound)) + sound
    return struct.pack("<4sI", b"RIFF", len(body)) + body


def mp3() -> bytes:
    """A dozen frames of silence, 128 kbit/s."""
    return (b"\xff\xfb\x90\x00" + b"\0" * 413) * 12


def mp4() -> bytes:
    """The boxes of a film without a picture."""
    kind = struct.pack(">I4s4sI4s4s", 24, b"ftyp", b"isom", 512, b"isom", b"mp42")
    return kind + struct.pack(">I4sI4s", 8, b"free", 16, b"mdat") + b"\0" * 8 + struct.pack(">I4s", 8, b"moov")


GOOD: Mapping[str, tuple[bytes, int]] = {
    "申报文件/01_食品经营许可申请书.pdf": (pdf(2), 2),
    "申报文件/02_营业执照.jpg": (picture("JPEG"), 1),
    "过程文件/01_受理通知书.ofd": (ofd(1), 1),
    "过程文件/02_办理过程信息.xml": ('<?xml version="1.0"?><过程><环节/></过程>'.encode(), 0),
    "结果文件/01_准予行政许可决定书.ofd": (ofd(3), 3),
}


def stage(base: Path, contents: Mapping[str, bytes]) -> list[StagedFile]:
    """Write the bytes under neutral names, as receive does."""
    (base / "files").mkdir(parents=True)
    staged = []
    for number, (path, data) in enumerate(contents.items(), start=1):
        name = f"files/{number:04d}"
        (base / name).write_bytes(data)
        sm3 = hashlib.new("sm3", data).hexdigest()
        staged.append(StagedFile(path, path, name, len(data), hashlib.sha256(data).hexdigest(), sm3, zlib.crc32(data)))
    return staged
