"""A package written in another form, on demand: DA/T 48 EEP, or the deployed ZIP.

The package is verified first; nothing is exported from one that is not whole. Payload is streamed: memory holds the record and one
piece of a file. Nothing of the export is new: the same package gives the same bytes.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from io import RawIOBase
from typing import Any, BinaryIO

from sip import claims, deployed, eep, extension, xml
from sip.archived import as_archived
from sip.verify import VerifyResult, verify
from sip.zipread import Zip
from sip.zipwrite import StoredZip

FORMS = ("eep", "deployed")


class NotExported(Exception):
    """The package is not valid or holds no record; ``result`` is what its verification found."""

    def __init__(self, result: VerifyResult, reason: str) -> None:
        super().__init__(reason)
        self.result = result


def export(package: RawIOBase, form: str, out: BinaryIO) -> None:
    """Write the record in ``package`` (an open, seekable file; far ones: `sip.remote.RangeFile`) to ``out`` as ``form``.

    Raises NotExported, ValueError for another form.
    """
    if form not in FORMS:
        raise ValueError(f"form {form!r}: one of {', '.join(FORMS)}")
    result = verify(package)
    if not result.valid:
        raise NotExported(result, "信息包未通过检验，不导出 / the package is not valid, nothing is exported")
    container = Zip(package)
    members = {i.name.partition("/")[2]: i for i in container.items}
    if claims.RECORD not in members:
        raise NotExported(result, f"包内没有 {claims.RECORD} / no {claims.RECORD} in the package")
    record = json.loads(b"".join(container.chunks(members[claims.RECORD])))
    payload = [members["data/" + f["path"]] for f in as_archived(record)["files"]]
    moment = dt.datetime.fromisoformat(record["record"]["filed_at"])
    if form == "eep":
        for piece in eep.pieces(record, [container.chunks(item) for item in payload], moment):
            out.write(piece)
    else:
        contents = [(item.handle.size, item.handle.crc, container.chunks(item)) for item in payload]
        write_deployed(out, record, contents, moment)


Content = tuple[int, int, Iterable[bytes]]  # size, CRC-32, the bytes


def write_deployed(out: BinaryIO, record: Mapping[str, Any], contents: Sequence[Content], moment: dt.datetime) -> None:
    """The deployed ZIP of ``record``; ``contents`` in the order of its files; ``moment`` (aware) is the time of all members."""
    target = StoredZip(out, moment)
    shown = as_archived(record)
    target.add(deployed.BASE_INFO, xml.base_info(shown))
    target.add(deployed.PROCESS_INFO, xml.process_info(shown))
    target.add(extension.NAME, deployed.kept(record))
    for entry in deployed.describe(record).files:
        target.stream(entry.path, *contents[entry.index])
    target.close()
