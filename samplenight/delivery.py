"""A delivery: the case.json of a case (gd.govservice.case/1.0) and its files, and how they come to lie in the inbox."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

from samplenight.maker import Made
from samplenight.model import CST, FORMAT, SUFFIX, Case, Paper, Party, iso

Json = dict[str, Any]
WORK = "sample-work"  # beside the inbox, on the same file system


@dataclasses.dataclass
class Delivery:
    """``meta`` is case.json as an object; ``raw`` replaces its bytes when it is meant to be broken."""

    agency: str
    name: str
    meta: Json
    files: dict[str, bytes]
    raw: bytes | None = None

    @property
    def size(self) -> int:
        return sum(map(len, self.files.values()))

    def entry(self, role: str) -> Json:
        """The entry of the first file with ``role`` in ``meta``."""
        return next(f for f in self.meta["files"] if f["role"] == role)

    def replace(self, role: str, data: bytes) -> None:
        """Put other bytes in the place of the file with ``role`` and say so in the metadata."""
        entry = self.entry(role)
        self.files[entry["path"]] = data
        entry["size"] = len(data)
        for algorithm, given in entry["digest"].items():
            if given:
                entry["digest"][algorithm] = hashlib.new(
                    algorithm.replace("-", ""), data, usedforsecurity=False
                ).hexdigest()
        self.recount()

    def recount(self) -> None:
        files = self.meta["files"]
        self.meta["record"] |= {"total_files": len(files), "total_pages": sum(f["pages"] for f in files),
                                "total_bytes": sum(f["size"] for f in files)}  # fmt: skip


def deliver(case: Case, made: list[Made], version: int = 1) -> Delivery:
    """The delivery of a case whose papers became ``made``."""
    files: list[Json] = []
    contents: dict[str, bytes] = {}
    counts: dict[str, int] = {}
    for seq, (paper, file) in enumerate(zip(case.papers, made, strict=True), 1):
        counts[paper.group] = counts.get(paper.group, 0) + 1
        path = f"{paper.group}/{counts[paper.group]:02d}_{paper.name}{SUFFIX[paper.kind]}"
        contents[path] = file.data
        files.append(_file(seq, paper, path, file, case))
    meta = {
        "schema": "gd.govservice.case/1.0",
        "case": _case(case, version),
        "record": {
            "aggregation_level": "文件", "title": case.title, "author": case.agency["name"], "date": f"{case.times['closed']:%Y-%m-%d}",
            "document_no": case.document_no, "security_classification": "公开", "access_control": "内部限制",
            "fonds_no": case.agency["fonds_no"], "fonds_unit": case.agency["name"], "unit_uscc": case.agency["uscc"],
            "total_files": len(files), "total_pages": sum(m.pages for m in made), "total_bytes": sum(len(m.data) for m in made),
            "single_set": True,
        },
        "files": files,
        "agents": _agents(case),
        "events": _events(case, files),
        "relations": _relations(files),
    }  # fmt: skip
    return Delivery(case.agency["id"], f"{case.case_no}-v{version}", meta, contents)


def write(delivery: Delivery, home: Path, night: dt.date) -> None:
    """Lay the delivery down in the workroom, where no reader looks; its case.json is dated the evening before ``night``."""
    folder = home / WORK / delivery.agency / delivery.name
    folder.mkdir(parents=True)
    for path, data in delivery.files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    raw = delivery.raw
    if raw is None:
        raw = (json.dumps(delivery.meta, ensure_ascii=False, indent=1) + "\n").encode()
    (folder / "case.json").write_bytes(raw)
    evening = dt.datetime.combine(night, dt.time(0), CST).timestamp() - 2 * 3600
    os.utime(folder / "case.json", (evening, evening))


def publish(home: Path) -> None:
    """Rename all deliveries of the workroom into the inbox; one of the same name is replaced."""
    inbox = home / "inbox"
    for folder in sorted((home / WORK).glob("*/*")):
        place = inbox / folder.parent.name / folder.name
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.exists():
            shutil.rmtree(place)
        folder.replace(place)
    shutil.rmtree(home / WORK)


def _file(seq: int, paper: Paper, path: str, made: Made, case: Case) -> Json:
    """One entry of ``files``. Agencies as a rule give MD5 only; the newest platform gives SHA-256 too."""
    modern = case.agency["fonds_no"] == "T003"
    digest = {
        "SHA-256": hashlib.sha256(made.data).hexdigest() if modern else None,
        "MD5": hashlib.md5(made.data, usedforsecurity=False).hexdigest(),
    }
    entry: Json = {
        "seq": seq, "role": paper.role, "group": paper.group, "file_code": paper.file_code, "material_code": paper.material_code,
        "material_name": paper.name, "path": path, "format": FORMAT[paper.kind], "size": len(made.data), "pages": made.pages,
        "created_at": iso(paper.made_at), "digest": digest,
    }  # fmt: skip
    if paper.signer:
        standard = {"pdf": ("PAdES B-B", "ETSI EN 319 142-1"), "ofd": ("SM2withSM3", "GB/T 38540-2020")}[paper.kind]
        kind = "applicant" if paper.signer == "applicant" else "agency"
        entry["signatures"] = [{"kind": kind, "alg": standard[0], "standard": standard[1], "state": "unverified"}]
    return entry


def _identity(number: str) -> Json:
    company = "FAKE" in number
    return {"code": "49", "text": "统一社会信用代码"} if company else {"code": "10", "text": "居民身份证"}


def _applicant(party: Party) -> Json:
    text = {"1": "个人", "2": "企业"}[party.kind]
    out: Json = {"kind": {"scheme": "gdbs.sqrlx", "code": party.kind, "text": text}, "name": party.name,
                 "id_type": _identity(party.id_no), "id_no": party.id_no}  # fmt: skip
    for role, person in (("legal_representative", party.representative), ("agent", party.agent)):
        if person:
            out[role] = {"name": person[0], "id_type": _identity(person[1]), "id_no": person[1]}
    return out


def _case(case: Case, version: int) -> Json:
    matter = case.matter
    times = case.times
    return {
        "case_no": case.case_no,
        "version": version,
        "accept_no": f"SL{times['applied']:%Y%m%d}{case.serial:06d}" if "accepted" in times else None,
        "source_system": {"system_no": "SP10", "name": f"{case.agency['name'][:3]}一体化政务服务平台（测试）", "version": "3.2"},
        "matter": {
            "implementation_code": matter["implementation_code"], "handling_item_code": matter["handling_item_code"],
            "basic_code": matter["basic_code"], "name": matter["name"], "version": "5", "type": matter["type"],
            "exercise_level": matter["exercise_level"], "situation_code": None,
        },
        "case_title": case.title,
        "service_kind": matter["service_kind"],
        "region_code": case.agency["region_code"],
        "channel": {"scheme": "gdbs.wssbqd", "code": "0", "text": "PC"},
        "applied_at": iso(times["applied"]),
        "accepted_at": iso(times.get("accepted")),
        "decided_at": iso(times.get("decided")),
        "closed_at": iso(times["closed"]),
        "result": {"scheme": "gdbs.bjjgdm", "code": case.result[0], "text": case.result[1], "result_no": case.document_no},
        "applicant": _applicant(case.applicant),
        "project": {"is_project": False},
    }  # fmt: skip


def _agents(case: Case) -> list[Json]:
    unit: Json = {"agent_id": "AG1", "type": "单位", "name": case.agency["name"], "org_code": case.agency["uscc"]}
    people = [
        {"agent_id": f"AG{k}", "type": "个人", "name": name, "position": position, "belongs_to": "AG1"}
        for k, (name, position) in enumerate(case.staff, 2)
    ]
    return [unit, *people]


def _events(case: Case, files: list[Json]) -> list[Json]:
    out = []
    for number, event in enumerate(case.events, 1):
        entry: Json = {"event_id": f"E{number}", "status": "历史行为", "action": event.action, "action_text": event.text,
                       "at": iso(event.at), "agent_id": event.agent_id}  # fmt: skip
        if event.opinion:
            entry["opinion"] = event.opinion
        if event.mandate:
            entry["mandate"] = event.mandate
        out.append(entry | {"files": [f["seq"] for f in files if f["role"] in event.roles]})
    return out


def _relations(files: list[Json]) -> list[Json]:
    seq = {f["role"]: f["seq"] for f in reversed(files)}
    if "decision" not in seq:
        return []
    return [
        {"type": "entity", "from": f"file:{seq['decision']}", "relation": "依据", "to": f"file:{seq['apply_form']}"}
    ]
