"""Verifying a package: all faults, each with its file, never only the first.

A package is a BagIt bag (RFC 8493, and versions 0.93–0.97) in a ZIP, a TAR or a folder. Everything is read once and in pieces; no
address in a package is visited. Signatures are not judged here. Run it as ``python -m sip.verify FILE… [--json]``.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import sys
from collections.abc import Iterator, Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from sip import bagtext, claims, names, profile
from sip.baginfo import PROFILE_ID
from sip.container import Container, Damaged, Item
from sip.faults import Fault, fault, plain
from sip.form import container_faults
from sip.opening import Source, opened

_MAX_TAG_FILE = 256 << 20  # a manifest of a million files; more is not parsed, only digested
_WEAK = {"md5", "sha1"}
_UNJUDGED = {"PKG-UNREADABLE", "PKG-COMPRESSED-TAR", "PKG-NO-DIGEST-JUDGED"}


@dataclasses.dataclass(frozen=True, slots=True)
class VerifyResult:
    """What verification found. ``valid``: no error; ``judged``: whether it could be told at all (then ``valid`` is False)."""

    path: str
    findings: tuple[Fault, ...]
    form: str | None = None
    version: str | None = None
    algorithms: tuple[str, ...] = ()
    files: int = 0
    payload_bytes: int = 0
    profile: str | None = None  # the identifier of our profile where the bag claims it

    @property
    def judged(self) -> bool:
        return not any(f.code in _UNJUDGED for f in self.findings)

    @property
    def valid(self) -> bool:
        return not any(f.severity == "error" for f in self.findings)

    def as_json(self) -> dict[str, Any]:
        """One flat object: path, valid, judged, form, bagit, profile, algorithms, files, payload_bytes, findings."""
        return {
            "path": plain(self.path), "valid": self.valid, "judged": self.judged, "form": self.form, "bagit": self.version,
            "profile": self.profile, "algorithms": list(self.algorithms), "files": self.files, "payload_bytes": self.payload_bytes,
            "findings": [f.as_json() for f in self.findings],
        }  # fmt: skip


def verify(source: Source, name: str | None = None) -> VerifyResult:
    """Judge one package: a path (file or folder) or an open, seekable binary file (far ones: `sip.remote.RangeFile`); ``name`` is
    what the result calls it.

    Bad content is in the result. An unreadable path is too (``judged`` False); an I/O error while reading an open file raises.
    """
    name = name or str(source if isinstance(source, Path) else getattr(source, "name", "-"))
    try:
        with opened(source) as container:
            if isinstance(container, Fault):
                return VerifyResult(name, (container,))
            in_place = isinstance(source, Path) and container.form == "folder"
            return _Check(container, name, source.resolve().name if in_place else None).run()  # type: ignore[union-attr]
    except OSError as e:
        if not isinstance(source, Path):
            raise
        return VerifyResult(name, (fault("PKG-UNREADABLE", reason=e.strerror or type(e).__name__),))


class _Check:
    """One verification. The order of the methods is the order of the work."""

    def __init__(self, container: Container, name: str, bag_name: str | None = None) -> None:
        self._container = container
        self._name = name
        self._bag_name = bag_name
        self._faults = list(container.faults)
        self._files: dict[str, Item] = {}
        self._folders: set[str] = set()
        self._version: tuple[int, int] = (1, 0)
        self._encoding = "UTF-8"
        self._info: list[tuple[str, str]] = []
        self._manifests: list[bagtext.Manifest] = []
        self._digests: dict[str, dict[str, str]] = {}  # algorithm → path → as found

    def run(self) -> VerifyResult:
        top = self._find_top()
        self._take_members(top)
        self._read_tag_files()
        self._digest_everything()
        self._compare()
        self._check_oxum()
        self._check_fetch()
        payload = [p for p in self._files if p.startswith("data/")]
        if profile.claims(self._info):
            self._faults += profile.check(self._info, self._manifests, self._files, self._version, self._container.form)
            self._faults += container_faults(self._container, top)
            # A folder on disk may have been renamed by who unpacked it.
            identifier = self._bag_name if self._container.form != "folder" else None
            said = [v for label, v in self._info if label.lower() == "external-identifier"]
            if identifier is not None and said != [identifier]:
                self._say(
                    "PKG-PROFILE", "bag-info.txt", reason="External-Identifier is not the name of the bag's folder"
                )
            if profile.promised(self._info) == PROFILE_ID:
                self._faults += claims.check(identifier, payload, self._fact, self._metadata)
        return VerifyResult(
            self._name, tuple(self._faults), self._container.form, f"{self._version[0]}.{self._version[1]}",
            tuple(sorted({m.algorithm for m in self._manifests if not m.is_tag})), len(payload), sum(self._files[p].size for p in payload),
            PROFILE_ID if profile.claims(self._info) else None,
        )  # fmt: skip

    def _say(self, code: str, path: str | None = None, **params: Any) -> None:
        self._faults.append(fault(code, path, **params))

    # -- members

    def _find_top(self) -> str:
        """The bag's folder within the container, with its slash; "" for a folder on disk."""
        if self._bag_name is not None:
            return ""
        members = [i.name for i in self._container.items] + [f + "/" for f in self._container.folders]
        tops = {n.split("/")[0] if "/" in n else "" for n in members}
        if len(tops) == 1 and "" not in tops:
            self._bag_name = tops.pop()
            return self._bag_name + "/"
        shown = ", ".join(sorted(t or "(files)" for t in tops)[:5]) or "(nothing)"
        self._say("PKG-TOP-FOLDER", found=shown)
        bags = sorted(n for n in members if n == "bagit.txt" or (n.endswith("/bagit.txt") and n.count("/") == 1))
        return bags[0].removesuffix("bagit.txt") if bags else ""

    def _take_members(self, top: str) -> None:
        twins: dict[str, str] = {}
        for item in self._container.items:
            path = item.name.removeprefix(top) if item.name.startswith(top) else None
            if path is None:
                continue  # outside the bag: the top folder's fault has been said
            why = names.fault_of_path(item.name)
            if why and not (top == "" and names.fault_of_path(path) is None):
                self._say("PKG-MEMBER-UNSAFE", item.name, reason=why)
            elif path in self._files:
                self._say("PKG-MEMBER-DUPLICATE", path)
            else:
                other = twins.setdefault(names.twin_key(path), path)
                if other != path:
                    self._say("PKG-NAME-TWIN", path, other=other)
                self._files[path] = item
        self._folders = {f.removeprefix(top) for f in self._container.folders if f.startswith(top)}

    # -- tag files

    def _read_tag_files(self) -> None:
        data = self._tag_bytes("bagit.txt")
        if data is None:
            self._say("PKG-BAGIT-MISSING", "bagit.txt")
        else:
            declared = bagtext.declaration(data, self._faults)
            self._version, self._encoding = declared.version, declared.encoding
        if not any(p.startswith("data/") for p in self._files) and "data" not in self._folders:
            self._say("PKG-PAYLOAD-MISSING", "data")
        info = "package-info.txt" if self._version <= (0, 95) else "bag-info.txt"
        if (text := self._tag_text(info)) is not None:
            self._info = bagtext.fields(text, info, self._version, self._faults)
        present = {path: path for path in self._files}
        for path in sorted(p for p in self._files if "/" not in p and bagtext.MANIFEST_LIKE.fullmatch(p)):
            if not bagtext.MANIFEST.fullmatch(path):
                self._say("PKG-MANIFEST-NAME", path)
            elif (data := self._tag_bytes(path)) is not None:
                found = bagtext.decoded_lines(data, self._encoding, path, self._faults)
                del data
                if found is not None:
                    self._manifests.append(bagtext.manifest(found, path, self._version, present, self._faults))
        payload = [m.algorithm for m in self._manifests if not m.is_tag]
        for m in self._manifests:
            if bagtext.hasher(m.algorithm) is None:
                self._say("PKG-ALGORITHM-UNKNOWN", m.path, algorithm=m.algorithm)
        if not payload:
            self._say("PKG-MANIFEST-MISSING")
        elif not any(bagtext.hasher(a) for a in payload):
            self._say("PKG-NO-DIGEST-JUDGED")
        elif set(payload) <= _WEAK:
            self._say("PKG-ALGORITHM-WEAK", algorithm=", ".join(sorted(payload)))

    def _tag_text(self, path: str) -> str | None:
        data = self._tag_bytes(path)
        return None if data is None else bagtext.decode(data, self._encoding, path, self._faults)

    def _tag_bytes(self, path: str) -> bytes | bytearray | None:
        item = self._files.get(path)
        if item is None:
            return None
        if item.size > _MAX_TAG_FILE:
            self._say("PKG-TAG-TOO-LARGE", path, size=item.size)
            return None
        out = bytearray()  # grows in place: a manifest of a hundred thousand files is not there twice
        for piece in self._as_far_as_it_goes(item):
            out += piece
        return out

    # -- content

    def _digest_everything(self) -> None:
        """Each file once, for all algorithms that list it. A right digest is kept as the manifest's own string."""
        listings = [(m.algorithm, m.digests, {names.nfc(p): d for p, d in m.digests.items() if p not in self._files})
                    for m in self._manifests]  # fmt: skip
        for path, item in self._files.items():
            expected = [
                (algorithm, digest)
                for algorithm, exact, near in listings
                if (digest := exact.get(path) or (near and near.get(names.nfc(path))))
            ]
            hashers = {a: h for a, _ in expected if (h := bagtext.hasher(a))}
            try:
                for piece in self._container.chunks(item):
                    for h in hashers.values():
                        h.update(piece)
            except Damaged as e:
                self._faults.append(dataclasses.replace(e.fault, path=path))
                if e.fault.code != "PKG-CRC":
                    continue  # a digest of half a file says nothing
            known = dict(expected)
            for a, h in hashers.items():
                actual = h.hexdigest()
                self._digests.setdefault(a, {})[path] = known[a] if actual == known[a] else actual

    def _compare(self) -> None:
        swapped: set[str] = set()
        for m in self._manifests:
            listed = self._match_names(m)
            found = self._digests.get(m.algorithm, {})
            wrong = [p for p, expected in listed.items() if p in found and found[p] != expected]
            owner = {digest: path for path, digest in listed.items()} if wrong else {}
            for path in listed:
                if path not in self._files:
                    self._say("PKG-FILE-MISSING", path, manifest=m.path)
            for path in wrong:
                self._say("PKG-DIGEST", path, algorithm=m.algorithm, expected=listed[path], actual=found[path])
                if (other := owner.get(found[path])) and path not in swapped:
                    swapped.add(path)
                    self._say("PKG-SWAPPED", path, other=other)
            for path in self._must_list(m):
                if path not in listed:
                    self._say("PKG-NOT-LISTED", path, manifest=m.path)

    def _match_names(self, m: bagtext.Manifest) -> dict[str, str]:
        """The manifest by the names the files have: a name that differs in normalisation only is matched and said."""
        absent = [p for p in m.digests if p not in self._files]
        if not absent:
            return m.digests
        out = {p: d for p, d in m.digests.items() if p in self._files}
        by_form = {names.nfc(p): p for p in self._files}
        for listed in absent:
            near = by_form.get(names.nfc(listed))
            # Where both spellings are listed for the one file, the same digest means that nothing is lost.
            if near is None or out.get(near, m.digests[listed]) != m.digests[listed]:
                out[listed] = m.digests[listed]
                continue
            self._say("PKG-NAME-NORMALISED", near, listed=ascii(listed))
            out[near] = m.digests[listed]
        return out

    def _must_list(self, m: bagtext.Manifest) -> Iterator[str]:
        """The files that this manifest may not leave out."""
        if not m.is_tag:
            # Before 1.0 a payload file had to be in one manifest, not in each.
            others = {p for o in self._manifests if o is not m and not o.is_tag for p in o.digests}
            for path in self._files:
                if path.startswith("data/") and (self._version >= (1, 0) or path not in others):
                    yield path
        elif profile.claims(self._info):
            yield from (p for p in self._files if not p.startswith(("data/", "tagmanifest-")))
        elif self._version >= (1, 0):
            yield from (o.path for o in self._manifests if not o.is_tag)

    # -- the rest

    def _fact(self, path: str) -> claims.Fact | None:
        item = self._files.get(path)
        if item is None or not path.startswith("data/"):
            return None
        return {"size": str(item.size)} | {a: found[path] for a, found in self._digests.items() if path in found}

    def _metadata(self, path: str) -> Iterator[bytes] | None:
        item = self._files.get(path)
        if item is None:
            return None
        if item.size > claims.MAX_BYTES:
            self._say("PKG-CLAIMS-UNREAD", path, size=item.size)
            return None
        return self._as_far_as_it_goes(item)

    def _as_far_as_it_goes(self, item: Item) -> Iterator[bytes]:
        with contextlib.suppress(Damaged):  # said when it is digested; what could be read is judged as it is
            yield from self._container.chunks(item)

    def _check_oxum(self) -> None:
        values = [v for label, v in self._info if label.lower() == "payload-oxum"]
        if not values:
            self._say("PKG-OXUM-MISSING")
            return
        if len(values) > 1:
            self._say("PKG-OXUM-REPEATED")
        octets, _, streams = values[0].partition(".")
        if not (octets.isascii() and octets.isdigit() and streams.isascii() and streams.isdigit()):
            self._say("PKG-OXUM-MALFORMED", value=values[0])
            return
        sizes = [i.size for p, i in self._files.items() if p.startswith("data/")]
        if (int(octets), int(streams)) != (sum(sizes), len(sizes)):
            self._say("PKG-OXUM", expected=values[0], actual=f"{sum(sizes)}.{len(sizes)}")

    def _check_fetch(self) -> None:
        text = self._tag_text("fetch.txt")
        if text is None:
            return
        self._say("PKG-FETCH", "fetch.txt")
        in_manifests = {p for m in self._manifests if not m.is_tag for p in m.digests}
        for path in bagtext.fetch(text, "fetch.txt", self._version, set(self._files), self._faults):
            if self._version >= (1, 0) and path not in in_manifests:
                self._say("PKG-FETCH-UNLISTED", "fetch.txt", listed=path)
            # Before 1.0 a line could name what no manifest knows; then nothing of the bag is wanting.
            if path not in self._files and path in in_manifests:
                self._say("PKG-FETCH-ABSENT", "fetch.txt", listed=path)


def main(argv: Sequence[str] | None = None) -> int:
    """The command: exit 0 all valid, 1 some invalid, 2 some could not be judged."""
    parser = argparse.ArgumentParser(prog="sip.verify", description="检验信息包 / verify packages")
    parser.add_argument("file", nargs="+", type=Path, help="ZIP, TAR or folder")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--lang", choices=("zh", "en"), default="zh")
    options = parser.parse_args(argv)
    if isinstance(sys.stdout, TextIOWrapper):  # a terminal that cannot show a name must not stop the judging
        sys.stdout.reconfigure(errors="backslashreplace")
    worst = 0
    for path in options.file:
        result = verify(path)
        worst = max(worst, 0 if result.valid else 1 if result.judged else 2)
        if options.json:
            sys.stdout.write(json.dumps({**result.as_json(), "signatures": "not checked"}, ensure_ascii=False) + "\n")
        else:
            _print(result, options.lang)
        sys.stdout.flush()
    return worst


def _print(result: VerifyResult, lang: str) -> None:
    words = {"zh": ("有效", "无效", "无法判定"), "en": ("valid", "invalid", "not judged")}[lang]
    unsigned = {"zh": "电子签名未核验", "en": "signatures not checked"}[lang]
    verdict = words[0 if result.valid else 1 if result.judged else 2]
    out = [f"{plain(result.path)}: {verdict} ({result.files} files, {result.payload_bytes} bytes; {unsigned})"]
    for found in result.findings:
        shown = found.as_json()
        place = f" {shown['path']}:" if shown["path"] else ""
        out.append(f"  {found.severity} {found.code}{place} {shown[lang]}")
    sys.stdout.write("\n".join(out) + "\n")


if __name__ == "__main__":
    sys.exit(main())
