"""Large packages, in parts: constant memory, a SHA-256 on each part, and after a crash only what is missing is sent again."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import IO, TYPE_CHECKING, Any

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

FROM = 64 << 20  # packages of this size and more go in parts
_PART = 8 << 20
_MOST_PARTS = 9000  # servers take 10,000
_IN_FLIGHT = 2  # parts being sent while another is read: enough to keep a near server busy, little memory


class WrongDigest(Exception):
    """What was read from this machine's own file is not what its SHA-256 promised. Nothing was completed."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Part:
    number: int
    sha256: bytes
    md5: str
    size: int


def part_size(size: int) -> int:
    """Bytes of each part but the last; follows from the size alone, so that another process makes the same parts."""
    least = -(-size // _MOST_PARTS)
    return max(_PART, -(-least // (1 << 20)) * (1 << 20))


def composite(body: IO[bytes], size: int) -> str:
    """The checksum that a store names for a package of ours put in parts (base64 SHA-256 of the parts' SHA-256, "-" and
    their number); reads ``body`` from its start."""
    body.seek(0)
    digests = [hashlib.sha256(data).digest() for data in _pieces(body, part_size(size))]
    return _named(digests)


def upload(
    s3: S3Client, bucket: str, key: str, body: IO[bytes], sha256: str, size: int, conditional: bool, **how: Any
) -> tuple[str | None, str]:
    """Put ``body`` in parts; returns the version's id and the checksum that the store should name.

    An upload of this key that a crash left open is gone on with: parts that are there with the right bytes are not sent
    again, and any other open upload of the key is ended. Raises WrongDigest, and ClientError (among them 412, with nothing
    overwritten, where the key is taken and ``conditional``).
    """
    here: dict[str, Any] = {"Bucket": bucket, "Key": key}
    upload_id, present = _resume(s3, here)
    if upload_id is None:
        upload_id = s3.create_multipart_upload(**here, ChecksumAlgorithm="SHA256", **how)["UploadId"]
    here["UploadId"] = upload_id
    whole = hashlib.sha256()
    sent: dict[int, dict[str, Any]] = {}
    digests: list[bytes] = []
    body.seek(0)
    with ThreadPoolExecutor(_IN_FLIGHT) as pool:
        waiting: set[Future[dict[str, Any]]] = set()
        for number, data in enumerate(_pieces(body, part_size(size)), start=1):
            whole.update(data)
            part = _Part(
                number, hashlib.sha256(data).digest(), hashlib.md5(data, usedforsecurity=False).hexdigest(), len(data)
            )
            digests.append(part.sha256)
            if (there := present.get(number)) is not None and _same(part, there):
                sent[number] = _line(part, there["ETag"])
                continue
            if len(waiting) >= _IN_FLIGHT:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                sent |= {line["PartNumber"]: line for line in (f.result() for f in done)}
            waiting.add(pool.submit(_send, s3, here, part, data))
            del data
        sent |= {line["PartNumber"]: line for line in (f.result() for f in waiting)}
    if whole.hexdigest() != sha256:
        s3.abort_multipart_upload(**here)
        raise WrongDigest(f"{key}: {whole.hexdigest()} ≠ {sha256}")
    condition: dict[str, Any] = {"IfNoneMatch": "*"} if conditional else {}
    parts: Any = {"Parts": [sent[n] for n in sorted(sent)]}
    try:
        answer = s3.complete_multipart_upload(**here, MultipartUpload=parts, **condition)
    except ClientError as e:
        if e.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == 412:
            s3.abort_multipart_upload(**here)
        raise
    return answer.get("VersionId"), _named(digests)


def _send(s3: S3Client, here: dict[str, Any], part: _Part, data: bytes) -> dict[str, Any]:
    answer = s3.upload_part(**here, PartNumber=part.number, Body=data, ChecksumSHA256=_text(part.sha256))
    return _line(part, answer["ETag"])


def _line(part: _Part, etag: str) -> dict[str, Any]:
    return {"PartNumber": part.number, "ETag": etag, "ChecksumSHA256": _text(part.sha256)}


def _same(part: _Part, there: dict[str, Any]) -> bool:
    """Whether the store's part has these bytes: by its SHA-256, or where it keeps none by the MD5 that its ETag is."""
    if there["Size"] != part.size:
        return False
    named = there.get("ChecksumSHA256")
    return bool(named == _text(part.sha256) if named else there["ETag"].strip('"') == part.md5)


def _resume(s3: S3Client, here: dict[str, Any]) -> tuple[str | None, dict[int, dict[str, Any]]]:
    """The newest open upload of this key with its parts by number; all older ones are ended."""
    found = [
        u
        for page in s3.get_paginator("list_multipart_uploads").paginate(Bucket=here["Bucket"], Prefix=here["Key"])
        for u in page.get("Uploads", [])
        if u["Key"] == here["Key"]
    ]
    found.sort(key=lambda u: u["Initiated"])
    for old in found[:-1]:
        s3.abort_multipart_upload(**here, UploadId=old["UploadId"])
    if not found:
        return None, {}
    last = found[-1]["UploadId"]
    pages = s3.get_paginator("list_parts").paginate(**here, UploadId=last)
    return last, {p["PartNumber"]: dict(p) for page in pages for p in page.get("Parts", [])}


def _pieces(body: IO[bytes], size: int) -> Iterator[bytes]:
    while data := body.read(size):
        yield data


def _text(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


def _named(digests: list[bytes]) -> str:
    return f"{_text(hashlib.sha256(b''.join(digests)).digest())}-{len(digests)}"
