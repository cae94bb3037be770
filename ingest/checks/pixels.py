"""Decoding pictures to their pixels, by Pillow where it is installed (the extra ``run``); else they are only walked.

JPEG is decoded at an eighth of its size: all of its data is read, at half the cost and a sixty-fourth of the memory.
"""

from __future__ import annotations

import io
import itertools
import warnings

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
