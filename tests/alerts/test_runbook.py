"""The runbook: a page for each alarm and no other, and every command on a page is one that the program has."""

from __future__ import annotations

import argparse
import re
import shlex
from pathlib import Path

import pytest

from ingest.alerts.kinds import PAGES, kinds
from ingest.cli import _parser
from ingest.paths import ROOT
from ingest.trouble import causes

_COMMAND = re.compile(r"guidang [a-z][^`\n#]*")
_OTHER = {"README.md", "operator-table.md"}


def commands(page: Path) -> list[list[str]]:
    text = page.read_text("utf-8")
    quoted = re.findall(r"`([^`\n]+)`", text) + re.findall(r"^(guidang .*)$", text, re.M)
    found = [m.group(0) for q in quoted for m in _COMMAND.finditer(q)]
    return [shlex.split(command.strip())[1:] for command in found]


def test_every_alarm_has_a_page_and_every_page_an_alarm() -> None:
    assert {p.name for p in PAGES.glob("*.md")} - _OTHER == {f"{code}.md" for code in kinds()}
    listed = re.findall(r"\]\(([A-Z-]+)\.md\)", (PAGES / "README.md").read_text("utf-8"))
    assert sorted(listed) == sorted(kinds())
    tried = re.findall(
        r"\]\(([A-Z-]+)\.md\) .*`(tests/[a-z0-9_/]+\.py)` \|$", (PAGES / "README.md").read_text("utf-8"), re.M
    )
    assert {code for code, place in tried if code in (ROOT / place).read_text("utf-8")} == set(kinds())
    assert {cause.alarm for cause in causes().values()} <= set(kinds())


@pytest.mark.parametrize("page", sorted(p.name for p in PAGES.glob("*.md")))
def test_the_commands_of_a_page_exist(page: str) -> None:
    """Each word and option of a command is known to the parser at its place; what stands for a name is not looked at."""
    for words in commands(PAGES / page):
        parser: argparse.ArgumentParser = _parser()
        for word in words:
            acts = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
            if word.startswith("--"):
                assert word in parser._option_string_actions, f"guidang {' '.join(words)}: {word}"
            elif acts:
                assert word in acts[0].choices, f"guidang {' '.join(words)}: {word}"
                parser = acts[0].choices[word]
    if page.removesuffix(".md") in kinds():
        assert commands(PAGES / page), "a page says what to do"
