"""What a store can do, tried and not believed: behaviour follows from here, never from a vendor's name.

Trying writes under ``.guidang/``, which is no record's key. Who probes may add and never delete, so two tiny objects stay.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import hashlib
import json
import os
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from ingest.settings import Home
from ingest.store.config import StoreConfig

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_WRONG, _ONE, _PARTS = ".guidang/probe", ".guidang/abilities", ".guidang/abilities-parts"
_BODY = b"guidang"
_RIGHT_SUM = base64.b64encode(hashlib.sha256(_BODY).digest()).decode()
_WRONG_SUM = base64.b64encode(hashlib.sha256(b"not this").digest()).decode()
BAD_DIGEST = ("BadDigest", "InvalidDigest", "XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch")
TAKEN = ("PreconditionFailed", "ConditionalRequestConflict", "412", "409")
_FRESH = dt.timedelta(days=1)


@dataclasses.dataclass(frozen=True, slots=True)
class Abilities:
    """One answer each. "Verified": a wrong SHA-256 is refused; "kept": the right one is told afterwards."""

    checksum_verified: bool
    checksum_kept: bool
    part_checksum_verified: bool
    part_checksum_kept: bool
    conditional_put: bool
    conditional_complete: bool
    versions: bool
    object_lock: bool
    tls: bool

    @property
    def proves(self) -> bool:
        """Whether its word is enough that an object put in one piece is the one that was sent."""
        return self.checksum_verified and self.checksum_kept

    @property
    def proves_parts(self) -> bool:
        """The same of an object put in parts."""
        return self.part_checksum_verified and self.part_checksum_kept


def probe(s3: S3Client, config: StoreConfig) -> Abilities:
    """Try everything on the bucket of ``config``. Raises ClientError or BotoCoreError where the store is away or refuses."""
    bucket = config.bucket
    verified = _refuses(s3.put_object, Bucket=bucket, Key=_WRONG, Body=_BODY, ChecksumSHA256=_WRONG_SUM)
    put = {"Bucket": bucket, "Key": _ONE, "Body": _BODY, "ChecksumSHA256": _RIGHT_SUM, "IfNoneMatch": "*"}
    _taken(s3.put_object, **put)  # the first time it is free
    return Abilities(
        checksum_verified=verified,
        conditional_put=_taken(s3.put_object, **put),
        checksum_kept=_named(s3, bucket, _ONE) == _RIGHT_SUM,
        **_parts(s3, bucket),
        versions=s3.get_bucket_versioning(Bucket=bucket).get("Status") == "Enabled",
        object_lock=_locks(s3, bucket),
        tls=config.endpoint.startswith("https://"),
    )


def recorded(home: Home, config: StoreConfig, s3: S3Client, now: dt.datetime | None = None) -> Abilities:
    """The abilities as recorded in ``<home>/abilities.json`` within a day for this place; else probed and recorded."""
    now = now or dt.datetime.now(dt.UTC)
    entry = _load(home).get(config.name, {})
    names = {f.name for f in dataclasses.fields(Abilities)}
    if (
        entry.get("endpoint") == config.endpoint
        and entry.get("bucket") == config.bucket
        and entry.get("abilities", {}).keys() == names
        and now - dt.datetime.fromisoformat(entry["probed_at"]) < _FRESH
    ):
        return Abilities(**entry["abilities"])
    return record(home, config, probe(s3, config), now)


def record(home: Home, config: StoreConfig, found: Abilities, now: dt.datetime | None = None) -> Abilities:
    """Write what was found into ``<home>/abilities.json``, beside what is known of other replicas."""
    now = now or dt.datetime.now(dt.UTC)
    entry = {
        "endpoint": config.endpoint,
        "bucket": config.bucket,
        "probed_at": now.isoformat(timespec="seconds"),
        "abilities": dataclasses.asdict(found),
    }
    known = _load(home) | {config.name: entry}
    path = home.root / "abilities.json"
    temp = path.with_suffix(f".{os.getpid()}.tmp")
    temp.write_text(json.dumps({"schema": "guidang.abilities/1.0", "replicas": known}, indent=1), "utf-8")
    temp.replace(path)
    return found


def _load(home: Home) -> dict[str, Any]:
    try:
        return dict(json.loads((home.root / "abilities.json").read_text("utf-8"))["replicas"])
    except FileNotFoundError:
        return {}


def _parts(s3: S3Client, bucket: str) -> dict[str, bool]:
    """What it makes of a multipart upload: of wrong sums of parts, and of the wish not to overwrite at its end."""
    here: dict[str, Any] = {"Bucket": bucket, "Key": _PARTS}
    if _named(s3, bucket, _PARTS) is None:
        _upload_parts(s3, here, {})
    verified, taken = _upload_parts(s3, here, {"IfNoneMatch": "*"})
    composite = base64.b64encode(hashlib.sha256(hashlib.sha256(_BODY).digest()).digest()).decode() + "-1"
    return {
        "part_checksum_verified": verified,
        "part_checksum_kept": _named(s3, bucket, _PARTS) == composite,
        "conditional_complete": taken,
    }


def _upload_parts(s3: S3Client, here: dict[str, Any], condition: dict[str, Any]) -> tuple[bool, bool]:
    """(a wrong sum of a part was refused, completing was refused because the key is taken)."""
    upload = here | {"UploadId": s3.create_multipart_upload(**here, ChecksumAlgorithm="SHA256")["UploadId"]}
    refused = _refuses(s3.upload_part, **upload, PartNumber=1, Body=_BODY, ChecksumSHA256=_WRONG_SUM)
    part = s3.upload_part(**upload, PartNumber=1, Body=_BODY, ChecksumSHA256=_RIGHT_SUM)
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"], "ChecksumSHA256": _RIGHT_SUM}]}
    taken = _taken(s3.complete_multipart_upload, **upload, MultipartUpload=parts, **condition)
    if taken:
        s3.abort_multipart_upload(**upload)
    return refused, taken


def _refuses(put: Any, **how: Any) -> bool:
    try:
        put(**how)
    except ClientError as e:
        if e.response.get("Error", {}).get("Code") in BAD_DIGEST:
            return True
        raise
    return False


def _taken(put: Any, **how: Any) -> bool:
    try:
        put(**how)
    except ClientError as e:
        if e.response.get("Error", {}).get("Code") in TAKEN:
            return True
        raise
    return False


def _named(s3: S3Client, bucket: str, key: str) -> str | None:
    """The SHA-256 that the store names for an object; "" where it names none, None where there is no such object."""
    try:
        return s3.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED").get("ChecksumSHA256", "")
    except ClientError as e:
        if e.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == 404:
            return None
        raise


def _locks(s3: S3Client, bucket: str) -> bool:
    try:
        found = s3.get_object_lock_configuration(Bucket=bucket).get("ObjectLockConfiguration", {})
    except ClientError as e:
        if e.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500) >= 500:
            raise
        return False  # no such configuration, or no such thing
    return found.get("ObjectLockEnabled") == "Enabled"
