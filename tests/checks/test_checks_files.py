import dataclasses
import random

import pytest
from case_samples import AGENCY, AS_OF, good_case
from file_faults import FAULTS, GOOD_FILES
from file_samples import GOOD, ofd_members, pdf, picture, stage, wav, zipped

from ingest.checks import CheckContext, CheckReport, StagingAltered, policy, run
from ingest.checks.formats import identify
from ingest.checks.known import known
from ingest.findings import Finding, table
from ingest.signatures import TrustStore


@pytest.fixture(scope="session")
def trust(tmp_path_factory) -> TrustStore:
    folder = tmp_path_factory.mktemp("trust")
    for part in ("anchors", "intermediates", "crls"):
        (folder / part).mkdir()
    return TrustStore.load(folder)


@pytest.fixture
def check(tmp_path, trust):
    """Stage the good files and these, and check them as one good case of exactly those files."""

    def do(*extra: tuple[str, bytes, int | None], prior: tuple[Finding, ...] = ()) -> CheckReport:
        contents = {path: (data, pages) for path, (data, pages) in GOOD.items()}
        contents |= {path: (data, pages or 0) for path, data, pages in extra}
        case = good_case(contents)
        for row in case["files"][len(GOOD) :]:
            row["pages"] = None  # what a faulty file has is not known
            row["format"] = _declared(row["path"])
        case["record"]["total_pages"] = sum(row["pages"] or 0 for row in case["files"])
        files = stage(tmp_path, {path: data for path, (data, _) in contents.items()})
        return run(case, files, tmp_path, CheckContext(AS_OF, AGENCY, trust, prior))

    return do


def _declared(path: str) -> str:
    extension = path.rpartition(".")[2].lower()
    names = {"jpg": "JPEG", "jpeg": "JPEG", "tif": "TIFF", "tiff": "TIFF"}
    return names.get(extension, extension.upper())


def _codes(report: CheckReport) -> set[str]:
    """Without the signatures' own codes and without the doubled voice of a misnamed file."""
    codes = {f.code for f in report.findings if not f.code.startswith("SIG-")}
    return codes - {"FMT-DECLARED-MISMATCH"} if "FMT-EXTENSION-MISMATCH" in codes else codes


@pytest.mark.parametrize(("path", "make", "codes"), [f[1:] for f in FAULTS], ids=[f[0] for f in FAULTS])
def test_each_faulty_file_gives_exactly_its_codes(check, path, make, codes, frugal) -> None:
    data = make()
    with frugal():
        report = check((path, data, None))
    assert _codes(report) == codes
    assert {f.path for f in report.findings} == {path}


@pytest.mark.parametrize(("path", "make", "pages"), [g[1:] for g in GOOD_FILES], ids=[g[0] for g in GOOD_FILES])
def test_good_files_of_each_format_pass(check, path, make, pages) -> None:
    report = check((path, make(), pages))
    assert report.findings == []
    assert report.formats[path]["pages"] == pages


def test_the_good_record(check) -> None:
    report = check()
    assert report.findings == []
    assert [s["verdict"] for s in report.signatures] == ["UNSIGNED"] * 3
    results = {item["code"]: item["result"] for item in report.items}
    assert set(results.values()) == {"pass", "manual", "not_applicable"}
    assert results["GD-4-2"] == "manual"  # nothing has scanned it, so nothing is clean
    first = report.record["files"][0]["archived"]
    assert (first["path"], first["format"]["pages"], len(first["digest"]["SM3"])) == (first["path"], 2, 64)


def test_same_inputs_same_report(check, tmp_path) -> None:
    first = check()
    (tmp_path / "again").mkdir()
    assert first == run(
        good_case(GOOD),
        stage(tmp_path / "again", {p: d for p, (d, _) in GOOD.items()}),
        tmp_path / "again",
        CheckContext(AS_OF, AGENCY, TrustStore.load(_empty_trust(tmp_path))),
    )


def _empty_trust(tmp_path):
    for part in ("anchors", "intermediates", "crls"):
        (tmp_path / "trust" / part).mkdir(parents=True)
    return tmp_path / "trust"


def test_pages_and_formats_are_compared_with_what_was_stated(tmp_path, trust) -> None:
    case = good_case(GOOD)
    case["files"][0]["pages"] += 1
    case["record"]["total_pages"] += 1
    case["files"][1]["format"] = "PNG"
    files = stage(tmp_path, {path: data for path, (data, _) in GOOD.items()})
    report = run(case, files, tmp_path, CheckContext(AS_OF, AGENCY, trust))
    assert {f.code for f in report.findings} == {"FMT-PAGES", "FMT-DECLARED-MISMATCH"}


def test_the_policy_on_unsigned_files_is_for_documents_only(tmp_path, trust) -> None:
    agency = {**AGENCY, "policy": {"signature_unsigned": "hold"}}
    files = stage(tmp_path, {path: data for path, (data, _) in GOOD.items()})
    report = run(good_case(GOOD), files, tmp_path, CheckContext(AS_OF, agency, trust))
    assert {f.code for f in report.findings} == {"SIG-UNSIGNED"}
    assert {f.path for f in report.findings} == {path for path in GOOD if path.endswith((".pdf", ".ofd"))}


def test_missing_and_surplus_files_are_told_once(tmp_path, trust) -> None:
    case = good_case(GOOD)
    contents = {path: data for path, (data, _) in GOOD.items()}
    gone, extra = next(iter(contents)), "结果文件/99_未登记.pdf"
    del contents[gone]
    contents[extra] = pdf()
    files = stage(tmp_path, contents)
    prior = (Finding("RCV-FILE-MISSING", path=gone),)
    report = run(case, files, tmp_path, CheckContext(AS_OF, AGENCY, trust, prior))
    assert [(f.code, f.path) for f in report.findings] == [("RCV-FILE-MISSING", gone), ("RCV-FILE-EXTRA", extra)]
    results = {item["code"]: item["result"] for item in report.items}
    assert results["GD-1-11"] == results["GD-2-11"] == results["GD-4-3"] == "fail"
    assert results["GD-3-4"] == "not_applicable"  # depends on files that are not there


def test_a_hostile_file_does_not_hide_the_others(check) -> None:
    by_name = {name: (path, make) for name, path, make, _ in FAULTS}
    chosen = ["ofd_bomb_by_ratio", "xml_billion_laughs", "jpeg_head_only", "random_bytes"]
    extra = [
        (f"结果文件/{i}{by_name[n][0].rpartition('附加')[2]}", by_name[n][1](), None) for i, n in enumerate(chosen)
    ]
    assert _codes(check(*extra)) == {"FMT-ZIP-BOMB", "FMT-XML-DTD", "FMT-UNREADABLE", "FMT-UNKNOWN"}


def test_what_is_too_large_to_open_waits_for_a_person(check, monkeypatch) -> None:
    small = dataclasses.replace(policy.limits(), whole_file_bytes=100_000)
    monkeypatch.setattr(policy, "limits", lambda: small)
    big = zipped(ofd_members() | {"Doc_0/Res/a.bin": random.Random(1).randbytes(200_000)})
    report = check(
        ("过程文件/大.pdf", pdf() + b"\n% " + b"x" * 100_000 + b"\n%%EOF\n", None),
        ("过程文件/大.wav", wav(100_000), None),
        ("过程文件/大.ofd", big, None),
    )
    assert {(f.code, f.path) for f in report.findings} == {
        ("FMT-TOO-LARGE-TO-OPEN", "过程文件/大.pdf"),
        ("FMT-TOO-LARGE-TO-OPEN", "过程文件/大.ofd"),
    }


def test_altered_staging_is_the_machines_trouble(tmp_path, trust) -> None:
    files = stage(tmp_path, {path: data for path, (data, _) in GOOD.items()})
    (tmp_path / files[0].staged).write_bytes(b"%PDF-1.4")
    with pytest.raises(StagingAltered):
        run(good_case(GOOD), files, tmp_path, CheckContext(AS_OF, AGENCY, trust))


def test_bytes_and_path_are_identified_alike(tmp_path) -> None:
    for name, path, make, _ in GOOD_FILES:
        data = make()
        (tmp_path / "file").write_bytes(data)
        assert identify(data, path) == identify(tmp_path / "file", path, data), name


@pytest.mark.parametrize(
    ("text", "root", "kind"),
    [
        ('<电子文件封装包 xmlns="http://www.saac.gov.cn/standards/ERM/encapsulation"/>',
         "{http://www.saac.gov.cn/standards/ERM/encapsulation}电子文件封装包", "DA/T 48-2009 电子文件封装包（EEP）"),
        ("<文件目录/>", "文件目录", "DA/T 93-2022 目录文件"),
        ('<a:数据 xmlns:a="urn:x"/>', "{urn:x}数据", None),
    ],
)  # fmt: skip
def test_xml_is_told_by_its_root(check, text, root, kind) -> None:
    path = "过程文件/03_数据.xml"
    found = check((path, f'<?xml version="1.0"?>{text}'.encode(), None)).formats[path]
    assert (found["root"], found.get("kind")) == (root, kind)


VERSIONS = ("1.0", "1.1", "1.2", "1.3", "1.4", "1.5", "1.6", "1.7", "2.0", "1.8", "3.0")
CLAIMS = (
    '<x xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/"><pdfaid:part>{}</pdfaid:part><pdfaid:conformance>{}</pdfaid:conformance></x>',
    '<x xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/" pdfaid:part="{}" pdfaid:conformance="{}"/>',
    "<x xmlns:pdfaid='http://www.aiim.org/pdfa/ns/id/' pdfaid:part='{}'\n  pdfaid:conformance='{}'/>",
    '<x><pdfaid:part xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/">{}</pdfaid:part></x>{}',
    "<x pdfaid:part='{}' pdfaid:conformance='{}'/>",
)
LEVELS = ("1A", "1B", "2A", "2B", "2U", "3A", "3B", "3U", "4F", "9Z")
PDFS = [f"%PDF-{v}\n{body}\n%%EOF\n".encode() for v in VERSIONS for body in ("", "/GTS_PDFXVersion (PDF/X-3:2002)")]
PDFS += [
    f"%PDF-{v}\n{c.format(*level)}\n%%EOF".encode() for v in ("1.4", "1.7", "2.0") for c in CLAIMS for level in LEVELS
]
PDFS += [b"%PDF-1.4\n%%EOF" + tail for tail in (b"", b"\r\n", b" " * 999, b"x" * 1010, b"x" * 3000)]
PICTURES = [
    picture("JPEG")[:12] + bytes([minor]) + picture("JPEG")[13:] + tail
    for minor in (0, 1, 2, 3)
    for tail in (b"", b"\0" * 99)
]
_REST = picture("JPEG")[20:]
PICTURES += [
    b"\xff\xd8" + segment + more + _REST
    for segment in (b"\xff\xfe\x00\x04hi", b"\xff\xe1\x00\x08Exif\x00\x00", b"\xff\xe8\x00\x08SPIFF\x00")
    for more in (b"", picture("JPEG")[2:20], b"\xff\xe1\x00\x08Exif\x00\x00", b"\xff\xee\x00\x0eAdobe\x00d\0\0\0\0\0")
]
PICTURES += [b"\xff\xd8" + _REST]


def test_the_quick_rules_say_what_pronom_says(tmp_path) -> None:
    """Where the quick rules answer at all, pygfried gives the same identifier and name."""
    answered = 0
    made = [make() for *_, make, _ in [*FAULTS, *GOOD_FILES]]
    for data in [*PDFS, *PICTURES, *made]:
        if (quick := known(data)) is None:
            continue
        (tmp_path / "file").write_bytes(data)
        slow = identify(tmp_path / "file", "file")
        assert (quick.pronom, quick.name, quick.mime) == (slow.pronom, slow.name, slow.mime), data[:200]
        answered += 1
    assert answered > 70


def test_every_format_finding_has_a_fault() -> None:
    own = {code for code in table() if code.startswith("FMT-")}
    shown = set().union(*(codes for *_, codes in FAULTS))
    # Pages, declared formats and size have tests of their own.
    assert own - shown == {"FMT-PAGES", "FMT-DECLARED-MISMATCH", "FMT-TOO-LARGE-TO-OPEN"}
