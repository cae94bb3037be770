"""A small reader of ASN.1 DER that also takes what real producers write.

It keeps the raw bytes of every element, because signatures are over the bytes as found and never over a re-encoding.
Tolerated on purpose: non-minimal lengths and INTEGERs, indefinite lengths (after :func:`definite`), a BIT STRING whose
first octet is not 0. Everything else that is wrong raises :class:`DerError`; no element may reach beyond its parent.
"""

from __future__ import annotations

import datetime as dt
import re
from functools import lru_cache

BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, NULL, OID = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06
UTF8_STRING, PRINTABLE_STRING, IA5_STRING, UTC_TIME, GENERALIZED_TIME = 0x0C, 0x13, 0x16, 0x17, 0x18
SEQUENCE, SET = 0x30, 0x31

_INDEFINITE = re.compile(
    rb"[\x20-\x3e\xa0-\xbe]\x80"
)  # a constructed element of indefinite length, or the same bytes by chance
MAX_CHILDREN = 100_000
MAX_DEPTH = 64
MAX_TEXT = 1024  # bytes of a string that a report shows


class DerError(ValueError):
    """The bytes are not the structure they claim to be."""


class Tlv:
    """One element of ``buf``: the header starts at ``start``, the content at ``head``, the next element at ``end``."""

    __slots__ = ("_children", "buf", "end", "head", "start", "tag")

    def __init__(self, buf: bytes, start: int, head: int, end: int, tag: int) -> None:
        self.buf, self.start, self.head, self.end, self.tag = buf, start, head, end, tag
        self._children: list[Tlv] | None = None

    @property
    def raw(self) -> bytes:
        """Header and content as found."""
        return self.buf[self.start : self.end]

    @property
    def content(self) -> bytes:
        return self.buf[self.head : self.end]

    @property
    def children(self) -> list[Tlv]:
        """The elements inside a constructed one, in order."""
        if self._children is None:
            if not self.tag & 0x20:
                raise DerError("a primitive element has no children")
            out: list[Tlv] = []
            at = self.head
            while at < self.end:
                child = read(self.buf, at, self.end)
                out.append(child)
                if len(out) > MAX_CHILDREN:
                    raise DerError("too many elements")
                at = child.end
            self._children = out
        return self._children

    def expect(self, tag: int) -> Tlv:
        """Itself, when it has this tag; else DerError."""
        if self.tag != tag:
            raise DerError(f"tag {self.tag:#04x} where {tag:#04x} belongs")
        return self

    def fields(self, least: int, most: int | None = None, tag: int = SEQUENCE) -> list[Tlv]:
        """The children of a SEQUENCE (or ``tag``) with a bounded number of fields."""
        found = self.expect(tag).children
        if len(found) < least or (most is not None and len(found) > most):
            raise DerError(f"{len(found)} fields where {least}..{most or 'any'} belong")
        return found

    def integer(self) -> int:
        if self.expect(INTEGER).end == self.head:
            raise DerError("empty INTEGER")
        return int.from_bytes(self.content, "big", signed=True)

    def oid(self) -> str:
        return _oid(self.expect(OID).content)

    def boolean(self) -> bool:
        return self.expect(BOOLEAN).content not in (b"", b"\0")

    def octets(self) -> bytes:
        return self.expect(OCTET_STRING).content

    def bits(self) -> bytes:
        """A BIT STRING's bytes. The count of unused bits is dropped: a vendor writes 1 where 0 is meant."""
        content = self.expect(BIT_STRING).content
        if not content or content[0] > 7:
            raise DerError("bad BIT STRING")
        return content[1:]

    def text(self) -> str:
        """Any string type as text fit for a report: cut at MAX_TEXT, control characters replaced, undecodable bytes shown as
        U+FFFD."""
        raw = self.content[:MAX_TEXT]
        if self.tag == 0x1E:
            out = raw.decode("utf-16-be", "replace")
        elif self.tag == 0x1C:
            out = raw.decode("utf-32-be", "replace")
        else:
            try:
                out = raw.decode("utf-8", "strict" if len(raw) < MAX_TEXT else "ignore")
            except UnicodeDecodeError:
                # Chinese text in string types that cannot hold it is GBK in practice.
                out = raw.decode("gb18030", "replace")
        return "".join(c if c.isprintable() else "\ufffd" for c in out)

    def time(self) -> dt.datetime:
        """UTCTime or GeneralizedTime as an aware datetime in UTC."""
        return parse_time(self.content.decode("ascii", "replace"), short_year=self.tag == UTC_TIME)


def read(buf: bytes, at: int = 0, limit: int | None = None) -> Tlv:
    """The element that starts at ``at``; it must end at or before ``limit`` (default: the end of ``buf``)."""
    stop = len(buf) if limit is None else limit
    if at + 2 > stop:
        raise DerError("truncated header")
    tag = buf[at]
    if tag & 0x1F == 0x1F:
        raise DerError("multi-byte tags do not occur in these structures")
    length = buf[at + 1]
    head = at + 2
    if length & 0x80:
        count = length & 0x7F
        if count == 0:
            raise DerError("indefinite length")
        if count > 4 or head + count > stop:
            raise DerError("bad length")
        length = int.from_bytes(buf[head : head + count], "big")
        head += count
    end = head + length
    if end > stop:
        raise DerError("element reaches beyond its parent")
    return Tlv(buf, at, head, end, tag)


def parse(data: bytes, *, trailing: bool = False) -> Tlv:
    """The one element that ``data`` is. Indefinite lengths are made definite first; ``trailing`` allows bytes after it
    (a PDF pads /Contents with zeros)."""
    if _INDEFINITE.search(data) is None:
        top = read(data)
    else:
        try:
            top = read(data)
            fixed = data if not _has_indefinite(top, 0) else None
        except DerError:
            fixed = None
        if fixed is None:
            fixed, end = definite(data)
            if end != len(data) and not trailing:
                raise DerError("bytes after the structure")
            return read(fixed)
    if top.end != len(data) and not trailing:
        raise DerError("bytes after the structure")
    return top


def _has_indefinite(node: Tlv, depth: int) -> bool:
    """Whether the outer levels use indefinite lengths; those of BER signers are always the outer ones."""
    if depth > 4 or not node.tag & 0x20:
        return False
    try:
        return any(_has_indefinite(child, depth + 1) for child in node.children)
    except DerError:
        return True


def definite(data: bytes) -> tuple[bytes, int]:
    """``(bytes with definite lengths, end of the first element in data)``. Elements without indefinite parts keep their
    bytes exactly, so what was signed inside stays as it was; a constructed OCTET STRING becomes a primitive one."""
    return _definite(data, 0, len(data), 0)


def _definite(buf: bytes, at: int, stop: int, depth: int) -> tuple[bytes, int]:
    if depth > MAX_DEPTH:
        raise DerError("nested too deep")
    if at + 2 > stop:
        raise DerError("truncated header")
    tag = buf[at]
    if buf[at + 1] != 0x80:
        node = read(buf, at, stop)
        if not tag & 0x20:
            return node.raw, node.end
        try:
            parts, _ = _definite_children(buf, node.head, node.end, depth, closed=True)
        except DerError:
            return node.raw, node.end  # opaque content under a context tag
        body = b"".join(parts)
        if tag == 0x24:
            return _wrap(OCTET_STRING, b"".join(read(part).content for part in parts)), node.end
        return (node.raw if body == node.content else _wrap(tag, body)), node.end
    if not tag & 0x20:
        raise DerError("a primitive element of indefinite length")
    parts, end = _definite_children(buf, at + 2, stop, depth, closed=False)
    if tag == 0x24:
        return _wrap(OCTET_STRING, b"".join(read(part).content for part in parts)), end
    return _wrap(tag, b"".join(parts)), end


def _definite_children(buf: bytes, at: int, stop: int, depth: int, *, closed: bool) -> tuple[list[bytes], int]:
    parts: list[bytes] = []
    while True:
        if closed and at == stop:
            return parts, at
        if not closed and buf[at : at + 2] == b"\0\0":
            return parts, at + 2
        part, at = _definite(buf, at, stop, depth + 1)
        parts.append(part)
        if len(parts) > MAX_CHILDREN:
            raise DerError("too many elements")


def _wrap(tag: int, body: bytes) -> bytes:
    size = len(body)
    if size < 0x80:
        return bytes((tag, size)) + body
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + body


def wrap(tag: int, *parts: bytes) -> bytes:
    """A definite-length element around ``parts``: for the few messages that a verifier has to put together."""
    return _wrap(tag, b"".join(parts))


@lru_cache(maxsize=2048)
def _oid(content: bytes) -> str:
    if not content or content[-1] & 0x80 or len(content) > 64:
        raise DerError("bad OBJECT IDENTIFIER")
    arcs: list[int] = []
    value = 0
    for byte in content:
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            arcs.append(value)
            value = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, [first, arcs[0] - 40 * first, *arcs[1:]]))


_TIME = re.compile(r"(\d{8,14})(?:[.,](\d+))?(Z|[+-]\d{4})?")


def parse_time(text: str, *, short_year: bool = False) -> dt.datetime:
    """``YYMMDDHHMM[SS]`` (``short_year``; pivot 50 as in RFC 5280) or ``YYYYMMDD[HH[MM[SS]]]``; 14 digits are always the
    long form. Without a zone it is read as UTC."""
    match = _TIME.fullmatch(text.strip())
    if match is None:
        raise DerError(f"bad time {text[:24]!r}")
    digits, _, zone = match.groups()
    if short_year and len(digits) in (10, 12):
        digits = ("20" if int(digits[:2]) < 50 else "19") + digits
    digits = digits.ljust(14, "0")
    try:
        moment = dt.datetime.strptime(digits, "%Y%m%d%H%M%S").replace(tzinfo=dt.UTC)
        if zone and zone != "Z":
            shift = dt.timedelta(hours=int(zone[1:3]), minutes=int(zone[3:5]))
            if shift >= dt.timedelta(days=1):
                raise ValueError("zone")
            moment = moment - shift if zone[0] == "+" else moment + shift
    except (ValueError, OverflowError) as error:
        raise DerError(f"bad time {text[:24]!r}") from error
    return moment
