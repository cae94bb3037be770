"""What a package says of itself in metadata/: record.json and premis.xml against the files that are there.

Both are untrusted: JSON with doubled keys, NaN or endless nesting and XML with a DTD are faults, and nothing is ever fetched.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from lxml import etree

from sip.faults import Fault, fault
from sip.jsonstream import BadJson, members
from sip.premis import FILE_ID, NS, RECORD_ID

RECORD, PREMIS = "metadata/record.json", "metadata/premis.xml"
# A record of a hundred thousand files has a tenth of this. What is longer is digested, its claims are not read.
MAX_BYTES = 2 << 30
_IN_MEMORY = 4 << 20  # a PREMIS document of up to this size is judged as a whole, with all its faults

Fact = Mapping[str, str]  # {"size", "sha256", "sm3"} of a payload file as found
FactOf = Callable[[str], Fact | None]  # by path below the bag's folder; None where there is no such payload file
Read = Callable[[str], Iterable[bytes] | None]


def check(identifier: str | None, payload: Sequence[str], fact: FactOf, read: Read) -> Iterator[Fault]:
    """Every claim that does not hold. ``identifier`` is the bag's folder name, None where it may have been renamed; ``payload`` the
    paths of all payload files; ``read`` gives a metadata file in pieces (asked for twice), or None where it is missing or cannot
    be read (which the caller has said). Nothing is held whole: a record may have very many files."""
    code: str | None = identifier
    if (data := read(RECORD)) is not None:
        try:
            about = _about(data)
            yield from _record_faults(about, _files(read(RECORD) or ()), identifier, payload, fact)
            code = str(about["electronic_record_code"])
        except BadJson as e:
            yield fault("PKG-RECORD", RECORD, reason=str(e))
    if (data := read(PREMIS)) is not None:
        yield from _premis_faults(data, code, payload, fact)


class _Ticks:
    """Which of the payload files have been met; a mark each, for there may be very many."""

    def __init__(self, payload: Sequence[str]) -> None:
        self._payload = payload
        self._index = {path: n for n, path in enumerate(payload)}
        self._met = bytearray(len(payload))
        self._others: set[str] = set()

    def tick(self, path: str) -> bool:
        """Note that ``path`` is met; True where it was before."""
        if (n := self._index.get(path)) is None:
            before = path in self._others
            self._others.add(path)
            return before
        before, self._met[n] = bool(self._met[n]), 1
        return before

    def left(self) -> list[str]:
        """The payload files not met, sorted."""
        return sorted(path for path, met in zip(self._payload, self._met, strict=True) if not met)


def _about(data: Iterable[bytes]) -> dict[str, Any]:
    """The ``record`` of the document, once its whole text has been seen to be what it should be."""
    about: Any = None
    files = False
    for name, value in members(data, "files"):
        if name == "record":
            about = value
        elif name == "files":
            files = True
            if not (isinstance(value, dict) and isinstance(_archived(value).get("path"), str)):
                raise BadJson("a file without a path")
    if not isinstance(about, dict) or not files:
        raise BadJson("no record and files")
    if not isinstance(about.get("electronic_record_code"), str):
        raise BadJson("no electronic_record_code")
    return about


def _files(data: Iterable[bytes]) -> Iterator[Mapping[str, Any]]:
    return (_archived(value) for name, value in members(data, "files") if name == "files")


def _archived(f: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the archive says of a file. Beside it the record may keep what the producer said (path, size, digest), which is no
    claim about the package: then ours stands below ``archived``, with its digests by their full names."""
    own = f.get("archived")
    if not isinstance(own, dict):
        return f
    digests = own.get("digest")
    if not isinstance(digests, dict):
        return own
    return {**own, "sha256": digests.get("SHA-256"), "sm3": digests.get("SM3")}


def _record_faults(
    about: Mapping[str, Any],
    files: Iterable[Mapping[str, Any]],
    identifier: str | None,
    payload: Sequence[str],
    fact: FactOf,
) -> Iterator[Fault]:
    if identifier is not None and about["electronic_record_code"] != identifier:
        yield fault("PKG-RECORD", RECORD, reason=f"电子文件号 {about['electronic_record_code']} ≠ {identifier}")
    listed = _Ticks(payload)
    for f in files:
        path = "data/" + f["path"]
        if listed.tick(path):
            yield fault("PKG-RECORD", RECORD, reason=f"{f['path']} is described twice")
        found = fact(path)
        if found is None:
            yield fault("PKG-RECORD", RECORD, reason=f"{f['path']} is described but not in the package")
            continue
        for key in ("size", "sha256", "sm3"):
            if key in found and str(f.get(key)) != found[key]:
                yield fault("PKG-CLAIM", path, document=RECORD, what=key, claimed=str(f.get(key)), actual=found[key])
    for path in listed.left():
        yield fault("PKG-CLAIM", path, document=RECORD, what="file", claimed="-", actual="in the package")
    totals = {
        "total_files": len(payload),
        "total_bytes": sum(int(known["size"]) for p in payload if (known := fact(p))),
    }
    for key, actual in totals.items():
        if key in about and about[key] != actual:
            yield fault("PKG-CLAIM", RECORD, document=RECORD, what=key, claimed=str(about[key]), actual=str(actual))


def _premis_faults(data: Iterable[bytes], code: str | None, payload: Sequence[str], fact: FactOf) -> Iterator[Fault]:
    found: list[Fault] = []
    try:
        found += _object_faults(_objects(data), code, payload, fact)
    except _BadPremis as e:  # what its objects say is then not worth telling
        found = [fault("PKG-PREMIS", PREMIS, reason=reason) for reason in e.reasons]
    yield from found


class _BadPremis(Exception):
    """The document is not PREMIS; ``reasons`` say why."""

    def __init__(self, *reasons: str) -> None:
        super().__init__(*reasons)
        self.reasons = reasons


def _objects(data: Iterable[bytes]) -> Iterator[etree._Element]:
    """The objects of a PREMIS document, valid by its schema. Raises _BadPremis, for a long document when the fault is met."""
    start = bytearray()
    pieces = iter(data)
    for piece in pieces:
        start += piece
        if len(start) > _IN_MEMORY:
            yield from _objects_one_by_one(itertools.chain([bytes(start)], pieces))
            return
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(bytes(start), parser)
    except etree.XMLSyntaxError as e:
        raise _BadPremis(str(e)) from e
    _refuse_dtd(root)
    schema = _schema()
    if not schema.validate(root):
        errors: Any = schema.error_log
        raise _BadPremis(*(f"line {error.line}: {error.message}" for error in errors[:20]))
    yield from root.iterfind(f"{{{NS}}}object")


def _objects_one_by_one(data: Iterable[bytes]) -> Iterator[etree._Element]:
    # Entities stay unread: beside a schema, libxml2 crashes over them. Then lxml does not tell of a document that is cut off,
    # so the end of its root is waited for.
    reader: Any = etree.iterparse(
        _Pieces(data), events=("end",), tag=(_n("premis"), _n("object"), _n("relatedObjectIdentifier")), schema=_schema(),
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False,
    )  # fmt: skip
    ended = False
    try:
        for _, element in reader:
            if element.tag == _n("premis"):
                _refuse_dtd(element)
                ended = True
                continue
            if element.tag == _n("object"):
                _refuse_dtd(element)
                yield element
            element.clear()  # also of the list of parts, which is as long as the record has files
            while element.getprevious() is not None:
                del element.getparent()[0]
    except etree.XMLSyntaxError as e:
        raise _BadPremis(str(e)) from e
    if not ended:
        raise _BadPremis("it is cut off")


class _Pieces:
    """Pieces of bytes as a file that is read forward, as the XML parser wants it."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._left = b""

    def read(self, size: int) -> bytes:
        if not self._left:
            self._left = next(self._pieces, b"")
        out, self._left = self._left[:size], self._left[size:]
        return out


def _refuse_dtd(element: etree._Element) -> None:
    document: Any = element.getroottree().docinfo
    if document.doctype:
        raise _BadPremis("it has a DTD")


def _object_faults(
    objects: Iterable[etree._Element], code: str | None, payload: Sequence[str], fact: FactOf
) -> Iterator[Fault]:
    described = _Ticks(payload)
    for entry in objects:
        ids = {
            _text(i, "objectIdentifierType"): _text(i, "objectIdentifierValue")
            for i in entry.iter(_n("objectIdentifier"))
        }
        if RECORD_ID in ids and code is not None and ids[RECORD_ID] != code:
            yield fault("PKG-PREMIS", PREMIS, reason=f"电子文件号 {ids[RECORD_ID]} ≠ {code}")
        if FILE_ID not in ids:
            continue
        path = ids[FILE_ID].partition("/")[2]
        described.tick(path)
        found = fact(path)
        if found is None:
            yield fault("PKG-PREMIS", PREMIS, reason=f"{path} is described but not in the package")
            continue
        claims = {"size": next(e.text or "" for e in entry.iter(_n("size")))}
        for fixity in entry.iter(_n("fixity")):
            name = _text(fixity, "messageDigestAlgorithm").replace("-", "").lower()
            claims[name] = _text(fixity, "messageDigest")
        for key, claimed in claims.items():
            if key in found and claimed != found[key]:
                yield fault("PKG-CLAIM", path, document=PREMIS, what=key, claimed=claimed, actual=found[key])
    for path in described.left():
        yield fault("PKG-CLAIM", path, document=PREMIS, what="file", claimed="-", actual="in the package")


def _n(name: str) -> str:
    return f"{{{NS}}}{name}"


def _text(parent: etree._Element, name: str) -> str:
    return parent.findtext(_n(name)) or ""


@cache
def _schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(str(Path(__file__).with_name("premis-v3-subset.xsd"))))
