"""Faulty files: each a name, a payload path, its bytes made at test time, and exactly the codes that must come out."""

from __future__ import annotations

import hashlib
import io
import struct
import tarfile
import warnings
import zipfile
import zlib
from collections.abc import Callable

import pikepdf
from file_samples import OFD_NS, mp3, mp4, ofd, ofd_members, pdf, picture, saved, wav, zipped
from PIL import Image

Fault = tuple[str, str, Callable[[], bytes], set[str]]


def _pdf_with(change: Callable[[pikepdf.Pdf], None]) -> bytes:
    with pikepdf.open(io.BytesIO(pdf())) as document:
        change(document)
        return saved(document)


def _open_action(kind: str) -> Callable[[], bytes]:
    def change(document: pikepdf.Pdf) -> None:
        action = pikepdf.Dictionary(S=pikepdf.Name(kind), JS="app.alert(1)", F="calc.exe")
        document.Root.OpenAction = document.make_indirect(action)

    return lambda: _pdf_with(change)


def _link_launching() -> bytes:
    def change(document: pikepdf.Pdf) -> None:
        annotation = pikepdf.Dictionary(
            Type=pikepdf.Name.Annot, Subtype=pikepdf.Name.Link, Rect=[0, 0, 9, 9],
            A=pikepdf.Dictionary(S=pikepdf.Name.Launch, F="calc.exe"),
        )  # fmt: skip
        document.pages[0].Annots = pikepdf.Array([document.make_indirect(annotation)])

    return _pdf_with(change)


def _named_script() -> bytes:
    def change(document: pikepdf.Pdf) -> None:
        document.Root.Names = pikepdf.Dictionary(JavaScript=pikepdf.Dictionary(Names=pikepdf.Array([])))

    return _pdf_with(change)


def _page_action() -> bytes:
    def change(document: pikepdf.Pdf) -> None:
        document.pages[0].obj.AA = pikepdf.Dictionary(O=pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS="1"))

    return _pdf_with(change)


def _attached() -> bytes:
    def change(document: pikepdf.Pdf) -> None:
        document.attachments["x.exe"] = b"MZ"

    return _pdf_with(change)


def _attached_zip() -> bytes:
    def change(document: pikepdf.Pdf) -> None:
        document.attachments["材料.zip"] = zipped({"a.exe": b"MZ"})

    return _pdf_with(change)


def _tar() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as package:
        package.addfile(tarfile.TarInfo("a.txt"))
    return out.getvalue()


def _office(*more: str) -> bytes:
    """A DOCX as the identifiers know it, with further members."""
    types = b'<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Override PartName="/word/document.xml"' \
        b' ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>'  # fmt: skip
    return zipped({"[Content_Types].xml": types, "word/document.xml": b"<d/>"} | dict.fromkeys(more, b"x"))


def _open_document(*more: str) -> bytes:
    kind = b"application/vnd.oasis.opendocument.spreadsheet"
    members = {"mimetype": kind, "META-INF/manifest.xml": b"<m/>", "content.xml": b"<c/>"} | dict.fromkeys(more, b"x")
    return zipped(members, zipfile.ZIP_STORED)


def _compound(stream: str) -> bytes:
    """The head of an OLE 2 file and the name of one of its streams."""
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 504 + stream.encode("utf-16-le") + b"\0" * 1024


def _encrypted_pdf(user: str) -> Callable[[], bytes]:
    def make() -> bytes:
        with pikepdf.open(io.BytesIO(pdf())) as document:
            return saved(document, encryption=pikepdf.Encryption(owner="o", user=user))

    return make


def _no_pages() -> bytes:
    with pikepdf.new() as document:
        return saved(document)


def _ofd_without(name: str) -> Callable[[], bytes]:
    return lambda: zipped({n: d for n, d in ofd_members().items() if n != name})


def _ofd_with(**members: bytes) -> bytes:
    return zipped(ofd_members() | {name.replace("__", "/"): data for name, data in members.items()})


def _cut_pdf() -> bytes:
    data = pdf(3)
    return data[: data.rindex(b"xref")]


def ofd_plus(name: str, data: bytes = b"x") -> Callable[[], bytes]:
    return lambda: zipped(ofd_members() | {name: data})


def _ofd_changed(name: str, text: str) -> Callable[[], bytes]:
    return lambda: zipped(ofd_members() | {name: text.encode()})


def _ofd_twice(name: str) -> bytes:
    out = io.BytesIO(ofd())
    with warnings.catch_warnings(), zipfile.ZipFile(out, "a") as package:
        warnings.simplefilter("ignore")
        package.writestr(name, b"other")
    return out.getvalue()


def _ofd_link() -> bytes:
    out = io.BytesIO(ofd())
    with zipfile.ZipFile(out, "a") as package:
        link = zipfile.ZipInfo("Doc_0/link")
        link.create_system, link.external_attr = 3, 0o120777 << 16
        package.writestr(link, "/etc/passwd")
    return out.getvalue()


def _patched_directory(data: bytes, offset: int, value: bytes) -> bytes:
    """``data`` with bytes of its first central directory entry replaced."""
    at = data.index(b"PK\x01\x02") + offset
    return data[:at] + value + data[at + len(value) :]


def _ofd_encrypted_member() -> bytes:
    return _patched_directory(ofd(), 8, struct.pack("<H", 1))


def _ofd_odd_method() -> bytes:
    return _patched_directory(ofd(), 10, struct.pack("<H", 99))


def _ofd_huge_member() -> bytes:
    return _patched_directory(ofd(), 24, struct.pack("<I", 300 * 1024**2))


def _ofd_nul_name() -> bytes:
    return ofd_plus("Doc_0/a?b.xml")().replace(b"Doc_0/a?b.xml", b"Doc_0/a\0b.xml")


def _overlapping() -> bytes:
    """Many directory entries that share the bytes of one member."""
    data = zipped({"OFD.xml": b"\0" * 900_000})
    at = data.index(b"PK\x01\x02")
    end = data.index(b"PK\x05\x06")
    entry = data[at:end]
    entries = b"".join(entry.replace(b"OFD.xml", b"OFD%03dx" % i) for i in range(100))
    tail = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 100, 100, len(entries), at, 0)
    return data[:at] + entries + tail


def _many_entries() -> bytes:
    """A directory of 30,000 entries, written by hand since zipfile would take a minute."""
    local = struct.pack("<4s5H3I2H", b"PK\x03\x04", 20, 0, 0, 0, 33, 0, 0, 0, 7, 0) + b"OFD.xml"
    entry = struct.pack("<4s6H3I5H2I", b"PK\x01\x02", 20, 20, 0, 0, 0, 33, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0) + b"OFD.xml"
    directory = entry * 30_000
    return (
        local + directory + struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 30_000, 30_000, len(directory), len(local), 0)
    )


def _bad_crc_png() -> bytes:
    data = bytearray(picture("PNG"))
    data[data.index(b"IDAT") + 6] ^= 1
    return bytes(data)


def _broken_tables() -> bytes:
    """Huffman tables that no code can have; the segments are whole."""
    data = bytearray(picture("JPEG"))
    at = data.index(b"\xff\xc4")
    data[at + 5 : at + 21] = b"\xff" * 16
    return bytes(data)


def _no_deflate_png() -> bytes:
    """Picture data that is no deflate stream, under a right checksum."""
    data = bytearray(picture("PNG"))
    at = data.index(b"IDAT")
    (length,) = struct.unpack_from(">I", data, at - 4)
    data[at + 4 : at + 4 + length] = b"\xaa" * length
    struct.pack_into(">I", data, at + 4 + length, zlib.crc32(data[at : at + 4 + length]))
    return bytes(data)


def _no_deflate_tiff() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (16, 16), (200, 30, 30)).save(out, "TIFF", compression="tiff_adobe_deflate")
    data = bytearray(out.getvalue())
    at = data.index(b"\x78", 8)
    data[at : at + 2] = b"\xaa\xaa"
    return bytes(data)


def _tiff_loop() -> bytes:
    directory = struct.pack("<H", 1) + struct.pack("<HHII", 256, 3, 1, 16) + struct.pack("<I", 8)
    return b"II*\0" + struct.pack("<I", 8) + directory


_NESTED = "".join(f'<!ENTITY {chr(i + 1)} "{f"&{chr(i)};" * 10}">' for i in range(ord("a"), ord("i")))
LAUGHS = f'<!DOCTYPE l [<!ENTITY a "ha">{_NESTED}]><l>&i;</l>'
XXE = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>'

DOC = "过程文件/03_附加"
FAULTS: list[Fault] = [
    ("empty_pdf", f"{DOC}.pdf", lambda: b"", {"FMT-EMPTY"}),
    ("empty_txt", f"{DOC}.txt", lambda: b"", {"FMT-EMPTY"}),
    ("random_bytes", f"{DOC}.bin", lambda: hashlib.shake_128(b"x").digest(4000), {"FMT-UNKNOWN"}),
    ("windows_program", f"{DOC}.pdf", lambda: b"MZ" + b"\0" * 58 + b"\x40\0\0\0PE\0\0" + b"\0" * 400, {"FMT-NOT-ALLOWED"}),
    ("gif_picture", f"{DOC}.gif", lambda: picture("GIF"), {"FMT-NOT-ALLOWED"}),
    ("plain_zip", f"{DOC}.zip", lambda: zipped({"a.txt": b"a"}), {"FMT-ARCHIVE"}),
    ("gzip", f"{DOC}.ofd", lambda: b"\x1f\x8b\x08\0" + b"\0" * 60, {"FMT-ARCHIVE"}),
    ("zip_named_ofd", f"{DOC}.ofd", lambda: zipped({"a.txt": b"a"}), {"FMT-ARCHIVE"}),
    ("rar", f"{DOC}.rar", lambda: b"Rar!\x1a\x07\x01\0" + b"\0" * 60, {"FMT-ARCHIVE"}),
    ("seven_zip", f"{DOC}.7z", lambda: b"7z\xbc\xaf\x27\x1c\0\x04" + b"\0" * 60, {"FMT-ARCHIVE"}),
    ("tar", f"{DOC}.tar", _tar, {"FMT-ARCHIVE"}),
    ("word_document", f"{DOC}.docx", lambda: _office(), {"FMT-NOT-ALLOWED"}),
    ("word_document_with_macros", f"{DOC}.docm", lambda: _office("word/vbaProject.bin"), {"FMT-NOT-ALLOWED", "FMT-MACRO"}),
    ("old_word_document_with_macros", f"{DOC}.doc", lambda: _compound("_VBA_PROJECT"), {"FMT-MACRO"}),
    ("office_under_a_password", f"{DOC}.docx", lambda: _compound("EncryptedPackage"), {"FMT-ENCRYPTED"}),
    ("spreadsheet_with_basic", f"{DOC}.ods", lambda: _open_document("Basic/Standard/Module1.xml"),
        {"FMT-NOT-ALLOWED", "FMT-MACRO"}),
    ("ofd_with_a_zip_in_it", f"{DOC}.ofd", ofd_plus("Doc_0/Attachs/材料.zip", zipped({"a": b"a"})), {"FMT-NESTED-ARCHIVE"}),
    ("pdf_with_a_zip_in_it", f"{DOC}.pdf", _attached_zip, {"FMT-EMBEDDED-FILES", "FMT-NESTED-ARCHIVE"}),
    ("jpeg_named_pdf", f"{DOC}.pdf", lambda: picture("JPEG"), {"FMT-EXTENSION-MISMATCH"}),
    ("pdf_named_ofd", f"{DOC}.ofd", pdf, {"FMT-EXTENSION-MISMATCH"}),
    ("ofd_named_zip", f"{DOC}.zip", ofd, {"FMT-EXTENSION-MISMATCH"}),
    ("pdf_without_extension", DOC, pdf, {"FMT-EXTENSION-MISMATCH"}),
    ("text_named_pdf", f"{DOC}.pdf", lambda: "只是文本\n".encode(), {"FMT-EXTENSION-MISMATCH"}),
    ("html_named_xml", f"{DOC}.xml", lambda: b"<!DOCTYPE html><html><body>x</body></html>", {"FMT-NOT-ALLOWED"}),
    # PDF
    ("pdf_with_password", f"{DOC}.pdf", _encrypted_pdf("u"), {"FMT-ENCRYPTED"}),
    ("pdf_with_empty_password", f"{DOC}.pdf", _encrypted_pdf(""), {"FMT-ENCRYPTED"}),
    ("pdf_without_pages", f"{DOC}.pdf", _no_pages, {"FMT-UNREADABLE"}),
    ("pdf_opens_script", f"{DOC}.pdf", _open_action("/JavaScript"), {"FMT-ACTIVE-CONTENT"}),
    ("pdf_opens_program", f"{DOC}.pdf", _open_action("/Launch"), {"FMT-ACTIVE-CONTENT"}),
    ("pdf_page_script", f"{DOC}.pdf", _page_action, {"FMT-ACTIVE-CONTENT"}),
    ("pdf_named_script", f"{DOC}.pdf", _named_script, {"FMT-ACTIVE-CONTENT"}),
    ("pdf_link_starts_program", f"{DOC}.pdf", _link_launching, {"FMT-ACTIVE-CONTENT"}),
    ("pdf_with_attachment", f"{DOC}.pdf", _attached, {"FMT-EMBEDDED-FILES"}),
    ("pdf_cut_short", f"{DOC}.pdf", _cut_pdf, {"FMT-DAMAGED"}),
    ("pdf_head_only", f"{DOC}.pdf", lambda: b"%PDF-1.7\n" + b"x" * 99, {"FMT-UNREADABLE"}),
    # OFD
    ("ofd_without_document", f"{DOC}.ofd", _ofd_without("Doc_0/Document.xml"), {"FMT-UNREADABLE"}),
    ("ofd_without_page", f"{DOC}.ofd", _ofd_without("Doc_0/Pages/Page_0/Content.xml"), {"FMT-UNREADABLE"}),
    ("ofd_root_not_xml", f"{DOC}.ofd", _ofd_changed("OFD.xml", "OFD"), {"FMT-UNREADABLE"}),
    ("ofd_root_other", f"{DOC}.ofd", _ofd_changed("OFD.xml", "<Other/>"), {"FMT-UNREADABLE"}),
    ("ofd_no_docroot", f"{DOC}.ofd", _ofd_changed("OFD.xml", f"<ofd:OFD {OFD_NS}/>"), {"FMT-UNREADABLE"}),
    ("ofd_no_pages", f"{DOC}.ofd", _ofd_changed("Doc_0/Document.xml", "<Document/>"), {"FMT-UNREADABLE"}),
    ("ofd_page_not_xml", f"{DOC}.ofd", _ofd_changed("Doc_0/Pages/Page_0/Content.xml", "<Page>"), {"FMT-UNREADABLE"}),
    ("ofd_page_is_no_page", f"{DOC}.ofd", _ofd_changed("Doc_0/Pages/Page_0/Content.xml", "<Res/>"), {"FMT-UNREADABLE"}),
    ("ofd_with_attachment", f"{DOC}.ofd", ofd_plus("Doc_0/Attachs/Attachments.xml", b"<A/>"), {"FMT-EMBEDDED-FILES"}),
    ("ofd_whole_encrypted", f"{DOC}.ofd", ofd_plus("Encryptions.xml", b"<E/>"), {"FMT-ENCRYPTED"}),
    ("ofd_member_encrypted", f"{DOC}.ofd", _ofd_encrypted_member, {"FMT-ENCRYPTED"}),
    ("ofd_odd_compression", f"{DOC}.ofd", _ofd_odd_method, {"FMT-COMPRESSION"}),
    ("ofd_bzip2", f"{DOC}.ofd", lambda: zipped(ofd_members(), zipfile.ZIP_BZIP2), {"FMT-COMPRESSION"}),
    ("ofd_bomb_by_ratio", f"{DOC}.ofd", ofd_plus("Doc_0/Res/a.bin", b"\0" * 3_000_000), {"FMT-ZIP-BOMB"}),
    ("ofd_bomb_by_size", f"{DOC}.ofd", _ofd_huge_member, {"FMT-ZIP-BOMB"}),
    ("ofd_bomb_by_overlap", f"{DOC}.ofd", _overlapping, {"FMT-ZIP-BOMB"}),
    ("ofd_bomb_by_entries", f"{DOC}.ofd", _many_entries, {"FMT-ZIP-BOMB"}),
    ("ofd_path_up", f"{DOC}.ofd", ofd_plus("../../evil.sh"), {"FMT-ZIP-UNSAFE-PATH"}),
    ("ofd_path_up_backslash", f"{DOC}.ofd", ofd_plus("Doc_0\\..\\..\\evil"), {"FMT-ZIP-UNSAFE-PATH"}),
    ("ofd_path_drive", f"{DOC}.ofd", ofd_plus("C:/evil"), {"FMT-ZIP-UNSAFE-PATH"}),
    ("ofd_path_nul", f"{DOC}.ofd", _ofd_nul_name, {"FMT-ZIP-UNSAFE-PATH"}),
    ("ofd_path_link", f"{DOC}.ofd", _ofd_link, {"FMT-ZIP-UNSAFE-PATH"}),
    ("ofd_name_twice", f"{DOC}.ofd", lambda: _ofd_twice("Doc_0/Document.xml"), {"FMT-ZIP-DUPLICATE"}),
    ("ofd_name_twice_by_slash", f"{DOC}.ofd", lambda: _ofd_twice("/Doc_0//Document.xml"), {"FMT-ZIP-DUPLICATE"}),
    ("ofd_cut_short", f"{DOC}.ofd", lambda: ofd(9)[:-30], {"FMT-UNREADABLE"}),
    ("ofd_root_with_dtd", f"{DOC}.ofd", _ofd_changed("OFD.xml", XXE), {"FMT-XML-DTD"}),
    ("ofd_page_with_laughs", f"{DOC}.ofd", _ofd_changed("Doc_0/Pages/Page_0/Content.xml", LAUGHS), {"FMT-XML-DTD"}),
    # XML, JSON, text
    ("xml_external_entity", f"{DOC}.xml", XXE.encode, {"FMT-XML-DTD"}),
    ("xml_billion_laughs", f"{DOC}.xml", lambda: b'<?xml version="1.0"?>' + LAUGHS.encode(), {"FMT-XML-DTD"}),
    ("xml_dtd_in_utf16", f"{DOC}.xml", lambda: XXE.replace('"1.0"', '"1.0" encoding="utf-16"').encode("utf-16"),
        {"FMT-XML-DTD"}),
    ("xml_dtd_behind_comment", f"{DOC}.xml", lambda: b'<?xml version="1.0"?><!--<a>--><!DOCTYPE a><a/>', {"FMT-XML-DTD"}),
    ("xml_not_closed", f"{DOC}.xml", lambda: b'<?xml version="1.0"?><a><b></a>', {"FMT-UNREADABLE"}),
    ("xml_too_deep", f"{DOC}.xml", lambda: b'<?xml version="1.0"?>' + b"<a>" * 5000 + b"</a>" * 5000, {"FMT-UNREADABLE"}),
    ("json_with_a_key_twice", f"{DOC}.json", lambda: b'{"a": 1, "a": 2}', {"FMT-UNREADABLE"}),
    ("json_named_but_text", f"{DOC}.json", lambda: "只是文本".encode(), {"FMT-EXTENSION-MISMATCH"}),
    ("xml_without_declaration_not_closed", f"{DOC}.xml", lambda: b"<a><b></a>", {"FMT-UNREADABLE"}),
    ("json_too_deep", f"{DOC}.json", lambda: b"[" * 100_000, {"FMT-UNREADABLE"}),
    ("text_in_gb18030", f"{DOC}.txt", lambda: "南粤市测试文本，用国标编码。\r\n".encode("gb18030") * 9, {"FMT-TEXT-ENCODING"}),
    ("text_in_utf16", f"{DOC}.txt", lambda: "南粤市测试文本\r\n".encode("utf-16"), {"FMT-TEXT-ENCODING"}),
    # images
    ("jpeg_cut_short", f"{DOC}.jpg", lambda: picture("JPEG")[:-40], {"FMT-UNREADABLE"}),
    ("jpeg_head_only", f"{DOC}.jpg", lambda: picture("JPEG")[:60], {"FMT-UNREADABLE"}),
    ("jpeg_with_a_zip_behind_it", f"{DOC}.jpg", lambda: picture("JPEG") + zipped({"x": b"x"}), {"FMT-TRAILING-DATA"}),
    ("png_with_a_script_behind_it", f"{DOC}.png", lambda: picture("PNG") + b"<?php", {"FMT-TRAILING-DATA"}),
    ("png_cut_short", f"{DOC}.png", lambda: picture("PNG")[:-20], {"FMT-UNREADABLE"}),
    ("png_byte_changed", f"{DOC}.png", _bad_crc_png, {"FMT-UNREADABLE"}),
    ("jpeg_that_does_not_decode", f"{DOC}.jpg", _broken_tables, {"FMT-UNREADABLE"}),
    ("png_that_does_not_inflate", f"{DOC}.png", _no_deflate_png, {"FMT-UNREADABLE"}),
    ("tiff_that_does_not_inflate", f"{DOC}.tif", _no_deflate_tiff, {"FMT-UNREADABLE"}),
    ("tiff_cut_short", f"{DOC}.tif", lambda: picture("TIFF")[:40], {"FMT-UNREADABLE"}),
    ("tiff_directories_in_a_loop", f"{DOC}.tif", _tiff_loop, {"FMT-UNREADABLE"}),
]  # fmt: skip

GOOD_FILES: list[tuple[str, str, Callable[[], bytes], int | None]] = [
    ("pdf", f"{DOC}.pdf", lambda: pdf(3), 3),
    ("ofd", f"{DOC}.OFD", lambda: ofd(4), 4),
    ("jpeg", f"{DOC}.jpeg", lambda: picture("JPEG"), 1),
    ("png", f"{DOC}.png", lambda: picture("PNG"), 1),
    ("tiff_of_three_pages", f"{DOC}.tiff", lambda: picture("TIFF", 3), 3),
    ("wav", f"{DOC}.wav", wav, None),
    ("mp3", f"{DOC}.mp3", mp3, None),
    ("mp4", f"{DOC}.mp4", mp4, None),
    ("xml", f"{DOC}.xml", lambda: '<?xml version="1.0" encoding="UTF-8"?><数据/>'.encode(), None),
    ("xml_with_byte_order_mark", f"{DOC}.xml", lambda: b'\xef\xbb\xbf<?xml version="1.0"?><a/>', None),
    ("xml_in_gb18030", f"{DOC}.xml", lambda: '<?xml version="1.0" encoding="GB18030"?><数据>测试</数据>'.encode("gb18030"), None),
    ("xml_without_declaration", f"{DOC}.xml", lambda: "<数据>测试</数据>".encode(), None),
    ("xml_with_doctype_in_cdata", f"{DOC}.xml", lambda: b'<?xml version="1.0"?><a><![CDATA[<!DOCTYPE html>]]></a>', None),
    ("json", f"{DOC}.json", lambda: '{"测试": [1, 2]}'.encode(), None),
    ("csv", f"{DOC}.csv", lambda: "序号,名称\r\n1,测试\r\n".encode(), None),
    ("txt", f"{DOC}.txt", lambda: "南粤市测试文本\n".encode(), None),
]  # fmt: skip
