"""Who may do what with a bucket: the files below schemas/store/, for servers that attach a policy to a user and for those that
attach one to the bucket."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ingest.paths import SCHEMAS

ROLES = ("ingest", "auditor")


def user_policy(role: str, bucket: str) -> dict[str, Any]:
    """The policy to attach to the user that has this role (ingest, auditor)."""
    text = (SCHEMAS / "store" / f"{role}.policy.json").read_text("utf-8")
    policy: dict[str, Any] = json.loads(text.replace("${bucket}", bucket))
    return policy


def bucket_policy(bucket: str, principals: Mapping[str, str]) -> dict[str, Any]:
    """The same as one policy on the bucket; ``principals`` gives the ARN of the user for each role."""
    statements = [
        statement | {"Sid": f"{role.title()}{statement['Sid']}", "Principal": {"AWS": [principals[role]]}}
        for role in ROLES
        if role in principals
        for statement in user_policy(role, bucket)["Statement"]
    ]
    return {"Version": "2012-10-17", "Statement": statements}
