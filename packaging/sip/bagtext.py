"""Reading the tag files of a bag as BagIt defines them (RFC 8493 §2), every fault with its line."""

from __future__ import annotations

import codecs
import dataclasses
import hashlib
import re
from collections.abc import Collection, Iterator, Mapping

from sip import names
from sip.faults import Fault, fault

VERSIONS = ((0, 93), (0, 94), (0, 95), (0, 96), (0, 97), (1, 0))
MANIFEST = re.compile(r"(tag)?manifest-([a-z0-9]+)\.txt")
MANIFEST_LIKE = re.compile(r"(tag)?manifest-.*\.txt", re.IGNORECASE)

_SLICE = 1 << 20
_LINE_END = re.compile("\r\n|\r|\n")
_VERSION_LINE = re.compile(r"BagIt-Version: (\d+)\.(\d+)")
_ENCODING_LINE = re.compile(r"Tag-File-Character-Encoding: (\S+)")
_MANIFEST_LINE = re.compile("([^ \t]+)[ \t]+(.+)")
# RFC 8493 §2.4: names without punctuation, so sha3_256 is sha3256.
_ALGORITHMS = {
    re.sub("[^a-z0-9]", "", a.lower()): a
    for a in sorted(hashlib.algorithms_available)
    if not a.lower().startswith("shake")
}


def hasher(algorithm: str) -> hashlib._Hash | None:
    """A digest by its BagIt name, or None where this machine cannot compute it."""
    name = _ALGORITHMS.get(algorithm)
    try:
        return hashlib.new(name, usedforsecurity=False) if name else None
    except ValueError:  # known by name, but switched off in this OpenSSL
        return None


@dataclasses.dataclass(frozen=True, slots=True)
class Declaration:
    """bagit.txt: the version as (major, minor) and the encoding of the other tag files."""

    version: tuple[int, int]
    encoding: str


def lines(text: str) -> Iterator[str]:
    """Lines ended by LF, CR or CRLF, and by nothing else; the last end may be missing."""
    at = 0
    for end in _LINE_END.finditer(text):
        yield text[at : end.start()]
        at = end.end()
    if at < len(text):
        yield text[at:]


def decode(data: bytes | bytearray, encoding: str, path: str, faults: list[Fault]) -> str | None:
    """The text of a tag file, or None with a fault; a byte-order mark is taken off and said."""
    if data.startswith(codecs.BOM_UTF8) and codecs.lookup(encoding).name == "utf-8":
        faults.append(fault("PKG-TAG-BOM", path))
    try:
        return data.decode(encoding).removeprefix("\ufeff")
    except UnicodeError:
        faults.append(fault("PKG-TAG-ENCODING", path, encoding=encoding))
        return None


def decoded_lines(data: bytes | bytearray, encoding: str, path: str, faults: list[Fault]) -> Iterator[str] | None:
    """`lines` of `decode`, without the whole text in memory: a manifest may be as long as its bag has files."""
    try:
        whole = len(data) < _SLICE or not all(True for _ in _texts(data, encoding))
    except (UnicodeError, LookupError):  # bad text, or an encoding that cannot be read in slices
        whole = True
    if whole:
        text = decode(data, encoding, path, faults)
        return None if text is None else lines(text)
    if data.startswith(codecs.BOM_UTF8) and codecs.lookup(encoding).name == "utf-8":
        faults.append(fault("PKG-TAG-BOM", path))
    return _lines_of(_texts(data, encoding))


def _lines_of(texts: Iterator[str]) -> Iterator[str]:
    rest = next(texts, "").removeprefix("\ufeff")
    for more in texts:
        rest += more
        end = (
            max(rest.rfind("\n"), rest.rfind("\r", 0, len(rest) - 1)) + 1
        )  # a CR at the very end may be half of a CRLF
        yield from lines(rest[:end])
        rest = rest[end:]
    yield from lines(rest)


def _texts(data: bytes | bytearray, encoding: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(encoding)()
    for at in range(0, len(data), _SLICE):
        if text := decoder.decode(bytes(data[at : at + _SLICE]), at + _SLICE >= len(data)):
            yield text


def declaration(data: bytes | bytearray, faults: list[Fault]) -> Declaration:
    """Read bagit.txt; where it is malformed, a fault and the likeliest meaning (1.0, UTF-8), so that the rest is judged too."""

    def malformed(reason: str) -> None:
        faults.append(fault("PKG-BAGIT-MALFORMED", "bagit.txt", reason=reason))

    if data.startswith(codecs.BOM_UTF8):
        malformed("byte-order mark")
        data = data[3:]
    try:
        found = list(lines(data.decode("utf-8")))
    except UnicodeDecodeError:
        malformed("not UTF-8")
        return Declaration((1, 0), "UTF-8")
    version, encoding = (1, 0), "UTF-8"
    first = _VERSION_LINE.fullmatch(found[0]) if found else None
    if first:
        version = int(first[1]), int(first[2])
        if version not in VERSIONS:
            faults.append(fault("PKG-BAGIT-VERSION", "bagit.txt", version=f"{first[1]}.{first[2]}"))
    else:
        malformed("line 1 is not BagIt-Version: M.N")
    second = _ENCODING_LINE.fullmatch(found[1]) if len(found) > 1 else None
    if second:
        encoding = second[1]
        if not _is_encoding(encoding):
            faults.append(fault("PKG-ENCODING-UNKNOWN", "bagit.txt", encoding=encoding))
            encoding = "UTF-8"
    else:
        malformed("line 2 is not Tag-File-Character-Encoding: ENCODING")
    if len(found) > 2:
        malformed(f"{len(found)} lines, not two")
    return Declaration(version, encoding)


def _is_encoding(name: str) -> bool:
    # Python also has codecs that are no character encodings (hex, zip); decoding with one raises LookupError.
    try:
        "".encode(name)
        return isinstance(b"".decode(name), str)
    except (LookupError, UnicodeError, ValueError):
        return False


def fields(text: str, path: str, version: tuple[int, int], faults: list[Fault]) -> list[tuple[str, str]]:
    """The (label, value) pairs of bag-info.txt in order, folded lines joined by one space.

    From 1.0 on the colon follows the label at once and one space or tab follows the colon; before, space around it was free.
    """
    strict = version >= (1, 0)
    out: list[tuple[str, str]] = []
    for number, line in enumerate(lines(text), 1):
        if not line.strip(" \t"):
            continue
        if line[0] in " \t":
            if out:
                out[-1] = out[-1][0], f"{out[-1][1]} {line.strip()}".strip()
            else:
                faults.append(fault("PKG-INFO-MALFORMED", path, line=number, reason="continues no line"))
            continue
        label, colon, value = line.partition(":")
        if not colon or not label.strip(" \t"):
            faults.append(fault("PKG-INFO-MALFORMED", path, line=number, reason="no label"))
            continue
        if strict and label != label.strip(" \t"):
            faults.append(fault("PKG-INFO-MALFORMED", path, line=number, reason="space around the label"))
        elif strict and value and value[0] not in " \t":
            faults.append(fault("PKG-INFO-MALFORMED", path, line=number, reason="no space after the colon"))
        out.append((label.strip(" \t"), value.strip(" \t")))
    return out


@dataclasses.dataclass(slots=True)
class Manifest:
    """A payload or tag manifest: digests in lower case by path below the bag's folder."""

    path: str
    algorithm: str
    is_tag: bool
    digests: dict[str, str] = dataclasses.field(default_factory=dict)


def manifest(
    text: str | Iterator[str], path: str, version: tuple[int, int], present: Collection[str], faults: list[Fault]
) -> Manifest:
    """Read a manifest, its text or its lines. ``present`` are the files of the bag: they decide what a doubtful spelling of
    older versions means. Given as a mapping, its values are the strings to use for them, so that a hundred thousand paths
    are not kept once a manifest."""
    kind = MANIFEST.fullmatch(path)
    assert kind is not None
    same = present if isinstance(present, Mapping) else {}
    out = Manifest(path, kind[2], kind[1] is not None)
    digest = hasher(out.algorithm)
    width = digest.digest_size * 2 if digest else None
    for number, line in enumerate(lines(text) if isinstance(text, str) else text, 1):
        if not line.strip(" \t") or (line.startswith("#") and version < (1, 0)):
            continue
        parts = _MANIFEST_LINE.fullmatch(line)
        if not parts:
            faults.append(fault("PKG-MANIFEST-LINE", path, line=number, reason="not checksum and path"))
            continue
        value = parts[1].lower()
        if not re.fullmatch("[0-9a-f]+", value) or (width and len(value) != width):
            faults.append(fault("PKG-MANIFEST-LINE", path, line=number, reason=f"no {out.algorithm} digest"))
            continue
        listed = _path(parts[2], path, number, version, present, faults)
        if why := names.fault_of_path(listed) or _out_of_scope(listed, out.is_tag, version):
            faults.append(fault("PKG-MANIFEST-SCOPE", path, line=number, listed=listed, reason=why))
        elif listed in out.digests:
            faults.append(fault("PKG-MANIFEST-REPEATED", path, line=number, listed=listed))
        else:
            out.digests[same.get(listed, listed)] = value
    return out


def _path(
    written: str,
    manifest_path: str,
    number: int,
    version: tuple[int, int],
    present: Collection[str],
    faults: list[Fault],
) -> str:
    if written.startswith("*") and written not in present:
        faults.append(fault("PKG-MANIFEST-STAR", manifest_path, line=number))
        written = written[1:]
    if written.startswith("./"):
        faults.append(fault("PKG-MANIFEST-DOT", manifest_path, line=number))
        written = written[2:]
    if version >= (1, 0):
        if names.stray_percent(written):
            faults.append(fault("PKG-MANIFEST-PERCENT", manifest_path, line=number))
        return names.decode(written)
    # Before 1.0 nothing said how to write a %; tools disagree, so the file that is there decides.
    return written if written in present else names.decode(written)


def _out_of_scope(path: str, is_tag: bool, version: tuple[int, int]) -> str | None:
    in_payload = path.startswith("data/")
    if not is_tag:
        return None if in_payload else "not below data/"
    if in_payload:
        return "a payload file in a tag manifest"
    if version >= (1, 0) and path.startswith("tagmanifest-"):
        return "a tag manifest in a tag manifest"
    return None


def fetch(text: str, path: str, version: tuple[int, int], present: Collection[str], faults: list[Fault]) -> list[str]:
    """The payload paths that fetch.txt lists. No address is ever visited."""
    out = []
    for number, line in enumerate(lines(text), 1):
        if not line.strip(" \t"):
            continue
        parts = re.fullmatch(r"([^ \t]+)[ \t]+(\d+|-)[ \t]+(.+)", line)
        if not parts or not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", parts[1]):
            faults.append(fault("PKG-FETCH-MALFORMED", path, line=number, reason="not URL, length and path"))
            continue
        listed = _path(parts[3], path, number, version, present, faults)
        why = names.fault_of_path(listed)
        if why or (version >= (1, 0) and not listed.startswith("data/")):
            faults.append(fault("PKG-FETCH-MALFORMED", path, line=number, reason=why or "not below data/"))
        else:
            out.append(listed)
    return out
