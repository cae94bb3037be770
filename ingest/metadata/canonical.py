"""The canonical record of a case: what was given, with codes made plain and what was changed written beside it."""

from __future__ import annotations

import copy
from typing import Any

from ingest.metadata.coded import places


def normalised(case: dict[str, Any]) -> dict[str, Any]:
    """A deep copy of ``case`` with every code normalised; ``as_given`` maps the JSON pointers changed to the old values.

    Members that the model does not know stay as they are: the record is loss-free.
    """
    out: dict[str, Any] = copy.deepcopy(case)
    given: dict[str, str] = {}
    for place in places(case):
        if place.plain != place.given:
            holder: Any = out
            for step in place.steps[:-1]:
                holder = holder[step]
            holder[place.steps[-1]] = place.plain
            given[place.field] = place.given
    if given:
        out["as_given"] = given
    return out
