"""What stands in the package: every file against its manifests, and the signatures by the evidence in the package alone."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ingest.findings import Finding, Severity
from ingest.proof.copies import Bytes
from ingest.proof.evidence import Evidence, Outcome
from ingest.proof.progress import Progress, counted
from ingest.signatures.evidence import SUMMARY, rejudge
from ingest.store.reading import Reader
from sip.container import Damaged
from sip.faults import Fault
from sip.opening import Source
from sip.verify import VerifyResult, verify
from sip.zipread import Zip

_TROUBLE = (ClientError, BotoCoreError, OSError)
_WHOLE = 32 << 20  # up to this a package is fetched in one request
_MOST_FAULTS = 200
_MAX_SUMMARY = 64 << 20


def source(reader: Reader, key: str, version: str | None) -> Source:
    """The package for a judge; a large one is read by ranges. KeyError where it is not there."""
    size = reader.store.size(key, version)
    if size is None:
        raise KeyError(key)
    if size <= _WHOLE:
        return io.BytesIO(b"".join(reader.store.stream(key, version)))
    return reader.store.open(key, version)


def manifest(readers: Mapping[str, Reader], key: str, found: Sequence[Bytes], progress: Progress) -> list[Evidence]:
    """Every set of bytes that stands under the key is judged; faults name their member."""
    out: list[Evidence] = []
    for one in found:
        where = _names(one)
        try:
            opened = counted(source(readers[one.replicas[0]], key, one.version), progress, "manifest", one.size)
            out += _judged(verify(opened, where), where)
        except (*_TROUBLE, KeyError) as e:
            out.append(
                Evidence(Outcome.UNKNOWN, "PKG-UNREADABLE", "未能读取", "It could not be read", where, found=str(e))
            )
    if not found:
        out.append(_nothing())
    return out


def _judged(result: VerifyResult, where: str) -> Iterator[Evidence]:
    errors = [f for f in result.findings if f.severity == "error"]
    digests = "、".join(result.algorithms) or "—"
    what = f"{result.files} 个文件 files, {result.payload_bytes} 字节 bytes, {digests}"
    if not errors and result.judged:
        yield Evidence(
            Outcome.GOOD, "PKG-VALID",
            "逐个文件重算摘要，与全部清单相同；完整性、Payload-Oxum、标签清单、Profile、PREMIS、记录自述均相符",
            "Every file digested anew and equal to all manifests; completeness, Payload-Oxum, tag manifests, profile, PREMIS and the "
            "record's own claims hold", where, what, "manifest-*.txt, tagmanifest-*.txt", what,
        )  # fmt: skip
    for number, fault in enumerate(sorted(result.findings, key=lambda f: f.severity != "error")):
        if number == _MOST_FAULTS:
            rest = len(result.findings) - number
            yield Evidence(
                Outcome.NOTE, "PKG-MORE", f"另有 {rest} 处，见 guidang verify", f"{rest} more: guidang verify", where
            )
            break
        yield _fault(fault, where, result.judged)


def _fault(fault: Fault, where: str, judged: bool) -> Evidence:
    shown = fault.as_json()
    outcome = (Outcome.BAD if judged else Outcome.UNKNOWN) if fault.severity == "error" else Outcome.NOTE
    params = shown["params"]
    place = f"{where} · {shown['path']}" if shown["path"] else where
    expected, found = params.get("expected", params.get("claimed", "")), params.get("actual", "")
    by = str(params.get("manifest", params.get("document", params.get("algorithm", ""))))
    return Evidence(outcome, fault.code, shown["zh"], shown["en"], place, str(expected), by, str(found))


def signatures(readers: Mapping[str, Reader], key: str, found: Sequence[Bytes], progress: Progress) -> list[Evidence]:
    """The first set of bytes (those deposited, where they are left) is judged. To be called in a process that may be killed."""
    if not found:
        return [_nothing()]
    one, where = found[0], _names(found[0])
    try:
        opened = counted(source(readers[one.replicas[0]], key, one.version), progress, "signatures", one.size)
        again = rejudge(opened)
        out = [_finding(f, where) for f in again.findings]
        if again.good and again.verdict is not None:
            out = [*_files(opened, where), *out]
            out.insert(0, Evidence(
                Outcome.GOOD, "EVI-SAME", "只凭包内证据重判，每个结论与归档时相同",
                "Judged again by the evidence in the package alone: every verdict as at archiving", where,
                again.verdict.value, SUMMARY, f"{again.verdict.value}（{again.files}）"))  # fmt: skip
        return out
    except (*_TROUBLE, KeyError) as e:
        return [Evidence(Outcome.UNKNOWN, "EVI-NOT-JUDGED", "未能读取", "It could not be read", where, found=str(e))]


def _files(opened: Source, where: str) -> Iterator[Evidence]:
    """Each file with its verdict as it is written, which judging again has just confirmed."""
    assert not isinstance(opened, Path)
    package = Zip(opened, lazy=True)
    item = next((i for i in package.items if i.name.partition("/")[2] == SUMMARY), None)
    if item is None or item.size > _MAX_SUMMARY:
        return
    try:
        said = json.loads(b"".join(package.chunks(item)))
        entries: list[Mapping[str, Any]] = said["files"][:_MOST_FAULTS]
        for entry in entries:
            verdict = str(entry["verdict"])
            kinds = "、".join(
                str(s["kind"]) for s in entry["signatures"]
            )  # who signed is the record page's to show, masked
            yield Evidence(Outcome.GOOD, "EVI-FILE", "文件的签名结论", "Verdict on a file's signatures",
                           f"{where} · {entry['path']}", verdict, "signatures.json", f"{verdict} {kinds}".strip())  # fmt: skip
    except (ValueError, KeyError, TypeError, AttributeError, Damaged):
        return  # what cannot be read is a fault of the manifest or of judging again, and told there


def _finding(finding: Finding, where: str) -> Evidence:
    weight = finding.weight
    outcome = Outcome.BAD if weight in (Severity.REJECT, Severity.HOLD) else Outcome.NOTE
    place = f"{where} · {finding.path}" if finding.path else where
    params = finding.params
    return Evidence(outcome, finding.code, finding.text("zh"), finding.text("en"), place, params.get("was", ""), SUMMARY,
                    params.get("now", params.get("detail", "")))  # fmt: skip


def _names(one: Bytes) -> str:
    names = "、".join(dict.fromkeys(one.replicas))
    return names if one.deposited else f"{names}（不是入库的字节 not the deposited bytes, {one.sha256[:12]}…）"


def _nothing() -> Evidence:
    return Evidence(Outcome.UNKNOWN, "PKG-UNREADABLE", "没有可读的副本", "No copy can be read")
