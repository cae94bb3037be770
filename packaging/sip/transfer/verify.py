"""Judging a transfer package: the bag, the rules of DA/T 93-2022 annex B, and what the package says of itself.

A bag that some other unit made, or a bare tree without a bag, is judged by the same rules; what it cannot prove is said. Nothing is
unpacked and no name in the package is used to open anything.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from sip import bagtext, names
from sip import verify as bag
from sip.baginfo import TRANSFER_PROFILE_ID
from sip.container import Container, Damaged, Folder, Item
from sip.faults import Fault, fault
from sip.transfer import texts, tree
from sip.transfer.archived import MOST_JSON, OwnClaims
from sip.transfer.texts import CatalogueLine
from sip.zipread import Zip

_BARE = {"PKG-BAGIT-MISSING", "PKG-PAYLOAD-MISSING", "PKG-MANIFEST-MISSING", "PKG-OXUM-MISSING", "PKG-TOP-FOLDER"}
_MOST_NOTE = 1 << 20
_MOST_NAME, _MOST_PATH = 255, 3000
_MOST_FAULTS = 5000  # told of one package; the count of the rest is not worth a machine


@dataclasses.dataclass(frozen=True, slots=True)
class TransferItem:
    """One folder of the package: its catalogue line, and content files and bytes (without metadata and evidence)."""

    line: CatalogueLine
    folder: str
    files: int
    bytes: int


@dataclasses.dataclass(frozen=True, slots=True)
class TransferResult:
    """What was found. ``identifier`` is the 移交编号 (the bag's name), ``claims`` transfer.json where the package is one of ours,
    ``digests`` SHA-256 of each file of the tree as the bag's manifest has it."""

    path: str
    findings: tuple[Fault, ...]
    identifier: str | None
    proved: bool  # the package has manifests, and all of them hold
    note: dict[str, str]
    items: tuple[TransferItem, ...]
    claims: dict[str, Any] | None
    digests: dict[str, str]
    files: int
    payload_bytes: int

    @property
    def valid(self) -> bool:
        return not any(f.severity == "error" for f in self.findings)

    def as_json(self) -> dict[str, Any]:
        return {
            "path": self.path, "valid": self.valid, "transfer": self.identifier, "proved": self.proved, "note": self.note,
            "records": len(self.items), "files": self.files, "payload_bytes": self.payload_bytes,
            "findings": [f.as_json() for f in self.findings],
        }  # fmt: skip


def verify(path: Path) -> TransferResult:
    """Judge the transfer package at ``path`` (ZIP or folder). All faults are in the result; an unreadable path is one."""
    judged = bag.verify(path)
    faults = list(judged.findings)
    if (
        any(f.code in ("PKG-UNREADABLE", "PKG-NOT-A-PACKAGE", "PKG-COMPRESSED-TAR") for f in faults)
        or judged.form == "tar"
    ):
        return TransferResult(str(path), tuple(faults), None, False, {}, (), None, {}, 0, 0)
    if path.is_dir():
        return _judge(Folder(path), str(path), path.resolve().name, faults)
    with path.open("rb", buffering=0) as file:
        return _judge(Zip(file), str(path), None, faults)


def _judge(container: Container, path: str, folder_name: str | None, faults: list[Fault]) -> TransferResult:
    return _Check(container, path, folder_name, faults).run()


class _Check:
    """One judgement. ``faults`` begins with what the bag's verification found."""

    def __init__(self, container: Container, path: str, folder_name: str | None, faults: list[Fault]) -> None:
        self._container = container
        self._path = path
        self._folder_name = folder_name
        self._faults = faults
        self.files: dict[str, Item] = {}  # of the tree, by path below its root
        self._tags: dict[str, Item] = {}  # of the bag
        self._digests: dict[str, str] = {}

    def run(self) -> TransferResult:
        identifier = self.find_root()
        self._fit_to_unpack()
        note = self._note()
        lines = self._catalogue()
        self._compare_note(note, lines)
        items = self._items(lines)
        claims = None
        if self._is_ours():
            own = OwnClaims(self.files, self._digests, lambda item: self._bytes(item, MOST_JSON), self._faults)
            claims = own.check(self._tags.get(tree.CLAIMS), [(i.line, i.folder) for i in items])
        content = [i.size for i in self.files.values()]
        proved = bool(self._digests) and not any(
            f.severity == "error" and f.code.startswith("PKG-") for f in self._faults
        )
        return TransferResult(
            self._path, tuple(self._faults[:_MOST_FAULTS]), identifier, proved, note, tuple(items), claims, self._digests,
            len(content), sum(content),
        )  # fmt: skip

    def _say(self, code: str, path: str | None = None, **params: Any) -> None:
        self._faults.append(fault(code, path, **params))

    # -- the tree

    def find_root(self) -> str | None:
        """Take the files of the tree, whether it stands in a bag or bare; returns the bag's name."""
        safe = [i for i in self._container.items if names.fault_of_path(i.name) is None]
        inside = [i.name for i in safe]
        bags = [
            n.removesuffix("bagit.txt")
            for n in inside
            if n == "bagit.txt" or (n.endswith("/bagit.txt") and n.count("/") == 1)
        ]
        if bags:
            top = bags[0]
            self._take(safe, top + "data/", self.files)
            self._take(safe, top, self._tags)
            self._read_digests()
            return self._folder_name or top.rstrip("/") or None
        roots = sorted({n[: -len(tree.CATALOGUE)] for n in inside if n.endswith(tree.CATALOGUE) and n.count("/") < 2})
        # a bare tree: what verification says of a missing bag is no fault of it, but it proves nothing
        self._faults[:] = [f for f in self._faults if f.code not in _BARE]
        self._say("TRF-PLAIN")
        if len(roots) != 1:
            self._say("TRF-TOP-FOLDER", found=", ".join(roots[:5]) or "—")
        self._take(safe, roots[0] if roots else "", self.files)
        return None

    def _fit_to_unpack(self) -> None:
        """What no file system could hold is found now, not when the package is accepted."""
        folders = {str(f) for path in self.files for f in PurePosixPath(path).parents}
        for path in self.files:
            longest = max(len(part.encode()) for part in path.split("/"))
            if longest > _MOST_NAME or len(path.encode()) > _MOST_PATH:
                self._say("TRF-NAME-TOO-LONG", path, bytes=longest if longest > _MOST_NAME else len(path.encode()))
            if path in folders:
                self._say("TRF-FILE-AND-FOLDER", path)

    def _take(self, items: list[Item], prefix: str, into: dict[str, Item]) -> None:
        for item in items:
            if item.name.startswith(prefix):
                into.setdefault(item.name.removeprefix(prefix), item)

    def _read_digests(self) -> None:
        data = self._bytes(self._tags.get("manifest-sha256.txt"), MOST_JSON)
        if data is not None:
            try:
                text = data.decode()
            except UnicodeDecodeError:
                return  # the bag's verification has said so
            listed = bagtext.manifest(text, "manifest-sha256.txt", (1, 0), set(), []).digests
            self._digests = {p.removeprefix("data/"): d for p, d in listed.items()}

    def _bytes(self, item: Item | None, limit: int) -> bytes | None:
        """A member's content; None where there is none, where it is too long, or where it is damaged (which has been said)."""
        if item is None or item.size > limit:
            return None
        try:
            return b"".join(self._container.chunks(item))
        except Damaged:
            return None

    # -- note and catalogue

    def _note(self) -> dict[str, str]:
        item = self.files.get(tree.NOTE)
        if item is None:
            self._say("TRF-NOTE-MISSING", tree.NOTE)
            return {}
        if item.size > _MOST_NOTE:
            self._say("TRF-NOTE", tree.NOTE, reason=f"{item.size} bytes")
            return {}
        data = self._bytes(item, _MOST_NOTE)
        return {} if data is None else texts.read_note(data, self._faults)

    def _catalogue(self) -> list[CatalogueLine]:
        item = self.files.get(tree.CATALOGUE)
        if item is None:
            self._say("TRF-CATALOGUE-MISSING", tree.CATALOGUE)
            return []
        try:
            lines = texts.read_catalogue(self._container.chunks(item), self._faults)
        except Damaged:
            return []
        first: dict[str, int] = {}
        out = []
        for line in lines:
            code = line.archival_code
            if not code:
                continue
            if code in first:
                self._say("TRF-CATALOGUE-TWICE", code, first=first[code], second=line.number)
                continue
            first[code] = line.number
            if "/" in code or (why := names.fault_of_path(code) or names.fault_of_form(code)):
                self._say("TRF-CODE-UNSAFE", code, reason="/" if "/" in code else why)
                continue
            out.append(line)
        if not lines:
            self._say("TRF-CATALOGUE-EMPTY", tree.CATALOGUE)
        return out

    def _compare_note(self, note: dict[str, str], lines: list[CatalogueLine]) -> None:
        count = note.get("档案数量", "")
        if count.isascii() and count.isdigit() and int(count) != len(lines):
            self._say("TRF-NOTE-COUNT", tree.NOTE, said=count, found=len(lines))
        said = note.get("起止档号")
        ends = {lines[0].archival_code, lines[-1].archival_code} if lines else set()
        if said and lines and not all(code in said for code in ends):
            self._say("TRF-NOTE-RANGE", tree.NOTE, said=said[:200], found="～".join(sorted(ends)))

    # -- items

    def _items(self, lines: list[CatalogueLine]) -> list[TransferItem]:
        listed = {line.archival_code: line for line in lines}
        folders: dict[str, dict[str, list[tuple[str, Item]]]] = {}
        unlisted: Counter[str] = Counter()
        for path, item in self.files.items():
            if path in (tree.NOTE, tree.CATALOGUE) or path.startswith(tree.OTHER + "/"):
                continue
            found = tree.item_of(path, listed)
            if found is not None:
                folders.setdefault(found[0], {}).setdefault(found[1], []).append((found[2], item))
            elif "/" not in path:
                self._say("TRF-STRAY", path)
            else:
                unlisted[_unlisted_folder(path)] += 1
        for folder, count in sorted(unlisted.items()):
            self._say("TRF-UNLISTED", folder, files=count)
        out = []
        for code, line in listed.items():
            places = folders.get(code)
            if not places:
                self._say("TRF-ITEM-MISSING", code)
                continue
            if len(places) > 1:
                self._say("TRF-ITEM-TWICE", code, folders="、".join(sorted(places)[:5]))
            for folder, members in places.items():
                out.append(self._item(line, folder, members))
        return out

    def _item(self, line: CatalogueLine, folder: str, members: list[tuple[str, Item]]) -> TransferItem:
        if line.archival_code.partition("-")[0] != folder.partition("/")[0]:
            self._say("TRF-ITEM-FONDS", folder)
        metadata = [(p, i) for p, i in members if tree.is_metadata(p)]
        content = [(p, i) for p, i in members if tree.is_content(p)]
        if not metadata:
            self._say("TRF-ITEM-METADATA", folder)
        if not content:
            self._say("TRF-ITEM-CONTENT", folder)
        for path, item in content:
            if not item.size:
                self._say("TRF-FILE-EMPTY", f"{folder}/{path}")
        for path, item in metadata:
            self._well_formed(f"{folder}/{path}", item)
        return TransferItem(line, folder, len(content), sum(i.size for _, i in content))

    def _well_formed(self, path: str, item: Item) -> None:
        with contextlib.suppress(Damaged):  # the bag's verification has said so
            texts.well_formed(self._container.chunks(item), path, self._faults)

    def _is_ours(self) -> bool:
        data = self._bytes(self._tags.get("bag-info.txt"), _MOST_NOTE)
        return data is not None and TRANSFER_PROFILE_ID.encode() in data


def _unlisted_folder(path: str) -> str:
    """The folder to name for a file that belongs to no listed item: the deepest that still looks like an item's own."""
    parts = path.split("/")
    for n, part in enumerate(parts[:-1]):
        if n and "-" in part:
            return "/".join(parts[: n + 1])
    return "/".join(parts[:-1])


@contextlib.contextmanager
def opened(path: Path) -> Iterator[tuple[Container, dict[str, Item]]]:
    """A package and the files of its tree by path, to be read with ``chunks``: for one who has judged it."""
    with contextlib.ExitStack() as stack:
        container: Container = Folder(path) if path.is_dir() else Zip(stack.enter_context(path.open("rb", buffering=0)))
        check = _Check(container, str(path), None, [])
        check.find_root()
        yield container, check.files


def tree_files(path: Path) -> Iterator[tuple[str, Iterator[bytes]]]:
    """The files of the tree with their content, as they stand in the package. Raises `sip.container.Damaged`."""
    with opened(path) as (container, files):
        for name, item in files.items():
            yield name, container.chunks(item)
