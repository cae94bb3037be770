"""Codes in a case: each against its own standard, against its list, and against the codes that must contain it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from ingest.findings import Finding
from ingest.metadata import codelists, codes
from ingest.metadata.parts import Json, rows, section, text

_KINDS = {
    "uscc": "统一社会信用代码",
    "organisation": "组织机构代码",
    "citizen": "公民身份号码",
    "region": "行政区划代码",
    "basic": "基本编码",
    "implementation": "实施编码",
    "handling_item": "业务办理项编码",
    "case_no": "办件编号",
    "licence": "电子证照标识",
    "document_no": "发文字号",
    "project": "投资项目代码",
    "archival": "档号",
}
_CASE_NO_LENGTH = 43


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """One code in the metadata: where it stands, of which kind it is (a key of `codes.CHECKS`), and as given."""

    steps: tuple[str | int, ...]
    kind: str
    given: str

    @property
    def field(self) -> str:
        return "".join(f"/{step}" for step in self.steps)  # our own names: nothing to escape

    @property
    def plain(self) -> str:
        """Normalised, but for a 发文字号, which is text and not a code; a 档号 has dots and dashes of its own."""
        if self.kind == "document_no":
            return self.given
        return codes.normalise_archival(self.given) if self.kind == "archival" else codes.normalise(self.given)


def places(case: Any) -> Iterator[Place]:
    """Every code of a case that a standard can judge."""
    body, record = section(case, "case"), section(case, "record")
    matter, result = section(body, "matter"), section(body, "result")
    if text(body, "case_no") != text(record, "archival_code"):  # what was no case goes by its 档号
        yield from _place(body, ("case", "case_no"), "case_no")
    yield from _place(matter, ("case", "matter", "implementation_code"), "implementation")
    yield from _place(matter, ("case", "matter", "handling_item_code"), "handling_item")
    yield from _place(matter, ("case", "matter", "basic_code"), "basic")
    yield from _place(body, ("case", "region_code"), "region")
    yield from _place(result, ("case", "result", "licence_id"), "licence")
    yield from _place(section(body, "project"), ("case", "project", "code"), "project")
    yield from _place(record, ("record", "unit_uscc"), "uscc")
    yield from _place(record, ("record", "document_no"), "document_no")
    yield from _place(record, ("record", "archival_code"), "archival")
    for steps in (
        ("case", "applicant"), ("case", "applicant", "legal_representative"), ("case", "applicant", "agent")
    ):  # fmt: skip
        party = section(case, *steps)
        if kind := _id_kind(party.get("id_type")):
            yield from _place(party, (*steps, "id_no"), kind)
    for index, file in rows(case, "files"):
        yield from _place(file, ("files", index, "licence_id"), "licence")
    for index, agent in rows(case, "agents"):
        code = text(agent, "org_code")
        yield from _place(agent, ("agents", index, "org_code"), "uscc" if code and len(code) > 10 else "organisation")


def _place(holder: Json, steps: tuple[str | int, ...], kind: str) -> Iterator[Place]:
    given = text(holder, str(steps[-1]))
    if given is not None:
        yield Place(steps, kind, given)


def _id_kind(id_type: Any) -> str | None:
    if not isinstance(id_type, Mapping) or not isinstance(code := id_type.get("code"), str):
        return None
    scheme = codelists.scheme_of(id_type, "id_type")
    checks: Mapping[str, Mapping[str, str]] = codelists.load("id_type").raw["checks"]
    return checks.get(scheme or "", {}).get(code)


def check(case: Any, agency: Mapping[str, Any]) -> Iterator[Finding]:
    """All findings on codes. Codes of persons are never quoted: the findings travel in receipts and reports."""
    for place in places(case):
        yield from _check_place(place)
    yield from _check_lists(case, agency)
    yield from _check_agreement(case)


def _check_place(place: Place) -> Iterator[Finding]:
    about = {"kind": _KINDS[place.kind]}
    plain = place.plain
    if plain.casefold() != place.given.casefold():
        yield Finding("MET-CODE-LOOKALIKE", field=place.field, params=about)
    if place.kind == "case_no" and len(plain) != _CASE_NO_LENGTH:
        yield Finding("MET-CASE-NO-FORM", field=place.field)  # older and other platforms number otherwise
        return
    answer = codes.CHECKS[place.kind](plain)
    if answer.ok:
        return
    if place.kind == "document_no":
        yield Finding("MET-DOCUMENT-NO", field=place.field)
    elif place.kind == "archival":
        yield Finding("MET-ARCHIVAL-CODE", field=place.field)
    elif answer.reason == "check_digit":
        yield Finding("MET-CHECK-DIGIT", field=place.field, params=about)
    else:
        yield Finding("MET-CODE-FORM", field=place.field, params=about | {"reason": str(answer.reason)})


def _check_lists(case: Any, agency: Mapping[str, Any]) -> Iterator[Finding]:
    body = section(case, "case")
    matter = section(body, "matter")
    scheme = agency.get("matter_type_scheme")
    yield from codelists.check(matter.get("type"), "matter_type", "/case/matter/type", scheme)
    yield from codelists.check_plain(matter.get("exercise_level"), "exercise_level", "/case/matter/exercise_level")
    for name in ("service_kind", "channel", "result"):
        yield from codelists.check(body.get(name), name, f"/case/{name}")
    yield from codelists.check(section(body, "applicant").get("kind"), "applicant_kind", "/case/applicant/kind")
    for steps in (("applicant",), ("applicant", "legal_representative"), ("applicant", "agent")):
        id_type = section(body, *steps).get("id_type")
        yield from codelists.check(id_type, "id_type", "/case/" + "/".join(steps) + "/id_type")
    for index, event in rows(case, "events"):
        yield from codelists.check_plain(event.get("action"), "event_action", f"/events/{index}/action")
    for index, file in rows(case, "files"):
        yield from codelists.check_plain(file.get("file_code"), "file_code", f"/files/{index}/file_code")
    yield from _check_kind_of_result(section(body, "result"))
    yield from _check_scope(matter, scheme)


def _check_kind_of_result(result: Json) -> Iterator[Finding]:
    scheme = codelists.scheme_of(result, "result") or ""
    if result.get("code") in codelists.load("result").raw["no_record"].get(scheme, []):
        yield Finding("MET-RESULT-NO-RECORD", field="/case/result/code")


def _check_scope(matter: Json, default_scheme: str | None) -> Iterator[Finding]:
    """26号: services done on application; 行政处罚 and 行政检查 may only follow it, and then it must be said."""
    kind = section(matter, "type")
    scheme = codelists.scheme_of(kind, "matter_type", default_scheme)
    if scheme == "national" and kind.get("code") in ("02", "03", "06") and matter.get("by_reference") is not True:
        yield Finding("MET-NOT-ON-APPLICATION", field="/case/matter/type", params={"code": str(kind["code"])})


def _check_agreement(case: Any) -> Iterator[Finding]:
    """A longer code contains the shorter one: 办件编号 ⊃ 实施编码 ⊃ 基本编码, 档号 ⊃ 全宗号."""
    body, record = section(case, "case"), section(case, "record")
    archival = codes.check_archival(codes.normalise_archival(text(record, "archival_code") or "")).parts
    if archival and text(record, "fonds_no") not in (None, archival["fonds"]):
        yield Finding("MET-CODE-DISAGREE", field="/record/archival_code", params={"with": "全宗号"})
    matter = section(body, "matter")
    implementation = codes.normalise(text(matter, "implementation_code") or "")
    if not codes.check_implementation(implementation).parts:
        return
    for field, code, want in (
        ("/case/case_no", codes.normalise(text(body, "case_no") or ""), _CASE_NO_LENGTH),
        ("/case/matter/handling_item_code", codes.normalise(text(matter, "handling_item_code") or ""), 33),
    ):
        if len(code) == want and code[:31] != implementation:
            yield Finding("MET-CODE-DISAGREE", field=field, params={"with": "实施编码"})
    basic = codes.normalise(text(matter, "basic_code") or "")
    if basic and basic != implementation[19:]:
        yield Finding("MET-CODE-DISAGREE", field="/case/matter/basic_code", params={"with": "实施编码"})
    level = text(matter, "exercise_level")
    if level and level != implementation[18]:
        yield Finding("MET-CODE-DISAGREE", field="/case/matter/exercise_level", params={"with": "实施编码"})
    expected = codes.region_level(implementation[2:8])
    if implementation[18] != expected and not (expected == "4" and implementation[18] in "456"):
        yield Finding("MET-LEVEL", field="/case/matter/implementation_code", params={"level": implementation[18]})
