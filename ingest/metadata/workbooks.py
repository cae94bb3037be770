"""A workbook from a stranger, looked over before any parser sees it: size, DTDs, absurd rows, merged cells; and then opened."""

from __future__ import annotations

import dataclasses
import html
import io
import re
import struct
import warnings
import zipfile
import zlib
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from openpyxl.workbook import Workbook

_MEMBERS = 500
_UNPACKED = 192 * 1024 * 1024  # 20,000 entries of full cells take a third of it
_LAST_ROW = 1_048_576  # of any spreadsheet
_ZIP_ERRORS = (
    zipfile.BadZipFile, zlib.error, struct.error, NotImplementedError, ValueError, EOFError, OSError, RuntimeError, IndexError,
)  # fmt: skip
# What openpyxl was seen to raise on damaged workbooks.
BROKEN = (
    KeyError, ValueError, TypeError, AttributeError, IndexError, OverflowError, RecursionError, SyntaxError, OSError,
    zipfile.BadZipFile, zlib.error,
)  # fmt: skip
_OLE = b"\xd0\xcf\x11\xe0"
_ROW = re.compile(rb"<(?:\w+:)?row\s(?:[^>]*?\s)?r\s*=\s*[\"']([^\"']*)[\"']")
_MERGED = re.compile(rb"<(?:\w+:)?mergeCell\s[^>]*?ref\s*=\s*[\"']([A-Z]{1,3}[0-9]{1,7}:[A-Z]{1,3}[0-9]{1,7})[\"']")
_SHEET = re.compile(rb"<(?:\w+:)?sheet\s[^>]*>")
_RELATION = re.compile(rb"<(?:\w+:)?Relationship\s[^>]*>")
_ATTRIBUTE = re.compile(rb"([\w:]+)\s*=\s*[\"']([^\"']*)[\"']")


class BadWorkbook(ValueError):
    """The file must not or cannot be read; the text is the reason, in Chinese."""


@dataclasses.dataclass(frozen=True, slots=True)
class Checked:
    """A workbook that may be parsed; ``merged`` are (sheet, range) of the wanted sheets."""

    content: bytes
    merged: tuple[tuple[str, str], ...]


def checked(content: bytes, sheets: Collection[str] | None, longest: int) -> Checked:
    """Look over the bytes of a workbook of which ``sheets`` (None: any) will be read, and which may have ``longest`` bytes.

    Raises BadWorkbook.
    """
    if len(content) > longest:
        raise BadWorkbook(f"超过 {longest} 字节")
    if content.startswith(_OLE):
        raise BadWorkbook("是旧的 XLS 或加密的工作簿，请去掉密码、另存为 XLSX")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            _bounded(members)
            for member in members:
                if member.filename.lower().endswith((".xml", ".rels")):
                    _plain(member.filename, archive.read(member))
            return Checked(content, tuple(_merged(archive, sheets)))
    except KeyError as error:
        raise BadWorkbook(f"不是 XLSX 工作簿：缺少 {str(error)[:100]}") from error
    except BadWorkbook:
        raise
    except _ZIP_ERRORS as error:
        raise BadWorkbook(f"不是完好的 XLSX 工作簿：{str(error)[:100]}") from error


def opened(content: bytes) -> Workbook:
    """A workbook that was `checked`, to be read row by row; formulas stay formulas. Raises BadWorkbook."""
    from openpyxl import load_workbook

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles and extensions, none of which is used
            return load_workbook(io.BytesIO(content), read_only=True, data_only=False, keep_links=False)
    except BROKEN as error:
        raise BadWorkbook(f"不是完好的 XLSX 工作簿：{str(error)[:200]}") from error


def _bounded(members: Sequence[zipfile.ZipInfo]) -> None:
    if len(members) > _MEMBERS or len({member.filename for member in members}) != len(members):
        raise BadWorkbook(f"成员超过 {_MEMBERS} 个或重名")
    # zipfile unpacks no more than the directory says, so what it says is a bound
    if sum(member.file_size for member in members) > _UNPACKED:
        raise BadWorkbook(f"解压后超过 {_UNPACKED} 字节")


def _plain(name: str, data: bytes) -> None:
    """Refuse what a parser could be led astray by. Spreadsheet programs write UTF-8, and never a DTD."""
    if b"\0" in data or data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise BadWorkbook(f"{name[:100]} 不是 UTF-8")
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise BadWorkbook(f"{name[:100]} 含 DTD 或实体定义")
    declared = re.match(rb"(?:\xef\xbb\xbf)?\s*<\?xml[^>]*?encoding\s*=\s*[\"']([^\"']+)", data)
    if declared and declared[1].lower() not in (b"utf-8", b"us-ascii"):
        raise BadWorkbook(f"{name[:100]} 不是 UTF-8")
    last = 0
    for found in _ROW.finditer(data):
        number = int(found[1]) if found[1].isdigit() and len(found[1]) < 8 else 0
        if not last < number <= _LAST_ROW:  # a reader that goes row by row would drop it, or never end
            raise BadWorkbook(f"{name[:100]} 行号有误：{found[1][:20].decode('ascii', 'replace')}")
        last = number


def _merged(archive: zipfile.ZipFile, sheets: Collection[str] | None) -> Iterator[tuple[str, str]]:
    targets = {}
    for relation in _RELATION.findall(archive.read("xl/_rels/workbook.xml.rels")):
        given = dict(_ATTRIBUTE.findall(relation))
        targets[given.get(b"Id", b"")] = given.get(b"Target", b"").decode("utf-8", "replace")
    seen = set()
    for element in _SHEET.findall(archive.read("xl/workbook.xml")):
        given = dict(_ATTRIBUTE.findall(element))
        title = html.unescape(given.get(b"name", b"").decode("utf-8", "replace"))
        if sheets is None or title in sheets:
            if title in seen:
                raise BadWorkbook(f"有两张“{title}”表")
            seen.add(title)
            target = targets.get(given.get(b"r:id", b""), "")
            path = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
            if path in archive.namelist():
                for where in _MERGED.findall(archive.read(path)):
                    yield title, where.decode("ascii")
