"""Put one package into every replica of the object store, prove each copy bit for bit, then set the commit mark beside it.

Each replica is tried in isolation: one that is away costs its own copy and nothing else, and the next try adds what is
missing. What counts as preserved is decided by the stage, from the copies that are proved.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ingest.findings import Finding
from ingest.ledger.copies import Copy
from ingest.settings import Home
from ingest.steps.package import local_package
from ingest.store import config
from ingest.store.abilities import BAD_DIGEST
from ingest.store.config import StorePlan
from ingest.store.locks import Lock
from ingest.store.multipart import WrongDigest
from ingest.store.objects import KeyTaken, NotProved, ObjectStore
from ingest.store.replicas import lock_of, open_store, require_locks
from sip import canonical
from sip.commit import commit_key


class StoreAway(Exception):
    """No replica took the package. Trying again may help."""


def ready(home: Home) -> tuple[StorePlan, dict[str, str]]:
    """The plan of the store and, once a stage, the replicas that are away with what they say: 500 records need not each wait
    for them. Raises ConfigError where a store cannot do what the plan asks."""
    plan = config.plan(home)
    away: dict[str, str] = {}
    for replica in plan.replicas:
        try:
            store = open_store(home, replica)
            store.reach()
        except (ClientError, BotoCoreError) as e:
            away[replica.name] = f"{type(e).__name__}: {e}"
            continue
        require_locks(store, plan)
    return plan, away


def work(home: Home, job: dict[str, Any]) -> dict[str, Any]:
    """Worker side of the deposit stage; ``job`` is the record's ledger row, ``job["proved"]`` the replicas that have the
    package, ``job["away"]`` those that were away when the stage began.

    Returns the copies made and, where they are too few yet, ``trouble`` in words: what the other replicas said.
    Raises StoreAway and ConfigError.
    """
    plan = config.plan(home)
    package = local_package(home, job["batch_id"], job["id"])
    lock = lock_of(plan, job["filing"], dt.datetime.fromisoformat(job["as_of"]), dt.datetime.now(dt.UTC))
    copies: list[dict[str, Any]] = []
    findings: list[Finding] = []
    trouble: list[str] = []
    for replica in plan.replicas:
        if replica.name in job["proved"]:
            continue
        if (said := job["away"].get(replica.name)) is not None:
            trouble.append(f"{replica.name}: {said}")
            continue
        try:
            store = open_store(home, replica)
            copies.append(_deposit(store, job, package, lock).as_json())
        except KeyTaken as e:
            findings.append(Finding("DEP-KEY-TAKEN", params={"key": str(e)}))
        except (WrongDigest, FileNotFoundError) as e:
            return {"staging_lost": str(e)}
        except (ClientError, BotoCoreError, NotProved, OSError) as e:
            if _rotten(e, package, job["package_sha256"]):
                return {"staging_lost": f"{package.name}: {e}"}
            trouble.append(f"{replica.name}: {type(e).__name__}: {e}")
    told = "; ".join(trouble)
    if trouble and not (copies or findings or job["proved"]):
        raise StoreAway(told)
    out: dict[str, Any] = {"findings": [f.as_json() for f in findings], "copies": copies}
    if trouble and len(job["proved"]) + len(copies) < plan.min_copies:
        out["trouble"] = told
    return out


def _deposit(store: ObjectStore, job: dict[str, Any], package: Path, lock: Lock | None) -> Copy:
    key, sha256, size, mark = job["object_key"], job["package_sha256"], job["package_size"], commit_mark(job)
    with package.open("rb") as body:
        stored = store.put_once(key, body, sha256, size, lock=lock)
    # the mark follows from the package and can be made again from it: it is not worth another reading
    store.put_once(commit_key(key), mark, hashlib.sha256(mark).hexdigest(), len(mark), prove=False, lock=lock)
    if lock is None:
        return Copy(store.name, stored.version_id, sha256, size)
    return Copy(store.name, stored.version_id, sha256, size, lock.mode.lower(), lock.until.isoformat())


def _rotten(error: Exception, package: Path, sha256: str) -> bool:
    """Whether a store refused the package because it is no longer what it was when it was packaged."""
    if not isinstance(error, ClientError) or error.response.get("Error", {}).get("Code") not in BAD_DIGEST:
        return False
    with package.open("rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest() != sha256


def commit_mark(job: dict[str, Any]) -> bytes:
    """The mark's content: enough to find the package's place in the archive and to check it, without the ledger.

    With the package and the sealed event chain it is also what the ledger is rebuilt from (`guidang ledger rebuild`), so
    whatever the ledger knows of a deposited record and the package does not say stands here.
    """
    filing = job["filing"]
    return canonical.dumps(
        {
            "schema": "guidang.commit/1.0",
            "key": job["object_key"],
            "sha256": job["package_sha256"],
            "size": job["package_size"],
            "record": job["id"],
            "batch": job["batch_id"],
            "position": job["position"],
            "source": job["source"],
            "delivery": job["delivery"],
            "content_digest": job["content_digest"],
            "payload_bytes": job["payload_bytes"],
            "findings": job["findings"],
            "decisions": job["decisions"],
            "received_as_of": job["received_as_of"],
            "agency": job["agency"],
            "case_no": job["case_no"],
            "version": job["version"],
            "electronic_record_code": filing["electronic_record_code"],
            "archival_code": filing["archival_code"],
            "archived_at": job["as_of"],
        }
    )
