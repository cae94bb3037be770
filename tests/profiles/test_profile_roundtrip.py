"""record → deployed XML → record and record → EEP → record are the identity, for a thousand records each, naughty texts included."""

from __future__ import annotations

import io
import json
import os
import tempfile
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from form_samples import Sent, case, exported_eep, exported_zip
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ingest.profiles import Profiles, deployed, eep
from ingest.profiles.trees import ZipTree
from ingest.settings import Limits
from sip import deployed as form
from sip import extension, xml
from sip.eep import describe as describe_eep
from sip.eep import read as read_eep

PROFILES = Profiles.load()
NAUGHTY = [
    "", " ", "　", "\t", "\r\n", " 前后有空格 ", "a\rb", "\x00", "\x01\x1f\x7f\x85", "\ufffe\uffff", "\ufffd", "\ufeff甲", "\u2028\u2029",
    "]]>", "<![CDATA[x]]>", "<!--", "&amp;&lt;&#0;", "<base_info>", "\u202e倒", "𠮷㛃\U0010ffff", "é", "é", "用户~1/../x", "a/b~c",
    "../../etc/passwd", "NUL", "null", "true", "1.0", "00", "２０２４", "公元二〇二四年", "2024-02-30", "0001-01-01T00:00:00+08:00",
    "2024-03-06 09:12:31", "2024-03-06T09:12:31.123456+08:00", "2024-03-06T01:12:31Z", "是", "否", "永久", "'\"\\\\", "\\u0000", "%s{x}",
]  # fmt: skip
texts = st.sampled_from(NAUGHTY) | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
scalars = texts | st.integers(-(2**53) + 1, 2**53 - 1) | st.booleans() | st.none()
values = st.recursive(scalars, lambda v: st.lists(v, max_size=3) | st.dictionaries(texts, v, max_size=3), max_leaves=6)
paths = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=12).map(
    lambda n: unicodedata.normalize("NFC", n) + ".pdf"
)
DROP = object()


@st.composite
def records(draw: st.DrawFn) -> dict[str, Any]:
    """The good case with members anywhere set, dropped and added; its files keep safe names, as every staged file has."""
    out = case()
    for place in draw(st.lists(st.sampled_from(_places(out)), max_size=12, unique_by=str)):
        holder: Any = out
        for step in place[:-1]:
            if not isinstance(holder, list if isinstance(step, int) else dict):
                break  # an earlier change has put something else there
            holder = holder[step] if isinstance(holder, list) else holder.get(step)
        else:
            if isinstance(holder, dict) and not (place[0] in ("files", "agents", "events") and place[-1] in _KEPT):
                change = draw(values | st.just(DROP))
                if change is DROP:
                    holder.pop(place[-1], None)
                else:
                    holder[place[-1]] = change
    for part in ("case", "record"):
        if isinstance(out.get(part), dict):
            out[part][draw(texts)] = draw(values)
    out[draw(texts.filter(lambda key: key not in out))] = draw(values)
    for f in out["files"]:
        if draw(st.booleans()):
            f["path"] = f"{f['group']}/{draw(paths)}"
    out["files"] = draw(st.permutations(out["files"]))
    out["events"] = out["events"][: draw(st.integers(0, 6))]
    return out


_KEPT = ("path", "group", "agent_id", "files")  # what the writer itself stands on: a record in a package has them


def _places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    out: list[tuple[Any, ...]] = []
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(value, dict) and not (len(at) == 0 and key in ("case", "record", "files", "agents", "events")):
            out.append((*at, key))
        if isinstance(item, dict | list):
            out += _places(item, (*at, key))
    return out


def contents(record: dict[str, Any]) -> Sent:
    """Each file's own path as its bytes; two files may have one path, then they are one content."""
    return Sent(record, {f["path"]: f["path"].encode() for f in record["files"]})


PHASES = [Phase.explicit, Phase.generate]  # a record is too large to be shrunk in useful time
COUNT = int(os.environ.get("GUIDANG_ROUNDTRIPS", "1000"))
thousand = settings(max_examples=COUNT, deadline=None, suppress_health_check=list(HealthCheck), phases=PHASES)
pytestmark = pytest.mark.slow


@thousand
@given(records())
def test_record_to_deployed_zip_to_record(record: dict[str, Any]) -> None:
    tree = ZipTree(io.BytesIO(exported_zip(contents(record))), "x.zip", Limits())
    back = deployed.deliver(tree, PROFILES.default("deployed"), Limits())
    assert json.loads(back.case) == record
    for f in record["files"]:
        with back.open(f["path"]) as content:
            assert content.read() == f["path"].encode()


@thousand
@given(records())
def test_record_to_eep_to_record(record: dict[str, Any]) -> None:
    source = io.BytesIO(exported_eep(contents(record)))
    with tempfile.TemporaryDirectory(prefix="gd") as folder:
        _eep_gives_back(source, Path(folder), record)


def _eep_gives_back(source: io.BytesIO, into: Path, record: dict[str, Any]) -> None:
    back = eep.deliver(source, "x.xml", PROFILES.default("eep"), PROFILES.default("deployed"), into, Limits())
    assert json.loads(back.case) == record
    for f in record["files"]:
        with back.open(f["path"]) as content:
            assert content.read() == f["path"].encode()


def test_what_the_elements_carry_is_not_said_twice() -> None:
    """The extension is the difference, not a copy: the elements alone give most of a record."""
    record = case()
    for said, kept in ((form.read(form.describe(record)), form.kept(record)), (read_eep(describe_eep(record)), b"")):
        assert said["record"]["fonds_no"] == "T001"
        if kept:
            told = json.loads(kept)["set"]
            assert "/record/fonds_no" not in told and "/case/case_no" not in told and "/files/0/path" not in told


def test_characters_that_xml_cannot_hold_stand_in_the_extension_alone() -> None:
    record = case()
    record["case"]["case_title"] = "甲\x00乙\ufffe"
    assert "<project_name>甲\ufffd乙\ufffd</project_name>" in xml.base_info(record).decode()
    assert json.loads(form.kept(record))["set"]["/case/case_title"] == "甲\x00乙\ufffe"
    back = extension.applied(form.read(form.describe(record)), json.loads(form.kept(record)))
    assert back == record
