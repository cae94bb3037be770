"""DA/T 48-2009 基于 XML 的电子文件封装规范: a record with its files as one XML document (EEP), written piece by piece.

The files stand in it as Base64, one 文档 each in the record's order; the last 文档 is the extension (`sip.extension`), an ordinary
attached document for readers that do not know it. No signature block is written: who exports is not who signs.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sip import extension, formmap
from sip.archived import as_archived
from sip.formmap import Texts
from sip.xmltext import DECLARATION, element, held
from sip.zipformat import CHINA

NS = "http://www.saac.gov.cn/standards/ERM/encapsulation"
ROOT = "电子文件封装包"
FORM = formmap.load("eep")
NAME = "文档数据/编码/电子属性/计算机文件名"
KEYWORD = "base64-"  # 反编码关键字: how the content was encoded, then what it is
_DESCRIPTION = "本EEP根据中华人民共和国档案行业标准DA/T 48-2009《基于XML的电子文件封装规范》生成"
_ORIGINAL = "本封装包包含电子文件数据及其元数据，原始封装，未经修改"
_ENCODING = "本封装包中文档数据采用Base64编码"
_PIECE = 3 * 64 * 1024  # a multiple of 3: each piece is encoded by itself


@dataclasses.dataclass(frozen=True, slots=True)
class Document:
    """What an EEP says, as texts by element path; elements without text are left out."""

    entity: Texts
    documents: Sequence[Texts]
    businesses: Sequence[Texts]
    agents: Sequence[Texts]


def describe(record: Mapping[str, Any]) -> Document:
    """What the EEP of ``record`` says, as a reader gets it back; files as they stand in the package (`sip.archived`)."""
    record = as_archived(record)
    return Document(
        _held(formmap.written(FORM["entity"], record)),
        [_held(pairs) for pairs in _document_texts(record)],
        [_held(formmap.written(FORM["business"], e)) for e in record.get("events", ())],
        [_held(formmap.written(FORM["agent"], a)) for a in record.get("agents", ())],
    )


def read(said: Document) -> dict[str, Any]:
    """The record that these elements give."""
    out = formmap.read(FORM["entity"], said.entity)
    for part in ("case", "record"):
        out.setdefault(part, {})
    out["files"] = [{"path": d.get(NAME, "")} | formmap.read(FORM["document"], d) for d in said.documents]
    out["agents"] = [formmap.read(FORM["agent"], a) for a in said.agents]
    out["events"] = [formmap.read(FORM["business"], b) for b in said.businesses]
    return out


def kept(record: Mapping[str, Any]) -> bytes:
    """The extension document: what `read` of `describe` lacks of the record."""
    return extension.document(FORM.name, FORM.version, read(describe(record)), record)


def pieces(record: Mapping[str, Any], contents: Sequence[Iterable[bytes]], made_at: dt.datetime) -> Iterator[bytes]:
    """The document as bytes; its last 文档 is the extension. ``contents`` are the files' bytes in the record's order,
    read once each as they are reached; ``made_at`` (aware) is 封装包创建时间."""
    rest = kept(record)
    record = as_archived(record)
    yield DECLARATION.encode()
    unit = formmap.get(record, ("record", "fonds_unit"))
    head = [
        f'<{ROOT} xmlns="{NS}">',
        element("封装包格式描述", _DESCRIPTION),
        element("版本", "2009"),
        '<被签名对象 eep版本="2009">',
        element("封装包类型", "原始型"),
        element("封装包类型描述", _ORIGINAL),
        element("封装包创建时间", f"{made_at.astimezone(CHINA):%Y-%m-%dT%H:%M:%S}"),
        element("封装包创建单位", unit),
        "<封装内容>",
        "<文件实体块>",
        "<文件实体>",
        *_nested(formmap.written(FORM["entity"], record)),
        "<文件数据>",
    ]
    yield _lines(head)
    number = 0
    for number, (pairs, content) in enumerate(zip(_document_texts(record), contents, strict=True), 1):
        yield from _document(number, dict(pairs), content)
    attached = {"文档序号": str(number + 1), "题名": "扩展元数据", NAME: extension.NAME}
    yield from _document(number + 1, attached, (rest,))
    yield _lines(
        ["</文件数据>", "</文件实体>", "</文件实体块>", *_block("业务实体", record.get("events", ()), "business")]
    )
    yield _lines(
        [*_block("机构人员实体", record.get("agents", ()), "agent"), "</封装内容>", "</被签名对象>", f"</{ROOT}>"]
    )


def _document(number: int, texts: Mapping[str, str], content: Iterable[bytes]) -> Iterator[bytes]:
    name = f"修改0-文档{number}"
    shown = texts.get(NAME, "")
    head = [
        "<文档>",
        element("文档标识符", name),
        element("文档序号", texts.get("文档序号")),
        element("文档主从声明", "主文件" if number == 1 else "附属文件"),
        element("题名", texts.get("题名")),
        f'<文档数据 文档数据ID="{name}-文档数据1">',
        f'<编码 编码ID="{name}-文档数据1-编码1">',
        "<电子属性>",
        *(element(k.rpartition("/")[2], v) for k, v in texts.items() if k.startswith("文档数据/")),
        "</电子属性>",
        element("编码描述", _ENCODING),
        element("反编码关键字", KEYWORD + (shown.rpartition(".")[2] if "." in shown else "bin")),
    ]
    yield _lines(head)
    yield f'<编码数据 编码数据ID="{name}-文档数据1-编码1-编码数据1">'.encode()
    for piece in _in_threes(content):
        yield base64.b64encode(piece)
    yield _lines(["</编码数据>", "</编码>", "</文档数据>", "</文档>"])


def _in_threes(content: Iterable[bytes]) -> Iterator[bytes]:
    pending = b""
    for chunk in content:
        pending += chunk
        if len(pending) >= _PIECE:
            whole = len(pending) - len(pending) % 3
            yield pending[:whole]
            pending = pending[whole:]
    if pending:
        yield pending


def _block(name: str, rows: Iterable[Mapping[str, Any]], section: str) -> Iterator[str]:
    yield f"<{name}块>"
    for data in rows:
        yield f"<{name}>"
        yield from _nested(formmap.written(FORM[section], data))
        yield f"</{name}>"
    yield f"</{name}块>"


def _nested(pairs: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Elements whose path has two steps stand in their parent, which the table keeps together."""
    inside = ""
    for path, value in pairs:
        parent, _, name = path.rpartition("/")
        if parent != inside:
            if inside:
                yield f"</{inside}>"
            if parent:
                yield f"<{parent}>"
            inside = parent
        yield element(name, value)
    if inside:
        yield f"</{inside}>"


def _document_texts(record: Mapping[str, Any]) -> Iterator[list[tuple[str, str]]]:
    return formmap.unique_names((formmap.written(FORM["document"], f) for f in record["files"]), NAME)


def _lines(lines: Iterable[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def _held(pairs: Sequence[tuple[str, str]]) -> Texts:
    return {name: held(value) for name, value in pairs if value}
