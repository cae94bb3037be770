"""Making a bucket fit to hold an archive: versions, Object Lock, least rights. Done once, as the store's administrator."""

from __future__ import annotations

import json
from collections.abc import Mapping

from botocore.exceptions import ClientError

from ingest.settings import ConfigError
from ingest.store import policies
from ingest.store.config import StoreConfig
from ingest.store.objects import client


def prepare(admin: StoreConfig, principals: Mapping[str, str]) -> list[str]:
    """Make the bucket of ``admin`` ready, as far as it is not; returns what was done, a line each. Safe to repeat.

    ``principals`` (role → ARN of the user) get the policies of schemas/store as one bucket policy. Raises ConfigError for
    a bucket that exists without Object Lock (it can only be had from the beginning), ClientError, BotoCoreError.
    """
    s3, bucket = client(admin), admin.bucket
    done = []
    try:
        s3.head_bucket(Bucket=bucket)
    except ClientError as e:
        if e.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
            raise
        s3.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
        done.append(f"已建桶，带对象锁定 / made with Object Lock: {bucket}")
    if s3.get_bucket_versioning(Bucket=bucket).get("Status") != "Enabled":
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        done.append("已开启版本 / versions on")
    try:
        s3.get_object_lock_configuration(Bucket=bucket)
    except ClientError as e:
        if e.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
            raise
        raise ConfigError(
            f"桶 {bucket} 建立时没有开启对象锁定，事后不能补开；请换一个桶名再运行"
            f" / bucket {bucket} was made without Object Lock, which cannot be had later: use another name"
        ) from e
    if principals:
        s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policies.bucket_policy(bucket, principals)))
        done.append(f"已写入桶策略 / bucket policy for {', '.join(sorted(principals))}")
    return done or [f"无须改动 / nothing to do: {bucket}"]
