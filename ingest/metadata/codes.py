"""The codes of government-service cases: shape, parts and check characters.

Each ``check_*`` takes the code as given and answers with a `Code`: whether it holds, why not, and its parts. Nothing is
corrected here; `normalise` is apart, so that what was changed can be reported.

Sources: GB 32100-2015, GB 11714-1997, GB 11643-1999, GB/T 2260, GB/T 39554.1-2020, GB/T 36904-2018, GB/T 17710-2008.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType

from ingest.paths import SCHEMAS

_NO_PARTS: Mapping[str, str] = MappingProxyType({})


@dataclasses.dataclass(frozen=True, slots=True)
class Code:
    """The answer about one code. ``reason`` is one of: length, alphabet, shape, region, level, date, check_digit, uscc.

    ``parts`` holds the named segments of a code that is well formed (also when only its check character is wrong).
    """

    ok: bool
    reason: str | None = None
    parts: Mapping[str, str] = dataclasses.field(default_factory=lambda: _NO_PARTS)


def _bad(reason: str, parts: Mapping[str, str] = _NO_PARTS) -> Code:
    return Code(False, reason, parts)


_CODE_31 = 31
USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_USCC_VALUE = {char: value for value, char in enumerate(USCC_ALPHABET)}
_USCC_WEIGHTS = tuple(3**i % 31 for i in range(17))
_ORG_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)
_ID_WEIGHTS = tuple(2**i % 11 for i in range(17, 0, -1))
_ID_CHECK = "10X98765432"
_BASE36 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_BASE36_VALUE = {char: value for value, char in enumerate(_BASE36)}

_BASIC = re.compile(r"[0-9]{2}[0-9A-Z]{10}")
_REGION = re.compile(r"[0-9]{6}")
_CITIZEN = re.compile(r"[0-9]{17}[0-9X]")
_ORG = re.compile(r"[0-9A-Z]{8}[0-9X]")
_LICENCE = re.compile(
    r"1\.2\.156\.3005\.2\.([0-9A-Z]{18}[0-9]{3})\.([0-9A-Z]{6,18})\.([0-9A-Z]+)\.([0-9]{3})\.([0-9A-Z])"
)
_DOCUMENT_NO = re.compile(r"[^\s〔〕\[\]()（）]{1,20}〔(?:19|20)[0-9]{2}〕[1-9][0-9]{0,5}号")
_PROJECT = re.compile(r"[0-9]{4}-[0-9]{6}-[0-9]{2}-[0-9]{2}-[0-9]{6}")


def check_uscc(code: str) -> Code:
    """统一社会信用代码, 18 characters, GB 32100-2015: region in 3–8, subject code (GB 11714) in 9–17, check in 18."""
    if len(code) != 18:
        return _bad("length")
    if any(char not in _USCC_VALUE for char in code):
        return _bad("alphabet")
    if not code[2:8].isdigit():
        return _bad("region")
    parts = {"department": code[0], "category": code[1], "region": code[2:8], "subject": code[8:17]}
    return Code(True, None, parts) if uscc_check_character(code[:17]) == code[17] else _bad("check_digit", parts)


def uscc_check_character(body: str) -> str:
    """The 18th character for 17 characters of the GB 32100 alphabet."""
    total = sum(_USCC_VALUE[char] * weight for char, weight in zip(body, _USCC_WEIGHTS, strict=True))
    return USCC_ALPHABET[-total % 31]


def check_organisation(code: str) -> Code:
    """组织机构代码, 8 characters and a check character, GB 11714-1997; the hyphen of the printed form is accepted."""
    bare = code.replace("-", "", 1) if len(code) == 10 and code[8] == "-" else code
    if len(bare) != 9:
        return _bad("length")
    if not _ORG.fullmatch(bare):
        return _bad("alphabet")
    return Code(True) if organisation_check_character(bare[:8]) == bare[8] else _bad("check_digit")


def organisation_check_character(body: str) -> str:
    total = sum(_BASE36_VALUE[char] * weight for char, weight in zip(body, _ORG_WEIGHTS, strict=True))
    return "0123456789X0"[11 - total % 11]


def check_citizen(code: str) -> Code:
    """公民身份号码, GB 11643-1999. The region is not looked up: people keep the number of a region that is gone."""
    if len(code) != 18:
        return _bad("length")
    if not _CITIZEN.fullmatch(code):
        return _bad("alphabet")
    if not _is_date(code[6:14]):
        return _bad("date")
    return Code(True) if citizen_check_character(code[:17]) == code[17] else _bad("check_digit")


def citizen_check_character(body: str) -> str:
    return _ID_CHECK[sum(int(char) * weight for char, weight in zip(body, _ID_WEIGHTS, strict=True)) % 11]


def check_region(code: str) -> Code:
    """行政区划 of GB/T 2260 in 6 digits, or 12 of which the last six are zero (as platforms send it)."""
    if len(code) == 12 and code.endswith("000000"):
        code = code[:6]
    if len(code) != 6:
        return _bad("length")
    if not _REGION.fullmatch(code):
        return _bad("alphabet")
    return Code(True, None, {"region": code}) if code[:2] != "00" or code == "000000" else _bad("region")


def region_level(region: str) -> str:
    """The 行使层级 that a 6-digit region implies: 1 state, 2 province, 3 city, 4 county (and below: same digits)."""
    if region == "000000":
        return "1"
    if region.endswith("0000"):
        return "2"
    return "3" if region.endswith("00") else "4"


def check_basic(code: str) -> Code:
    """基本编码, 12: region 2, matter type 2, main item 5, sub-item 3; letters occur in live codes."""
    if len(code) != 12:
        return _bad("length")
    if not _BASIC.fullmatch(code):
        return _bad("alphabet")
    return Code(True, None, {"province": code[:2], "matter_type": code[2:4], "main": code[4:9], "sub": code[9:]})


def check_implementation(code: str) -> Code:
    """实施编码, 31: USCC of the implementing body 18, 行使层级 1, 基本编码 12."""
    if len(code) != _CODE_31:
        return _bad("length")
    body = check_uscc(code[:18])
    if not body.ok and body.reason != "check_digit":
        return _bad("alphabet" if body.reason == "alphabet" else "uscc")
    if code[18] not in "123456":
        return _bad("level")
    basic = check_basic(code[19:])
    if not basic.ok:
        return basic
    parts = {"uscc": code[:18], "level": code[18], "basic": code[19:]} | dict(body.parts) | dict(basic.parts)
    return Code(True, None, parts) if body.ok else _bad("check_digit", parts)


def check_handling_item(code: str) -> Code:
    """业务办理项编码, 33: 实施编码 and two digits."""
    if len(code) != _CODE_31 + 2:
        return _bad("length")
    if not _digits(code[_CODE_31:]):
        return _bad("alphabet")
    return _with(check_implementation(code[:_CODE_31]), implementation=code[:_CODE_31], item=code[_CODE_31:])


def check_case_no(code: str) -> Code:
    """办件编号 as used in Guangdong, 43: 实施编码, date yyyyMMdd, serial 4."""
    if len(code) != _CODE_31 + 12:
        return _bad("length")
    date, serial = code[_CODE_31 : _CODE_31 + 8], code[_CODE_31 + 8 :]
    if not _digits(serial):
        return _bad("alphabet")
    if not _is_date(date):
        return _bad("date")
    return _with(check_implementation(code[:_CODE_31]), implementation=code[:_CODE_31], date=date, serial=serial)


def check_licence(code: str) -> Code:
    """电子证照标识, GB/T 36904-2018: root, type 21, issuer, serial, version 3, and one ISO 7064 MOD 37,36 character."""
    match = _LICENCE.fullmatch(code)
    if not match:
        return _bad("shape")
    parts = {"type": match[1], "issuer": match[2], "serial": match[3], "version": match[4]}
    good = mod_37_36("".join(match.group(1, 2, 3, 4))) == match[5]
    return Code(True, None, parts) if good else _bad("check_digit", parts)


def mod_37_36(body: str) -> str:
    """The check character of ISO/IEC 7064 MOD 37,36 (GB/T 17710) for digits and capital letters."""
    product = 36
    for char in body:
        product = ((product + _BASE36_VALUE[char]) % 36 or 36) * 2 % 37
    return _BASE36[(1 - product) % 36]


def check_document_no(text: str) -> Code:
    """发文字号: 机关代字〔年份〕序号号, with the hexagonal brackets, no leading zero and no 第 (GB/T 9704-2012)."""
    good = _DOCUMENT_NO.fullmatch(text) and "第" not in text.rpartition("〔")[2]
    return Code(True) if good else _bad("shape")


def check_archival(code: str) -> Code:
    """档号 in one of the templates of DA/T 22-2015 and DA/T 13-2022 (``schemas/codelists/archival_code.json``); ``parts`` holds the
    fonds and the template's name."""
    for name, pattern in archival_templates().items():
        if match := pattern.fullmatch(code):
            return Code(True, None, {"fonds": match["fonds"], "template": name})
    return _bad("shape")


@cache
def archival_templates() -> dict[str, re.Pattern[str]]:
    """The templates by name."""
    sheet = json.loads((SCHEMAS / "codelists" / "archival_code.json").read_text("utf-8"))
    return {row["name"]: re.compile(row["pattern"], re.ASCII) for row in sheet["templates"]}


def check_project(code: str) -> Code:
    """投资项目代码: 4-6-2-2-6 digits."""
    return Code(True) if _PROJECT.fullmatch(code) else _bad("shape")


CHECKS: Mapping[str, Callable[[str], Code]] = MappingProxyType(
    {
        "uscc": check_uscc,
        "organisation": check_organisation,
        "citizen": check_citizen,
        "region": check_region,
        "basic": check_basic,
        "implementation": check_implementation,
        "handling_item": check_handling_item,
        "case_no": check_case_no,
        "licence": check_licence,
        "document_no": check_document_no,
        "project": check_project,
        "archival": check_archival,
    }
)


# Letters of other scripts that look like Latin capitals, and the dashes and dots that people type for each other.
_LOOKALIKES = str.maketrans(
    "АВЕКМНОРСТХУавеморсхуΑΒΕΖΗΙΚΜΝΟΡΤΥΧ" "‐‑‒–—−﹣" "·•‧∙⋅・",
    "ABEKMHOPCTXYABEMOPCXYABEZHIKMNOPTYX" "-------" "......",
)  # fmt: skip
_INVISIBLE = dict.fromkeys((0x00AD, 0x200B, 0x200C, 0x200D, 0x200E, 0x200F, 0x2060, 0xFEFF))


def normalise(text: str) -> str:
    """A code with its look-alikes made plain: full-width to half-width, Cyrillic and Greek twins of Latin capitals, dashes
    and dots, invisible characters and blanks removed, lower to upper case.

    Letters that the code's own alphabet lacks (O for 0, I for 1) stay: which was meant is for the producer to say.
    """
    if text.isascii():
        return "".join(text.split()).upper()
    plain = unicodedata.normalize("NFKC", text.translate(_INVISIBLE)).translate(_LOOKALIKES)
    return "".join(plain.split()).upper()


_ARCHIVAL_LOOKALIKES = str.maketrans(
    dict.fromkeys("\u2022\u30fb\u2027\u2219\u22c5\uff65\u2024.\uff0e\u3002", "·")
    | dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\uff0d", "-")
    | {chr(0xFF01 + at): chr(0x21 + at) for at in range(94) if chr(0xFF01 + at) not in "\uff0d\uff0e"}
)


def normalise_archival(text: str) -> str:
    """A 档号 or 电子文件号 in its stored form: look-alike dots, dashes and full-width letters become ``·`` U+00B7, ``-`` and ASCII."""
    return text.strip().translate(_ARCHIVAL_LOOKALIKES)


def _with(code: Code, **parts: str) -> Code:
    return Code(code.ok, code.reason, dict(code.parts) | parts) if code.parts else code


def _digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _is_date(text: str) -> bool:
    if not _digits(text) or not 1800 <= int(text[:4]) <= 2199:
        return False
    try:
        dt.date(int(text[:4]), int(text[4:6]), int(text[6:8]))
    except ValueError:
        return False
    return True
