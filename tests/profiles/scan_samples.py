"""Deliveries of scanned archives: catalogues as archives make them, and pages that a scanner could have made."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import openpyxl
from PIL import Image, ImageDraw

HEADS = (
    "档号",
    "题名",
    "责任者",
    "文号",
    "日期",
    "年度",
    "类别号",
    "保管期限",
    "机构（问题）",
    "密级",
    "页数",
    "卷或件",
    "数字化日期",
    "扫描单位",
    "备注",
)
Row = dict[str, str]


def row(item: int = 1, fonds: str = "T001", **texts: str) -> Row:
    """A good line of the catalogue: an old file of the office's, kept for ever; two pages."""
    code = f"{fonds}-WS·1987-Y-BGS-{item:04d}"
    given = {
        "档号": code, "题名": f"关于机构设置的批复之{item}（测试）", "责任者": "南粤市人民政府（测试）", "文号": f"测府〔1987〕{item}号",
        "日期": "1987-03-05", "年度": "1987", "类别号": "WS", "保管期限": "永久", "机构（问题）": "BGS", "密级": "公开", "页数": "2",
        "卷或件": "件", "数字化日期": "2023-05-06", "扫描单位": "测试数字化公司", "备注": "",
    }  # fmt: skip
    return given | texts


def sheet(rows: Sequence[Mapping[str, Any]], heads: Sequence[str] = HEADS) -> bytes:
    """The catalogue as a workbook."""
    book = openpyxl.Workbook()
    page = book.active
    assert page is not None
    page.append(list(heads))
    for given in rows:
        page.append([given.get(h) for h in heads])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def text(rows: Sequence[Mapping[str, str]], encoding: str = "utf-8-sig", heads: Sequence[str] = HEADS) -> bytes:
    """The catalogue as CSV."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(heads)
    writer.writerows([given.get(h, "") for h in heads] for given in rows)
    return out.getvalue().encode(encoding)


@cache
def page(words: str = "1", form: str = "JPEG", dpi: int | None = 200, frames: int = 1) -> bytes:
    """A scanned page with something on it; without words it is blank."""
    pictures = []
    for n in range(frames):
        picture = Image.new("RGB", (400, 560), (250, 246, 235))
        if words:
            draw = ImageDraw.Draw(picture)
            draw.rectangle((40, 40, 360, 60), fill=(180, 20, 20))
            draw.text((50, 100 + 20 * n), f"page {words} {n}", fill=(10, 10, 10))
        pictures.append(picture)
    out = io.BytesIO()
    more: dict[str, Any] = {"dpi": (dpi, dpi)} if dpi else {}
    if frames > 1:
        more |= {"save_all": True, "append_images": pictures[1:]}
    pictures[0].save(out, form, **more)
    return out.getvalue()


def pages(code: str, count: int = 2) -> dict[str, bytes]:
    """The pages of one 件 in its folder; no two are alike."""
    return {f"{code}/{n:04d}.jpg": page(f"{code[-4:]}.{n}") for n in range(1, count + 1)}


def delivery(*rows: Row, catalogue: str = "目录.xlsx") -> dict[str, bytes]:
    """A whole good delivery of these lines."""
    files = {catalogue: sheet(rows) if catalogue.endswith("xlsx") else text(rows)}
    for given in rows:
        files |= pages(given["档号"], int(given["页数"]))
    return files


def laid(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Written into a folder, the mark last."""
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    (folder / "_DONE").touch()
    return folder
