"""The verdict on a record by each of the 四性, as one short text beside its findings: what rates are counted from.

A million records' findings cannot be read for one figure; four letters in an index can be counted at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

NATURES = ("authenticity", "integrity", "usability", "safety")  # 真实性 完整性 可用性 安全性: the order of the letters
PASS, HELD, REJECTED = "P", "H", "R"
GOOD = PASS * len(NATURES)
_GRAVITY = {"reject": REJECTED, "hold": HELD}


def of(findings: Iterable[Mapping[str, Any]]) -> str:
    """``PPHR``: one letter a nature, the gravest of its findings. ``findings`` are in their stored form."""
    worst = dict.fromkeys(NATURES, PASS)
    for found in findings:
        letter = _GRAVITY.get(found["severity"])
        nature = found["nature"]
        if letter is not None and nature in worst and worst[nature] != REJECTED:
            worst[nature] = letter
    return "".join(worst.values())
