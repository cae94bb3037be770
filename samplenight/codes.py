"""Fake codes with right check digits: 统一社会信用代码, 公民身份号码, and the codes of matters and cases."""

from __future__ import annotations

import datetime as dt

USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"  # GB 32100-2015: no I, O, S, V, Z
ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)  # GB 11643-1999


def organisation_body(body: str) -> str:
    """主体标识: eight characters and the check character of GB 11714."""
    total = sum(int(c, 36) * w for c, w in zip(body, (3, 7, 9, 10, 5, 8, 4, 2), strict=True))
    return body + "0123456789X0"[11 - total % 11]


def uscc(prefix: str, region: str, number: int) -> str:
    """A 统一社会信用代码 whose 主体标识 begins with FAKE. ``prefix`` has two characters, ``region`` six, ``number`` four digits."""
    body = prefix + region + organisation_body(f"FAKE{number:04d}")
    total = sum(USCC_ALPHABET.index(c) * pow(3, i, 31) for i, c in enumerate(body))
    return body + USCC_ALPHABET[-total % 31]


def citizen_id(region: str, born: dt.date, serial: int) -> str:
    """A 公民身份号码. Only 1900 is taken as year of birth: nobody living has such a number."""
    if born.year != 1900:
        raise ValueError("sample persons are born in 1900, so that no number can be a living person's")
    body = f"{region}{born:%Y%m%d}{serial:03d}"
    return body + "10X98765432"[sum(int(c) * w for c, w in zip(body, ID_WEIGHTS, strict=True)) % 11]


def case_number(implementation_code: str, applied: dt.date, serial: int) -> str:
    """办件编号 of Guangdong: 实施编码 (31) + yyyyMMdd + four digits."""
    return f"{implementation_code}{applied:%Y%m%d}{serial:04d}"
