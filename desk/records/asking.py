"""What a person asks of the records: the search box and the form, read from the address and understood."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import HTTPException

from ingest import findings
from ingest.ledger.search import Term
from ingest.metadata import applicant
from ingest.model import State

_DIGEST = re.compile("[0-9a-f]{32}")
_WORDS = 8  # of the search box; more are no search but a pasted page
_LONGEST = 200  # characters of one field
_DAYS = ("came_from", "came_to", "closed_from", "closed_to")
_BY_BEGINNING = ("case_no", "archival_code", "electronic_record_code", "matter", "title")
_COLUMN = {"matter": "matter_code"}
_MATTER = 31  # characters of a whole 实施编码


@dataclasses.dataclass(frozen=True, slots=True)
class Asked:
    """The form as it was filled in; empty texts ask nothing. Days are YYYY-MM-DD, both ends included."""

    q: str = ""
    case_no: str = ""
    archival_code: str = ""
    electronic_record_code: str = ""
    applicant: str = ""  # the whole name, or the whole document number
    person: str = ""  # the same as keyed digests, separated by blanks: what stands in an address, where a name must not
    matter: str = ""  # the beginning of the 实施编码
    title: str = ""
    agency: str = ""
    state: str = ""
    finding: str = ""
    came_from: str = ""
    came_to: str = ""
    closed_from: str = ""
    closed_to: str = ""

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Asked:
        """From an address's query or a form. What cannot be asked (a day that is none, an unknown state) is a 422 in words."""
        fields = {f.name: given.get(f.name) for f in dataclasses.fields(cls)}
        asked = cls(**{name: _plain(value) for name, value in fields.items() if isinstance(value, str)})
        for name in _DAYS:
            _require_day(getattr(asked, name))
        if asked.state and asked.state not in set(State):
            raise HTTPException(422, f"没有这个状态 / no such state: {asked.state}")
        return asked

    def as_query(self) -> dict[str, str]:
        """What stands in the address: only what was filled in."""
        return {name: value for name, value in dataclasses.asdict(self).items() if value}

    @property
    def anything(self) -> bool:
        return bool(self.as_query())

    @property
    def narrowed(self) -> bool:
        """Whether more than the search box was filled in: the form is then shown open."""
        return bool(self.as_query().keys() - {"q"})

    def without_names(self, digest: Callable[[str], str], is_applicant: Callable[[str], bool]) -> Asked:
        """The same search with digests in place of applicants: addresses stand in histories and logs, and views in the ledger.
        Of the box's words those are digested that are some applicant's name or number."""
        words = self.q.split()
        people = [word for word in words if applicant.plain(word) and is_applicant(digest(word))]
        digests = self.person.split() + [digest(text) for text in (*people, *filter(None, [self.applicant]))]
        kept = " ".join(word for word in words if word not in people)
        return dataclasses.replace(self, q=kept, applicant="", person=" ".join(dict.fromkeys(digests)))

    def told(self) -> dict[str, str]:
        """The same for the event chain: what may be a person's name or number in it is masked."""
        out = self.as_query()
        known = {word for word in out.get("q", "").split() if word.upper() in findings.table()}
        if "q" in out:
            out["q"] = " ".join(word if word in known else applicant.masked(word) for word in out["q"].split())
        for name in ("applicant", "title"):
            if name in out:
                out[name] = applicant.masked(out[name])
        return out


@dataclasses.dataclass(frozen=True, slots=True)
class Understood:
    """The same as questions to the ledger. ``nothing`` when something was typed in which there is nothing to look for."""

    asked: Asked
    terms: tuple[Term, ...]
    codes: tuple[str, ...]  # of findings, all of them
    nothing: bool = False
    matters: tuple[str, ...] = ()  # 实施编码, one of them: a whole one is no beginning of others


def understand(asked: Asked, digest: Callable[[str], str]) -> Understood:
    """``digest`` gives the keyed digest of what may be an applicant. A word of the box that is the code of a finding asks for it;
    any other is looked for in all numbers and titles, and as an applicant."""
    terms: list[Term] = []
    codes = [asked.finding.upper()] if asked.finding else []
    matters: tuple[str, ...] = ()
    words = asked.q.split()[:_WORDS]
    for word in words:
        if word.upper() in findings.table():
            codes.append(word.upper())
        else:
            terms.append(Term(word, keys=(digest(word),) if applicant.plain(word) else ()))
    for name in _BY_BEGINNING:
        if value := getattr(asked, name):
            if name == "matter" and len(value) == _MATTER:
                matters = tuple(dict.fromkeys((value, value.upper())))
            elif name == "title":
                terms += [Term(word, "title") for word in value.split()[:_WORDS]]
            else:
                terms.append(Term(value, _COLUMN.get(name, name)))
    if asked.applicant:
        terms.append(Term("", keys=(digest(asked.applicant),) if applicant.plain(asked.applicant) else ()))
    terms += [Term("", keys=(key,) if _DIGEST.fullmatch(key) else ()) for key in asked.person.split()[:_WORDS]]
    good = tuple(term for term in terms if not term.empty)
    hopeless = any(term.empty and term.field is None and not term.text for term in terms)  # nobody bears that
    nothing = hopeless or (len(good) < len(terms) and not good)
    return Understood(asked, good, tuple(dict.fromkeys(codes)), nothing, matters)


def _plain(text: str) -> str:
    """One line without control characters: PostgreSQL takes no NUL, and nothing has one to be found by."""
    return "".join(c for c in " ".join(text.split()) if c.isprintable())[:_LONGEST]


def _require_day(text: str) -> None:
    try:
        if text and dt.date.fromisoformat(text).isoformat() != text:
            raise ValueError
    except ValueError:
        raise HTTPException(422, f"日期应写作 2026-11-20 / a day is written like 2026-11-20: {text}") from None
