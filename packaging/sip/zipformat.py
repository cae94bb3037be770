"""The ZIP structures of a package (PKWARE APPNOTE 6.3.10), byte for byte as the writer makes them.

One spelling for every package: stored, UTF-8 names, sizes and CRC-32 in the local header (no data descriptors), ZIP64 only where
a number does not fit, one time for all members, mode 0644, no comments. Reader and writer share it: a verifier can say whether a
container is still as it was written.
"""

from __future__ import annotations

import datetime as dt
import struct

CHINA = dt.timezone(dt.timedelta(hours=8), "CST")
MAX16, MAX32 = 0xFFFF, 0xFFFFFFFF  # in a field: the number stands in the ZIP64 structure
FITS16, FITS32 = MAX16 - 1, MAX32 - 1  # the largest numbers that stand in the field itself

LOCAL = struct.Struct("<4s5H3I2H")  # signature, needed, flags, method, time, date, crc, packed, size, name, extra
CENTRAL = struct.Struct("<4s6H3I5H2I")  # …, comment, disk, internal, external, offset
END = struct.Struct("<4s4H2IH")
END64 = struct.Struct("<4sQ2H2I4Q")
LOCATOR64 = struct.Struct("<4sIQI")
LOCAL_MARK, CENTRAL_MARK, END_MARK = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
END64_MARK, LOCATOR64_MARK = b"PK\x06\x06", b"PK\x06\x07"

UTF8_FLAG = 0x800
_UNIX_63 = 3 << 8 | 63  # made on Unix, APPNOTE 6.3
_FILE_0644 = 0o100644 << 16


def dos_stamp(moment: dt.datetime) -> tuple[int, int]:
    """(time, date) in DOS form, China time, seconds rounded down to even. ValueError if naive or outside 1980–2107."""
    if moment.tzinfo is None:
        raise ValueError("the moment needs a time zone")
    t = moment.astimezone(CHINA)
    if not 1980 <= t.year <= 2107:
        raise ValueError(f"a ZIP cannot hold the year {t.year}")
    return t.hour << 11 | t.minute << 5 | t.second // 2, (t.year - 1980) << 9 | t.month << 5 | t.day


def local_header(name: bytes, size: int, crc: int, stamp: tuple[int, int]) -> bytes:
    """The header before a stored member's bytes."""
    wide = size > FITS32
    extra = struct.pack("<HHQQ", 1, 16, size, size) if wide else b""
    short = MAX32 if wide else size
    return (
        LOCAL.pack(
            LOCAL_MARK, 45 if wide else 20, UTF8_FLAG, 0, *stamp, crc, short, short, len(name), len(extra)
        ) + name + extra
    )  # fmt: skip


def central_header(name: bytes, size: int, crc: int, stamp: tuple[int, int], offset: int) -> bytes:
    """The member's line in the central directory; ``offset`` is where its local header begins."""
    wide = ([size, size] if size > FITS32 else []) + ([offset] if offset > FITS32 else [])
    extra = struct.pack(f"<HH{len(wide)}Q", 1, 8 * len(wide), *wide) if wide else b""
    short = _field32(size)
    return (
        CENTRAL.pack(
            CENTRAL_MARK, _UNIX_63, 45 if wide else 20, UTF8_FLAG, 0, *stamp, crc, short, short, len(name), len(extra),
            0, 0, 0, _FILE_0644, _field32(offset),
        ) + name + extra
    )  # fmt: skip


def end_records(count: int, directory_size: int, directory_offset: int) -> bytes:
    """What closes the file: the end record, with the two ZIP64 records before it where a number needs them."""
    wide = count > FITS16 or directory_size > FITS32 or directory_offset > FITS32
    head = b""
    if wide:
        head = END64.pack(
            END64_MARK, END64.size - 12, _UNIX_63, 45, 0, 0, count, count, directory_size, directory_offset
        ) + LOCATOR64.pack(LOCATOR64_MARK, 0, directory_offset + directory_size, 1)
    short = count if count <= FITS16 else MAX16
    return head + END.pack(
        END_MARK, 0, 0, short, short, _field32(directory_size), _field32(directory_offset), 0
    )  # fmt: skip


def _field32(number: int) -> int:
    return number if number <= FITS32 else MAX32
