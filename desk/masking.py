"""Personal data made unreadable, still good enough to tell two people apart who stand side by side."""

from __future__ import annotations

import re

_ID = re.compile(r"(?<![0-9])[1-9][0-9]{16}[0-9Xx](?![0-9])")
_PHONE = re.compile(r"(?<![0-9])1[3-9][0-9]{9}(?![0-9])")
_HOLDER = re.compile(
    r"(?<=CN=)[\u3400-\u9fff·]{2,4}(?![\u3400-\u9fff·])"
)  # a certificate's holder with the length of a name


def mask_name(name: str | None) -> str:
    """张三丰 → 张**; of an organisation's long name the middle goes: 某某市大华有限公司 → 某某***公司."""
    name = name or ""
    if len(name) <= 4:
        return name[:1] + "*" * (len(name) - 1)
    return f"{name[:2]}***{name[-2:]}"


def mask_id(number: str | None) -> str:
    """The first three and the last two characters of an identity or credit code."""
    number = number or ""
    return number[:3] + "*" * (len(number) - 5) + number[-2:] if len(number) > 7 else "*" * len(number)


def mask_phone(number: str | None) -> str:
    """13800001234 → 138****1234; whatever is shorter is all stars."""
    number = number or ""
    return f"{number[:3]}****{number[-4:]}" if len(number) >= 11 else "*" * len(number)


def mask_text(text: str) -> str:
    """A text about a record, with what is a person's by its form masked: identity numbers, telephones, holders of certificates."""
    text = _ID.sub(lambda m: mask_id(m[0]), text)
    text = _PHONE.sub(lambda m: mask_phone(m[0]), text)
    return _HOLDER.sub(lambda m: mask_name(m[0]), text)
