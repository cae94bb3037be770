"""Whether a package's container is still, byte for byte, what the writer made.

Manifests say nothing of the container's own bytes (names' order, times, attributes). The writer has one spelling for them, so a
changed byte there is found by writing it again and comparing. A container made again by another tool is another matter: its content
may be whole, so that is said apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from sip import zipformat
from sip.container import Container
from sip.faults import Fault, fault
from sip.package import ALGORITHMS
from sip.zipread import Entry, Zip

_HEAD = (
    "bagit.txt", "bag-info.txt", *(f"{kind}-{a}.txt" for kind in ("manifest", "tagmanifest") for a in ALGORITHMS),
)  # fmt: skip


def container_faults(container: Container, top: str) -> list[Fault]:
    """Deviations of a package's ZIP from the written form; nothing where the directory is lost (that has been said)."""
    if not isinstance(container, Zip) or not container.whole or not container.entries:
        return []
    entries = container.entries
    reasons = list(_signs_of_repacking(entries, top))
    stamp = Counter(e.stamp for e in entries).most_common(1)[0][0]
    wrong = [(e, why) for e in entries if (why := _deviation(container, e, stamp))]
    if len(wrong) > 1 and all(_agree(container, e) for e, _ in wrong):
        reasons.append(f"{len(wrong)} members have other headers")
    if reasons:
        return [fault("PKG-REPACKED", reason="; ".join(reasons))]
    return [*_damage(wrong, top), *_gaps(container)]


def _signs_of_repacking(entries: list[Entry], top: str) -> Iterator[str]:
    names = [e.name.removeprefix(top) for e in entries]
    if any(e.is_folder for e in entries):
        yield "folders have members of their own"
    known = [n for n in names if n in _HEAD]
    rest = [n for n in names if n not in _HEAD]
    order = [n for n in _HEAD if n in known]
    order += sorted(n for n in rest if not n.startswith("data/"))
    order += sorted(n for n in rest if n.startswith("data/"))
    if names != order:
        first = next(n for n, o in zip(names, order, strict=True) if n != o)
        yield f"the members stand in another order, from {first}"
    elif [e.offset for e in entries] != sorted(e.offset for e in entries):
        yield "the directory has another order than the file"
    if packed := [n for n, e in zip(names, entries, strict=True) if e.method and not e.is_folder]:
        yield f"{len(packed)} members are compressed"


def _deviation(container: Zip, entry: Entry, stamp: tuple[int, int]) -> str | None:
    local, line = container.headers(entry)
    if local != zipformat.local_header(entry.raw_name, entry.size, entry.crc, stamp):
        return "local header"
    if line != zipformat.central_header(entry.raw_name, entry.size, entry.crc, stamp, entry.offset):
        return "directory entry"
    return None


def _agree(container: Zip, entry: Entry) -> bool:
    """Whether both headers tell the same, as they do where a tool has written them."""
    local = container.headers(entry)[0]
    _, _, flags, method, time, date, *_ = zipformat.LOCAL.unpack(
        local[: zipformat.LOCAL.size].ljust(zipformat.LOCAL.size, b"\0")
    )
    return (flags, method, (time, date)) == (entry.flags, entry.method, entry.stamp)


def _damage(wrong: list[tuple[Entry, str]], top: str) -> Iterator[Fault]:
    for entry, where in wrong:
        yield fault(
            "PKG-ZIP-DAMAGED",
            entry.name.removeprefix(top),
            offset=entry.offset,
            reason=f"the {where} is not as written",
        )


def _gaps(container: Zip) -> Iterator[Fault]:
    at = 0
    for entry in container.entries:
        if entry.offset != at:
            yield fault("PKG-ZIP-DAMAGED", entry.name, offset=at, reason="bytes between members")
        at = entry.start + entry.packed
    if at != container.directory_start:
        yield fault("PKG-ZIP-DAMAGED", offset=at, reason="bytes before the directory")
    size = sum(e.line[1] for e in container.entries)
    if container.tail != zipformat.end_records(len(container.entries), size, container.directory_start):
        place = container.length - len(container.tail)
        yield fault("PKG-ZIP-DAMAGED", offset=place, reason="the end record is not as written")
