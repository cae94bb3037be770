"""What hides people in the texts of one record: their names and numbers wherever they stand, and whatever might be about them."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from desk import masking
from desk.records import words
from ingest.findings import Finding
from ingest.metadata import applicant
from ingest.settings import Home
from ingest.steps import house

_HIDDEN = "***"
_CHINESE = re.compile("[\u3400-\u9fff·]{2,}")
_LONGEST_NAME, _LOOKED_AT = 5, 1000  # characters


class Veil:
    """Made for one record. ``lifted`` shows all as it is.

    Without the record's metadata (None) it knows the applicant by digest only: ``known`` says whether a text is the applicant's
    name. Where not even that is known (None), `path` hides the names of files.
    """

    def __init__(
        self, record: Mapping[str, Any] | None, lifted: bool = False, known: Callable[[str], bool] | None = None
    ) -> None:
        self.lifted = lifted
        self._known = known if record is None else None
        self._blind = record is None and known is None
        self._names = sorted(set(_names(record or {})), key=len, reverse=True)
        self._numbers = sorted(set(_numbers(record or {})), key=len, reverse=True)

    def text(self, text: str) -> str:
        """A text with the known people's names and numbers masked, and any number that is a person's by its form."""
        if self.lifted:
            return text
        for number in self._numbers:
            text = text.replace(number, masking.mask_id(number))
        for name in (*self._names, *self._recognised(text)):
            text = text.replace(name, masking.mask_name(name))
        return masking.mask_text(text)

    def _recognised(self, text: str) -> Iterator[str]:
        """The applicant's name, where it stands in ``text`` among Chinese characters, by its digest."""
        if self._known is None:
            return
        for run in _CHINESE.findall(text[:_LOOKED_AT]):
            for size in range(min(_LONGEST_NAME, len(run)), 1, -1):
                yield from (
                    run[at : at + size] for at in range(len(run) - size + 1) if self._known(run[at : at + size])
                )

    def path(self, path: str) -> str:
        """A file's path."""
        if self._blind and not self.lifted:
            folder, _, name = path.rpartition("/")
            ending = name.rpartition(".")[2] if "." in name else ""
            return f"{folder}/{_HIDDEN}.{ending}" if folder else f"{_HIDDEN}.{ending}"
        return self.text(path)

    def finding(self, found: Finding) -> Finding:
        """A finding with its file, place and words veiled."""
        return dataclasses.replace(
            found,
            path=None if found.path is None else self.path(found.path),
            field=None if found.field is None else self.text(found.field),
            params={name: self.text(str(value)) for name, value in found.params.items()},
        )

    def member(self, pointer: str, value: str) -> str:
        """A member of the metadata: what the model does not know may be anything, and is hidden."""
        if self.lifted or not value:
            return value
        if not words.known(pointer):
            return _HIDDEN
        if pointer.endswith("/id_no"):
            return masking.mask_id(value)
        if pointer.endswith("/address"):
            return _HIDDEN
        return self.text(value)


def by_digest(home: Home, keys: Iterable[str] | None, lifted: bool = False) -> Veil:
    """The veil of a record whose papers are not read: it knows the applicant by the ledger's keyed digests. ``keys`` None: not even
    those are known, the record was never checked."""
    secret, known = house.applicant_key(home), set(keys or ())
    return Veil(None, lifted, None if keys is None else lambda text: applicant.key(secret, text) in known)


def _people(record: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], bool]]:
    """The persons a record names, each with whether it is a natural one."""
    party = _part(_part(record, "case"), "applicant")
    yield party, not applicant.is_organisation(party.get("kind"))
    for who in ("legal_representative", "agent"):
        yield _part(party, who), True
    agents = record.get("agents")
    for agent in agents if isinstance(agents, list) else ():
        if isinstance(agent, Mapping):
            yield agent, agent.get("type") == "个人"


def _names(record: Mapping[str, Any]) -> Iterator[str]:
    for person, natural in _people(record):
        name = person.get("name")
        if natural and isinstance(name, str) and len(name.strip()) > 1:
            yield name.strip()


def _numbers(record: Mapping[str, Any]) -> Iterator[str]:
    for person, natural in _people(record):
        number = person.get("id_no")
        if natural and isinstance(number, str) and len(number) > 5:
            yield number


def _part(data: Any, name: str) -> Mapping[str, Any]:
    part = data.get(name) if isinstance(data, Mapping) else None
    return part if isinstance(part, Mapping) else {}
