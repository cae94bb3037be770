"""Scans of traditional archives: a catalogue (目录.xlsx or .csv), and for each 件 or 卷 a folder of pages or one PDF named by its 档号.

The catalogue and the names of the files are read once a delivery and kept beside it as an index, so that a record costs no more
in a delivery of a hundred thousand than in one of ten. A delivery whose catalogue and files do not fit is refused as a whole.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO

from ingest.findings import Finding
from ingest.metadata import catalogue, codes
from ingest.metadata.catalogue import BadCatalogue, Catalogue
from ingest.profiles import deployed, judge, trees
from ingest.profiles.fill import filled
from ingest.profiles.profile import Profile
from ingest.profiles.trees import BadForm, FormDelivery, Tree
from ingest.settings import Limits
from ingest.sources.base import DeliveryReader
from sip import canonical, formmap

GROUP, FILE_CODE, KEY = "数字化副本", "S", "档号"
_NAMES = re.compile(r"(.*目录|catalogue)\.(xlsx|csv)", re.IGNORECASE)
_INDEX = "catalogue.db"


def find(tree: Tree) -> str | None:
    """The catalogue's name: the only file at the top that is called so; with two of them nobody knows which holds."""
    found = [n for n in tree.names if "/" not in n and _NAMES.fullmatch(n)]
    return found[0] if len(found) == 1 else None


class Index:
    """What a delivery's catalogue says, and which files belong to which line; in a file, so that it need not fit into memory."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @classmethod
    def of(cls, folder: Path) -> Index | None:
        """The index that stands in the folder, if it was made already."""
        path = folder / _INDEX
        return cls(path) if path.exists() else None

    def codes(self) -> list[str]:
        """All 档号, in the catalogue's order."""
        with closing(self._open()) as db:
            return [code for (code,) in db.execute("SELECT code FROM item ORDER BY number")]

    def item(self, code: str) -> tuple[int, dict[str, str], list[tuple[str, str]]] | None:
        """(row in the catalogue, its texts, [(path in the record, name in the delivery)]) of a 档号, or None."""
        with closing(self._open()) as db:
            row = db.execute("SELECT number, texts, files FROM item WHERE code = ?", (code,)).fetchone()
        return None if row is None else (row[0], json.loads(row[1]), [(p, n) for p, n in json.loads(row[2])])

    def about(self) -> dict[str, str]:
        """The catalogue itself: name and sha256."""
        with closing(self._open()) as db:
            return dict(db.execute("SELECT key, value FROM about"))

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(f"file:{self._path}?mode=ro", uri=True)


def read(tree: Tree, name: str, profile: Profile, limits: Limits, folder: Path) -> Index:
    """The index of a delivery, made in ``folder`` where it does not stand there yet. Raises BadForm with all that is wrong with
    the catalogue, or with how it fits the files."""
    if (known := Index.of(folder)) is not None:
        return known
    data = _bytes(tree, name)
    kinds = {n: r.row.kind for r in profile.rules["item"] for n in (r.row.element, *r.aliases)}
    try:
        listed = catalogue.read(data, name, kinds, limits.files)
    except BadCatalogue as e:
        raise BadForm(*e.findings) from e
    names = profile.names("item")
    findings = list(_columns(listed, profile, name))
    if findings:
        raise BadForm(*findings)
    rows, findings = _rows(listed, names, name)
    files, stray = _owned(tree, name, rows)
    findings += [Finding("PRF-ITEM-NO-FOLDER", path=name, params={"item": code}) for code in rows if code not in files]
    findings += [Finding("PRF-FOLDER-UNLISTED", path=n, params={"item": n}) for n in stray]
    findings += [Finding("PRF-ITEM-TWICE", params={"item": c}) for c, f in files.items() if len(dict(f)) < len(f)]
    if findings:
        raise BadForm(*BadCatalogue(findings).findings)
    about = {"name": name, "sha256": hashlib.sha256(data).hexdigest()}
    return _written(folder, rows, files, about)


def deliver(
    reader: Tree | DeliveryReader, index: Index, code: str, profile: Profile, agency: Mapping[str, Any]
) -> FormDelivery:
    """The record of the 档号 ``code``: its line of the catalogue as a case without a case, its scans as the files."""
    found = index.item(code)
    if found is None:
        raise BadForm(Finding("RCV-DELIVERY-VANISHED"))  # the delivery changed after it was listed
    number, given, scans = found
    about = index.about()
    names = profile.names("item")
    texts = {names[head]: text for head, text in given.items() if head in names}
    findings = list(judge.obligations(profile, "item", texts, set(texts), about["name"], f"/{number}"))
    said: dict[str, Any] = formmap.read(profile.rows("item"), texts)
    formmap.put(said, ("record", "archival_code"), code)
    parts = codes.check_archival(code).parts
    formmap.put(said, ("record", "fonds_no"), parts.get("fonds", str(agency.get("fonds_no"))))
    for pointer, key in profile.part("agency").items():
        formmap.put(said, formmap.steps(pointer), agency.get(key))
    said["files"] = [
        {"seq": n, "group": GROUP, "file_code": FILE_CODE, "path": path, "digest": {}}
        for n, (path, _) in enumerate(scans, 1)
    ]
    formmap.put(said, ("record", "total_files"), len(scans))
    if on := formmap.get(said, ("record", "digitised_on")):
        said["events"] = [{"status": "历史行为", "action": "digitise", "at": f"{on}T00:00:00+08:00"}]
    case = filled(profile, said, {"row": given})
    # beside the record and not in it: the same piece in another catalogue is still the same piece
    form = deployed.origin(profile) | {"origin": profile.raw["origin"], "catalogue": {**about, "row": number}}
    return FormDelivery(canonical.dumps(case), _Files(reader, scans), dict(scans), findings, {}, form)


class _Files:
    """The scans of one record, of a delivery whose other files nobody lists again."""

    def __init__(self, reader: Tree | DeliveryReader, scans: Sequence[tuple[str, str]]) -> None:
        self._reader = reader
        self.names = [name for _, name in scans]
        self.findings: list[Finding] = []

    def open(self, name: str) -> BinaryIO:
        return self._reader.open(name)


def _bytes(tree: Tree, name: str) -> bytes:
    out = bytearray()
    try:
        with tree.open(name) as f:
            while len(out) <= catalogue.MAX_BYTES and (piece := f.read(1 << 20)):
                out += piece
    except trees.ContentDamaged as e:
        raise BadForm(Finding("FMT-UNREADABLE", path=name, params={"detail": str(e)})) from e
    if len(out) > catalogue.MAX_BYTES:
        raise BadForm(Finding("RCV-FILE-TOO-LARGE", path=name, params={"limit": str(catalogue.MAX_BYTES)}))
    return bytes(out)


def _columns(listed: Catalogue, profile: Profile, name: str) -> Iterator[Finding]:
    """The columns that must be there, each once by whatever name."""
    names = profile.names("item")
    there = [names[head] for head in listed.heads if head in names]
    for rule in profile.rules["item"]:
        element = rule.row.element
        if element not in there and rule.obligation == "M":
            yield Finding("CAT-COLUMN", path=name, params={"name": element})
        elif there.count(element) > 1:
            yield Finding("PRF-ITEM-TWICE", path=name, params={"item": element})


def _rows(
    listed: Catalogue, names: Mapping[str, str], name: str
) -> tuple[dict[str, tuple[int, dict[str, str]]], list[Finding]]:
    """The lines by their 档号 in its normal form, and what is wrong with them."""
    rows: dict[str, tuple[int, dict[str, str]]] = {}
    findings = []
    for number, cells in listed.rows:
        texts = listed.texts(cells)
        given = next((text for head, text in texts.items() if names.get(head) == KEY), "")
        code = codes.normalise_archival(given)
        if not code:
            findings.append(Finding("CAT-NO-CODE", path=name, params={"row": str(number)}))
        elif code in rows:
            findings.append(Finding("PRF-ITEM-TWICE", path=name, field=f"/{number}", params={"item": code}))
        else:
            rows[code] = number, texts
    return rows, findings


def _owned(
    tree: Tree, catalogue_name: str, rows: Mapping[str, Any]
) -> tuple[dict[str, list[tuple[str, str]]], list[str]]:
    """By 档号 the scans as (path in the record, name in the delivery), in the order of their pages; and files of no line."""
    files: dict[str, list[tuple[str, str]]] = {}
    stray = []
    for name in tree.names:
        if name == catalogue_name:
            continue
        folders, _, last = name.rpartition("/")
        steps = folders.split("/") if folders else []
        at = next((i for i, step in enumerate(steps) if codes.normalise_archival(step) in rows), None)
        stem = codes.normalise_archival(last.rpartition(".")[0])
        if at is not None:
            code, path = codes.normalise_archival(steps[at]), "/".join((*steps[at + 1 :], last))
        elif stem in rows:
            code, path = stem, last
        else:
            stray.append(name)
            continue
        files.setdefault(code, []).append((f"{GROUP}/{path}", name))
    for scans in files.values():
        scans.sort(key=lambda s: _in_order(s[0]))
    return files, stray


def _in_order(path: str) -> tuple[tuple[int, int | str], ...]:
    """Page 10 comes after page 9, however they are padded."""
    found = re.findall(r"[0-9]+|[^0-9]+", path)
    return tuple((0, int(part)) if part.isascii() and part.isdigit() else (1, part) for part in found)


def _written(
    folder: Path, rows: Mapping[str, tuple[int, dict[str, str]]], files: Mapping[str, list[tuple[str, str]]],
    about: Mapping[str, str],
) -> Index:  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    handle, temp = tempfile.mkstemp(dir=folder)
    os.close(handle)
    try:
        with closing(sqlite3.connect(temp)) as db:
            db.execute("CREATE TABLE item (code TEXT PRIMARY KEY, number INTEGER, texts TEXT, files TEXT)")
            db.execute("CREATE TABLE about (key TEXT PRIMARY KEY, value TEXT)")
            db.executemany(
                "INSERT INTO item VALUES (?, ?, ?, ?)",
                ((c, n, json.dumps(t), json.dumps(files[c])) for c, (n, t) in rows.items()),
            )
            db.executemany("INSERT INTO about VALUES (?, ?)", about.items())
            db.commit()
        Path(temp).replace(folder / _INDEX)
    except BaseException:
        Path(temp).unlink(missing_ok=True)
        raise
    return Index(folder / _INDEX)
