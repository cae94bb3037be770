"""Decoding pictures to their pixels, by Pillow where it is installed (the extra ``run``); else they are only walked.

JPEG is decoded at an eighth of its size: all of its data is read, at half the cost and a sixty-fourth of the memory.
"""

from __future__ import annotations

import dataclasses
import io
import itertools
import warnings
from collections.abc import Sequence
from pathlib import Path

# What Pillow was seen to raise on damaged pictures; which of them depends on the plugin.
_ERRORS = (OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, OverflowError, EOFError, ArithmeticError)
_MOST_PIXELS = 64_000_000  # of a picture that cannot be decoded smaller: 200 MB of memory
_MOST_FRAMES = 500
_SMALLER = 8


def available() -> bool:
    """Whether pictures can be decoded here."""
    try:
        import PIL.Image  # noqa: F401
    except ModuleNotFoundError:
        return False
    return True


def decode(data: bytes) -> str | None:
    """Decode all pages of a picture: None if they decode or cannot be decoded here, else what is wrong."""
    if not available():
        return None
    from PIL import Image, UnidentifiedImageError

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of sizes, which are limited here, and of tags that matter to nobody
        try:
            with Image.open(io.BytesIO(data)) as picture:
                frames = getattr(picture, "n_frames", 1)
                for frame in itertools.islice(range(frames), _MOST_FRAMES):
                    picture.seek(frame)
                    picture.draft(None, (picture.width // _SMALLER, picture.height // _SMALLER))
                    if picture.width * picture.height <= _MOST_PIXELS:
                        picture.load()
        except UnidentifiedImageError:
            return "解码器不认识该图像 / not known to the decoder"
        except Image.DecompressionBombError:
            return None  # more pixels than memory is spent on: it has been walked, and that must do
        except _ERRORS as exc:
            return f"图像不能解码 / cannot be decoded: {type(exc).__name__}"
    return None


@dataclasses.dataclass(frozen=True, slots=True)
class Look:
    """What a scan shows at a glance: ``dpi`` as it states it (the lesser of both directions), and whether every page is blank."""

    dpi: int | None
    blank: bool


def look(path: Path, tone: int, share: float) -> Look | None:
    """Look at the pages of a picture, at an eighth of its size where its format allows that. None where it cannot be decoded.

    Blank is where no more than ``share`` of the pixels differ by more than ``tone`` (of 255) from the commonest tone: paper of
    any colour without anything on it.
    """
    if not available():
        return None
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as in `decode`
        try:
            with Image.open(path) as picture:
                frames = range(min(getattr(picture, "n_frames", 1), _MOST_FRAMES))
                dpis, blank = set(), True
                for frame in frames:
                    picture.seek(frame)
                    dpis.add(_dpi(picture.info.get("dpi")))
                    picture.draft("L", (picture.width // _SMALLER, picture.height // _SMALLER))
                    if picture.width * picture.height > _MOST_PIXELS:
                        return Look(None, False)
                    blank = blank and _is_blank(picture.convert("L").histogram(), tone, share)
        except Image.DecompressionBombError:
            return Look(None, False)
        except _ERRORS:
            return None
    return Look(None if None in dpis else min(d for d in dpis if d is not None), blank)


def _dpi(stated: object) -> int | None:
    """The resolution as the file states it: (across, down) in dpi; 0, 1 and the like say nothing."""
    try:
        across, down = (round(float(value)) for value in stated)  # type: ignore[attr-defined]
    except (TypeError, ValueError, OverflowError, ZeroDivisionError):
        return None
    return min(across, down) if min(across, down) > 1 else None


def _is_blank(histogram: Sequence[int], tone: int, share: float) -> bool:
    common = max(range(len(histogram)), key=histogram.__getitem__)
    other = sum(count for value, count in enumerate(histogram) if abs(value - common) > tone)
    return other <= share * sum(histogram)
