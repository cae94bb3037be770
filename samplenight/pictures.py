"""Drawn pictures: round seals, and a pool of grey scans whose grain gives the files honest weight."""

from __future__ import annotations

import io
import math
import random
import zlib
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from samplenight.fonts import face, texts
from samplenight.papers import SCANS

if TYPE_CHECKING:
    from PIL import Image, ImageFont

SEAL_PIXELS, CHOP_PIXELS = 320, (320, 128)
RED = (204, 0, 0)
LINES = (
    "本扫描件由测试程序绘制，不对应真实的人员或者单位。",
    "一、申请材料目录见附表，各项材料应当逐页编号并加盖骑缝章。",
    "二、有关数据来源于一体化政务服务平台，由受理窗口核验。",
    "三、经办人员应当在收到材料之日起按期完成审查。",
    "四、本页图像以灰度方式扫描，供归档和利用。",
    "五、材料内容发生变化的，应当及时办理变更手续。",
)


@cache
def _font(name: str, size: int) -> ImageFont.FreeTypeFont:
    from PIL import ImageFont

    setting = face(name)
    return ImageFont.truetype(io.BytesIO(setting.subset("".join(filter(setting.has, texts())))), size)


@lru_cache(maxsize=16)
def _drawn(kind: str, text: str) -> Image.Image:
    return _seal(text) if kind == "seal" else _chop(text)


def _seal(text: str) -> Image.Image:
    """The round red seal of an agency: ring, star, the name along the arc; RGBA, transparent outside the ink."""
    from PIL import Image, ImageDraw

    n = SEAL_PIXELS
    image = Image.new("RGBA", (n, n), (*RED, 0))
    pen = ImageDraw.Draw(image)
    pen.ellipse((4, 4, n - 5, n - 5), outline=(*RED, 255), width=9)
    centre, reaches = n / 2, (n * 0.16, n * 0.062)
    turns = [(reaches[k % 2], k * math.pi / 5) for k in range(10)]
    pen.polygon([(centre + r * math.sin(t), centre - r * math.cos(t)) for r, t in turns], fill=(*RED, 255))
    size = min(46, int(520 / len(text)))
    span = math.radians(min(270, 26 * (len(text) - 1)))
    for k, letter in enumerate(text):
        angle = -span / 2 + span * k / max(1, len(text) - 1)
        tile = Image.new("RGBA", (size * 2, size * 2), (*RED, 0))
        ImageDraw.Draw(tile).text((size, size), letter, font=_font("song", size), fill=(*RED, 255), anchor="mm")
        tile = tile.rotate(-math.degrees(angle), Image.Resampling.BICUBIC)
        reach = n / 2 - 16 - size * 0.62
        x, y = centre + reach * math.sin(angle), centre - reach * math.cos(angle)
        image.alpha_composite(tile, (round(x - size), round(y - size)))
    pen.text((centre, n * 0.74), "测试专用", font=_font("hei", 27), fill=(*RED, 255), anchor="mm")
    return image


def _chop(text: str) -> Image.Image:
    """The oblong name stamp of an applicant's electronic signature."""
    from PIL import Image, ImageDraw

    width, height = CHOP_PIXELS
    image = Image.new("RGBA", CHOP_PIXELS, (*RED, 0))
    pen = ImageDraw.Draw(image)
    pen.rounded_rectangle((2, 2, width - 3, height - 3), 12, outline=(*RED, 255), width=5)
    size = min(44, (width - 30) // len(text))
    pen.text((width / 2, height * 0.4), text, font=_font("song", size), fill=(*RED, 255), anchor="mm")
    pen.text((width / 2, height * 0.79), "申请人电子签名", font=_font("hei", 20), fill=(*RED, 255), anchor="mm")
    return image


@lru_cache(maxsize=16)
def png(kind: str, text: str) -> bytes:
    """The ``seal`` or ``chop`` of ``text`` as PNG."""
    out = io.BytesIO()
    _drawn(kind, text).save(out, "PNG")
    return out.getvalue()


@lru_cache(maxsize=16)
def ink(kind: str, text: str) -> tuple[int, int, bytes]:
    """Width, height and the deflated alpha plane; the ink has one colour, so a PDF needs no more."""
    image = _drawn(kind, text)
    return image.width, image.height, zlib.compress(image.getchannel("A").tobytes(), 9)


@cache
def scan(number: int) -> tuple[int, int, bytes]:
    """Scan ``number`` of the pool: width, height, JPEG. From about 40 KB to 900 KB as the grain grows."""
    from PIL import Image, ImageDraw, ImageFilter

    if not 0 <= number < SCANS:
        raise IndexError(number)
    rng = random.Random(f"scan:{number}")
    width, height = ((620, 877), (827, 1170), (1240, 1754))[number % 3]
    page = Image.new("L", (width, height), 246)
    pen = ImageDraw.Draw(page)
    unit = width // 31
    pen.text(
        (width / 2, unit * 3), f"扫描件 第{number + 1}号", font=_font("hei", unit + unit // 2), fill=30, anchor="mm"
    )
    y = unit * 6
    while y < height - unit * 4:
        pen.text((unit * 3, y), rng.choice(LINES), font=_font("song", unit - 2), fill=rng.randrange(20, 70))
        y += unit * rng.choice((2, 2, 3))
    if number % 4 == 0:
        for k in range(8):
            pen.rectangle(
                (unit * 4 + 3 * k, height // 2 + unit * k, width - unit * 4, height // 2 + unit * (k + 1)), outline=90
            )
    page = page.rotate(rng.uniform(-0.8, 0.8), Image.Resampling.BICUBIC, fillcolor=246)
    grain = Image.frombytes("L", (width, height), rng.randbytes(width * height)).filter(ImageFilter.BoxBlur(0.6))
    page = Image.blend(page, grain, (0.05, 0.08, 0.12, 0.16)[number % 4])
    out = io.BytesIO()
    page.save(out, "JPEG", quality=(60, 70, 78)[number % 3])
    return width, height, out.getvalue()
