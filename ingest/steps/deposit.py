"""Put one package into the object store, prove that it is there bit for bit, then set the commit mark beside it."""

from __future__ import annotations

import hashlib
from typing import Any

from ingest.findings import Finding
from ingest.settings import Home
from ingest.steps import house
from ingest.steps.package import local_package
from ingest.store.objects import KeyTaken
from sip import canonical
from sip.commit import commit_key


def work(home: Home, job: dict[str, Any]) -> dict[str, Any]:
    """Worker side of the deposit stage; ``job`` is the record's ledger row."""
    store = house.store(home)
    key, sha256, size = job["object_key"], job["package_sha256"], job["package_size"]
    mark = commit_mark(job)
    try:
        with local_package(home, job["batch_id"], job["id"]).open("rb") as package:
            new = store.put_once(key, package, sha256, size)
        # the mark follows from the package and can be made again from it: it is not worth another reading
        store.put_once(commit_key(key), mark, hashlib.sha256(mark).hexdigest(), len(mark), prove=False)
    except KeyTaken as e:
        return {"findings": [Finding("DEP-KEY-TAKEN", params={"key": str(e)}).as_json()]}
    return {"findings": [], "new": new}


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
            "agency": job["agency"],
            "case_no": job["case_no"],
            "version": job["version"],
            "electronic_record_code": filing["electronic_record_code"],
            "archival_code": filing["archival_code"],
            "archived_at": job["as_of"],
        }
    )
