"""Faults of each form: a name, the faulty delivery, and exactly the codes that must come out of it.

What is refused before it is a case gives its own codes alone; what becomes a case gives beside them what its form always gives.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import stat
import struct
import zipfile
from typing import Any

from form_samples import (
    ARCHIVAL,
    CASES,
    CODE,
    CONTENTS,
    Files,
    base_info,
    batch_files,
    dat93_files,
    deployed_files,
    exported_eep,
    exported_zip,
    gdbs_files,
    gdbs_tables,
    zipped,
)  # fmt: skip

from sip import extension
from sip.deployed import BASE_INFO, PROCESS_INFO

Fault = tuple[str, Files, set[str]]
DEPLOYED = {"MET-NO-DIGEST", "PRF-NOT-CARRIED"}
ROWS = {"PRF-NOT-CARRIED"}
BOMB = "<!DOCTYPE x [<!ENTITY a 'ha'><!ENTITY b '&a;&a;'>]>"
XXE = "<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>"


def info(*changes: tuple[str, str], encoding: str = "utf-8") -> Files:
    """The deployed package with texts of its 基本信息元数据.xml replaced."""
    return deployed_files() | {BASE_INFO: _changed(base_info(), *changes).encode(encoding)}


def without(files: Files, *names: str) -> Files:
    return {n: d for n, d in files.items() if n not in names}


def _changed(text: str, *changes: tuple[str, str]) -> str:
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


def _element(name: str) -> str:
    match = re.search(f"  <{name}>[^<]*</{name}>\n", base_info())
    assert match, name
    return match[0]


def one_zip(data: bytes) -> Files:
    return {"x.zip": data}


def with_info(files: Files, **over: Any) -> bytes:
    """A ZIP whose first member carries other attributes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name)
            for key, value in over.items():
                setattr(entry, key, value)
            over = {}
            z.writestr(entry, data)
    return out.getvalue()


def many_members(count: int) -> bytes:
    """A ZIP that claims and has a million members, made in a second."""
    directory = io.BytesIO()
    local = struct.pack("<4s5H3I2H", b"PK\x03\x04", 20, 0x800, 0, 0, 33, 0, 0, 0, 1, 0) + b"a"
    line = struct.pack("<4s6H3I5H2I", b"PK\x01\x02", 20, 20, 0x800, 0, 0, 33, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"a"
    directory.write(line * count)
    size = directory.tell()
    start = len(local)
    end64 = struct.pack("<4sQ2H2I4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, size, start)
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, start + size, 1)
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return local + directory.getvalue() + end64 + locator + end


def gigabyte_of_zeros() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as z, z.open("结果文件/0.bin", "w") as f:
        for _ in range(1024):
            f.write(bytes(1 << 20))
    return out.getvalue()


def flipped(data: bytes, at: bytes) -> bytes:
    """One byte of a stored member's content turned round."""
    place = data.index(at) + len(at) // 2
    return data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :]


def twice(name: str) -> bytes:
    """A ZIP with two members of one name."""
    other = "q" * len(name.encode())
    return zipped(deployed_files() | {other: b"another"}).replace(other.encode(), name.encode())


def eep(*changes: tuple[str, str]) -> Files:
    return {"x.xml": _changed(exported_eep().decode(), *changes).encode()}


def _of_eep(pattern: str) -> str:
    match = re.search(pattern, exported_eep().decode())
    assert match
    return match[0]


def dat93(*changes: tuple[str, str], name: str = "目录文件.XML") -> Files:
    files = dat93_files()
    return files | {name: _changed(files[name].decode("gb18030"), *changes).encode("gb18030")}


def rows(table: str, index: int, **over: Any) -> Files:
    tables = gdbs_tables()
    tables[f"EX_GDBS_{table}"][index] |= over
    return gdbs_files(tables=tables)


def batch(*changes: tuple[str, str]) -> Files:
    files = batch_files()
    return files | {"transfer_info.xml": _changed(files["transfer_info.xml"].decode(), *changes).encode()}


_ITEM = f"T001/ZY·XK/{ARCHIVAL}1/"
_NOTE = "说明文件.TXT"
_PDF = "申报文件/01_食品经营许可申请书.pdf"


def unzipped(data: bytes) -> Files:
    with zipfile.ZipFile(io.BytesIO(data)) as z:
        return {n: z.read(n) for n in z.namelist()}


EXTENSION: dict[str, Any] = json.loads(unzipped(exported_zip())[extension.NAME])


def exported(document: dict[str, Any] | bytes) -> Files:
    """Our own export with another extension document."""
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    return one_zip(zipped(unzipped(exported_zip()) | {extension.NAME: data}))


def patched(local: int, central: int, value: int) -> bytes:
    """A ZIP whose first member says something else, in its local header (at offset ``local``) and in the directory alike."""
    data = bytearray(zipped(deployed_files()))
    at = struct.unpack("<I", data[-6:-2])[0]
    data[local : local + 2] = data[at + central : at + central + 2] = struct.pack("<H", value)
    return bytes(data)


def _stored() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        for name, data in deployed_files().items():
            z.writestr(zipfile.ZipInfo(name), data)
    return out.getvalue()


def _foreign_eep() -> Files:
    """An EEP that holds no case metadata at all."""
    text = exported_eep().decode()
    start, end = text.rindex("<文档>"), text.index("</文件数据>")
    return {"x.xml": (text[:start] + text[end:]).encode()}


def _title() -> str:
    match = re.search("<题名>[^<]*</题名>", dat93_files()["目录文件.XML"].decode("gb18030"))
    assert match
    return match[0]


def _renamed(old: str, new: str) -> Files:
    files = {n.replace(f"/{old}/", f"/{new}/"): d for n, d in dat93_files().items()}
    text = files["目录文件.XML"].decode("gb18030").replace(f"<档号>{old}<", f"<档号>{new}<")
    return files | {"目录文件.XML": text.encode("gb18030")}


def _no_rows(table: str, index: int) -> Files:
    tables = gdbs_tables()
    del tables[f"EX_GDBS_{table}"][index]
    return gdbs_files(tables=tables)


def _sm3_of_first() -> str:
    return hashlib.new("sm3", batch_files()[f"{CODE}.zip"]).hexdigest()


FAULTS: list[Fault] = [
    # deployed: metadata
    ("deployed_without_base_info", without(deployed_files(), BASE_INFO), {"PRF-METADATA-MISSING"}),
    ("deployed_title_absent", info((_element("task_name"), "")), DEPLOYED | {"MET-REQUIRED"}),
    ("deployed_title_empty", info((_element("task_name"), "<task_name/>")), DEPLOYED | {"MET-EMPTY"}),
    ("deployed_title_blank", info((_element("task_name"), "<task_name> \n</task_name>")), DEPLOYED | {"MET-EMPTY"}),
    ("deployed_case_no_absent", info((_element("project_id"), "")), {"MET-REQUIRED", "RCV-ENVELOPE"}),
    ("deployed_region_of_five_digits", info(("<region_code>440100<", "<region_code>44010<")),
     DEPLOYED | {"MET-FORMAT", "MET-CODE-FORM"}),
    ("deployed_retention_unknown", info(("<retention_period>30年<", "<retention_period>三十年<")), DEPLOYED | {"MET-DOMAIN"}),
    ("deployed_time_in_words", info((_element("transact_time"), "<transact_time>三月</transact_time>")),
     DEPLOYED | {"MET-FORMAT", "MET-NO-SUCH-TIME"}),
    ("deployed_accept_num_too_long", info((_element("accept_num"), f"<accept_num>{'9' * 51}</accept_num>")),
     DEPLOYED | {"MET-LENGTH"}),
    ("deployed_total_wrong", info(("<total_number>5<", "<total_number>6<")), DEPLOYED | {"MET-TOTAL-FILES"}),
    ("deployed_element_twice", info((_element("task_name"), _element("task_name") * 2)), DEPLOYED | {"PRF-ELEMENT-TWICE"}),
    ("deployed_service_kind_unknown", info(("<service_type>承诺件<", "<service_type>加急件<")), DEPLOYED | {"MET-CODE-LIST"}),
    ("deployed_secret", info(("<security_classification>公开<", "<security_classification>机 密★10年<")), {"RCV-CLASSIFIED"}),
    ("deployed_file_name_with_folders", info(("<computer_file_name>01_食", "<computer_file_name>../01_食")),
     DEPLOYED | {"MET-CONTROL-CHAR", "RCV-PATH-UNSAFE", "RCV-FILE-EXTRA"}),
    ("deployed_no_files", info((base_info()[base_info().index("    <folder"):base_info().index("  </fileset>")], "")),
     {"RCV-NO-FILES"}),
    ("deployed_file_missing", without(deployed_files(), _PDF), DEPLOYED | {"RCV-FILE-MISSING"}),
    ("deployed_file_extra", deployed_files() | {"结果文件/夹带.pdf": b"%PDF-1.4"}, DEPLOYED | {"RCV-FILE-EXTRA"}),
    ("deployed_size_wrong", info(("<computer_file_size>47<", "<computer_file_size>48<")), DEPLOYED | {"RCV-SIZE-MISMATCH"}),
    # deployed: XML
    ("deployed_xml_broken", info(("</base_info>", "")), {"PRF-XML-BROKEN"}),
    ("deployed_xml_of_another_root", info(("<base_info>", "<basis>"), ("</base_info>", "</basis>")), {"PRF-XSD"}),
    ("deployed_element_inside_an_element", info((_element("task_name"), "<task_name><b>x</b></task_name>")), {"PRF-XSD"}),
    ("deployed_folder_without_title", info((' title="申报文件"', "")), {"PRF-XSD"}),
    ("deployed_xxe", info(("<base_info>", XXE + "<base_info>")), {"FMT-XML-DTD"}),
    ("deployed_billion_laughs", info(("<base_info>", BOMB + "<base_info>")), {"FMT-XML-DTD"}),
    ("deployed_gbk_bytes_declared_utf8", info(encoding="gb18030"), {"PRF-ENCODING"}),
    ("deployed_encoding_unknown", info(('encoding="UTF-8"', 'encoding="Big5"')), {"PRF-ENCODING"}),
    ("deployed_utf8_bytes_declared_utf16", info(('encoding="UTF-8"', 'encoding="UTF-16"')), {"PRF-ENCODING"}),
    ("deployed_history_of_another_shape", deployed_files() | {PROCESS_INFO: b"<process_info><x/></process_info>"}, {"PRF-XSD"}),
    ("deployed_history_without_closing", deployed_files() | {PROCESS_INFO: deployed_files()[PROCESS_INFO].replace(
        b"<action_code>close<", b"<action_code>return<")}, DEPLOYED | {"MET-EVENT-MISSING"}),
    # deployed: our extension, in hostile hands
    ("extension_is_no_extension", exported({"schema": "x"}), {"PRF-EXTENSION"}),
    ("extension_sets_what_is_not_there", exported({**EXTENSION, "set": {"/case/none/x": 1}}), {"PRF-EXTENSION"}),
    ("extension_drops_what_is_not_there", exported({**EXTENSION, "drop": ["/case/none"]}), {"PRF-EXTENSION"}),
    ("extension_contradicts_the_elements", exported({**EXTENSION, "set": EXTENSION["set"] | {"/case/case_title": "另一题名"}}),
     {"PRF-EXTENSION"}),
    ("extension_makes_a_file_vanish", exported({**EXTENSION, "set": EXTENSION["set"] | {"/files": []}}), {"PRF-EXTENSION"}),
    ("extension_with_a_key_twice", exported(b'{"schema": 1, "schema": 2}'), {"RCV-JSON-BROKEN"}),
    ("nothing_known", {"读我.txt": b"x", "b.txt": b"y"}, {"PRF-UNKNOWN-FORM"}),
    # ZIP
    ("zip_traversal", one_zip(zipped(deployed_files() | {"../../evil.txt": b"x"})), {"FMT-ZIP-UNSAFE-PATH"}),
    ("zip_absolute", one_zip(zipped(deployed_files() | {"/etc/evil": b"x"})), {"FMT-ZIP-UNSAFE-PATH"}),
    ("zip_backslashes", one_zip(zipped(deployed_files() | {"a\\..\\b": b"x"})), {"FMT-ZIP-UNSAFE-PATH"}),
    ("zip_nul_in_name", one_zip(zipped(deployed_files() | {"evil@.txt": b"x"}).replace(b"evil@.txt", b"evil\0.txt")),
     {"FMT-ZIP-UNSAFE-PATH"}),
    ("zip_symlink", one_zip(with_info({"link": b"/etc/passwd"} | deployed_files(), create_system=3,
                                      external_attr=(stat.S_IFLNK | 0o777) << 16)), {"FMT-ZIP-UNSAFE-PATH"}),
    ("zip_member_twice", one_zip(twice(BASE_INFO)), {"FMT-ZIP-DUPLICATE"}),
    ("zip_member_twice_by_case", one_zip(zipped(deployed_files() | {"结果文件/A.txt": b"x", "结果文件/a.txt": b"y"})),
     {"FMT-ZIP-DUPLICATE"}),
    ("zip_encrypted", one_zip(patched(6, 8, 0x801)), {"FMT-ENCRYPTED"}),
    ("zip_method_unknown", one_zip(patched(8, 10, 97)), {"FMT-COMPRESSION"}),
    ("zip_cut", one_zip(zipped(deployed_files())[:-300]), {"FMT-UNREADABLE"}),
    ("zip_is_no_zip", one_zip(b"not a zip" * 100), {"FMT-UNREADABLE"}),
    ("zip_empty", one_zip(b""), {"FMT-UNREADABLE"}),
    ("zip_of_a_million_members", one_zip(many_members(1_000_000)), {"FMT-ZIP-BOMB"}),
    ("zip_of_a_gigabyte_of_zeros", one_zip(gigabyte_of_zeros()), {"FMT-ZIP-BOMB"}),
    ("zip_content_changed", one_zip(flipped(_stored(), CONTENTS[_PDF])), DEPLOYED | {"FMT-UNREADABLE"}),
    ("zip_in_zip", one_zip(zipped({"y.zip": zipped(deployed_files())})), {"PRF-UNKNOWN-FORM"}),
    # EEP
    ("eep_without_unit", eep((_of_eep("<立档单位名称>[^<]*</立档单位名称>"), "")), {"MET-REQUIRED"}),
    ("eep_foreign_without_case", _foreign_eep(), {"RCV-ENVELOPE"}),
    ("eep_block_missing", eep(("<封装包类型>原始型</封装包类型>", "")), {"PRF-XSD"}),
    ("eep_kind_unknown", eep(("<封装包类型>原始型<", "<封装包类型>复制型<")), {"PRF-XSD"}),
    ("eep_base64_of_other_characters", eep(("编码数据1\">", "编码数据1\">?!")), {"PRF-BASE64"}),
    ("eep_base64_cut", eep(("</编码数据>", "A</编码数据>")), {"PRF-BASE64"}),
    ("eep_base64_data_after_padding", eep(("编码数据1\">", "编码数据1\">QQ==")), {"PRF-BASE64"}),
    ("eep_element_in_the_content", eep(("</编码数据>", "<b/></编码数据>")), {"PRF-XML-BROKEN"}),
    ("eep_document_without_content", eep((_of_eep("<编码数据 .*?</编码数据>"), "")), {"PRF-XSD"}),
    ("eep_two_documents_of_one_name", eep(("<计算机文件名>02_营业执照.jpg<", "<计算机文件名>01_食品经营许可申请书.pdf<")),
     {"RCV-NAME-TWIN"}),
    ("eep_content_of_another", eep((_of_eep("<计算机文件大小>[0-9]*<"), "<计算机文件大小>1<")), {"RCV-SIZE-MISMATCH", "MET-TOTAL-BYTES"}),
    ("eep_secret_before_its_content", eep(("<密级>公开<", "<密级>绝密<")), {"RCV-CLASSIFIED"}),
    ("eep_xxe", eep(("<电子文件封装包", XXE + "<电子文件封装包")), {"FMT-XML-DTD"}),
    ("eep_billion_laughs", eep(("<电子文件封装包", BOMB + "<电子文件封装包")), {"FMT-XML-DTD"}),
    ("eep_cut", {"x.xml": exported_eep()[:-200]}, {"PRF-XML-BROKEN"}),
    ("eep_gbk_bytes_declared_utf8", {"x.xml": exported_eep().decode().encode("gb18030")}, {"PRF-ENCODING"}),
    ("eep_too_deep", {"x.xml": b"<a>" * 100_000}, {"PRF-XML-BROKEN"}),
    ("eep_signed_by_itself", eep(("</被签名对象>", "</被签名对象><电子签名块><电子签名><签名结果>x</签名结果></电子签名></电子签名块>")),
     {"SIG-VALUE-BROKEN"}),
    # DA/T 93
    ("dat93_without_note", without(dat93_files(), _NOTE), {"PRF-METADATA-MISSING"}),
    ("dat93_note_without_unit", dat93(("移交单位：", "单位："), name=_NOTE), {"PRF-NOTE"}),
    ("dat93_note_quantity_in_words", dat93(("档案数量：2", "档案数量：两件"), name=_NOTE), {"PRF-NOTE"}),
    ("dat93_quantity_wrong", dat93(("档案数量：2", "档案数量：3"), name=_NOTE), {"PRF-COUNT"}),
    ("dat93_note_undecodable", dat93_files() | {_NOTE: b"\xff\xff\xff"}, {"PRF-ENCODING"}),
    ("dat93_title_empty", dat93((_title(), "<题名> </题名>")), {"PRF-XSD"}),
    ("dat93_remark_absent", dat93(("<备注/>", "")), {"PRF-XSD"}),
    ("dat93_pages_negative", dat93(("<页数>7<", "<页数>-7<")), {"PRF-XSD"}),
    ("dat93_catalogue_empty", dat93_files() | {"目录文件.XML": "<文件目录/>".encode()}, {"PRF-XSD"}),
    ("dat93_code_twice", dat93((f"<档号>{ARCHIVAL}2<", f"<档号>{ARCHIVAL}1<")), {"PRF-ITEM-TWICE", "PRF-FOLDER-UNLISTED"}),
    ("dat93_item_without_folder", {n: d for n, d in dat93_files().items() if f"{ARCHIVAL}2/" not in n}, {"PRF-ITEM-NO-FOLDER"}),
    ("dat93_folder_unlisted", dat93_files() | {f"T001/ZY·XK/{ARCHIVAL}3/x.txt": b"x"}, {"PRF-FOLDER-UNLISTED"}),
    ("dat93_two_folders_for_one_item", dat93_files() | {f"T001/ZY·QR/{ARCHIVAL}1/x.txt": b"x"}, {"PRF-ITEM-TWICE"}),
    ("dat93_item_without_metadata", without(dat93_files(), _ITEM + BASE_INFO), {"PRF-METADATA-MISSING"}),
    ("dat93_item_without_content", {n: d for n, d in dat93_files().items() if not n.startswith((_ITEM + "申", _ITEM + "过", _ITEM + "结"))},
     {"PRF-ITEM-EMPTY"}),
    ("dat93_title_disagrees", dat93((_title(), "<题名>另一题名</题名>")), DEPLOYED | {"PRF-ITEM-DISAGREES"}),
    ("dat93_item_secret", dat93(("<密级>公开<", "<密级>秘密<")), {"RCV-CLASSIFIED"}),
    ("dat93_code_malformed", _renamed(f"{ARCHIVAL}1", "T001_2024_1"), DEPLOYED | {"MET-ARCHIVAL-CODE"}),
    ("dat93_xxe", dat93(("<文件目录>", XXE + "<文件目录>")), {"FMT-XML-DTD"}),
    # exchange rows
    ("rows_without_title", rows("SB", 0, SXMC=""), ROWS | {"MET-EMPTY", "MET-REQUIRED"}),
    ("rows_applicant_kind_unknown", rows("SB", 0, SQRLX="9"), ROWS | {"MET-DOMAIN", "MET-CODE-LIST"}),
    ("rows_never_closed", _no_rows("BJ", 0), ROWS | {"MET-REQUIRED", "MET-EVENT-MISSING"}),
    ("rows_voided", rows("BJ", 0, BJJGDM="2"), ROWS | {"MET-RESULT-NO-RECORD"}),
    ("rows_of_one_application_twice", rows("SB", 1, SBLSH=CASES[0]), {"PRF-ITEM-TWICE", "PRF-ROW-ORPHAN"}),
    ("rows_of_no_application", rows("SL", 1, SBLSH="NOBODY"), {"PRF-ROW-ORPHAN"}),
    ("rows_without_number", rows("SL", 1, SBLSH=""), {"PRF-ROW-SCHEMA"}),
    ("rows_number_with_slash", rows("SB", 0, SBLSH="../x"), {"PRF-ROW-SCHEMA"}),
    ("rows_nested", rows("SB", 0, SXMC={"a": 1}), {"PRF-ROW-SCHEMA"}),
    ("rows_of_an_unknown_table", gdbs_files(tables=gdbs_tables() | {"EX_GDBS_QT": [{"SBLSH": CASES[0]}]}), {"PRF-ROW-SCHEMA"}),
    ("rows_json_broken", gdbs_files() | {"EX_GDBS_ALL.json": b"{"}, {"RCV-JSON-BROKEN"}),
    ("rows_json_too_deep", gdbs_files() | {"EX_GDBS_ALL.json": b"[" * 100_000}, {"RCV-JSON-BROKEN"}),
    ("rows_json_key_twice", gdbs_files() | {"EX_GDBS_ALL.json": b'{"EX_GDBS_SB": [], "EX_GDBS_SB": []}'}, {"RCV-JSON-BROKEN"}),
    ("rows_csv_undecodable", gdbs_files("csv") | {"EX_GDBS_SB.csv": b"SBLSH\n\xff\xff\n"}, {"PRF-ENCODING"}),
    ("rows_md5_wrong", rows("SBCL", 0, ATTACH_SIGN="0" * 32), ROWS | {"RCV-DIGEST-MISMATCH"}),
    ("rows_md5_no_digest", rows("SBCL", 0, ATTACH_SIGN="x"), {"MET-FORMAT", "RCV-ENVELOPE"}),
    ("rows_attachment_missing", without(gdbs_files(), f"附件/1/{_PDF}"), ROWS | {"RCV-FILE-MISSING"}),
    ("rows_attachment_unnamed_by_any", gdbs_files() | {"附件/1/夹带.pdf": b"%PDF"}, {"RCV-FILE-EXTRA"}),
    ("rows_attachment_by_traversal", rows("SBCL", 0, ATTACH_PATH="../../../etc/passwd", ATTACH_NAME="passwd"),
     {"RCV-FILE-EXTRA"}),
    # batches
    ("batch_number_wrong", batch(("<send_number>2<", "<send_number>3<")), {"PRF-COUNT"}),
    ("batch_package_missing", without(batch_files(), f"{CODE}.zip"), {"PRF-ITEM-NO-FOLDER"}),
    ("batch_package_unlisted", batch_files() | {"another.zip": b"PK"}, {"PRF-FOLDER-UNLISTED"}),
    ("batch_entry_twice", batch((f"{CODE[:-1]}2", CODE)), {"PRF-ITEM-TWICE", "PRF-FOLDER-UNLISTED"}),
    ("batch_digest_wrong", batch((_sm3_of_first(), "0" * 64)), {"RCV-DIGEST-MISMATCH"}),
    ("batch_size_wrong", batch((f"<size>{len(batch_files()[CODE + '.zip'])}<", "<size>1<")), {"RCV-SIZE-MISMATCH"}),
    ("batch_algorithm_unknown", batch((">SM3<", ">CRC32<")), {"PRF-XSD"}),
    ("batch_without_directories", {"transfer_info.xml": b"<transfer_info><a/><b/></transfer_info>"}, {"PRF-COUNT"}),
]  # fmt: skip
