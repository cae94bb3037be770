"""What the ledger may know of an applicant: a name as it may be shown, and keyed digests to search by; never the name of a person.

A digest is HMAC-SHA256 under a key of the installation's own (``secrets/applicant-key``), so who has the ledger without the key
cannot try out names. The names themselves stand in the packages, where they belong. Why: docs/decisions/0017.
"""

from __future__ import annotations

import hashlib
import hmac
import unicodedata
from collections.abc import Mapping
from typing import Any

from ingest.metadata import codelists

_KEY_CHARACTERS = 32  # hex: 128 bits, far beyond chance
_ORGANISATIONS = ("企业", "法人")


def columns(record: Mapping[str, Any], secret: bytes) -> dict[str, Any]:
    """The ledger's columns about the applicant of a record, in canonical form or as delivered; hostile shapes give None.

    ``applicant`` is masked for a person and whole for an enterprise; ``applicant_keys`` are the digests of name and document
    number; ``title_masked`` is the title with persons' names masked, None where it has none in it.
    """
    case = _part(record, "case")
    applicant = _part(case, "applicant")
    name, number = _text(applicant.get("name")), _text(applicant.get("id_no"))
    organisation = is_organisation(applicant.get("kind"))
    title = _text(_part(record, "record").get("title"))
    names = [] if organisation else [name]
    names += [_text(_part(applicant, who).get("name")) for who in ("legal_representative", "agent")]
    shown = title
    for person in sorted({n for n in names if len(n) > 1}, key=len, reverse=True):
        shown = shown.replace(person, masked(person))
    return {
        "applicant": (name if organisation else masked(name)) or None,
        "applicant_keys": [key(secret, value) for value in (name, number) if plain(value)] or None,
        "title_masked": shown if shown != title else None,
    }


def masked(name: str) -> str:
    """A person's name with all but its first character hidden; of one longer than four characters the middle."""
    return f"{name[:2]}***{name[-2:]}" if len(name) > 4 else name[:1] + "*" * (len(name) - 1)


def plain(value: str) -> str:
    """A name or number as its digest is made: width, case, blanks and dots make no other person."""
    return "".join(c for c in unicodedata.normalize("NFKC", value).casefold() if c.isalnum())


def key(secret: bytes, value: str) -> str:
    """The keyed digest of a name or document number, 32 hex characters."""
    return hmac.new(secret, plain(value).encode(), hashlib.sha256).hexdigest()[:_KEY_CHARACTERS]


def is_organisation(kind: Any) -> bool:
    """Whether the list of kinds says so; what is in no list is taken for a person."""
    if not isinstance(kind, Mapping):
        return False
    scheme, code = codelists.scheme_of(kind, "applicant_kind"), kind.get("code")
    if not isinstance(scheme, str) or not isinstance(code, str):
        return False
    return codelists.load("applicant_kind").text(scheme, code) in _ORGANISATIONS


def _part(data: Any, name: str) -> Mapping[str, Any]:
    part = data.get(name) if isinstance(data, Mapping) else None
    return part if isinstance(part, Mapping) else {}


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""
