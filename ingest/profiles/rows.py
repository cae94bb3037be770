"""Guangdong's exchange tables EX_GDBS_* (申办 … 领证): rows as JSON, CSV or XML, put together into cases by 申办流水号.

Which columns there are and what they mean is data (``schemas/profiles/gdbs.json``): a table has its columns, and may be an event of
the case, or a list of its files.
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Mapping
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from ingest.findings import Finding
from ingest.metadata.strictxml import local
from ingest.paths import SCHEMAS
from ingest.profiles import deployed, judge, trees
from ingest.profiles.fill import filled
from ingest.profiles.profile import Profile
from ingest.profiles.trees import BadForm, FormDelivery, Tree
from ingest.settings import Limits
from sip import canonical, formmap

PREFIX = "EX_GDBS_"
FIRST = f"{PREFIX}SB"  # 申办: one row a case
KEY = "SBLSH"  # 申办流水号
_FORMATS = (".json", ".csv", ".xml")
Row = dict[str, str]
Tables = dict[str, list[Row]]


def table_files(tree: Tree) -> list[str]:
    """The files that hold tables: their name begins with EX_GDBS_, in the delivery's top folder."""
    return [n for n in tree.names if "/" not in n and n.upper().startswith(PREFIX) and n.lower().endswith(_FORMATS)]


def read(tree: Tree, profile: Profile, limits: Limits) -> Tables:
    """All rows by table, and every row belongs to one application. Raises BadForm with all that is wrong."""
    tables: Tables = {}
    for name in table_files(tree):
        for table, rows in _rows(trees.read(tree, name, limits), name).items():
            if not isinstance(rows, list):
                raise BadForm(
                    Finding("PRF-ROW-SCHEMA", path=name, params={"reason": f"{table[:40]}: 不是行的数组 / no rows"})
                )
            tables.setdefault(table.upper(), []).extend(_texts(row) for row in rows)
    if error := next(_schema().iter_errors(tables), None):
        place = "/".join(map(str, error.absolute_path))
        raise BadForm(Finding("PRF-ROW-SCHEMA", field=f"/{place}", params={"reason": f"{error.validator}: /{place}"}))
    known = profile.part("tables")
    findings = [
        Finding("PRF-ROW-SCHEMA", params={"reason": f"未知的表 / unknown table {t}"}) for t in tables if t not in known
    ]
    codes = Counter(row[KEY] for row in tables[FIRST])
    findings += [Finding("PRF-ITEM-TWICE", params={"item": c}) for c, n in codes.items() if n > 1]
    for table, rows in tables.items():
        if any(row[KEY] not in codes for row in rows):
            findings.append(Finding("PRF-ROW-ORPHAN", params={"table": table}))
    if findings:
        raise BadForm(*findings)
    return tables


def deliver(tree: Tree, tables: Tables, code: str, profile: Profile, agency: Mapping[str, Any]) -> FormDelivery:
    """The case of the application ``code``. Whose record it is the tables do not say: that is the delivering ``agency``'s."""
    own = {t: [row for row in rows if row[KEY] == code] for t, rows in tables.items()}
    findings: list[Finding] = []
    said: dict[str, Any] = {"case": {}, "record": {}, "files": [], "events": [], "agents": []}
    files: dict[str, str] = {}
    there = set(tree.names)
    for table, rule in profile.part("tables").items():
        for number, row in enumerate(own.get(table, ()), 1):
            texts = {k: v.strip() for k, v in row.items() if v and v.strip()}
            findings += judge.obligations(profile, table, texts, set(row), table, f"/{table}[{number}]")
            values = formmap.read(profile.rows(table), texts)
            if "time" in rule and (at := formmap.get(values, ("event", "at"))):
                formmap.put(values, formmap.steps(rule["time"]), at)
            if "event" in rule:
                _add_event(said, rule["event"], values)
            if "file" in rule:
                _add_file(said, files, there, rule["file"], values)
            _merge(said, {k: v for k, v in values.items() if k in ("case", "record")})
    for pointer, key in profile.part("agency").items():
        formmap.put(said, formmap.steps(pointer), agency.get(key))
    case = filled(profile, said, {"rows": {t: rows for t, rows in own.items() if rows}})
    # a delivery holds the files of many cases: whose file it is, only its rows say
    return FormDelivery(canonical.dumps(case), tree, files, findings, {}, deployed.origin(profile))


def strays(tree: Tree, tables: Tables, profile: Profile) -> list[Finding]:
    """Files of the delivery that no row of any case names."""
    there = set(tree.names)
    named = {
        _member(there, formmap.read(profile.rows(table), row).get("file", {}))
        for table, rule in profile.part("tables").items()
        if "file" in rule
        for row in tables.get(table, ())
    }
    named.update(table_files(tree))
    return [Finding("RCV-FILE-EXTRA", path=n) for n in tree.names if n not in named]


def _add_event(said: dict[str, Any], rule: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    given = dict(values.get("event", {}))
    action = rule["action"]
    if isinstance(action, Mapping):  # the stage of an approval says which act it was
        action = action.get(str(given.get("stage")), action["*"])
    agent = {k: v for k, v in values.get("agent", {}).items() if v}
    event = {"status": "历史行为", "action": action, **given}
    if agent.get("name"):
        event["agent_id"] = _agent(said["agents"], {"type": "个人", **agent})
    said["events"].append(event)
    said["events"].sort(key=lambda e: str(e.get("at", "")))


def _agent(agents: list[dict[str, Any]], agent: dict[str, Any]) -> str:
    for known in agents:
        if {k: v for k, v in known.items() if k != "agent_id"} == agent:
            return str(known["agent_id"])
    agents.append({"agent_id": f"AG{len(agents) + 1}", **agent})
    return str(agents[-1]["agent_id"])


def _add_file(
    said: dict[str, Any], files: dict[str, str], there: set[str], rule: Mapping[str, Any], values: Mapping[str, Any]
) -> None:
    given = dict(values.get("file", {}))
    name = str(given.get("name") or "").replace("\\", "/").rpartition("/")[2]
    seq = len(said["files"]) + 1
    path = f"{rule['group']}/{seq:02d}_{name}"
    if (member := _member(there, given)) is not None:
        files[path] = member
    digest = {"MD5": given["md5"].lower()} if given.get("md5") else {}
    said["files"].append(
        {"seq": seq, "group": rule["group"], "file_code": rule["file_code"], "path": path, "digest": digest}
        | {k: v for k, v in given.items() if k not in ("name", "place", "md5")}
    )


def _member(there: set[str], given: Mapping[str, Any]) -> str | None:
    place = str(given.get("place") or "").replace("\\", "/").lstrip("/")
    name = str(given.get("name") or "")
    return next((n for n in (f"{place}/{name}".lstrip("/"), place, name) if n and n in there), None)


def _merge(into: dict[str, Any], new: Mapping[str, Any]) -> None:
    """What a later table says goes beside what an earlier one said; the first word stands."""
    for key, value in new.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into.setdefault(key, value)


def _texts(row: Any) -> Any:
    """Numbers of a JSON row as texts, as CSV and XML have them."""
    if not isinstance(row, dict):
        return row
    return {k: str(v) if isinstance(v, int | float) and not isinstance(v, bool) else v for k, v in row.items()}


def _rows(data: bytes, name: str) -> Mapping[str, Any]:
    table = name.rpartition(".")[0].upper()
    if name.lower().endswith(".json"):
        found = trees.json(data, name)
        return found if isinstance(found, dict) else {table: found}
    if name.lower().endswith(".csv"):
        try:
            return {table: list(csv.DictReader(io.StringIO(trees.text(data, name), newline=""), strict=True))}
        except csv.Error as e:
            raise BadForm(Finding("PRF-ROW-SCHEMA", path=name, params={"reason": str(e)[:200]})) from e
    root = trees.xml(data, name)
    rows = [{local(c): c.text or "" for c in row if local(c)} for row in root if local(row)]
    return {local(root).upper(): rows}


@cache
def _schema() -> Draft202012Validator:
    return Draft202012Validator(json.loads((SCHEMAS / "gdbs-rows-1.0.schema.json").read_text("utf-8")))
