"""The container of a TrueType font (OpenType 1.9): tables put together from ready outlines, each glyph's bytes unchanged."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

Glyph = tuple[int, bytes]
"""Advance width in font units, and the outline as it stands in ``glyf`` (empty for a space)."""


def assemble(
    shared: Mapping[str, bytes], notdef: Glyph, characters: Sequence[str], glyphs: Mapping[str, Glyph]
) -> bytes:
    """The font file: glyph 0 is .notdef, then one glyph a character; ``characters`` in code point order, without repeats.

    ``shared`` holds head, hhea, OS/2, post and name of the source; what depends on the glyphs is set anew.
    """
    members = [notdef, *(glyphs[c] for c in characters)]
    glyf, offsets = bytearray(), []
    for _, outline in members:
        offsets.append(len(glyf))
        glyf += outline + b"\0" * (-len(outline) % 4)
    offsets.append(len(glyf))
    boxes = [struct.unpack_from(">4h", outline, 2) for _, outline in members if outline]
    x_min, y_min = (min((box[k] for box in boxes), default=0) for k in (0, 1))
    x_max, y_max = (max((box[k] for box in boxes), default=0) for k in (2, 3))
    head = shared["head"]  # its checksum comes last; loca has long offsets
    head = head[:8] + bytes(4) + head[12:36] + struct.pack(">4h", x_min, y_min, x_max, y_max) + head[44:50]
    tables = dict(shared) | {
        "head": head + struct.pack(">2h", 1, 0),
        "hhea": shared["hhea"][:34] + struct.pack(">H", len(members)),
        "maxp": _maxp([outline for _, outline in members]),
        "glyf": bytes(glyf),
        "loca": struct.pack(f">{len(offsets)}I", *offsets),
        # the left side bearing of a TrueType glyph is its xMin, the second field of its header
        "hmtx": b"".join(struct.pack(">Hh", width, _x_min(outline)) for width, outline in members),
        "cmap": _cmap([ord(c) for c in characters]),
    }
    return _sfnt(tables)


def _x_min(outline: bytes) -> int:
    value: int = struct.unpack_from(">h", outline, 2)[0] if outline else 0
    return value


def _maxp(outlines: Sequence[bytes]) -> bytes:
    """Version 1.0: the most points and contours of any glyph; no instructions, nothing composite."""
    points = contours = 0
    for outline in outlines:
        if outline:
            (count,) = struct.unpack_from(">h", outline)
            contours = max(contours, count)
            points = max(points, struct.unpack_from(">H", outline, 10 + 2 * (count - 1))[0] + 1)
    return struct.pack(">IHHH4xH16x", 0x00010000, len(outlines), points, contours, 2)


def _cmap(codes: list[int]) -> bytes:
    """Format 4 for the basic plane, and format 12 beside it when there is more; one segment a run of code points."""
    runs: list[tuple[int, int, int]] = []  # first, last code point, first glyph
    for glyph, code in enumerate(codes, 1):
        if runs and code == runs[-1][1] + 1 and code != 0x10000:
            runs[-1] = (runs[-1][0], code, runs[-1][2])
        else:
            runs.append((code, code, glyph))
    basic = _format_4([run for run in runs if run[1] < 0xFFFF])
    if not codes or codes[-1] <= 0xFFFF:
        return struct.pack(">2H2HI", 0, 1, 3, 1, 12) + basic
    groups = b"".join(struct.pack(">3I", *run) for run in runs)
    full = struct.pack(">2H3I", 12, 0, 16 + len(groups), 0, len(runs)) + groups
    return struct.pack(">2H2HI2HI", 0, 2, 3, 1, 20, 3, 10, 20 + len(basic)) + basic + full


def _format_4(runs: list[tuple[int, int, int]]) -> bytes:
    runs = [*runs, (0xFFFF, 0xFFFF, 0)]
    n = len(runs)
    power = 1 << (n.bit_length() - 1)
    body = struct.pack(">4H", n * 2, power * 2, power.bit_length() - 1, (n - power) * 2)
    body += struct.pack(f">{n}H", *(r[1] for r in runs)) + b"\0\0" + struct.pack(f">{n}H", *(r[0] for r in runs))
    deltas = [(r[2] - r[0]) % 0x10000 for r in runs[:-1]] + [1]
    body += struct.pack(f">{n}H", *deltas) + bytes(2 * n)
    return struct.pack(">3H", 4, len(body) + 6, 0) + body


def _checksum(data: bytes) -> int:
    data += b"\0" * (-len(data) % 4)
    words: tuple[int, ...] = struct.unpack(f">{len(data) // 4}I", data)
    return sum(words) & 0xFFFFFFFF


def _sfnt(tables: Mapping[str, bytes]) -> bytes:
    n = len(tables)
    power = 1 << (n.bit_length() - 1)
    head = struct.pack(">I4H", 0x00010000, n, power * 16, power.bit_length() - 1, (n - power) * 16)
    directory, body = b"", b""
    start = len(head) + 16 * n
    at = 0
    for tag in sorted(tables):
        data = tables[tag]
        if tag == "head":
            at = start + len(body) + 8
        directory += struct.pack(">4s3I", tag.encode(), _checksum(data), start + len(body), len(data))
        body += data + b"\0" * (-len(data) % 4)
    font = head + directory + body
    return font[:at] + struct.pack(">I", (0xB1B0AFBA - _checksum(font)) & 0xFFFFFFFF) + font[at + 4 :]
