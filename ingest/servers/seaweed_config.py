"""What SeaweedFS is told through files: who may do what, which keys, which of its own jobs may run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ingest.servers.secrets import Secrets, write_private
from ingest.store import policies

_GRPC_PARTS = ("volume", "master", "filer", "s3", "msg_broker", "msg_agent", "admin", "worker", "mq", "client")
# weed mini runs its own housekeeping. What rewrites, moves or expires volumes has no place on one node that holds records;
# vacuum and the clearing of stale uploads stay.
_UNWANTED_JOBS = ("erasure_coding", "ec_balance", "volume_balance", "s3_lifecycle", "iceberg_maintenance")


def write_configuration(folder: Path, data: Path, secrets: Secrets, bucket: str) -> None:
    """Write security.toml and s3.json into ``folder`` (0600) and turn the unwanted jobs off below ``data``."""
    write_private(folder / "security.toml", _security(secrets))
    write_private(folder / "s3.json", json.dumps(_identities(secrets, bucket), indent=1))
    for job in _UNWANTED_JOBS:
        job_folder = data / "admin" / "plugin" / "job_types" / job
        job_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (job_folder / "config.pb").unlink(missing_ok=True)  # would win over the JSON file
        write_private(job_folder / "config.json", json.dumps({"jobType": job, "adminRuntime": {"enabled": False}}))


def filer_locations(printed: str) -> dict[str, bool]:
    """The path prefixes with their fsync setting from what ``fs.configure`` prints."""
    start, end = printed.find("{"), printed.rfind("}")
    if start < 0:
        return {}
    rules = json.loads(printed[start : end + 1]).get("locations", [])
    return {rule["locationPrefix"]: bool(rule.get("fsync")) for rule in rules}


def _security(secrets: Secrets) -> str:
    """JWT keys close the HTTP ports of filer and volume server, the certificate closes every gRPC port."""
    quoted = json.dumps(secrets.seaweed_jwt)
    jwt = [
        f"[{section}]\nkey = {quoted}\nexpires_after_seconds = 10"
        for section in ("jwt.signing", "jwt.signing.read", "jwt.filer_signing", "jwt.filer_signing.read")
    ]
    pair = f"cert = {json.dumps(str(secrets.mtls / 'node.pem'))}\nkey = {json.dumps(str(secrets.mtls / 'node.key'))}"
    grpc = [f"[grpc.{part}]\n{pair}" for part in _GRPC_PARTS]
    closed = ["[access]\nui = false", "[filer.expose_directory_metadata]\nenabled = false"]
    ca = f"[grpc]\nca = {json.dumps(str(secrets.mtls / 'ca.pem'))}"
    return "\n\n".join([*jwt, ca, *grpc, *closed]) + "\n"


def _identities(secrets: Secrets, bucket: str) -> dict[str, Any]:
    def identity(user: str) -> dict[str, Any]:
        keys = secrets.s3[user]
        return {"name": user, "credentials": [{"accessKey": keys.access_key, "secretKey": keys.secret_key}]}

    return {
        "identities": [
            identity("admin") | {"actions": ["Admin", "Read", "Write", "List", "Tagging"]},
            identity("ingest") | {"policyNames": ["ingest"]},
            identity("auditor") | {"policyNames": ["auditor"]},
        ],
        "policies": [
            {"name": role, "content": json.dumps(policies.user_policy(role, bucket))} for role in policies.ROLES
        ],
    }
