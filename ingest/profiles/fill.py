"""From what a form says to the record model: words become codes, what follows from other members is filled in.

Only for deliveries of others: one that carries our extension says everything itself, and nothing is added to it.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from ingest.metadata import codelists
from ingest.profiles.profile import Profile
from sip.formmap import get, put, steps

SCHEMA = "gd.govservice.case/1.0"


def filled(profile: Profile, said: Mapping[str, Any], kept: Mapping[str, Any]) -> dict[str, Any]:
    """The case in the record model. ``kept`` is what the form said that the model has no place for, as given."""
    out: dict[str, Any] = copy.deepcopy(dict(said))
    _translate(profile, out)
    _code(profile, out)
    _copy(profile, out)
    for index, file in enumerate(out.get("files", []), 1):
        _file(profile, file, index)
    if not out.get("events"):
        out["events"] = _events(profile, out)
    _number_events(profile, out)
    if not out.get("agents"):
        out["agents"] = _agents(profile, out)
    for pointer, value in profile.part("constants").items():
        if get(out, steps(pointer)) is None:
            put(out, steps(pointer), value)
    out["schema"] = SCHEMA
    out["kept"] = {"profile": profile.id, "version": profile.version, **kept}
    return out


def _translate(profile: Profile, out: dict[str, Any]) -> None:
    """Words of the form → values of the model, by ``values``: ``永久`` → ``Y``."""
    for pointer, table in profile.part("values").items():
        found = get(out, steps(pointer))
        if isinstance(found, str) and found in table:
            put(out, steps(pointer), table[found])


def _code(profile: Profile, out: dict[str, Any]) -> None:
    """Complete ``{scheme, code, text}`` by ``coded``: a form says the one or the other."""
    for pointer, rule in profile.part("coded").items():
        found = get(out, steps(pointer))
        if isinstance(found, Mapping):
            put(out, steps(pointer), coded(found, rule["list"], rule.get("scheme")))


def coded(given: Mapping[str, Any], name: str, scheme: str | None) -> dict[str, Any]:
    """A coded value with code and text, as far as its list knows them; an unknown word is its own code, for the checks to say so."""
    listed = codelists.load(name)
    scheme = scheme or listed.default_scheme
    table = listed.schemes.get(scheme or "", {})
    word = str(given.get("code") or given.get("text") or "")
    code = word if word in table else next((c for c, t in table.items() if t == word), word[:20])
    return {"scheme": scheme, "code": code, "text": table.get(code, given.get("text") or word)} | {
        k: v for k, v in given.items() if k not in ("scheme", "code", "text")
    }


def _copy(profile: Profile, out: dict[str, Any]) -> None:
    """Members that another one states, by ``copies``: target → source, or ``{"from", "as": "date"}``."""
    for pointer, rule in profile.part("copies").items():
        source, kind = (rule, "text") if isinstance(rule, str) else (rule["from"], rule["as"])
        found = get(out, steps(source))
        if found is not None and get(out, steps(pointer)) is None:
            put(out, steps(pointer), str(found)[:10] if kind == "date" else found)


def _file(profile: Profile, file: dict[str, Any], number: int) -> None:
    roles = profile.part("roles")
    if "role" not in file and isinstance(code := file.get("file_code"), str):
        file["role"] = roles.get(code, roles.get("*", "other"))
    if not isinstance(file.get("seq"), int):
        file["seq"] = number
    file.setdefault("digest", {})
    file.setdefault("material_name", str(file.get("path", "")).rpartition("/")[2].rpartition(".")[0])
    formats = profile.part("formats")
    given = file.get("format")
    suffix = str(file.get("path", "")).rpartition(".")[2].upper()
    file["format"] = formats.get(str(given or suffix).upper(), str(given or suffix).upper() or "?")


def _events(profile: Profile, out: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The acts that the form states only as times, by ``events``; each says from which member it is known."""
    return [
        {"status": "历史行为", "action": rule["action"], "at": at, "derived_from": rule["at"]}
        for rule in profile.part("events") or ()
        if (at := get(out, steps(rule["at"])))
    ]


def _number_events(profile: Profile, out: dict[str, Any]) -> None:
    listed = codelists.load("event_action")
    for number, event in enumerate(out["events"], 1):
        event.setdefault("event_id", f"E{number}")
        if "action" not in event and (word := event.get("action_text")):
            table = listed.schemes["guidang"]
            own = profile.part("actions")
            event["action"] = own.get(word) or next((c for c, t in table.items() if t == word), word)
        event.setdefault("action_text", listed.text("guidang", str(event.get("action"))))


def _agents(profile: Profile, out: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"agent_id": f"AG{number}", "type": rule["type"], "name": name} | _org(rule, out)
        for number, rule in enumerate(profile.part("agents") or (), 1)
        if (name := get(out, steps(rule["name"])))
    ]


def _org(rule: Mapping[str, Any], out: Mapping[str, Any]) -> dict[str, Any]:
    code = get(out, steps(rule["org_code"])) if "org_code" in rule else None
    return {"org_code": code} if code else {}
