"""What our own transfer packages say beyond the standard: transfer.json against the tree, and each item against the manifests of the
package it was archived as. So a receiver knows that what it got is what the unit archived, to the last byte."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sip import bagtext
from sip.container import Item
from sip.faults import Fault, fault
from sip.transfer import tree
from sip.transfer.texts import CatalogueLine

SCHEMA = "guidang.transfer/1.0"
MOST_JSON = 256 << 20


class OwnClaims:
    """The checks of one package. ``files`` are those of the tree, ``digests`` their SHA-256 by the bag's manifest (which was proved or
    found wrong before), ``read`` gives a member's content or None."""

    def __init__(
        self, files: Mapping[str, Item], digests: Mapping[str, str], read: Callable[[Item | None], bytes | None],
        faults: list[Fault],
    ) -> None:  # fmt: skip
        self._files = files
        self._digests = digests
        self._read = read
        self._faults = faults
        self._below = _archived_folders(files)

    def _say(self, code: str, path: str, **params: Any) -> None:
        self._faults.append(fault(code, path, **params))

    def check(self, claims: Item | None, items: Sequence[tuple[CatalogueLine, str]]) -> dict[str, Any] | None:
        """All that does not hold is added to the faults; returns transfer.json where it can be read."""
        try:
            said = json.loads(self._read(claims) or b"null")
            if not isinstance(said, dict) or said.get("schema") != SCHEMA:
                raise ValueError(f"schema is not {SCHEMA}")
            own = {str(i["archival_code"]): str(i["folder"]) for i in said["items"] if not i["earlier"]}
            earlier = [str(i["folder"]) for i in said["items"] if i["earlier"]]
        except (ValueError, KeyError, TypeError, RecursionError) as e:
            self._say("TRF-CLAIMS", tree.CLAIMS, reason=str(e)[:200] or type(e).__name__)
            return None
        if said.get("records") != len(items):
            self._say("TRF-CLAIMS", tree.CLAIMS, reason=f"records: {said.get('records')} ≠ {len(items)}")
        for line, folder in items:
            if own.pop(line.archival_code, None) != folder:
                self._say("TRF-CLAIMS", tree.CLAIMS, reason=f"{line.archival_code}: {folder}")
            self._archived(folder, {tree.in_package(p): p for p in self._below.get(folder, ())})
            self._record(line, folder)
        for code in own:
            self._say("TRF-CLAIMS", tree.CLAIMS, reason=f"{code}: 没有实物 / is not there")
        for folder in earlier:
            self._archived(folder, {p: p for p in self._below.get(folder, ())})
        return said

    def _archived(self, folder: str, parts: Mapping[str, str]) -> None:
        """The parts of one archived package (package path → path in the folder) against its own manifests."""
        listed: dict[str, str] = {}
        for name in ("manifest-sha256.txt", "tagmanifest-sha256.txt"):
            data = self._read(self._files.get(f"{folder}/{parts.get(name, name)}"))
            if data is None:
                self._say("TRF-ITEM-FIXITY", folder, reason=f"没有 {name} / is missing")
                return
            faults: list[Fault] = []
            listed |= bagtext.manifest(data.decode("utf-8", "replace"), name, (1, 0), set(), faults).digests
            if faults:
                self._say("TRF-ITEM-FIXITY", folder, reason=f"{name}: {faults[0].text('en')}")
        for path in sorted(parts.keys() | listed.keys()):
            if path.startswith("tagmanifest-"):
                continue
            here = parts.get(path)
            found = None if here is None else self._digests.get(f"{folder}/{here}")
            if path in listed and found == listed[path]:
                continue
            why = (
                "缺少 / missing"
                if here is None
                else "未列入 / not listed"
                if path not in listed
                else "摘要不同 / other digest"
            )
            self._say("TRF-ITEM-FIXITY", f"{folder}/{here or path}", reason=why)

    def _record(self, line: CatalogueLine, folder: str) -> None:
        path = f"{folder}/{tree.EVIDENCE}/metadata/record.json"
        listed = {"archival_code": line.archival_code, "retention": line.retention, "fonds_unit": line.author}
        try:
            record = json.loads(self._read(self._files.get(path)) or b"null")["record"]
            said = {key: str(record[key]) for key in listed}
        except (ValueError, KeyError, TypeError, RecursionError):
            self._say("TRF-ITEM-RECORD", path, what="record.json", said="—", listed=line.archival_code)
            return
        for key, value in listed.items():
            if said[key] != value:
                self._say("TRF-ITEM-RECORD", path, what=key, said=said[key][:100], listed=value[:100])


def _archived_folders(files: Mapping[str, Item]) -> dict[str, list[str]]:
    """The files below each folder that holds the parts of an archived package, by path in it."""
    out: dict[str, list[str]] = {}
    for path in files:
        for end in (f"/{tree.EVIDENCE}/bagit.txt", "/bagit.txt"):
            if path.endswith(end):
                out[path.removesuffix(end)] = []
                break
    for path in files:
        folder = path
        while (folder := folder.rpartition("/")[0]) and folder not in out:
            pass
        if folder:
            out[folder].append(path.removeprefix(folder + "/"))
    return out
