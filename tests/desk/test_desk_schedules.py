"""三合一 at the desk: from a workbook to a version in force by two people, differences, coverage, and who may do what."""

from __future__ import annotations

import dataclasses
import io
import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from desk_cases import MINE, OTHER, CaseHome
from desk_sessions import DeskClient
from openpyxl import load_workbook

from ingest.findings import Finding
from ingest.model import State
from ingest.paths import SCHEMAS
from ingest.review.force import open_desk
from ingest.schedule import Schedule, parse_schedule
from ingest.schedule.files import write_schedule
from ingest.schedule.rulings import FOLDER, load_rulings

V1 = SCHEMAS / "schedules" / "T001-2024-V1.json"
V2 = "/schedules/T001-SHY/2026-V2"
UNNAMED = "11440100FAKE00021A3440904009000"
Clients = Callable[..., DeskClient]


@pytest.fixture
def case(tmp_path: Path) -> Iterator[CaseHome]:
    made = CaseHome(tmp_path / "home")
    made.home.schedules.mkdir(parents=True)
    shutil.copy(V1, made.home.schedules)
    with open_desk(made.home):  # adopts it, as the first night does
        pass
    yield made
    made.ledger.close()


def draft() -> Schedule:
    """A new version in which one term is longer."""
    old = parse_schedule(V1.read_bytes(), V1.name)
    entries = tuple(dataclasses.replace(e, retention_code="Y") if e.entry_no == "2.2.1" else e for e in old.entries)
    return dataclasses.replace(
        old, version="2026-V2", status="draft", effective_from=None, approval=None, entries=entries
    )


def bring_in(client: DeskClient, schedule: Schedule, name: str = "T001.xlsx") -> int:
    files = {"file": (name, write_schedule(schedule, name), "application/octet-stream")}
    return client.submit("/schedules/import", files=files).status_code


def seen(client: DeskClient) -> str:
    found = re.search(r'name="seen" value="(\w+)"', client.get(V2).text)
    assert found
    return found[1]


def test_from_a_workbook_into_force_by_two_people(case: CaseHome, client_of: Clients) -> None:
    archivist, reviewer = client_of(case.home, "archivist", name="甲"), client_of(case.home, "reviewer", name="乙")
    assert bring_in(archivist, draft()) == 303
    assert "草案" in archivist.get("/schedules").text
    digest = seen(archivist)
    assert archivist.submit(f"{V2}/submit", {"seen": digest}).status_code == 303
    assert archivist.submit(f"{V2}/submit", {"seen": digest}).status_code == 409  # pressed twice
    page = reviewer.get(V2).text
    assert "初审通过" in page and "期限延长" not in page
    changes = reviewer.get(f"{V2}/diff").text
    assert "期限延长" in changes and "<del>定期30年</del>" in changes and "<ins>永久</ins>" in changes
    assert reviewer.submit(f"{V2}/review", {"seen": digest, "decision": "pass"}).status_code == 303
    bare = {"seen": digest, "decision": "approve", "approval_no": "", "approval_org": "", "approval_date": ""}
    assert reviewer.submit(f"{V2}/review", bare).status_code == 422
    full = bare | {"approval_no": "测档审1号", "approval_org": "测档案局", "approval_date": "2026-01-15"}
    assert reviewer.submit(f"{V2}/review", full | {"approval_date": "2026-13-15"}).status_code == 422
    assert reviewer.submit(f"{V2}/review", full).status_code == 303
    force = {"seen": digest, "decision": "enforce", "effective_from": "2026-02-01"}
    assert reviewer.submit(f"{V2}/review", force).status_code == 303
    page = reviewer.get("/schedules").text
    assert "2026-02-01" in page and "测档审1号" in page and "被替代" in page
    steps = [d for d in case.details("schedule") if d["version"] == "2026-V2"]
    assert [(d["action"], d["by"], d["via"]) for d in steps] == [
        ("create", "甲", "desk:甲"), ("submit", "甲", "desk:甲"), ("accept", "乙", "desk:乙"), ("pass", "乙", "desk:乙"),
        ("approve", "乙", "desk:乙"), ("enforce", "乙", "desk:乙"),
    ]  # fmt: skip


def test_who_wrote_it_does_not_review_it_and_a_return_needs_an_opinion(case: CaseHome, client_of: Clients) -> None:
    one = client_of(case.home, "administrator", name="甲")
    assert bring_in(one, draft()) == 303
    digest = seen(one)
    one.submit(f"{V2}/submit", {"seen": digest})
    own = one.submit(f"{V2}/review", {"seen": digest, "decision": "pass"})
    assert own.status_code == 422 and "不得由其" in own.text
    reviewer = client_of(case.home, "reviewer", name="乙")
    assert reviewer.submit(f"{V2}/review", {"seen": digest, "decision": "return"}).status_code == 422
    sent_back = {"seen": digest, "decision": "return", "opinion": "请写明依据"}
    assert reviewer.submit(f"{V2}/review", sent_back).status_code == 303
    assert "请写明依据" in one.get(V2).text


def test_a_review_of_another_text_is_stale(case: CaseHome, client_of: Clients) -> None:
    archivist, reviewer = client_of(case.home, "archivist", name="甲"), client_of(case.home, "reviewer", name="乙")
    bring_in(archivist, draft())
    archivist.submit(f"{V2}/submit", {"seen": seen(archivist)})
    answer = reviewer.submit(f"{V2}/review", {"seen": "0" * 64, "decision": "pass"})
    assert answer.status_code == 409
    assert [d["action"] for d in case.details("schedule")][-1] == "submit"


def test_a_faulty_workbook_tells_each_cell_and_writes_nothing(case: CaseHome, client_of: Clients) -> None:
    client = client_of(case.home, "archivist")
    book = load_workbook(io.BytesIO(write_schedule(draft(), "x.xlsx")))
    book["归档范围和保管期限表"].cell(2, 3).value = "=1+1"
    out = io.BytesIO()
    book.save(out)
    answer = client.submit("/schedules/import", files={"file": ("x.xlsx", out.getvalue(), "application/x")})
    assert answer.status_code == 422 and "SCH-FORMULA" in answer.text
    for name, content in (("x.exe", b"MZ"), ("x.xlsx", b"PK\x03\x04junk"), ("x.json", b"{")):
        assert client.submit("/schedules/import", files={"file": (name, content, "application/x")}).status_code == 422
    assert "2026-V2" not in client.get("/schedules").text


@pytest.mark.parametrize("role", ["operator", "auditor", "producer"])
def test_other_roles_read_and_change_nothing(case: CaseHome, client_of: Clients, role: str) -> None:
    client = client_of(case.home, role, MINE if role == "producer" else None)
    bring_in(client_of(case.home, "archivist", name="甲"), draft())
    page = client.get(V2)
    assert (
        page.status_code == 200 and "送审</button>" not in page.text and "导入草案" not in client.get("/schedules").text
    )
    assert bring_in(client, draft()) == 403
    assert client.submit(f"{V2}/submit", {"seen": "x"}).status_code == 403
    assert client.submit(f"{V2}/review", {"seen": "x", "decision": "pass"}).status_code == 403


def test_a_producer_sees_its_own_fonds_alone(case: CaseHome, client_of: Clients) -> None:
    mine, other = client_of(case.home, "producer", MINE), client_of(case.home, "producer", OTHER)
    assert "T001-SHY" in mine.get("/schedules").text and "T001-SHY" not in other.get("/schedules").text
    for path in ("", "/diff", "/export"):
        assert other.get(f"/schedules/T001-SHY/2024-V1{path}").status_code == 404
    assert "T001" not in other.get("/schedules/coverage").text
    assert mine.get("/schedules/T001-SHY/2024-V1/export").content[:2] == b"PK"
    assert mine.get("/schedules/T001-SHY/2024-V1/diff").status_code == 404  # nothing stood before it
    assert mine.get("/schedules/none/none").status_code == 404


def test_coverage_is_a_picture_with_its_table(case: CaseHome, client_of: Clients) -> None:
    entries = parse_schedule(V1.read_bytes(), V1.name).entries
    code = next(c for e in entries for c in e.matter_codes if len(c) == 31)
    rows = [{"agency": MINE, "name": "有条款的事项", "implementation_code": code},
            {"agency": MINE, "name": "没有<条款>的事项", "implementation_code": UNNAMED}]  # fmt: skip
    case.home.matters.write_text(json.dumps({"matters": rows}), "utf-8")
    told = {"matter": "等待的事项", "code": "11440100FAKE00021A3440904008000", "fonds": "T001"}
    case.put(State.HELD, Finding("FIL-UNSCHEDULED", params=told), count=3)
    client = client_of(case.home, "auditor")
    page = client.get("/schedules/coverage").text
    assert "3 项，有条款可归 1 项" in page
    assert page.count("<g><title>") == 3 and 'class="cross"' in page
    assert "没有&lt;条款&gt;的事项：没有条款" in page and "等待的事项：有件在等（3）" in page
    assert "没有施行的制度" in page  # of the other fonds
    client.submit("/language", {"to": "en"})
    assert "3 matters, 1 are reached" in client.get("/schedules/coverage").text
    case.home.matters.write_text("[", "utf-8")
    assert client.get("/schedules/coverage").status_code == 422
    (case.home.config / "agencies.json").unlink()
    without = client.get("/schedules/coverage")
    assert without.status_code == 422 and "No agency registry" in without.text


def test_a_matter_is_ruled_on_once_and_shown_as_ruled(case: CaseHome, client_of: Clients) -> None:
    told = {"matter": "等待的事项", "code": UNNAMED, "fonds": "T001", "schedule": "S", "proposal": "P"}
    case.put(State.HELD, Finding("FIL-UNSCHEDULED", params=told), count=2)
    client = client_of(case.home, "archivist", name="甲")
    page = client.get(f"/queues/rule?fonds=T001&matter={UNNAMED}").text
    entry = next(e for e in re.findall(r'value="(T001-SHY/2024-V1#[\d.]+)"', page))
    form = {"fonds": "T001", "matter": UNNAMED, "entry": entry, "reason": "比照就高"}
    assert "2 件在下一次运行继续" in client.submit("/queues/rule", form).text
    again = client.submit("/queues/rule", form)
    assert again.status_code == 422 and "两条裁定" in again.text
    (ruling,) = load_rulings(case.home.schedules / FOLDER)
    assert (ruling.decided_by, ruling.matter_code) == ("甲", UNNAMED)
    assert [d["reason"] for d in case.details("ruling")] == ["比照就高"]
    assert client.submit("/queues/rule", form | {"matter": "x"}).status_code == 422
    assert client_of(case.home, "reviewer").submit("/queues/rule", form).status_code == 403


def test_trust_is_looked_at_before_it_is_given(case: CaseHome, client_of: Clients) -> None:
    admin = client_of(case.home, "administrator", name="甲")
    pem = _certificate()
    look = admin.submit("/queues/trust", files={"file": ("ca.pem", pem, "application/x-pem-file")})
    assert look.status_code == 200 and "测试根 CA" in look.text and not (case.home.trust / "anchors").exists()
    content = re.search(r'name="content" value="([^"]+)"', look.text)
    assert content
    form = {"content": content[1], "kind": "anchor", "source": "邮寄取得，电话核对指纹"}
    assert admin.submit("/queues/trust/add", form | {"source": " "}).status_code == 422
    assert client_of(case.home, "archivist").submit("/queues/trust/add", form).status_code == 403
    assert admin.submit("/queues/trust/add", form).status_code == 200
    assert [(d["by"], d["kind"]) for d in case.details("trust_added")] == [("甲", "anchor")]
    assert list((case.home.trust / "anchors").iterdir())
    for bad in (b"", b"junk"):
        assert admin.submit("/queues/trust", files={"file": ("x", bad, "a/b")}).status_code == 422
    assert admin.submit("/queues/trust/add", form | {"content": "!!"}).status_code == 422


def _certificate() -> bytes:
    import datetime as dt

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key, name = (
        ec.generate_private_key(ec.SECP256R1()),
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "测试根 CA")]),
    )
    start = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    made = made.not_valid_before(start).not_valid_after(start + dt.timedelta(days=9000))
    ca = x509.BasicConstraints(ca=True, path_length=None)
    return made.add_extension(ca, critical=True).sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
