"""What stands in a package may be anything: it is drawn anew or shown as text in a process that may be killed, or not at all."""

from __future__ import annotations

import io
import struct
import threading
import time
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image

from desk.packages import looking
from desk.packages.looking import NotShown, kind_of
from desk.packages.members import attachment
from desk.packages.room import Drawing


@pytest.fixture(scope="module")
def drawing() -> Iterator[Drawing]:
    found = Drawing()
    yield found
    found.close()


def hang(_: bytes) -> None:
    time.sleep(3600)


def eat(_: bytes) -> None:
    held = []
    while True:
        held.append(bytearray(64 << 20))


def bomb_png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(bytes(1 << 20)))
        + chunk(b"IEND", b"")
    )


def pdf(body: bytes, size: str = "[0 0 200 200]") -> bytes:
    page = f"<</Type/Page/Parent 2 0 R/MediaBox {size}/Contents 4 0 R>>".encode()
    objects = [
        b"<</Type/Catalog/Pages 2 0 R/OpenAction<</S/JavaScript/JS(app.alert\\(1\\))>>>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        page,
        body,
    ]
    out, places = b"%PDF-1.7\n", []
    for n, o in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (n, o)
    table = b"".join(b"%010d 00000 n \n" % p for p in places)
    return out + b"xref\n0 5\n0000000000 65535 f \n%strailer<</Size 5/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (
        table,
        len(out),
    )


def stream(data: bytes, more: bytes = b"") -> bytes:
    return b"<</Length %d%s>>stream\n%s\nendstream" % (len(data), more, data)


def test_what_it_is_is_told_by_its_bytes_not_by_its_name() -> None:
    assert kind_of(b"%PDF-1.7", "a.html") == "pdf"
    assert kind_of(b"<html><script>alert(1)</script>", "a.pdf") == "text"
    assert kind_of(b"<svg onload='alert(1)'/>", "a.svg") == "xml"
    assert kind_of(b"\xef\xbb\xbf<?xml version='1.0'?>", "x") == "xml"
    assert kind_of(b"PK\x03\x04", "a.ofd") == "ofd" and kind_of(b"PK\x03\x04", "a.docx") == "other"
    assert kind_of(b"MZ\0\0", "a.txt") == "other" and kind_of(b"", "empty") == "text"


@pytest.mark.parametrize(
    "data",
    [
        b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "BBBBBBBBBB"><!ENTITY c "&b;&b;&b;">]><a>&c;</a>',
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'><script>alert(1)</script></svg>",
        b"<a>" * 5000,
        b"<a>\xff\xfe not utf-8</a>",
    ],
)
def test_xml_is_text_and_nothing_in_it_is_followed(data: bytes) -> None:
    told = looking.text(data, "xml")
    assert "root:" not in told["text"] and "BBBBBBBBBBB" not in told["text"]
    if b"DOCTYPE" in data:
        assert "<!DOCTYPE" in told["text"] and told["note"]


def test_long_and_strange_texts_are_cut_and_never_fail() -> None:
    assert looking.text(b"x" * 5_000_000, "text")["cut"]
    assert looking.text("汉字".encode("gb18030"), "text")["text"] == "汉字"
    assert looking.text(b"[" * 100_000, "json")["note"]
    assert looking.text(b'{"a": 1}', "json")["text"] == '{\n  "a": 1\n}'
    for data in (b"\xff\xfea\0", b"\xfe\xff", bytes(range(256)), "汉".encode()[:2]):
        looking.text(data, "text")


def test_pictures_are_drawn_anew_and_bombs_are_not_decoded() -> None:
    with pytest.raises(NotShown, match="像素过多"):
        looking.picture(bomb_png(100_000, 100_000), 1)
    out = io.BytesIO()
    Image.new("RGB", (3000, 2000), "red").save(out, "JPEG", comment=b"<script>alert(1)</script>")
    png, frames = looking.picture(out.getvalue(), 1)
    assert frames == 1 and b"<script>" not in png
    with Image.open(io.BytesIO(png)) as drawn:
        assert drawn.format == "PNG" and drawn.width == looking.WIDTH
    for data in (b"\x89PNG\r\n\x1a\n", out.getvalue()[:500], b"GIF89a" + b"\xff" * 100, b"II*\0" + b"\xff" * 64):
        with pytest.raises(NotShown):
            looking.picture(data, 1)
    with pytest.raises(NotShown):
        looking.picture(out.getvalue(), 2)


def test_pages_are_drawn_whatever_their_size_and_scripts_never_run() -> None:
    png, pages = looking.pdf_page(pdf(stream(b"1 0 0 rg 0 0 100 100 re f")), 1)
    assert pages == 1
    with Image.open(io.BytesIO(png)) as drawn:
        assert drawn.width == looking.WIDTH
    for size in ("[0 0 14400 14400]", "[0 0 1 14400]", "[0 0 14400 1]"):
        png, _ = looking.pdf_page(pdf(stream(b""), size), 1)
        with Image.open(io.BytesIO(png)) as drawn:
            assert drawn.width * drawn.height <= 13_000_000
    for data in (b"%PDF-1.7\n", pdf(b"null")[:200], b"%PDF-1.7" + bytes(5000)):
        with pytest.raises(NotShown):
            looking.pdf_page(data, 1)
    with pytest.raises(NotShown):
        looking.pdf_page(pdf(stream(b"")), 99)


@pytest.mark.slow
def test_what_hangs_or_eats_memory_is_ended_and_others_are_still_drawn(
    drawing: Drawing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("desk.packages.room._SECONDS", 6.0)
    told: list[Any] = []

    def hanging() -> None:
        try:
            drawing.run(hang, b"")
        except NotShown as e:
            told.append(str(e))

    thread = threading.Thread(target=hanging)
    thread.start()
    assert drawing.run(looking.text, b"beside it", "text")["text"] == "beside it"
    with pytest.raises(NotShown, match="终止"):
        drawing.run(eat, b"")
    # a page that would draw for ever
    loops = zlib.compress(b"0 0 m 200 200 l S\n" * 6_000_000)
    with pytest.raises(NotShown, match="终止"):
        drawing.run(looking.pdf_page, pdf(stream(loops, b"/Filter/FlateDecode")), 1)
    thread.join()
    assert told and "终止" in told[0]
    assert drawing.run(looking.text, b"after it", "text")["text"] == "after it"


@pytest.mark.parametrize(
    ("path", "plain"),
    [
        ("data/结果文件/01_决定书.pdf", '"01____.pdf"'),
        ('data/a"b\r\nSet-Cookie: x=1.html', '"abSet-Cookie_x_1.html"'),
        ("data/../..", '"member"'),
        ("data/exe\u202efdp.exe", '"exefdp.exe"'),
    ],
)
def test_names_of_downloads_are_names(path: str, plain: str) -> None:
    said = attachment(path)
    assert said.isascii() and said.isprintable() and said.count('"') == 2 and "/" not in said
    assert f"filename={plain}" in said
