"""What stands on the papers of a case: 申报文件, 过程文件, 结果文件 with their rows and sentences."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

from samplenight.model import Paper, Party, chinese_date
from samplenight.timeline import Course

APPLY, PROCESS, RESULT = "申报文件", "过程文件", "结果文件"
SCANS = 24  # pictures in the pool of pictures.py


class Desk:
    """Makes the papers of one case, drawing what varies from ``rng`` in a fixed order."""

    def __init__(self, rng: random.Random, agency: dict[str, Any], matter: dict[str, Any], party: Party, course: Course,
                 case_no: str, number: str, staff: tuple[tuple[str, str], ...]) -> None:  # fmt: skip
        self.rng, self.agency, self.matter, self.party, self.course = rng, agency, matter, party, course
        self.case_no, self.number, self.staff = case_no, number, staff
        self.made: list[Paper] = []

    def at(self, action: str) -> dt.datetime:
        found = self.course.at(action)
        if found is None:
            raise LookupError(f"the course of {self.case_no} has no {action}")
        return found

    def sealed_kind(self) -> str:
        return "ofd" if self.rng.random() < 0.38 else "pdf"

    def scans(self, low: int, high: int) -> tuple[int, ...]:
        return tuple(self.rng.randrange(SCANS) for _ in range(self.rng.randrange(low, high + 1)))

    def basics(self) -> tuple[tuple[str, str], ...]:
        """The rows that open every paper's table."""
        person = self.party.kind == "1"
        rows = [("办件编号", self.case_no), ("事项名称", self.matter["name"]), ("申请人", self.party.name),
                ("证件号码" if person else "统一社会信用代码", self.party.id_no)]  # fmt: skip
        if self.party.representative:
            rows.append(("法定代表人", self.party.representative[0]))
        if self.party.agent:
            rows.append(("委托代理人", self.party.agent[0]))
        return tuple(rows)

    def notice(self, role: str, group: str, code: str, name: str, made_at: dt.datetime, rows: tuple[tuple[str, str], ...],
               body: tuple[str, ...], kind: str | None = None, scans: tuple[int, ...] = ()) -> None:  # fmt: skip
        """A paper of the agency, on its letterhead and under its seal; a JPEG is the scan of a paper sealed by hand."""
        kind = kind or self.sealed_kind()
        head = self.agency["name"].removesuffix("（测试）")
        self.made.append(
            Paper(role, group, code, None, name, kind, made_at, name, head, self.number, self.basics() + rows, body,
                  self.agency["name"], None if kind == "jpeg" else self.agency["id"], head, scans)
        )  # fmt: skip

    def sent_in(self, role: str, code: str, name: str, kind: str, number: int | None, body: tuple[str, ...],
                signed: bool, scans: tuple[int, ...] = (), group: str = APPLY, at: dt.datetime | None = None) -> None:  # fmt: skip
        """A paper of the applicant; signed on the platform or plain."""
        self.made.append(
            Paper(role, group, code, None if number is None else f"CL{number:04d}", name, kind,
                  (at or self.at("apply")) - dt.timedelta(minutes=self.rng.randrange(3, 45)), name, None, None, self.basics(), body,
                  self.party.name, "applicant" if signed else None, self.party.name if signed else "", scans)
        )  # fmt: skip

    def application(self) -> None:
        materials = self.matter["materials"]
        plea = (
            f"{self.agency['name']}：",
            f"申请人{self.party.name}依据《{self.matter['mandate']}》，申请办理{self.matter['name']}，现提交本{materials[0]}及所附材料。",
            "申请人承诺：所填内容和所附材料真实、完整、有效，复制件与原件一致，并愿意承担不实填报的法律责任。",
            "申请人同意行政机关通过一体化政务服务平台调用已有的电子证照，不再重复提交纸质证明。",
        )
        self.sent_in("apply_form", "A", materials[0], self.sealed_kind(), 1, plea, True)
        if self.party.kind == "2":
            self.sent_in(
                "called_licence",
                "A",
                "营业执照（系统共享）",
                "jpeg",
                None,
                ("经营范围以登记机关核准为准。",),
                False,
                self.scans(1, 1),
            )
        else:
            self.sent_in(
                "called_licence",
                "A",
                "居民身份证（系统共享）",
                "jpeg",
                None,
                ("本图像仅供演示使用。",),
                False,
                self.scans(1, 1),
            )
        for number, name in enumerate(materials[1:], 2):
            text = (
                f"本件为办理{self.matter['name']}提交的“{name}”，内容与原件核对一致。",
                "扫描页附后，共同构成申请材料。",
            )
            self.sent_in("material", "A", name, "pdf", number, text, self.rng.random() < 0.9, self.scans(0, 2))
        if self.rng.random() < 0.35:
            self.sent_in("form_data", "A", "申请表单数据", "xml", None, (), False)

    def process(self) -> None:
        course, rng = self.course, self.rng
        at_once = self.matter["service_kind"]["code"] == "1"
        if not at_once and rng.random() < 0.3:
            self.notice("receipt_voucher", PROCESS, "B1", "收件凭证", self.at("receive"), (("收件时间", chinese_date(self.at("receive"))),),
                        ("你（单位）提交的申请材料已收到，本凭证不代表已经受理。",))  # fmt: skip
        if course.correction:
            self.notice("correction_notice", PROCESS, "B18", "补正告知书", self.at("correction_notice"), (("补正期限", "五个工作日"),),
                        ("经审查，你（单位）提交的申请材料不齐全，请在期限内一次性补齐。", "逾期不补正的，本机关将终止办理。"))  # fmt: skip
        if course.at("correction_accept"):
            text = ("按补正告知书的要求补充提交的材料。",)
            self.sent_in("correction_material", "A", "补正材料", "pdf", None, text, True, self.scans(1, 2), PROCESS,
                         self.at("correction_accept"))  # fmt: skip
        if course.at("accept") and not at_once:
            self.notice("accept_notice", PROCESS, "B8", "受理通知书", self.at("accept"),
                        (("受理时间", chinese_date(self.at("accept"))), ("承诺办结时限", f"{self.matter['limit_days']}个工作日")),
                        ("你（单位）的申请符合受理条件，本机关决定予以受理。", f"依据：《{self.matter['mandate']}》。"))  # fmt: skip
        if course.special:
            self.notice("special_notice", PROCESS, "B5", "特别程序告知书", self.at("special_start"), (("特别程序", "专家评审"),),
                        ("本件需要组织专家评审，所需时间不计入办理时限。",))  # fmt: skip
            self.notice("special_result", PROCESS, "B5", "专家评审意见", self.at("special_end"), (("评审结论", "通过"),),
                        ("评审组审阅了申请材料，认为符合规定的条件和标准，同意通过评审。",), "pdf", self.scans(1, 2))  # fmt: skip
        if course.at("review"):
            (clerk, _), (chief, _) = self.staff
            self.notice("approval_form", PROCESS, "B17", "业务审批表", self.at("approve"),
                        (("承办科室", self.matter["department"]), ("承办人", clerk), ("承办意见", "符合条件，拟同意"),
                         ("承办时间", chinese_date(self.at("review"))),
                         ("批准人", chief), ("批准意见", "同意"), ("批准时间", chinese_date(self.at("approve")))),
                        (f"本件依据《{self.matter['mandate']}》办理，承办、批准意见由签批系统记录。",))  # fmt: skip
        if course.at("close") and rng.random() < 0.25:
            self.made.append(
                Paper("process_log", PROCESS, "B17", None, "办理过程日志", "txt", self.at("close"), "办理过程日志")
            )

    def outcome(self) -> None:
        course = self.course
        if course.result[0] == "5":
            self.notice("termination_notice", RESULT, "B13", "终止办理通知书", self.at("close"), (("办理结果", "补正不来办结"),),
                        ("你（单位）逾期未补正申请材料，本机关决定终止办理。", "符合条件后可以重新提出申请。"))  # fmt: skip
            return
        if course.result[0] == "1":
            self.notice("reject_notice", RESULT, "B4", "不予受理通知书", self.at("reject_accept"), (("办理结果", "退回办结"),),
                        ("你（单位）申请的事项不属于本机关职权范围，本机关决定不予受理。",
                         "如不服本决定，可以在六十日内申请行政复议，或者在六个月内提起行政诉讼。"))  # fmt: skip
        else:
            decided = self.at("decide") if course.at("decide") else self.at("approve")
            self.notice("decision", RESULT, "C", self.matter["result"], decided,
                        (("决定日期", chinese_date(decided)), ("办理结果", course.result[1])),
                        (f"{self.party.name}：", f"你（单位）提出的{self.matter['name']}申请，经审查，符合法定条件和标准。",
                         f"依据《{self.matter['mandate']}》，本机关决定准予办理，并自作出本决定之日起生效。",
                         "如不服本决定，可以在六十日内申请行政复议，或者在六个月内提起行政诉讼。"))  # fmt: skip
        if course.at("make_licence"):
            self.notice("licence", RESULT, "C", self.matter["licence"], self.at("make_licence"),
                        (("证书编号", self.number), ("有效期限", "五年"), ("发证机关", self.agency["name"])),
                        ("持证人应当依照核准的范围从事活动，并接受监督检查。",), "ofd")  # fmt: skip
        if course.at("deliver"):
            kind = "jpeg" if self.rng.random() < 0.2 else "pdf"
            self.notice("delivery_receipt", RESULT, "B19", "送达回证", self.at("deliver"),
                        (("送达方式", "网上送达"), ("送达日期", chinese_date(self.at("deliver"))), ("受送达人", self.party.name)),
                        ("受送达人已收到上列文书。",), kind, self.scans(1, 1))  # fmt: skip
