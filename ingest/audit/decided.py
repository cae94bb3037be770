"""Carry out what people answered to the offers of repair."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from ingest.audit.repair import NothingToRepair, repair
from ingest.ledger import Ledger
from ingest.settings import Home


def carry_out(
    asked: Sequence[Mapping[str, str]], answers: Sequence[Mapping[str, Any] | None], yes: str, home: Home | None = None
) -> list[dict[str, str]]:
    """Repair the copies for which ``answers`` (as Airflow's human-in-the-loop tasks give them) chose ``yes``.

    What nobody answered, or what was repaired meanwhile, is left. Raises NoGoodCopy, ClientError.
    """
    home = home or Home.of()
    done = []
    with Ledger(home.database_url) as ledger:
        for one, answer in zip(asked, answers, strict=True):
            if answer is None or yes not in answer["chosen_options"]:
                continue
            who = answer.get("responded_by_user") or {}
            reason = (answer.get("params_input") or {}).get("reason") or "巡检后决定 / decided after the audit"
            by = str(who.get("name") or who.get("id") or "")
            try:
                mended = repair(home, ledger, one["key"], one["replica"], by=by, reason=reason)
            except NothingToRepair:
                continue
            done.append(dataclasses.asdict(mended))
    return done
