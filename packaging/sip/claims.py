"""What a package says of itself in metadata/: record.json and premis.xml against the files that are there.

Both are untrusted: JSON with doubled keys, NaN or endless nesting and XML with a DTD are faults, and nothing is ever fetched.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from lxml import etree

from sip.faults import Fault, fault
from sip.premis import FILE_ID, NS, RECORD_ID

RECORD, PREMIS = "metadata/record.json", "metadata/premis.xml"
# A longer one belongs to a record of tens of thousands of files; its manifests are checked, its claims only where memory allows.
MAX_BYTES = 32 << 20

Fact = Mapping[str, str]  # {"size", "sha256", "sm3"} of a payload file as found
FactOf = Callable[[str], Fact | None]  # by path below the bag's folder; None where there is no such payload file


def check(
    identifier: str | None, payload: Sequence[str], fact: FactOf, read: Callable[[str], bytes | None]
) -> Iterator[Fault]:
    """Every claim that does not hold. ``identifier`` is the bag's folder name, None where it may have been renamed; ``payload`` the
    paths of all payload files; ``read`` gives a metadata file, or None where it is missing or cannot be read (which the caller
    has said)."""
    code: str | None = identifier
    if (data := read(RECORD)) is not None:
        try:
            record = _json(data)
            yield from _record_faults(record, identifier, payload, fact)
            code = str(record["record"]["electronic_record_code"])
        except _Bad as e:
            yield fault("PKG-RECORD", RECORD, reason=str(e))
    if (data := read(PREMIS)) is not None:
        yield from _premis_faults(data, code, payload, fact)


class _Bad(Exception):
    """The document cannot be read as what it should be."""


def _json(data: bytes) -> dict[str, Any]:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        out = dict(pairs)
        if len(out) != len(pairs):
            raise _Bad("a key is given twice")
        return out

    def refuse(constant: str) -> None:
        raise _Bad(f"{constant} is not JSON")

    try:
        found = json.loads(data.decode("utf-8"), object_pairs_hook=once, parse_constant=refuse)
    except (ValueError, RecursionError) as e:
        raise _Bad(str(e)) from e
    if (
        not isinstance(found, dict)
        or not isinstance(found.get("record"), dict)
        or not isinstance(found.get("files"), list)
    ):
        raise _Bad("no record and files")
    if not all(isinstance(f, dict) and isinstance(_archived(f).get("path"), str) for f in found["files"]):
        raise _Bad("a file without a path")
    if not isinstance(found["record"].get("electronic_record_code"), str):
        raise _Bad("no electronic_record_code")
    return found


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
    record: Mapping[str, Any], identifier: str | None, payload: Sequence[str], fact: FactOf
) -> Iterator[Fault]:
    about = record["record"]
    if identifier is not None and about["electronic_record_code"] != identifier:
        yield fault("PKG-RECORD", RECORD, reason=f"电子文件号 {about['electronic_record_code']} ≠ {identifier}")
    listed: set[str] = set()
    for f in map(_archived, record["files"]):
        path = "data/" + f["path"]
        if path in listed:
            yield fault("PKG-RECORD", RECORD, reason=f"{f['path']} is described twice")
        listed.add(path)
        found = fact(path)
        if found is None:
            yield fault("PKG-RECORD", RECORD, reason=f"{f['path']} is described but not in the package")
            continue
        for key in ("size", "sha256", "sm3"):
            if key in found and str(f.get(key)) != found[key]:
                yield fault("PKG-CLAIM", path, document=RECORD, what=key, claimed=str(f.get(key)), actual=found[key])
    for path in sorted(set(payload) - listed):
        yield fault("PKG-CLAIM", path, document=RECORD, what="file", claimed="-", actual="in the package")
    totals = {
        "total_files": len(payload),
        "total_bytes": sum(int(known["size"]) for p in payload if (known := fact(p))),
    }
    for key, actual in totals.items():
        if key in about and about[key] != actual:
            yield fault("PKG-CLAIM", RECORD, document=RECORD, what=key, claimed=str(about[key]), actual=str(actual))


def _premis_faults(data: bytes, code: str | None, payload: Sequence[str], fact: FactOf) -> Iterator[Fault]:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as e:
        yield fault("PKG-PREMIS", PREMIS, reason=str(e))
        return
    document: Any = root.getroottree().docinfo
    if document.doctype:
        yield fault("PKG-PREMIS", PREMIS, reason="it has a DTD")
        return
    schema = _schema()
    if not schema.validate(root):
        errors: Any = schema.error_log
        for error in errors[:20]:
            yield fault("PKG-PREMIS", PREMIS, reason=f"line {error.line}: {error.message}")
        return
    described: set[str] = set()
    for entry in root.iterfind(f"{{{NS}}}object"):
        ids = {
            _text(i, "objectIdentifierType"): _text(i, "objectIdentifierValue")
            for i in entry.iter(_n("objectIdentifier"))
        }
        if RECORD_ID in ids and code is not None and ids[RECORD_ID] != code:
            yield fault("PKG-PREMIS", PREMIS, reason=f"电子文件号 {ids[RECORD_ID]} ≠ {code}")
        if FILE_ID not in ids:
            continue
        path = ids[FILE_ID].partition("/")[2]
        described.add(path)
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
    for path in sorted(set(payload) - described):
        yield fault("PKG-CLAIM", path, document=PREMIS, what="file", claimed="-", actual="in the package")


def _n(name: str) -> str:
    return f"{{{NS}}}{name}"


def _text(parent: etree._Element, name: str) -> str:
    return parent.findtext(_n(name)) or ""


@cache
def _schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(str(Path(__file__).with_name("premis-v3-subset.xsd"))))
