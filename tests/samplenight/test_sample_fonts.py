"""Subsets are whole TrueType fonts with the outlines and widths of Noto SC."""

from __future__ import annotations

import io
from pathlib import Path

import pylopdf_fonts_zh_cn
import pytest
from fontTools.pens.areaPen import AreaPen
from fontTools.ttLib import TTFont

from samplenight import fonts
from sip.forms.fonts import FACES

TEXT = "准予行政许可决定书（测试）〔2026〕1号 A-z"


@pytest.mark.parametrize("name", ["song", "hei"])
def test_subset_is_the_font_itself_for_its_characters(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GUIDANG_CACHE", str(tmp_path))
    made = TTFont(io.BytesIO(fonts.face(name).subset(TEXT)), checkChecksums=2)
    source = TTFont(Path(pylopdf_fonts_zh_cn.__file__).parent / FACES[name])
    assert set(made.getBestCmap()) == {ord(c) for c in TEXT}
    for c in TEXT:
        ours, theirs = made.getBestCmap()[ord(c)], source.getBestCmap()[ord(c)]
        assert made["hmtx"][ours][0] == source["hmtx"][theirs][0]
        areas = []
        for font, glyph in ((made, ours), (source, theirs)):
            pen = AreaPen(font.getGlyphSet())
            font.getGlyphSet()[glyph].draw(pen)
            areas.append(abs(pen.value))
        assert areas[0] == pytest.approx(areas[1], rel=0.02, abs=20)


def test_character_that_the_face_lacks_is_refused() -> None:
    with pytest.raises(KeyError):
        fonts.face("song").subset(chr(0x1F600))


def test_width_is_the_sum_of_advances() -> None:
    assert fonts.face("song").width("归档", 10) == pytest.approx(20)
