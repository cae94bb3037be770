"""The quick way for B-LT and B-LTA says what pyHanko says, or nothing: whatever else came after the signature is not its."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache

import pytest
from pyhanko.pdf_utils.reader import PdfFileReader

from ingest.signatures import Verdict, verify
from ingest.signatures.pdf_archival import read_archival_pdf
from ingest.signatures.pdf_full import read_pdf
from ingest.signatures.pdf_model import PdfUnreadableError

from .pki import pdf_cases
from .pki.ca import AT, world
from .pki.pdf import (
    add_annotation,
    add_empty_field,
    append_revision,
    fill_form,
    pades,
    replace_page,
    unsigned_pdf,
    with_text_field,
)  # fmt: skip

CATALOG, PAGES, PAGE, CONTENTS = 1, 2, 3, 4


@cache
def made(level: str) -> bytes:
    return pades(world("rsa"), level, data=unsigned_pdf(3, 2000))


@pytest.mark.parametrize("level", ["lt", "lta"])
def test_the_plain_shape_is_read_as_pyhanko_reads_it(level: str) -> None:
    assert read_archival_pdf(made(level)) == read_pdf(made(level))
    assert verify(made(level), "x", world("rsa").store(), AT).verdict is Verdict.VALID


def obj(data: bytes, number: int) -> bytes:
    """An object of the last revision, as it is written there."""
    begin = data.rindex(b"\n%d 0 obj" % number) + len(b"\n%d 0 obj" % number)
    return data[begin : data.index(b"endobj", begin)].strip()


def root(data: bytes) -> int:
    return int(PdfFileReader(_stream(data)).trailer.raw_get("/Root").idnum)


def _stream(data: bytes) -> io.BytesIO:
    return io.BytesIO(data)


def catalog(change: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    return lambda data: append_revision(data, {root(data): change(obj(data, root(data)))})


def dss(data: bytes) -> int:
    return int(PdfFileReader(_stream(data)).root.raw_get("/DSS").idnum)


def form(data: bytes) -> int:
    return int(PdfFileReader(_stream(data)).root.raw_get("/AcroForm").idnum)


ATTACKS: dict[str, Callable[[bytes], bytes]] = {
    "page replaced": replace_page,
    "note laid over": add_annotation,
    "empty field": add_empty_field,
    "content stream replaced": lambda d: append_revision(d, {CONTENTS: b"<</Length 2>>stream\nBT\nendstream"}),
    "opens with an action": catalog(lambda b: b[:-2] + b"/OpenAction[3 0 R/Fit]>>"),
    "other pages": catalog(lambda b: b.replace(b"/Pages 2 0 R", b"/Pages 3 0 R")),
    "appearances wanted": lambda d: append_revision(d, {form(d): obj(d, form(d))[:-2] + b"/NeedAppearances true>>"}),
    "DSS with a stranger's key": lambda d: append_revision(d, {dss(d): obj(d, dss(d))[:-2] + b"/XObject 4 0 R>>"}),
    "an object nobody needs": lambda d: append_revision(d, {900: b"<</Type/Page>>"}),
    "unsigned field value": lambda d: append_revision(
        d,
        {form(d): obj(d, form(d)).replace(b"]", b" 901 0 R]", 1), 901: b"<</FT/Tx/T(amount)/V(900)/Rect[0 0 0 0]>>"},
    ),
    "stamp that shows": lambda d: append_revision(
        d,
        {
            form(d): obj(d, form(d)).replace(b"]", b" 901 0 R]", 1),
            901: b"<</FT/Sig/T(t)/V 902 0 R/Rect[0 0 99 99]>>", 902: b"<</Type/DocTimeStamp/SubFilter/ETSI.RFC3161>>",
        },
    ),
    "stamp with an appearance": lambda d: append_revision(
        d,
        {
            form(d): obj(d, form(d)).replace(b"]", b" 901 0 R]", 1),
            901: b"<</FT/Sig/T(t)/V 902 0 R/AP<</N 4 0 R>>>>", 902: b"<</Type/DocTimeStamp/SubFilter/ETSI.RFC3161>>",
        },
    ),
    "junk behind": lambda d: d + b"<script>",
    "junk between": lambda d: append_revision(d + b"4 0 obj <<>> endobj", {900: b"null"}),
}  # fmt: skip


@pytest.mark.parametrize("level", ["lt", "lta"])
@pytest.mark.parametrize("attack", ATTACKS)
def test_anything_else_is_left_to_pyhanko(level: str, attack: str) -> None:
    assert read_archival_pdf(ATTACKS[attack](made(level))) is None


def test_an_object_that_the_signed_page_waits_for_may_not_come_as_validation_data() -> None:
    """A shadow attack: the page points to an object that is not there; later it comes, named as a certificate of the DSS."""
    waiting = append_revision(unsigned_pdf(3, 2000), {PAGE: _page(unsigned_pdf(3, 2000))})
    signed = pades(world("rsa"), "lt", data=waiting)
    assert read_archival_pdf(signed) is not None
    store = obj(signed, dss(signed))
    shown = b"<</Length 44>>stream\nBT /F 12 Tf 20 200 Td (approved: 900) Tj ET\nendstream"
    attacked = append_revision(
        signed, {dss(signed): store.replace(b"/Certs [", b"/Certs [950 0 R ", 1).replace(b"/Certs[", b"/Certs[950 0 R ", 1),
                 950: shown}
    )  # fmt: skip
    assert b"950 0 R" in obj(attacked, dss(attacked))
    assert read_archival_pdf(attacked) is None


def _page(data: bytes) -> bytes:
    return obj(data, PAGE).replace(b"/Contents 4 0 R", b"/Contents[4 0 R 950 0 R]")


def test_a_part_of_the_dss_that_something_else_uses_may_not_change() -> None:
    """The list of certificates is the page's list of annotations too."""
    signed = made("lt")
    store = dss(signed)
    shared = append_revision(signed, {PAGE: obj(signed, PAGE)[:-2] + b"/Shared %d 0 R>>" % store})
    later = append_revision(shared, {store: obj(signed, store)})
    assert read_archival_pdf(shared) is None and read_archival_pdf(later) is None


@pytest.mark.slow
def test_on_every_case_it_says_the_same_or_nothing() -> None:
    plain = 0
    files = [case.data for case in pdf_cases.cases()]
    files += [fill_form(pades(world("rsa"), "lt", data=with_text_field())), pades(world("rsa"), "lta", certify=True)]
    for data in files:
        found = read_archival_pdf(data)
        if found is not None:
            plain += 1
            try:
                assert found == read_pdf(data)
            except PdfUnreadableError as error:
                raise AssertionError("pyHanko does not read what the quick way does") from error
    assert plain >= 2
