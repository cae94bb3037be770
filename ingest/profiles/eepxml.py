"""An EEP as a stream: its elements as a small tree, its Base64 content decoded to files in bounded memory, nothing left unseen.

expat and not lxml here: a document of gigabytes must not stand in memory. A DTD is refused at its first character.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import dataclasses
import re
import unicodedata
from pathlib import Path
from typing import Any, Protocol
from xml.parsers import expat

from lxml import etree

from ingest.findings import Finding
from ingest.metadata import strictxml
from ingest.metadata.case import SECRET
from ingest.profiles.trees import BadForm
from ingest.settings import Limits

DATA = "编码数据"
_CHUNK = 1 << 18
_MAX_DEPTH, _MAX_ELEMENTS = 64, 500_000
_BLANK = bytes.maketrans(b"", b""), b" \t\r\n"
_ALPHABET = re.compile(rb"[A-Za-z0-9+/]*={0,2}")


@dataclasses.dataclass(frozen=True, slots=True)
class Streamed:
    """``root`` is the document with every 编码数据 emptied; ``contents`` are the decoded files in document order."""

    root: Any
    contents: list[Path]


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def stream(source: Readable, into: Path, name: str, limits: Limits) -> Streamed:
    """Read ``source`` to its end; contents go to files in the fresh folder ``into``. Raises BadForm; ``name`` is for messages.

    A document that says it is secret before its first content is left there: not a byte of content is decoded.
    """
    reader = _Reader(into, name, limits)
    head = source.read(_CHUNK)
    try:
        encoding, mark = strictxml.encoding_of(head)
        decoder = codecs.getincrementaldecoder(encoding)()
        piece = head[mark:]
        while piece:
            reader.feed(decoder.decode(piece))
            piece = source.read(_CHUNK)
        reader.feed(decoder.decode(b"", final=True), final=True)
    except strictxml.BadEncoding as e:
        raise BadForm(Finding("PRF-ENCODING", path=name, params={"reason": str(e)})) from e
    except UnicodeDecodeError as e:
        raise BadForm(Finding("PRF-ENCODING", path=name, params={"reason": f"不是 {encoding} / not {encoding}"})) from e
    except expat.ExpatError as e:
        raise BadForm(Finding("PRF-XML-BROKEN", path=name, params={"reason": str(e)[:200]})) from e
    finally:
        reader.close()
    if reader.faults:
        raise BadForm(*reader.faults)
    return Streamed(reader.root, reader.contents)


class _Reader:
    def __init__(self, into: Path, name: str, limits: Limits) -> None:
        self.root: Any = None
        self.contents: list[Path] = []
        self.faults: list[Finding] = []
        self._into = into
        self._name = name
        self._limits = limits
        self._stack: list[Any] = []
        self._text: list[str] = []
        self._seen = self._chars = 0
        self._content: _Content | None = None
        parser = expat.ParserCreate("utf-8", " ")
        parser.buffer_text = True
        parser.buffer_size = 1 << 16
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._data
        parser.StartDoctypeDeclHandler = self._doctype
        self._parser = parser

    def feed(self, text: str, final: bool = False) -> None:
        self._parser.Parse(text.encode("utf-8"), final)

    def close(self) -> None:
        if self._content is not None:
            self._content.close()

    def _doctype(self, *_: Any) -> None:
        raise BadForm(Finding("FMT-XML-DTD", path=self._name))

    def _broken(self, reason: str) -> BadForm:
        return BadForm(Finding("PRF-XML-BROKEN", path=self._name, params={"reason": reason}))

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._seen += 1
        if self._seen > _MAX_ELEMENTS or len(self._stack) >= _MAX_DEPTH:
            raise self._broken("元素过多或嵌套过深 / too many elements or too deep")
        if self._content is not None:
            raise self._broken(f"{DATA} 内有元素 / an element inside the content")
        space, _, _ = name.rpartition(" ")
        own: Any = {None: space} if space and not self._stack else None  # kept with the prefix it had: none
        element = etree.Element(_qualified(name), nsmap=own)
        for key, value in attributes.items():
            element.set(_qualified(key), value)
        if self._stack:
            self._flush(self._stack[-1])
            self._stack[-1].append(element)
        else:
            self.root = element
        self._stack.append(element)
        if strictxml.local(element) == DATA:
            if len(self.contents) >= self._limits.files:
                raise self._broken(f"文档超过 {self._limits.files} 个 / too many documents")
            self._content = _Content(self._into / f"{len(self.contents) + 1:06d}", self._limits.file_bytes)
            self.contents.append(self._content.path)

    def _end(self, _: str) -> None:
        element = self._stack.pop()
        if self._content is not None:
            fault = self._content.close()
            self._content = None
            if fault:
                self.faults.append(
                    Finding(
                        "PRF-BASE64", path=self._name, field=f"/{DATA}[{len(self.contents)}]", params={"reason": fault}
                    )
                )
            return
        self._flush(element)
        if strictxml.local(element) == "密级":
            plain = "".join(unicodedata.normalize("NFKC", element.text or "").split())
            if level := next((s for s in SECRET if s in plain), None):
                raise BadForm(Finding("RCV-CLASSIFIED", path=self._name, params={"level": level}))

    def _data(self, text: str) -> None:
        if self._content is not None:
            self._content.add(text)
            return
        self._chars += len(text)
        if self._chars > self._limits.metadata_bytes:
            raise BadForm(
                Finding("RCV-FILE-TOO-LARGE", path=self._name, params={"limit": str(self._limits.metadata_bytes)})
            )
        self._text.append(text)

    def _flush(self, element: Any) -> None:
        """Text of an element that holds elements is layout, and dropped when the first child comes."""
        text, self._text = "".join(self._text), []
        if not len(element) and text:
            element.text = text


class _Content:
    """One Base64 content on its way to a file."""

    def __init__(self, path: Path, most: int) -> None:
        self.path = path
        self._file = path.open("wb")
        self._most = most
        self._pending = b""
        self._size = 0
        self._fault: str | None = None
        self._ended = False

    def add(self, text: str) -> None:
        if self._fault is not None:
            return
        data = self._pending + text.encode("utf-8").translate(*_BLANK)
        if self._ended and data:
            self._fault = "填充符之后还有数据 / data after the padding"
            return
        if not _ALPHABET.fullmatch(data):
            self._fault = "含非 Base64 字符 / characters that are not Base64"
            return
        whole = len(data) - len(data) % 4
        self._pending = data[whole:]
        self._ended = data[:whole].endswith(b"=")
        self._write(data[:whole])

    def _write(self, data: bytes) -> None:
        try:
            out = base64.b64decode(data, validate=True)
        except binascii.Error as e:
            self._fault = str(e)
            return
        self._size += len(out)
        if self._size > self._most:
            self._fault = f"超过 {self._most} 字节 / too large"
            return
        self._file.write(out)

    def close(self) -> str | None:
        """End of the content; what was wrong with it, or None."""
        self._file.close()
        if self._fault is None and self._pending:
            self._fault = "长度不是 4 的倍数 / cut short"
        return self._fault


def _qualified(name: str) -> str:
    space, _, local = name.rpartition(" ")
    return f"{{{space}}}{local}" if space else local
