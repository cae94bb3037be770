from typing import Any

import pytest
from case_samples import good_case

from ingest.metadata.case import BadEnvelope, envelope, read


def test_the_envelope_of_a_good_case() -> None:
    case = good_case()
    head = envelope(case)
    assert (head.case_no, head.version, head.classification) == (case["case"]["case_no"], 1, "公开")
    assert not head.secret
    assert [file.path for file in head.files] == [file["path"] for file in case["files"]]
    assert head.files[0].size == case["files"][0]["size"]
    assert head.files[0].digests == {"MD5": case["files"][0]["digest"]["MD5"]}


@pytest.mark.parametrize(
    ("given", "level"),
    [
        ("秘密", "秘密"),
        ("机密★10年", "机密"),
        (" 绝 密 ", "绝密"),
        ("公开", "公开"),
        ("公开（秘密）", "秘密"),
        ("?", "?"),
    ],
)
def test_security_levels_cannot_hide(given: str, level: str) -> None:
    case = good_case()
    case["record"]["security_classification"] = given
    head = envelope(case)
    assert head.classification == level
    assert head.secret == (level in ("秘密", "机密", "绝密"))


def _set(path: str, value: Any) -> Any:
    case = good_case()
    *steps, last = path.split("/")
    holder: Any = case
    for step in steps:
        holder = holder[int(step) if step.isdigit() else step]
    if value is KeyError:
        del holder[last]
    else:
        holder[int(last) if last.isdigit() else last] = value
    return case


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("case", []),
        ("record", None),
        ("files", {}),
        ("case/case_no", ""),
        ("case/case_no", "a\nb"),
        ("case/case_no", "x" * 201),
        ("case/version", 0),
        ("case/version", True),
        ("case/version", "1"),
        ("case/version", KeyError),
        ("record/security_classification", KeyError),
        ("record/security_classification", " "),
        ("files/0", "x"),
        ("files/0/path", ""),
        ("files/0/path", 7),
        ("files/0/size", -1),
        ("files/0/size", 1.5),
        ("files/0/digest", "abc"),
        ("files/0/digest", {"CRC99": "00"}),
        ("files/0/digest", {"MD5": "00"}),
        ("files/0/digest", {"SHA-256": "g" * 64}),
        ("files/0/digest", {"MD5": "0" * 32, "source_md5": "1" * 32}),
    ],
)
def test_what_cannot_be_received_is_refused(path: str, value: Any) -> None:
    with pytest.raises(BadEnvelope) as caught:
        envelope(_set(path, value))
    assert caught.value.reason


def test_no_digest_and_no_size_can_be_received() -> None:
    case = good_case()
    case["files"][0]["digest"] = None
    case["files"][0]["size"] = None
    case["files"][1]["digest"] = {"sha256": "AB" * 32, "SM3": None}
    head = envelope(case)
    assert (head.files[0].size, head.files[0].digests) == (None, {})
    assert head.files[1].digests == {"SHA-256": "ab" * 32}


@pytest.mark.parametrize("value", [None, 1, "x", []])
def test_no_object_no_envelope(value: object) -> None:
    with pytest.raises(BadEnvelope):
        envelope(value)


def test_read_takes_objects_only() -> None:
    assert read(b'{"a": 1}') == {"a": 1}
    with pytest.raises(BadEnvelope):
        read(b"[]")
