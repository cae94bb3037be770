"""The cases of the Library of Congress conformance suite (its names are the ids here), each bag made anew from what it tries.

The suite's bags are folders, so these are written to disk where the file system can hold their names. What the suite puts under
``warning`` is judged here by the text of the RFC or draft: the comment says what decides.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

import pytest
from sip_bags import Files, bag, codes, tagged

from sip.verify import verify

NFC, NFD = "N\u00fa\u00f1ez", "Nu\u0301n\u0303ez"
HELLO = {"hello.txt": b"hello"}
MD5_HELLO = hashlib.md5(b"hello").hexdigest()
FETCH = "https://example.org/x"


def old(payload: Files | None = None, algorithm: str = "md5", version: str = "0.97", **tags: bytes) -> Files:
    """A bag of version 0.97 (or older) with a tag manifest, like most of the suite."""
    return tagged(
        bag((algorithm,), version, payload) | {f"{k.replace('_', '-')}.txt": v for k, v in tags.items()}, algorithm
    )


def listing(*paths: str, payload: Files | None = None) -> Files:
    """An old bag whose manifest lists ``paths`` besides what it holds."""
    files = bag(("md5",), "0.97", payload or HELLO)
    files["manifest-md5.txt"] += "".join(f"{MD5_HELLO}  {p}\n" for p in paths).encode()
    return tagged(files, "md5")


def fetching(path: str, version: str = "0.97") -> Files:
    return old(HELLO, version=version, fetch=f"{FETCH} 5 {path}\n".encode())


def changed(files: Files, path: str, data: bytes | None) -> Files:
    """The bag after its making: a file altered, added, or gone."""
    return {p: d for p, d in (files | {path: data or b""}).items() if p != path or data is not None}


def in_encoding(encoding: str) -> Files:
    files = bag(("md5",), "0.97", {"hello.txt": b"hello"})
    files["bagit.txt"] = files["bagit.txt"].replace(b"UTF-8", encoding.encode())
    for path in ("bag-info.txt", "manifest-md5.txt"):
        files[path] = (files[path].decode() + ("Contact-Name: é\n" if "info" in path else "")).encode(encoding)
    lines = tagged(files, "md5")["tagmanifest-md5.txt"]
    return files | {"tagmanifest-md5.txt": lines.decode().encode(encoding)}


class Case(NamedTuple):
    name: str
    files: Files
    errors: set[str] = set()  # noqa: RUF012 a constant of the table
    warnings: set[str] = set()  # noqa: RUF012


OLD_BAD = {"PKG-MANIFEST-SCOPE"}
CASES = [
    # valid
    *(Case(f"v{v}/valid/basic-bag", old(version=v), warnings={"PKG-ALGORITHM-WEAK"}) for v in ("0.93", "0.94", "0.95", "0.96", "0.97")),
    *(Case(f"v{v}/valid/duplicate-metadata-entries",
           old(version=v, **{"package_info" if v < "0.96" else "bag_info": b"Contact-Name: A\nContact-Name: B\nPayload-Oxum: 10.2\n"}),
           warnings={"PKG-ALGORITHM-WEAK"}) for v in ("0.93", "0.94", "0.95", "0.96", "0.97")),
    *(Case(f"v0.97/valid/basic-bag-{a}", old(algorithm=a), warnings={"PKG-ALGORITHM-WEAK"} if a in ("md5", "sha1") else set())
      for a in ("md5", "sha1", "sha224", "sha256", "sha384", "sha512")),
    Case("v0.97/valid/uncommon-metadata-separators",
         old(bag_info=b"Source-Organization : A\nContact-Name:B\nBag-Count\t:\t1\nPayload-Oxum   :   10.2\n"),
         warnings={"PKG-ALGORITHM-WEAK"}),
    Case("v0.97/valid/bag-with-space", old({"a file.txt": b"x", "b c/d e.txt": b"y"}), warnings={"PKG-ALGORITHM-WEAK"}),
    Case("v0.97/valid/bag-with-escapable-characters", old({"~a!@#$^&(){}[]=+`.txt": b"x", "'b'\"c\".txt": b"y"}),
         warnings={"PKG-ALGORITHM-WEAK"}),
    Case("v0.97/valid/bag-with-encoded-names", old({"%7Etest1.txt": b"1", "%test2.txt": b"2", "%7Edir2/test4.txt": b"4"}),
         warnings={"PKG-ALGORITHM-WEAK"}),
    Case("v0.97/valid/bag-with-leading-dot-slash-in-manifest",
         tagged(changed(bag(("md5",), "0.97", HELLO), "manifest-md5.txt", f"{MD5_HELLO}  ./data/hello.txt\n".encode()), "md5"),
         warnings={"PKG-ALGORITHM-WEAK", "PKG-MANIFEST-DOT"}),
    Case("v0.97/valid/bag-in-a-bag", old({f"inner/{p}": d for p, d in bag().items()}), warnings={"PKG-ALGORITHM-WEAK"}),
    Case("v0.97/valid/UTF-16-encoded-tag-files", in_encoding("UTF-16"), warnings={"PKG-ALGORITHM-WEAK"}),
    Case("v0.97/valid/ISO-8859-1-encoded-tag-files", in_encoding("ISO-8859-1"), warnings={"PKG-ALGORITHM-WEAK"}),
    # fetch.txt: all is there already, so the bag is whole
    Case("v0.97/valid/holey-bag, filled", fetching("data/hello.txt"), warnings={"PKG-ALGORITHM-WEAK", "PKG-FETCH"}),
    Case("v0.97/valid/local-fetch", fetching("sachiel.png"), warnings={"PKG-ALGORITHM-WEAK", "PKG-FETCH"}),
    # the same bag before anybody fetched is not complete (RFC 8493 §3), and we never fetch
    Case("v0.97/valid/holey-bag, not filled", changed(fetching("data/hello.txt"), "data/hello.txt", None),
         {"PKG-FETCH-ABSENT", "PKG-FILE-MISSING", "PKG-OXUM", "PKG-PAYLOAD-MISSING"}, {"PKG-ALGORITHM-WEAK", "PKG-FETCH"}),
    Case("v1.0/valid/basicBag", tagged(bag(("sha512",), "1.0"), "sha512")),
    # invalid
    Case("v0.97/invalid/baginfo-missing-encoding", old(bagit=b"BagIt-Version: 0.97\n"), {"PKG-BAGIT-MALFORMED"}, {"PKG-ALGORITHM-WEAK"}),
    Case("v0.97/invalid/bom-in-bagit.txt",
         old(bagit=b"\xef\xbb\xbfBagIt-Version: 0.97\nTag-File-Character-Encoding: UTF-8\n"),
         {"PKG-BAGIT-MALFORMED"}, {"PKG-ALGORITHM-WEAK"}),
    Case("v0.97/invalid/corrupt-data-file", changed(old(), "data/a.txt", b"alphA"), {"PKG-DIGEST"}, {"PKG-ALGORITHM-WEAK"}),
    Case("v0.97/invalid/corrupt-tag-file", changed(old(), "bag-info.txt", b"Payload-Oxum: 10.2\n"), {"PKG-DIGEST"}, {"PKG-ALGORITHM-WEAK"}),
    Case("v0.97/invalid/extra-file-in-bag", changed(old(), "data/bar", b"x"), {"PKG-NOT-LISTED", "PKG-OXUM"}, {"PKG-ALGORITHM-WEAK"}),
    Case("v0.97/invalid/invalid-version-number", old(bagit=b"BagIt-Version: .97\nTag-File-Character-Encoding: UTF-8\n"),
         {"PKG-BAGIT-MALFORMED"}, {"PKG-ALGORITHM-WEAK"}),
    Case("v0.97/invalid/missing-baginfo", changed(old(), "bag-info.txt", None), {"PKG-FILE-MISSING"},
         {"PKG-ALGORITHM-WEAK", "PKG-OXUM-MISSING"}),
    Case("v0.97/invalid/missing-bagit.txt", changed(old(), "bagit.txt", None), {"PKG-BAGIT-MISSING", "PKG-FILE-MISSING"},
         {"PKG-ALGORITHM-WEAK"}),
    Case("v0.97/invalid/bagit-with-invalid-whitespace", old(bagit=b"BagIt-Version : 0.97\nTag-File-Character-Encoding : UTF-8\n"),
         {"PKG-BAGIT-MALFORMED"}, {"PKG-ALGORITHM-WEAK"}),
    Case("v0.97/invalid/same-filename-listed-twice-with-different-hashes",
         tagged(changed(bag(("md5",), "0.97", HELLO), "manifest-md5.txt",
                        f"{MD5_HELLO}  data/hello.txt\n{MD5_HELLO[::-1]}  data/hello.txt\n".encode()), "md5"),
         {"PKG-MANIFEST-REPEATED"}, {"PKG-ALGORITHM-WEAK"}),
    Case("v0.97/invalid/out-of-scope-file-paths-using-dot-notation", listing("../../../README.md"), OLD_BAD, {"PKG-ALGORITHM-WEAK"}),
    Case("v0.97/invalid/out-of-scope-file-paths-using-dot-notation-for-fetch", fetching("../../../README.md"), {"PKG-FETCH-MALFORMED"},
         {"PKG-ALGORITHM-WEAK", "PKG-FETCH"}),
    *(Case(f"v0.97/{where}/out-of-scope-file-paths-using-{what}", listing(path), OLD_BAD, {"PKG-ALGORITHM-WEAK"})
      for where, what, path in (
        ("linux-only", "absolute-path", "/tmp/foo"), ("linux-only", "shortcut", "~/foo"), ("linux-only", "shortcut-username", "~root/foo"),
        ("windows-only", "absolute-path", "C:\\Windows\\System32\\setx.exe"), ("windows-only", "shortcut", "%HomeDrive%\\x\\setx.exe"),
        ("windows-only", "unc", "\\\\?\\UNC\\server\\x\\setx.exe"),
      )),
    *(Case(f"v0.97/{where}/out-of-scope-file-paths-using-{what}-for-fetch", fetching(path), {"PKG-FETCH-MALFORMED"},
           {"PKG-ALGORITHM-WEAK", "PKG-FETCH"})
      for where, what, path in (
        ("linux-only", "absolute-path", "/tmp/foo"),
        ("windows-only", "absolute-path", "C:\\Windows\\System32\\setx.exe"), ("windows-only", "unc", "\\\\?\\UNC\\server\\x\\setx.exe"),
      )),
    *(Case(f"v1.0/linux-only/out-of-scope-file-paths-using-{what}-for-fetch",
           tagged(bag(("sha512",), "1.0", HELLO) | {"fetch.txt": f"{FETCH} 5 {path}\n".encode()}, "sha512"),
           {"PKG-FETCH-MALFORMED"}, {"PKG-FETCH"})
      for what, path in (("shortcut", "~/foo"), ("shortcut-username", "~root/foo"))),
    Case("v1.0/invalid/missing-from-manifest", changed(tagged(bag(("sha512",), "1.0"), "sha512"), "data/missingFromManifest.txt", b"x"),
         {"PKG-NOT-LISTED", "PKG-OXUM"}),
    Case("v1.0/invalid/bagit-with-invalid-whitespace",
         tagged(changed(bag(("sha512",), "1.0"), "bagit.txt", b"BagIt-Version : 1.0\nTag-File-Character-Encoding : UTF-8\n"), "sha512"),
         {"PKG-BAGIT-MALFORMED"}),
    Case("v1.0/invalid/same-filename-listed-twice-with-different-hashes",
         changed(bag(("sha256",), "1.0", HELLO), "manifest-sha256.txt", b"".join(
             f"{d}  data/hello.txt\n".encode() for d in (hashlib.sha256(b"hello").hexdigest(), "0" * 64))), {"PKG-MANIFEST-REPEATED"}),
    # warning
    Case("v0.97/warning/duplicate-file-with-different-case", old({"hello.txt": b"x", "HELLO.TXT": b"x"}),
         warnings={"PKG-ALGORITHM-WEAK", "PKG-NAME-TWIN"}),
    Case("v0.97/warning/filename-normalization",
         tagged(changed(bag(("sha512",), "0.97", {NFD: b""}), "manifest-sha512.txt",
                        f"{hashlib.sha512().hexdigest()}  data/{NFC}\n".encode()), "sha512"), warnings={"PKG-NAME-NORMALISED"}),
    Case("v0.97/warning/same-filename-listed-twice-with-different-normalization",
         tagged(changed(bag(("sha512",), "0.97", {NFC: b""}), "manifest-sha512.txt", "".join(
             f"{hashlib.sha512().hexdigest()}  data/{n}\n" for n in (NFC, NFD)).encode()), "sha512"), warnings={"PKG-NAME-NORMALISED"}),
    Case("v0.97/darwin-only/precomposed-character-in-filename", old({NFC: b"x"}), warnings={"PKG-ALGORITHM-WEAK"}),
    # "the same name listed twice": a MUST NOT in 1.0; the drafts did not say, but which line counts is a doubt no archive can keep
    Case("v0.97/warning/same-filename-listed-twice-with-the-same-hash",
         tagged(changed(bag(("md5",), "0.97", HELLO), "manifest-md5.txt", f"{MD5_HELLO}  data/hello.txt\n".encode() * 2), "md5"),
         {"PKG-MANIFEST-REPEATED"}, {"PKG-ALGORITHM-WEAK"}),
    Case("v0.97/warning/made-with-md5sum-tools",
         tagged(changed(bag(("md5",), "0.97", HELLO), "manifest-md5.txt", f"{MD5_HELLO} *data/hello.txt\n".encode()), "md5"),
         warnings={"PKG-ALGORITHM-WEAK", "PKG-MANIFEST-STAR"}),
    Case("v0.97/warning/relative-path",
         tagged(changed(bag(("md5",), "0.97", HELLO), "manifest-md5.txt", f"{MD5_HELLO}  data/../data/hello.txt\n".encode()), "md5"),
         {"PKG-MANIFEST-SCOPE", "PKG-NOT-LISTED"}, {"PKG-ALGORITHM-WEAK"}),
    Case("v0.97/warning/special-system-files", changed(old(), "data/.DS_Store", b"x"), {"PKG-NOT-LISTED", "PKG-OXUM"},
         {"PKG-ALGORITHM-WEAK"}),
]  # fmt: skip


def on_disk(files: Files, root: Path) -> Path:
    for path, data in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    return root


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_case(case: Case, tmp_path: Path) -> None:
    result = verify(on_disk(case.files, tmp_path / "bag"))
    assert codes(result) == case.errors
    assert codes(result, "warning") == case.warnings
    assert result.valid == (not case.errors)


def test_a_minimal_bag_needs_its_data_folder_only(tmp_path: Path) -> None:
    root = on_disk(
        {"bagit.txt": b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n", "manifest-sha256.txt": b""},
        tmp_path / "bag",
    )
    assert codes(verify(root)) == {"PKG-PAYLOAD-MISSING"}
    (root / "data").mkdir()
    assert verify(root).valid
