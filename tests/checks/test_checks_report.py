from html.parser import HTMLParser

import pytest
from case_samples import AGENCY, AS_OF, good_case
from file_samples import GOOD, stage

from ingest.checks import CheckContext, items, run
from ingest.checks.report import of_record
from ingest.checks.reportform import check_report
from ingest.signatures import TrustStore
from sip.forms import to_html


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def _page(tmp_path, **changes: object) -> tuple[str, _Text]:
    case = good_case(GOOD)
    case["record"] |= changes
    files = stage(tmp_path, {path: data for path, (data, _) in GOOD.items()})
    page = to_html(
        check_report(of_record(run(case, files, tmp_path, CheckContext(AS_OF, AGENCY, TrustStore())), AS_OF))
    )
    parsed = _Text()
    parsed.feed(page)
    return page, parsed


def test_the_report_has_head_items_and_conclusion(tmp_path) -> None:
    _, page = _page(tmp_path)
    words = set(page.words)
    case_no = good_case()["case"]["case_no"]
    assert {"四性检测报告", "2024-03-21 01:00:00（北京时间）", "通过", "无。", "六、签署", case_no} <= words
    for item in items.catalogue():
        assert {item.level2, item.code, item.zh} <= words
    assert {"真实性", "完整性", "可用性", "安全性"} <= words


@pytest.mark.parametrize(
    ("change", "conclusion", "code"),
    [
        ({"total_files": 9}, "不通过，退回报送单位", "MET-TOTAL-FILES"),
        ({"document_no": "1号"}, "通过（有提示）", "MET-DOCUMENT-NO"),
    ],
)
def test_what_did_not_pass_is_listed(tmp_path, change, conclusion, code) -> None:
    _, page = _page(tmp_path, **change)
    assert conclusion in page.words
    assert any(f"（{code}）" in word for word in page.words)


def test_what_came_from_outside_is_text_and_never_markup(tmp_path) -> None:
    hostile = "<script>alert(1)</script><img src=x onerror=y>\"'&"
    page, parsed = _page(tmp_path, title=hostile)
    assert hostile in parsed.words
    assert not {"script", "img"} & set(parsed.tags)
    assert "<script" not in page


def test_same_record_same_report(tmp_path) -> None:
    assert _page(tmp_path / "a")[0] == _page(tmp_path / "b")[0]
