"""说明文件.TXT and 目录文件.XML (DA/T 93-2022 annex B): written one way, read as others write them.

Read are UTF-8, GB18030 and GB2312, and as separator of the note ``：``, ``:`` and ``=``. What is read is untrusted: a catalogue
with a DTD is refused, and it is parsed in pieces, whatever its length.
"""

from __future__ import annotations

import codecs
import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping
from xml.parsers import expat

from sip.faults import Fault, fault
from sip.transfer import tree
from sip.xmltext import DECLARATION, element

ROOT, LINE = "文件目录", "文件"
COLUMNS = ("顺序号", "档号", "责任者", "题名", "日期", "保管期限", "密级", "页数", "备注")
_FILLED = COLUMNS[:7]
_OPTIONAL = {"页数"}
NOTE_MUST = ("移交单位", "内容描述", "起止档号", "档案数量", "软硬件环境")
ENCODINGS = ("UTF-8", "GB18030", "GB2312")
_MOST_NOTE = 1 << 20
_MOST_VALUE = 64 << 10  # of one cell; a title of more is no title
_MOST_FAULTS = 1000  # of one catalogue; who has that many need not know them all
_NOTE_LINE = re.compile(r"\s*([^：:=\s][^：:=]*?)\s*[：:=]\s*(.*?)\s*")
_DECLARED = re.compile(rb"""<\?xml[^>]*?\sencoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")


@dataclasses.dataclass(frozen=True, slots=True)
class CatalogueLine:
    """One 文件 of the catalogue. ``date`` is YYYYMMDD, ``pages`` None where nobody counted."""

    number: int
    archival_code: str
    author: str
    title: str
    date: str
    retention: str
    security: str
    pages: int | None = None
    remark: str = ""

    def cells(self) -> tuple[str, ...]:
        """The nine columns as texts, in their order."""
        pages = "" if self.pages is None else str(self.pages)
        return (str(self.number), self.archival_code, self.author, self.title, self.date, self.retention, self.security, pages,
                self.remark)  # fmt: skip


def catalogue_pieces(lines: Iterable[CatalogueLine]) -> Iterator[str]:
    """目录文件.XML, one piece a line."""
    yield f"{DECLARATION}<{ROOT}>\n"
    for line in lines:
        cells = "".join(element(c, v) for c, v in zip(COLUMNS, line.cells(), strict=True) if v or c not in _OPTIONAL)
        yield f"  <{LINE}>{cells}</{LINE}>\n"
    yield f"</{ROOT}>\n"


def note(values: Mapping[str, str]) -> bytes:
    """说明文件.TXT: one ``字段：值`` a line, UTF-8, lines ended as on the desktops that will open it. Values stand on one line."""
    return "".join(f"{k}：{' '.join(v.split())}\r\n" for k, v in values.items() if v).encode()


def read_note(data: bytes, faults: list[Fault]) -> dict[str, str]:
    """The note's fields; every fault of it is added to ``faults``."""
    if len(data) > _MOST_NOTE:
        faults.append(fault("TRF-NOTE", tree.NOTE, reason=f"{len(data)} bytes"))
        return {}
    text = _decoded_note(data)
    if text is None:
        faults.append(fault("TRF-ENCODING", tree.NOTE, encoding="?"))
        return {}
    out: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        found = _NOTE_LINE.fullmatch(line)
        if not found:
            faults.append(
                fault("TRF-NOTE", tree.NOTE, reason=f"第 {number} 行不是“字段：值” / line {number} is not field: value")
            )
        elif found[1] in out:
            faults.append(fault("TRF-NOTE", tree.NOTE, reason=f"“{found[1]}”重复 / given twice"))
        else:
            out[found[1]] = found[2]
    for name in NOTE_MUST:
        if not out.get(name):
            faults.append(fault("TRF-NOTE-FIELD", tree.NOTE, field=name))
    count = out.get("档案数量")
    if count and not re.fullmatch("[0-9]{1,9}", count):
        faults.append(fault("TRF-NOTE", tree.NOTE, reason=f"档案数量“{count[:40]}”不是整数 / is no integer"))
    return out


def _decoded_note(data: bytes) -> str | None:
    for encoding in ("utf-8-sig", "gb18030"):  # GB2312 is a part of GB18030
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return None


def read_catalogue(chunks: Iterable[bytes], faults: list[Fault]) -> list[CatalogueLine]:
    """The lines of 目录文件.XML; every fault of form is added to ``faults`` with the line's number."""
    reader = _Catalogue(faults)
    try:
        for text in _decoded(chunks, tree.CATALOGUE):
            reader.feed(text)
        reader.close()
    except _Refused as e:
        faults.append(e.fault)
    except expat.ExpatError as e:
        reason = f"{expat.ErrorString(e.code)} (line {e.lineno})"
        faults.append(fault("TRF-XML", tree.CATALOGUE, reason=reason))
    return reader.lines


class _Refused(Exception):
    def __init__(self, found: Fault) -> None:
        super().__init__(found.code)
        self.fault = found


def _decoded(chunks: Iterable[bytes], path: str) -> Iterator[str]:
    decoder: codecs.IncrementalDecoder | None = None
    encoding = "UTF-8"
    for piece in chunks:
        if decoder is None:
            declared = _DECLARED.match(piece.removeprefix(codecs.BOM_UTF8)[:200])
            encoding = declared[1].decode().upper() if declared else "UTF-8"
            if encoding not in ENCODINGS or piece[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
                raise _Refused(fault("TRF-ENCODING", path, encoding=encoding))
            # GB2312 is read as the GB18030 that contains it: Python's own GB2312 takes the middle dot of a 档号 for another
            decoder = codecs.getincrementaldecoder("utf-8-sig" if encoding == "UTF-8" else "gb18030")()
        try:
            yield decoder.decode(piece)
        except UnicodeDecodeError:
            raise _Refused(fault("TRF-ENCODING", path, encoding=encoding)) from None


def well_formed(chunks: Iterable[bytes], path: str, faults: list[Fault]) -> None:
    """Whether a metadata XML can be read to its end; what is wrong is added to ``faults``."""
    reader = _parser()
    try:
        for text in _decoded(chunks, path):
            reader.Parse(text.encode(), False)
        reader.Parse(b"", True)
    except _DtdRefused:
        faults.append(fault("TRF-XML-DTD", path))
    except _Refused as e:
        faults.append(e.fault)
    except expat.ExpatError as e:
        faults.append(fault("TRF-XML", path, reason=f"{expat.ErrorString(e.code)} (line {e.lineno})"))


def _parser() -> expat.XMLParserType:
    """An XML parser for UTF-8 that refuses a DTD before anything of it is read."""
    out = expat.ParserCreate("utf-8")
    out.StartDoctypeDeclHandler = _refuse_dtd
    out.buffer_text = True
    return out


class _DtdRefused(Exception):
    """The document has a DTD."""


def _refuse_dtd(*_: object) -> None:
    raise _DtdRefused


class _Catalogue:
    def __init__(self, faults: list[Fault]) -> None:
        self.lines: list[CatalogueLine] = []
        self._faults = faults
        self._said = 0
        self._row: dict[str, str] = {}
        self._path: list[str] = []
        self._text: list[str] = []
        self._length = 0
        self._count = 0
        self._parser = _parser()
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._data

    def feed(self, text: str) -> None:
        try:
            self._parser.Parse(text.encode(), False)
        except _DtdRefused:
            raise _Refused(fault("TRF-XML-DTD", tree.CATALOGUE)) from None

    def close(self) -> None:
        self._parser.Parse(b"", True)

    def _say(self, reason: str, code: str = "TRF-CATALOGUE-FORM") -> None:
        self._said += 1
        if self._said <= _MOST_FAULTS:
            self._faults.append(fault(code, tree.CATALOGUE, line=self._count, reason=reason))

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._path.append(name)
        depth = len(self._path)
        if depth == 1 and name != ROOT:
            raise _Refused(
                fault("TRF-CATALOGUE-FORM", tree.CATALOGUE, line=0, reason=f"根元素是 {name[:40]} / root element")
            )
        if depth == 2:
            self._row = {}
            self._count += 1
            if name != LINE:
                self._say(f"元素 {name[:40]} 不是“{LINE}” / unknown element")
        if depth == 3:
            self._text, self._length = [], 0
            if name not in COLUMNS:
                self._say(f"没有“{name[:40]}”这一栏 / unknown column")
            elif name in self._row:
                self._say(f"“{name}”重复 / given twice")
        if depth > 3:
            raise _Refused(
                fault("TRF-CATALOGUE-FORM", tree.CATALOGUE, line=self._count, reason="元素嵌套过深 / too deep")
            )

    def _data(self, text: str) -> None:
        if len(self._path) != 3:
            if text.strip():
                self._say("元素之外有文字 / text outside the columns")
            return
        self._length += len(text)
        if self._length > _MOST_VALUE:
            raise _Refused(
                fault("TRF-CATALOGUE-FORM", tree.CATALOGUE, line=self._count, reason="一栏过长 / a cell is too long")
            )
        self._text.append(text)

    def _end(self, name: str) -> None:
        self._path.pop()
        depth = len(self._path)
        if depth == 2:
            self._row[name] = "".join(self._text).strip()
        elif depth == 1:
            self._line()

    def _line(self) -> None:
        row = self._row
        for column in COLUMNS:
            if column not in row and column not in _OPTIONAL:
                self._say(f"缺少“{column}” / column is missing")
            elif column in _FILLED and not row.get(column):
                self._say(f"“{column}”为空 / is empty")
        number = _whole(row.get("顺序号", ""))
        if row.get("顺序号") and number != self._count:
            self._say(f"顺序号“{row['顺序号'][:20]}”应为 {self._count} / out of order")
        pages = row.get("页数") or None
        if pages is not None and _whole(pages) is None:
            self._say(f"页数“{pages[:20]}”不是非负整数 / pages is no integer")
        if (date := row.get("日期")) and not re.fullmatch("[0-9]{4}(-?[0-9]{2}){0,2}", date):
            self._say(f"日期“{date[:20]}”不是 YYYYMMDD / date", "TRF-CATALOGUE-DATE")
        self.lines.append(
            CatalogueLine(
                self._count, row.get("档号", ""), row.get("责任者", ""), row.get("题名", ""), row.get("日期", ""),
                row.get("保管期限", ""), row.get("密级", ""), _whole(pages or ""), row.get("备注", ""),
            )
        )  # fmt: skip


def _whole(text: str) -> int | None:
    return int(text) if re.fullmatch("[0-9]{1,9}", text) else None
