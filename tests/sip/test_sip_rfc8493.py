"""RFC 8493 rule by rule: for each MUST a bag that keeps it and a bag that breaks it, and what older versions allowed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import NamedTuple

import pytest
from sip_bags import Files, bag, codes, digest_lines, judge, tagged

Change = Callable[[Files], None]


def replace(path: str, old: bytes, new: bytes) -> Change:
    def change(files: Files) -> None:
        assert old in files[path]
        files[path] = files[path].replace(old, new)

    return change


def put(path: str, data: bytes) -> Change:
    return lambda files: files.update({path: data})


def drop(path: str) -> Change:
    return lambda files: files.pop(path) and None


def both(*changes: Change) -> Change:
    def change(files: Files) -> None:
        for each in changes:
            each(files)

    return change


def add_line(path: str, line: str) -> Change:
    def change(files: Files) -> None:
        files[path] = files[path] + line.encode() + b"\n"

    return change


def encode_all(encoding: str) -> Change:
    """All tag files but bagit.txt in another encoding."""

    def change(files: Files) -> None:
        files["bagit.txt"] = files["bagit.txt"].replace(b"UTF-8", encoding.encode())
        for path in files:
            if not path.startswith("data/") and path != "bagit.txt":
                files[path] = files[path].decode().encode(encoding)

    return change


D = hashlib.sha256(b"alpha").hexdigest()


class Case(NamedTuple):
    rule: str
    change: Change
    errors: set[str]
    warnings: frozenset[str] | set[str] = frozenset()
    version: str = "1.0"


M = "manifest-sha256.txt"
CASES = [
    # 2.1.1 bagit.txt
    Case("declared in two lines", lambda f: None, set()),
    Case("bagit.txt missing", drop("bagit.txt"), {"PKG-BAGIT-MISSING"}),
    Case("CRLF ends lines too", replace("bagit.txt", b"\n", b"\r\n"), set()),
    Case("CR ends lines too", replace("bagit.txt", b"\n", b"\r"), set()),
    Case("last line without end", put("bagit.txt", b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8"), set()),
    Case("lines swapped", put("bagit.txt", b"Tag-File-Character-Encoding: UTF-8\nBagIt-Version: 1.0\n"), {"PKG-BAGIT-MALFORMED"}),
    Case("a third line", add_line("bagit.txt", "X: y"), {"PKG-BAGIT-MALFORMED"}),
    Case("space before the colon", replace("bagit.txt", b"Version:", b"Version :"), {"PKG-BAGIT-MALFORMED"}),
    Case("no space after the colon", replace("bagit.txt", b"Version: ", b"Version:"), {"PKG-BAGIT-MALFORMED"}),
    Case("byte-order mark", lambda f: f.update({"bagit.txt": b"\xef\xbb\xbf" + f["bagit.txt"]}), {"PKG-BAGIT-MALFORMED"}),
    Case("bagit.txt in UTF-16", lambda f: f.update({"bagit.txt": f["bagit.txt"].decode().encode("utf-16")}), {"PKG-BAGIT-MALFORMED"}),
    Case("version that is none", replace("bagit.txt", b"1.0", b"2.0"), {"PKG-BAGIT-VERSION"}),
    Case("version that is no number", replace("bagit.txt", b"1.0", b"one"), {"PKG-BAGIT-MALFORMED"}),
    # 2.1.2 payload, 2.1.3 manifests
    Case("data/ missing", both(drop("data/a.txt"), drop("data/b/c.txt")),
         {"PKG-PAYLOAD-MISSING", "PKG-FILE-MISSING", "PKG-OXUM"}),
    Case("payload manifest missing", drop(M), {"PKG-MANIFEST-MISSING"}),
    Case("a file not listed", put("data/new.txt", b"x"), {"PKG-NOT-LISTED", "PKG-OXUM"}),
    Case("a listed file missing", drop("data/a.txt"), {"PKG-FILE-MISSING", "PKG-OXUM"}),
    Case("content changed", put("data/a.txt", b"alphA"), {"PKG-DIGEST"}),
    Case("upper-case digest is the same digest", lambda f: f.update({M: f[M].replace(D.encode(), D.upper().encode())}), set()),
    Case("tab between digest and path", replace(M, b"  ", b"\t"), set()),
    Case("one space between", replace(M, b"  ", b" "), set()),
    Case("CRLF in the manifest", replace(M, b"\n", b"\r\n"), set()),
    Case("digest of another length", replace(M, D.encode(), D[:40].encode()), {"PKG-MANIFEST-LINE", "PKG-NOT-LISTED"}),
    Case("digest that is not hex", replace(M, D.encode(), ("g" + D[1:]).encode()), {"PKG-MANIFEST-LINE", "PKG-NOT-LISTED"}),
    Case("path without digest", add_line(M, "data/x"), {"PKG-MANIFEST-LINE"}),
    Case("listed twice", add_line(M, f"{D}  data/a.txt"), {"PKG-MANIFEST-REPEATED"}),
    Case("listed twice with two digests", add_line(M, f"{D[::-1]}  data/a.txt"), {"PKG-MANIFEST-REPEATED"}),
    Case("tag file in a payload manifest", add_line(M, f"{D}  bagit.txt"), {"PKG-MANIFEST-SCOPE"}),
    Case("path above the bag", add_line(M, f"{D}  ../data/a.txt"), {"PKG-MANIFEST-SCOPE"}),
    Case("path above data/", add_line(M, f"{D}  data/../bagit.txt"), {"PKG-MANIFEST-SCOPE"}),
    Case("absolute path", add_line(M, f"{D}  /etc/passwd"), {"PKG-MANIFEST-SCOPE"}),
    Case("drive letter", add_line(M, f"{D}  C:/data/a.txt"), {"PKG-MANIFEST-SCOPE"}),
    Case("home folder", add_line(M, f"{D}  ~/a.txt"), {"PKG-MANIFEST-SCOPE"}),
    Case("backslash as separator", replace(M, b"data/b/c.txt", b"data\\b\\c.txt"), {"PKG-MANIFEST-SCOPE", "PKG-NOT-LISTED"}),
    Case("folder listed", add_line(M, f"{D}  data/b/"), {"PKG-MANIFEST-SCOPE"}),
    Case("md5sum's star", replace(M, b"  data/a", b" *data/a"), set(), {"PKG-MANIFEST-STAR"}),
    Case("./ before the path", replace(M, b"  data/a", b"  ./data/a"), set(), {"PKG-MANIFEST-DOT"}),
    Case("name of a manifest in capitals", put("manifest-SHA512.txt", b""), set(), {"PKG-MANIFEST-NAME"}),
    Case("manifest with a byte-order mark", lambda f: f.update({M: b"\xef\xbb\xbf" + f[M]}), set(), {"PKG-TAG-BOM"}),
    Case("comment line", add_line(M, "# made by hand"), {"PKG-MANIFEST-LINE"}),
    Case("comment line before 1.0", add_line(M, "# made by hand"), set(), version="0.97"),
    # 2.1.3 second manifest: each lists every file
    Case("two manifests", lambda f: f.update(bag(("sha256", "sha512"))), set()),
    Case("second manifest lists less", lambda f: f.update({"manifest-sha512.txt": digest_lines(f, "sha512", ["data/a.txt"])}),
         {"PKG-NOT-LISTED"}),
    Case("second manifest lists less, before 1.0",
         lambda f: f.update({"manifest-sha512.txt": digest_lines(f, "sha512", ["data/a.txt"])}), set(), version="0.97"),
    Case("second manifest differs", put("manifest-md5.txt", b"0" * 32 + b"  data/a.txt\n" + b"0" * 32 + b"  data/b/c.txt\n"),
         {"PKG-DIGEST"}),
    # 2.2.1 tag manifests
    Case("tag manifest over all", lambda f: f.update(tagged(f)), set()),
    Case("tag file changed", lambda f: f.update(tagged(f) | {"bag-info.txt": f["bag-info.txt"] + b"X: y\n"}), {"PKG-DIGEST"}),
    Case("tag file gone", both(put("notes.txt", b"n"), lambda f: f.update(tagged(f)), drop("notes.txt")), {"PKG-FILE-MISSING"}),
    Case("tag manifest leaves out a payload manifest",
         lambda f: f.update({"tagmanifest-sha256.txt": digest_lines(f, "sha256", ["bagit.txt"])}), {"PKG-NOT-LISTED"}),
    Case("tag manifest leaves out another tag file",
         lambda f: f.update({"tagmanifest-sha256.txt": digest_lines(f, "sha256", [M])}), set()),
    Case("tag manifest lists a tag manifest", lambda f: f.update(tagged(f) | {
        "tagmanifest-sha256.txt": tagged(f)["tagmanifest-sha256.txt"] + f"{D}  tagmanifest-sha512.txt\n".encode()}),
        {"PKG-MANIFEST-SCOPE"}),
    Case("tag manifest lists payload", lambda f: f.update(tagged(f) | {
        "tagmanifest-sha256.txt": tagged(f)["tagmanifest-sha256.txt"] + f"{D}  data/a.txt\n".encode()}), {"PKG-MANIFEST-SCOPE"}),
    Case("a tag folder of one's own", lambda f: f.update(tagged(f | {"metadata/x/y.xml": b"<x/>"}) | {"metadata/x/y.xml": b"<x/>"}),
         set()),
    # 2.2.2 bag-info.txt
    Case("no bag-info.txt", drop("bag-info.txt"), set(), {"PKG-OXUM-MISSING"}),
    Case("folded value", add_line("bag-info.txt", "External-Description: one\n  two\n\tthree"), set()),
    Case("tab after the colon", replace("bag-info.txt", b"Oxum: ", b"Oxum:\t"), set()),
    Case("repeated field", add_line("bag-info.txt", "Source-Organization: FAKE 2"), set()),
    Case("line without a colon", add_line("bag-info.txt", "nonsense"), {"PKG-INFO-MALFORMED"}),
    Case("line that begins with a colon", add_line("bag-info.txt", ": x"), {"PKG-INFO-MALFORMED"}),
    Case("space before the colon of a field", add_line("bag-info.txt", "Contact-Name : x"), {"PKG-INFO-MALFORMED"}),
    Case("no space after the colon of a field", add_line("bag-info.txt", "Contact-Name:x"), {"PKG-INFO-MALFORMED"}),
    Case("begins with a continuation", lambda f: f.update({"bag-info.txt": b" x\n" + f["bag-info.txt"]}), {"PKG-INFO-MALFORMED"}),
    Case("oxum counts other bytes", replace("bag-info.txt", b"10.2", b"11.2"), {"PKG-OXUM"}),
    Case("oxum counts other files", replace("bag-info.txt", b"10.2", b"10.3"), {"PKG-OXUM"}),
    Case("oxum is no oxum", replace("bag-info.txt", b"10.2", b"10"), {"PKG-OXUM-MALFORMED"}),
    Case("oxum in other digits", replace("bag-info.txt", b"10.2", "１０.２".encode()), {"PKG-OXUM-MALFORMED"}),
    Case("oxum repeated", add_line("bag-info.txt", "Payload-Oxum: 10.2"), {"PKG-OXUM-REPEATED"}),
    Case("oxum missing", replace("bag-info.txt", b"Payload-Oxum", b"X-Oxum"), set(), {"PKG-OXUM-MISSING"}),
    # 2.2.3 fetch.txt
    Case("fetch.txt of what is there", put("fetch.txt", b"https://example.org/a 5 data/a.txt\n"), set(), {"PKG-FETCH"}),
    Case("length unknown", put("fetch.txt", b"https://example.org/a - data/a.txt\n"), set(), {"PKG-FETCH"}),
    Case("fetch.txt of what is not there",
         both(drop("data/a.txt"), put("fetch.txt", b"https://example.org/a 5 data/a.txt\n")),
         {"PKG-FETCH-ABSENT", "PKG-FILE-MISSING", "PKG-OXUM"}, {"PKG-FETCH"}),
    Case("fetch.txt of what no manifest lists", put("fetch.txt", b"https://example.org/a 5 data/z.txt\n"),
         {"PKG-FETCH-UNLISTED"}, {"PKG-FETCH"}),
    Case("fetch.txt of a tag file", put("fetch.txt", b"https://example.org/a 5 bagit.txt\n"), {"PKG-FETCH-MALFORMED"}, {"PKG-FETCH"}),
    Case("fetch.txt out of the bag", put("fetch.txt", b"https://example.org/a 5 data/../../x\n"),
         {"PKG-FETCH-MALFORMED"}, {"PKG-FETCH"}),
    Case("fetch.txt without URL", put("fetch.txt", b"a 5 data/a.txt\n"), {"PKG-FETCH-MALFORMED"}, {"PKG-FETCH"}),
    Case("fetch.txt without length", put("fetch.txt", b"https://example.org/a data/a.txt\n"), {"PKG-FETCH-MALFORMED"}, {"PKG-FETCH"}),
    Case("stray fetch line before 1.0", put("fetch.txt", b"file:///x 42000 sachiel.png\n"), set(), {"PKG-FETCH"}, "0.97"),
    # 2.4 algorithms
    Case("only md5", both(lambda f: f.update(bag(("md5",))), drop(M)), set(), {"PKG-ALGORITHM-WEAK"}),
    Case("an algorithm nobody knows, beside one that is known", put("manifest-rot13.txt", b"00  data/a.txt\n00  data/b/c.txt\n"),
         set(), {"PKG-ALGORITHM-UNKNOWN"}),
    Case("only an algorithm nobody knows",
         both(drop(M), put("manifest-rot13.txt", b"00  data/a.txt\n00  data/b/c.txt\n")),
         {"PKG-NO-DIGEST-JUDGED"}, {"PKG-ALGORITHM-UNKNOWN"}),
    *(Case(a, lambda f, a=a, n=n: f.update({f"manifest-{a}.txt": digest_lines(f, n, ["data/a.txt", "data/b/c.txt"])}), set())
      for a, n in (("sm3", "sm3"), ("sha1", "sha1"), ("sha384", "sha384"), ("sha512", "sha512"), ("sha3256", "sha3_256"))),
    Case("wrong SM3", put("manifest-sm3.txt", b"0" * 64 + b"  data/a.txt\n" + b"0" * 64 + b"  data/b/c.txt\n"), {"PKG-DIGEST"}),
    # 2.3/5 encodings
    *(Case(f"tag files in {e}", encode_all(e), set()) for e in ("UTF-16", "UTF-16BE", "UTF-16LE", "UTF-32", "ISO-8859-1", "GB18030")),
    Case("not in the declared encoding", lambda f: f.update({"bag-info.txt": f["bag-info.txt"] + b"Contact-Name: \xff\n"}),
         {"PKG-TAG-ENCODING"}, {"PKG-OXUM-MISSING"}),
    Case("an encoding nobody knows", replace("bagit.txt", b"UTF-8", b"KLINGON-8"), {"PKG-ENCODING-UNKNOWN"}),
    Case("a codec that is no encoding", replace("bagit.txt", b"UTF-8", b"zlib"), {"PKG-ENCODING-UNKNOWN"}),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.rule)
def test_rule(case: Case) -> None:
    files = bag(version=case.version)
    case.change(files)
    result = judge(files)
    assert codes(result) == case.errors
    assert codes(result, "warning") == case.warnings
    assert result.valid == (not case.errors)


HOSTILE_NAMES = {
    "100%.txt": "100%25.txt", "a%0Ab": "a%250Ab", "a%25": "a%2525", "line\nfeed": "line%0Afeed",
    "carriage\rreturn": "carriage%0Dreturn",
    "\r\n\r\n\r\n": "%0D%0A%0D%0A%0D%0A", "space at end ": "space at end ", " at start": " at start",
    "汉字（测试）.ofd": "汉字（测试）.ofd",
    "~tilde": "~tilde", "#hash": "#hash", "*star": "*star", "two  spaces": "two  spaces", "𠮷.txt": "𠮷.txt",
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_names_are_escaped_as_the_rfc_says_and_no_other_way(name: str) -> None:
    files = bag(payload={"x/" + name: b"alpha"})
    files[M] = f"{D}  data/x/{HOSTILE_NAMES[name]}\n".encode()
    assert judge(files).findings == ()
    if "%" in HOSTILE_NAMES[name]:
        lower = HOSTILE_NAMES[name].replace("%0A", "%0a").replace("%0D", "%0d")
        files[M] = f"{D}  data/x/{lower}\n".encode()
        assert judge(files).findings == ()


def test_a_bare_percent_is_a_fault_in_1_0_and_the_usual_thing_before() -> None:
    for written, version, errors in (
        ("100%.txt", "1.0", {"PKG-MANIFEST-PERCENT"}), ("100%.txt", "0.97", set()), ("100%25.txt", "0.97", set()),
        ("100%20.txt", "1.0", {"PKG-MANIFEST-PERCENT", "PKG-FILE-MISSING", "PKG-NOT-LISTED"}),
    ):  # fmt: skip
        files = bag(version=version, payload={"100%.txt": b"alpha"})
        files[M] = f"{D}  data/{written}\n".encode()
        assert codes(judge(files)) == errors, (written, version)
    files = bag(version="0.97", payload={"a%0Ab": b"alpha"})
    files[M] = f"{D}  data/a%0Ab\n".encode()
    assert judge(files).valid  # before 1.0 the file that is there decides what was meant


NFC_NAME, NFD_NAME = "Núñez", "Nu\u0301n\u0303ez"


def test_a_name_in_another_normalisation_is_matched_and_said() -> None:
    files = bag(payload={NFD_NAME: b"alpha"})
    files[M] = f"{D}  data/{NFC_NAME}\n".encode()
    result = judge(files)
    assert result.valid
    assert codes(result, "warning") == {"PKG-NAME-NORMALISED"}
    files["data/" + NFD_NAME] = b"alphA"
    assert codes(judge(files)) == {"PKG-DIGEST"}


def test_both_spellings_listed_for_one_file_lose_nothing_if_the_digest_is_the_same() -> None:
    files = bag(payload={NFC_NAME: b"alpha"})
    files[M] = f"{D}  data/{NFC_NAME}\n{D}  data/{NFD_NAME}\n".encode()
    assert codes(judge(files), "warning") == {"PKG-NAME-NORMALISED"}
    assert judge(files).valid
    files[M] = f"{D}  data/{NFC_NAME}\n{D[::-1]}  data/{NFD_NAME}\n".encode()
    assert codes(judge(files)) == {"PKG-FILE-MISSING"}


@pytest.mark.parametrize("twins", [(NFC_NAME, NFD_NAME), ("A.txt", "a.txt"), ("straße", "STRASSE")])
def test_twins_are_valid_but_said(twins: tuple[str, str]) -> None:
    result = judge(bag(payload=dict.fromkeys(twins, b"x")))
    assert result.valid
    assert codes(result, "warning") == {"PKG-NAME-TWIN"}
