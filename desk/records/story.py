"""A record's story: what the event chain tells of it, in words, oldest first."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from typing import Any

from desk.pages import STATE_NAMES
from desk.records import words
from desk.records.veil import Veil
from desk.records.words import Say

_TOLD = ("state", "codes", "action", "by", "reason", "why", "stage", "cause", "error", "lost", "receipt", "replicas", "replica", "from",
         "transfer", "what", "role", "run", "kind", "outcome", "sha256")  # fmt: skip
_TONES = {"rejected": "bad", "held": "wait"}


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """One event: its number in the chain (None: told by a batch), time, words, and what it says besides."""

    seq: int | None
    at: str
    kind: str
    text: str
    tone: str
    details: tuple[tuple[str, str], ...]


def story(t: Say, events: list[Mapping[str, Any]], batch: Mapping[str, Any], veil: Veil) -> list[Step]:
    """Steps from the rows of ``event`` about one record, and the batch in which it was listed."""
    first = Step(None, batch["created_at"], "listed", words.word(t, "events", "listed"), "",
                 ((words.word(t, "details", "batch"), batch["id"]), (words.word(t, "details", "run"), batch["run_id"])))  # fmt: skip
    return [first, *(_step(t, event, veil) for event in events)]


def _step(t: Say, event: Mapping[str, Any], veil: Veil) -> Step:
    try:
        told = json.loads(event["detail"])
    except ValueError:  # an altered ledger is shown as it is; verification says what is wrong with it
        told = {}
    told = told if isinstance(told, Mapping) else {}
    kind = event["kind"]
    tone = words.tone("events", kind) or _TONES.get(str(told.get("state")), "")
    details = tuple((words.word(t, "details", name), text) for name, text in _details(t, told, veil))
    return Step(event["seq"], event["at"], kind, words.word(t, "events", kind), tone, details)


def _details(t: Say, told: Mapping[str, Any], veil: Veil) -> Iterator[tuple[str, str]]:
    for name in _TOLD:
        value = told.get(name)
        if value in (None, "", [], {}):
            continue
        if name == "state":
            yield name, t(*STATE_NAMES.get(str(value), (str(value), str(value))))
        elif isinstance(value, list):
            yield name, "、".join(map(str, value))
        else:
            yield name, veil.text(str(value))
