"""Everybody's word on a sampled package: verification, the bagit library, its signatures, the checks of keeping (BC)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ingest.checks import CheckContext, kept, packages
from ingest.checks.items import Stage
from ingest.checks.subject import Totals
from ingest.settings import Home
from ingest.signatures import TrustStore
from ingest.signatures.apart import Apart, Lost
from ingest.verify.judging import Judges
from ingest.verify.places import Place

_SECONDS = 600.0
_WRONG = ("reject", "hold", "error")


class Everybody:
    """Use as a context manager: content is parsed in processes of their own, which may be killed. ``restored`` is the outcome
    of the last emergency drill, None where there was none."""

    def __init__(self, home: Home, restored: bool | None) -> None:
        self._home, self._restored = home, restored
        self._judges = Judges(home, bagit=True)
        self._apart = Apart(_SECONDS)

    def __enter__(self) -> Everybody:
        return self

    def __exit__(self, *_: object) -> None:
        self._judges.__exit__(None, None, None)
        self._apart.__exit__(None, None, None)

    def judge(self, row: Mapping[str, Any], package: Path) -> dict[str, Any]:
        """``row`` is the copy's ledger row with what its record says (agency, as_of, files, payload_bytes, findings,
        decisions); ``package`` is what was fetched. What was known and decided when the record was archived is no news."""
        judged = self._judges.judge(Place(str(package), path=package)).as_json()
        findings = [f for f in judged["findings"] if f["severity"] == "error"]
        known = {f["code"] for f in row["findings"]}
        items: list[dict[str, Any]] | None = None
        try:
            told = self._apart.run(keeping, self._home.root, dict(row), package, self._restored)
            findings += [f for f in told["findings"] if f["severity"] in _WRONG and f["code"] not in known]
            items = told["items"]
        except Lost as e:
            ended = {"zh": f"长期保存检测的进程被终止：{e}", "en": f"the checks of keeping were ended: {e}"}
            findings.append({"code": "BC-LOST", "severity": "hold", **ended})
        return {
            "key": row["object_key"], "replica": row["replica"], "good": not findings, "findings": findings,
            "signatures": judged["signatures"], "items": items,
        }  # fmt: skip


def keeping(root: Path, row: Mapping[str, Any], package: Path, restored: bool | None) -> dict[str, Any]:
    """The BC checks of DA/T 70 on one package, in a process of their own, at the time of its archiving: what time has done to
    certificates since is told by the evidence, not by today's trust. `PackageReport.as_json`."""
    home = Home.of(root)
    work = package.with_suffix(".content")
    work.mkdir()
    stated = Totals(1, len(row["files"] or ()), row["payload_bytes"])
    subject = kept.kept_package(package, package.name, work, sent=row["sha256"], stated=stated, restored=restored)
    context = CheckContext(
        as_of=dt.datetime.fromisoformat(row["as_of"]), agency=home.agencies()[row["agency"]].raw,
        trust=TrustStore.load(home.trust), decisions=row["decisions"] or (),
    )  # fmt: skip
    return packages.run(Stage.BC, subject, context).as_json()
