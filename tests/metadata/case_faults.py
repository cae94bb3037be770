"""Faults of metadata: each a name, what it does to a good case, and exactly the codes that must come out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

GONE = object()
Case = dict[str, Any]
Fault = tuple[str, Callable[[Case], None], set[str]]


def put(*changes: tuple[str, Any]) -> Callable[[Case], None]:
    """Set each JSON pointer to its value; `GONE` takes the member away."""

    def change(case: Case) -> None:
        for pointer, value in changes:
            *steps, last = pointer.strip("/").split("/")
            holder: Any = case
            for step in steps:
                holder = holder[int(step) if isinstance(holder, list) else step]
            key: Any = int(last) if isinstance(holder, list) else last
            if value is GONE:
                del holder[key]
            else:
                holder[key] = value

    return change


def one(name: str, pointer: str, value: Any, *codes: str) -> Fault:
    return name, put((pointer, value)), set(codes)


def _add_event(action: str, at: str, **more: Any) -> Callable[[Case], None]:
    def change(case: Case) -> None:
        case["events"].append({"event_id": f"X{action}", "action": action, "at": at, "agent_id": "AG2"} | more)

    return change


def _both(*changes: Callable[[Case], None]) -> Callable[[Case], None]:
    def change(case: Case) -> None:
        for each in changes:
            each(case)

    return change


_LICENCE = "1.2.156.3005.2.11100000FAKE00099G001.11440100FAKE00021A.GZ20240306000001.001."
_OTHER = "11440300FAKE0003XC"
_IMPLEMENTATION = "11440100FAKE00021A3440116001000"

FAULTS: list[Fault] = [
    # presence
    one("schema_id_missing", "/schema", GONE, "MET-REQUIRED"),
    one("case_title_missing", "/case/case_title", GONE, "MET-REQUIRED"),
    one("matter_name_missing", "/case/matter/name", GONE, "MET-REQUIRED"),
    one("applicant_id_missing", "/case/applicant/id_no", GONE, "MET-REQUIRED"),
    one("record_author_missing", "/record/author", GONE, "MET-REQUIRED"),
    one("file_path_missing", "/files/0/path", GONE, "MET-REQUIRED"),
    one("agent_name_missing", "/agents/1/name", GONE, "MET-REQUIRED"),
    one("title_empty", "/record/title", "", "MET-EMPTY"),
    one("title_blank", "/record/title", " 　", "MET-EMPTY"),
    one("agents_empty", "/agents", [], "MET-EMPTY", "MET-AGENT-REF"),
    # length, type, format, range
    one("title_too_long", "/record/title", "测" * 501, "MET-LENGTH"),
    one("accept_no_too_long", "/case/accept_no", "S" * 51, "MET-LENGTH"),
    one("title_is_number", "/record/title", 7, "MET-TYPE"),
    one("single_set_is_text", "/record/single_set", "true", "MET-TYPE"),
    one("total_files_is_fraction", "/record/total_files", 5.0, "MET-TYPE"),
    one("files_is_object", "/files", {}, "MET-TYPE", "MET-TOTAL-FILES", "MET-TOTAL-BYTES", "MET-TOTAL-PAGES",
        "MET-FILE-REF", "MAT-MISSING"),
    one("event_is_text", "/events/5", "送达", "MET-TYPE"),
    one("applied_at_not_iso", "/case/applied_at", "2024年3月6日", "MET-FORMAT", "MET-NO-SUCH-TIME"),
    one("date_not_iso", "/record/date", "13.03.2024", "MET-FORMAT", "MET-NO-SUCH-TIME"),
    one("digest_not_hex", "/files/0/digest/MD5", "z" * 32, "MET-FORMAT"),
    one("fonds_no_chinese", "/record/fonds_no", "全宗一", "MET-FORMAT", "MET-FONDS-MISMATCH"),
    one("other_schema_id", "/schema", "gd.govservice.case/9.9", "MET-DOMAIN"),
    one("classification_unknown", "/record/security_classification", "内参", "MET-DOMAIN"),
    one("aggregation_unknown", "/record/aggregation_level", "卷", "MET-DOMAIN"),
    one("agent_type_unknown", "/agents/1/type", "机器人", "MET-DOMAIN"),
    one("negative_size", "/files/0/size", -1, "MET-DOMAIN", "MET-TOTAL-BYTES"),
    one("version_zero", "/case/version", 0, "MET-DOMAIN"),
    # characters
    one("nul_in_title", "/record/title", "测\0试", "MET-CONTROL-CHAR"),
    one("newline_in_title", "/case/case_title", "测\n试", "MET-CONTROL-CHAR"),
    one("bidi_override_in_name", "/case/applicant/name", "测试\u202egnp.甲", "MET-CONTROL-CHAR"),
    one("control_in_unknown_member", "/case/extra\u0007", "x", "MET-CONTROL-CHAR"),
    one("mojibake_replacement", "/record/author", "南粤\ufffd\ufffd局", "MET-MOJIBAKE"),
    one("mojibake_gbk", "/record/author", "锟斤拷局", "MET-MOJIBAKE"),
    one("private_use_name", "/agents/1/name", "测试\ue863", "MET-PRIVATE-USE"),
    # codes
    one("applicant_uscc_check", "/case/applicant/id_no", "91440101FAKE000489", "MET-CHECK-DIGIT"),
    one("applicant_uscc_letter_i", "/case/applicant/id_no", "91440101FAKEI00488", "MET-CODE-FORM"),
    one("citizen_check", "/case/applicant/agent/id_no", "440106190001010021", "MET-CHECK-DIGIT"),
    one("citizen_born_in_month_13", "/case/applicant/agent/id_no", "440106190013010020", "MET-CODE-FORM"),
    one("licence_check", "/case/result/licence_id", _LICENCE + "W", "MET-CHECK-DIGIT"),
    one("file_licence_shape", "/files/1/licence_id", "1.2.156.3005", "MET-CODE-FORM"),
    one("agent_org_code_check", "/agents/0/org_code", "FAKE00022", "MET-CHECK-DIGIT"),
    one("uscc_full_width", "/record/unit_uscc", "１１４４０１００FAKE00021A", "MET-CODE-LOOKALIKE"),
    one("uscc_cyrillic", "/record/unit_uscc", "11440100FАKE00021A", "MET-CODE-LOOKALIKE"),
    one("case_no_of_other_platform", "/case/case_no", "SP10-2024-000001", "MET-CASE-NO-FORM"),
    one("case_no_of_other_matter", "/case/case_no", "11440100FAKE00021A3440117002000202403060001", "MET-CODE-DISAGREE"),
    one("case_no_impossible_date", "/case/case_no", _IMPLEMENTATION + "202402300001", "MET-CODE-FORM"),
    one("handling_item_of_other", "/case/matter/handling_item_code", "11440100FAKE00021A344011700200001",
        "MET-CODE-DISAGREE"),
    one("basic_code_of_other", "/case/matter/basic_code", "440117002000", "MET-CODE-DISAGREE"),
    one("level_disagrees", "/case/matter/exercise_level", "4", "MET-CODE-DISAGREE"),
    ("level_unfit_for_region", put(
        ("/case/matter/implementation_code", "11440100FAKE00021A2440116001000"), ("/case/matter/exercise_level", "2"),
        ("/case/matter/handling_item_code", None), ("/case/case_no", "11440100FAKE00021A2440116001000202403060001"),
    ), {"MET-LEVEL"}),
    one("document_no_square_brackets", "/record/document_no", "南粤食许[2024]1号", "MET-DOCUMENT-NO"),
    one("archival_code_of_no_template", "/record/archival_code", "T001/2024/1", "MET-ARCHIVAL-CODE"),
    one("archival_code_typed_with_other_dots", "/record/archival_code", "T001—ZY・XK.2024•D30－00001", "MET-CODE-LOOKALIKE"),
    one("archival_code_of_other_fonds", "/record/archival_code", "T002-ZY·XK·2024·D30-00001", "MET-CODE-DISAGREE"),
    one("project_code_shape", "/case/project", {"is_project": True, "code": "2024-1"}, "MET-CODE-FORM"),
    # lists
    one("result_unlisted", "/case/result/code", "8", "MET-CODE-LIST"),
    one("event_action_unlisted", "/events/5/action", "teleport", "MET-CODE-LIST"),
    one("file_code_unlisted", "/files/0/file_code", "D7", "MET-CODE-LIST"),
    one("matter_type_not_in_guangdong_list", "/case/matter/type", {"scheme": "gd", "code": "10"}, "MET-CODE-LIST"),
    one("matter_type_20_by_default_scheme", "/case/matter/type", {"code": "20", "text": "公共服务"}, "MET-CODE-TEXT"),
    one("matter_type_scheme_unknown", "/case/matter/type/scheme", "mars", "MET-SCHEME-UNKNOWN"),
    one("id_type_unlisted", "/case/applicant/agent/id_type/code", "77", "MET-CODE-UNLISTED"),
    one("service_kind_text_wrong", "/case/service_kind/text", "即办件", "MET-CODE-TEXT"),
    one("result_voided", "/case/result", {"scheme": "gdbs.bjjgdm", "code": "2", "text": "作废办结"},
        "MET-RESULT-NO-RECORD"),
    one("matter_is_penalty", "/case/matter/type", {"scheme": "national", "code": "02"}, "MET-NOT-ON-APPLICATION"),
    # times
    one("accepted_before_applied", "/case/accepted_at", "2024-03-05T00:00:00+08:00", "MET-TIME-ORDER",
        "MET-TIME-DISAGREE"),
    one("closed_before_decided", "/case/closed_at", "2024-03-13T10:04:59+08:00", "MET-TIME-ORDER", "MET-TIME-DISAGREE"),
    one("delivered_before_closed", "/events/5/at", "2024-03-13T16:29:59+08:00", "MET-TIME-ORDER"),
    one("order_across_zones", "/events/5/at", "2024-03-13T08:29:59Z", "MET-TIME-ORDER"),
    one("file_made_in_the_future", "/files/0/created_at", "2024-03-21T01:06:00+08:00", "MET-TIME-FUTURE"),
    one("delivered_in_the_future", "/events/5/at", "2124-03-14T09:20:00+08:00", "MET-TIME-FUTURE"),
    one("date_in_the_future", "/record/date", "2024-03-22", "MET-TIME-FUTURE"),
    one("file_made_in_1900", "/files/0/created_at", "1900-01-01T00:00:00+08:00", "MET-TIME-TOO-OLD"),
    one("date_in_1949", "/record/date", "1949-09-30", "MET-TIME-TOO-OLD"),
    one("thirtieth_of_february", "/files/0/created_at", "2024-02-30T00:00:00+08:00", "MET-NO-SUCH-TIME"),
    one("year_nought", "/files/0/created_at", "0000-01-01T00:00:00Z", "MET-NO-SUCH-TIME"),
    one("case_and_event_disagree", "/events/0/at", "2024-03-06T09:12:30+08:00", "MET-TIME-DISAGREE"),
    # history
    one("never_accepted", "/events/1/action", "receive", "MET-EVENT-MISSING"),
    one("never_closed", "/events/4/action", "make_licence", "MET-EVENT-MISSING"),
    ("special_start_without_end", _add_event("special_start", "2024-03-07T09:00:00+08:00"), {"MET-EVENT-UNPAIRED"}),
    ("special_end_after_close", _both(
        _add_event("special_start", "2024-03-07T09:00:00+08:00"), _add_event("special_end", "2024-03-15T09:00:00+08:00"),
    ), {"MET-EVENT-UNPAIRED"}),
    ("correction_unanswered", _add_event("correction_notice", "2024-03-06T10:00:00+08:00"), {"MET-EVENT-UNPAIRED"}),
    one("reviewer_approves", "/events/3/agent_id", "AG2", "MET-EVENT-SAME-PERSON"),
    # sums, files, references
    one("total_files_off", "/record/total_files", 6, "MET-TOTAL-FILES"),
    one("total_pages_off", "/record/total_pages", 999, "MET-TOTAL-PAGES"),
    one("total_bytes_off", "/record/total_bytes", 1, "MET-TOTAL-BYTES"),
    one("file_without_any_digest", "/files/0/digest", {"SHA-256": None, "MD5": None}, "MET-NO-DIGEST"),
    one("seq_twice", "/files/1/seq", 1, "MET-FILE-SEQ-TWICE", "MET-FILE-SEQ-GAP"),
    one("seq_gap", "/files/4/seq", 9, "MET-FILE-SEQ-GAP"),
    ("path_twice", put(
        ("/files/3/path", "过程文件/01_受理通知书.ofd")
    ), {"MET-FILE-PATH-TWICE"}),
    one("folder_of_other_group", "/files/0/group", "结果文件", "MET-FILE-FOLDER"),
    one("event_names_no_file", "/events/0/files", [1, 99], "MET-FILE-REF"),
    one("relation_names_no_file", "/relations/0/to", "file:99", "MET-FILE-REF"),
    one("event_by_nobody", "/events/2/agent_id", "AG9", "MET-AGENT-REF"),
    one("agent_belongs_to_nobody", "/agents/1/belongs_to", "AG9", "MET-AGENT-REF"),
    one("agent_twice", "/agents/2/agent_id", "AG2", "MET-AGENT-TWICE", "MET-AGENT-REF"),
    # whose record it is
    one("unit_of_other_agency", "/record/unit_uscc", _OTHER, "MET-AGENCY-MISMATCH"),
    one("fonds_of_other_agency", "/record/fonds_no", "T002", "MET-FONDS-MISMATCH"),
    one("region_of_other_city", "/case/region_code", "440300", "MET-REGION"),
    ("implementer_is_other", put(
        ("/case/matter/implementation_code", _OTHER + "3440116001000"), ("/case/matter/handling_item_code", None),
        ("/case/case_no", _OTHER + "3440116001000202403060001"),
    ), {"MET-IMPLEMENTER"}),
    # materials
    ("granted_without_result_file", put(
        ("/files/4/group", "过程文件"), ("/files/4/path", "过程文件/03_准予行政许可决定书.ofd")
    ), {"MAT-MISSING"}),
]  # fmt: skip

# Changes that a good case may show; not one code may come of them.
HARMLESS: list[tuple[str, Callable[[Case], None]]] = [
    ("as_it_is", put()),
    ("unknown_members_are_kept", put(("/case/x-own", {"任意": [1, None]}), ("/files/0/x-own", 1))),
    ("optional_members_absent", put(
        ("/relations", GONE), ("/case/channel", GONE), ("/case/project", None), ("/record/document_no", None),
        ("/case/accept_no", None), ("/files/0/pages", None), ("/case/matter/handling_item_code", GONE),
    )),
    ("times_without_zone_are_chinas", put(("/case/applied_at", "2024-03-06T09:12:31"))),
    ("times_with_blank", put(("/case/applied_at", "2024-03-06 09:12:31+08:00"))),
    ("times_in_utc", put(("/case/applied_at", "2024-03-06T01:12:31Z"))),
    ("clock_five_minutes_ahead", put(("/files/0/created_at", "2024-03-21T01:04:59+08:00"))),
    ("district_of_the_city", put(("/case/region_code", "440106"))),
    ("region_in_12_digits", put(("/case/region_code", "440106000000"))),
    ("citizen_with_small_x", put(("/case/applicant/agent/id_no", "44190019000630004x"))),
    ("not_accepted_case", put(
        ("/events/1/action", "reject_accept"),
        ("/case/result", {"scheme": "gdbs.bjjgdm", "code": "1", "text": "退回办结"}),
        ("/case/accepted_at", None),
    )),
    ("never_completed_case", _both(
        put(("/case/result", {"scheme": "gdbs.bjjgdm", "code": "5", "text": "补正不来办结"})),
        _add_event("correction_notice", "2024-03-06T10:00:00+08:00"),
    )),
    ("corrected_case", _both(
        _add_event("correction_notice", "2024-03-06T10:00:00+08:00"),
        _add_event("correction_accept", "2024-03-06T11:00:00+08:00"),
    )),
    ("special_procedure", _both(
        _add_event("special_start", "2024-03-07T09:00:00+08:00"), _add_event("special_end", "2024-03-08T09:00:00+08:00")
    )),
    ("done_at_once", _both(
        put(("/case/service_kind", {"code": "1", "text": "即办件"}), ("/case/accepted_at", None), ("/case/decided_at", None)),
        lambda case: case.update(events=[e for e in case["events"] if e["action"] == "close"]),
    )),
    ("archival_code_by_da_t_22", put(("/record/archival_code", "T001-WS·2024-Y-BGS-0001"))),
    ("archival_code_by_da_t_13", put(("/record/archival_code", "T001-ZY·XK·2024·D30-00001"))),
    ("archival_code_by_volume", put(("/record/archival_code", "T001-KJ·JJ·02-005-054"))),
    ("opinion_in_lines", put(("/events/2/opinion", "符合条件。\n\t同意。"))),
    ("penalty_by_reference", put(
        ("/case/matter/type", {"scheme": "national", "code": "02"}), ("/case/matter/by_reference", True)
    )),
    ("rare_and_supplementary_characters", put(("/agents/1/name", "测试𠮷㛃"))),
]  # fmt: skip
