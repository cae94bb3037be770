"""File one record: the schedule decides its class and retention, the ledger's sequences give its numbers, once for ever."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Mapping, Sequence
from typing import Any

from ingest.findings import Finding
from ingest.ledger import Transaction
from ingest.model import DIGITISED, State
from ingest.schedule import Match, NoMatch, ScheduleSet, assign, closing_date, terms
from ingest.schedule.lineage import Lineage
from ingest.schedule.opening import stricter, unit_opinion
from ingest.settings import Agency, ConfigError, Home
from ingest.steps import check, given, house
from ingest.steps.receive import findings_of, staged


@dataclasses.dataclass(frozen=True, slots=True)
class Rules:
    """By what a batch is filed: the schedules, the fonds' lineage, and the words that tell of secrets."""

    schedules: ScheduleSet
    lineage: Lineage
    secret_terms: Sequence[str] = ()

    @classmethod
    def of(cls, home: Home) -> Rules:
        """The rules as they stand now. Raises ScheduleError or ConfigError where they cannot be used."""
        return cls(house.schedules(home), house.lineage(home), house.opening_terms(home))

    def match(self, record: Mapping[str, Any], agency: Agency, as_of: dt.datetime) -> Match | NoMatch:
        """The entry that files a record of this agency on a night of this logical time, in the fonds that takes it."""
        own, closed, matter = agency.fonds_no, closing_date(record), _part(_part(record, "case"), "matter")
        codes = [code for name in _CODES if isinstance(code := matter.get(name), str) and code]
        fonds_no = own if closed is None else self.lineage.fonds_for(own, closed, codes)
        answer = self.schedules.match(record, fonds_no, as_of=as_of, scheme=agency.raw.get("matter_type_scheme"))
        if fonds_no == own:
            return answer
        about = {"fonds": own, "successor": fonds_no, "day": str(closed)}
        moved = Finding("FIL-SUCCESSOR-FONDS", params=about)
        if isinstance(answer, NoMatch):
            return dataclasses.replace(answer, findings=(moved, *answer.findings))
        why = f"全宗{own}由{fonds_no}承继，办结在后，归入{fonds_no}；{answer.why}"
        return dataclasses.replace(answer, findings=(moved, *answer.findings), why=why)


_CODES = ("implementation_code", "basic_code")
Row = Mapping[str, Any]
Loaded = tuple[
    Row, dict[str, Any], Agency
]  # a record's ledger row, its canonical metadata, the agency that delivered it


def load(home: Home, row: Row) -> dict[str, Any] | OSError:
    """The canonical record as the check stage left it in staging, or the error when staging has lost it."""
    try:
        data: dict[str, Any] = json.loads((staged(home, row["batch_id"], row["id"]) / check.RECORD).read_bytes())
    except OSError as error:
        return error
    return data


def file_records(tx: Transaction, rules: Rules, records: Sequence[Loaded]) -> list[State]:
    """File these records within ``tx``, in their order; a case that has its numbers keeps them in every later version.

    Raises NumberSpaceExhausted where the numbers of a class are used up; then nothing in ``tx`` may be kept.
    """
    standing = tx.states([row["id"] for row, *_ in records])
    numbered = tx.numbers([(row["agency"], row["case_no"]) for row, *_ in records])
    fresh: dict[tuple[str, str], dict[str, Any]] = {}
    out = []
    for row, record, agency in records:
        if standing[row["id"]] is not State.CHECKED:
            out.append(standing[row["id"]])  # another run was faster: no number may be drawn for nothing
            continue
        findings, case = findings_of(row["findings"]), (row["agency"], row["case_no"])
        if (known := numbered.get(case) or fresh.get(case)) is not None:
            filing = known | _reopened(known, record, rules.secret_terms)
        elif row["origin"] == DIGITISED:
            taken = {f["archival_code"]: case for case, f in fresh.items()}
            found, said = given.file_given(tx, rules.schedules, rules.secret_terms, row, record, agency, taken)
            findings += said
            if found is None:
                out.append(_settle(tx, row, State.HELD, findings))
                continue
            filing = fresh[case] = found.as_json()
        else:
            answer = rules.match(record, agency, dt.datetime.fromisoformat(row["as_of"]))
            findings += answer.findings
            if isinstance(answer, NoMatch):
                out.append(_settle(tx, row, State.HELD, findings))
                continue
            filing = fresh[case] = assign(answer, record, tx.next_serial, rules.secret_terms).as_json()
        out.append(_settle(tx, row, State.FILED, findings, filing=filing, **columns(filing, record, agency)))
    tx.give_numbers(fresh)
    return out


def _reopened(filing: Mapping[str, Any], record: Mapping[str, Any], secret_terms: Sequence[str]) -> dict[str, Any]:
    """A later version's own proposal on opening: class, term and numbers stay, but it may show what the first did not."""
    found = stricter(filing["open_control"], filing.get("open_reasons", ()), record, secret_terms)
    return {
        "open_control": found.decision,
        "open_reasons": list(found.reasons),
        "unit_opinion": unit_opinion(record) or filing.get("unit_opinion"),
    }


def columns(filing: Mapping[str, Any], record: Mapping[str, Any], agency: Agency) -> dict[str, Any]:
    """What lists of records ask for, apart from the filing's JSON."""
    try:
        days = terms.days(filing["year"], filing["retention_code"], agency.raw.get("transfer_level"))
    except KeyError as e:
        raise ConfigError(f"agencies.json: transfer_level {e}: province, city, county") from e
    names = ("fonds_no", "category", "year", "retention_code", "electronic_record_code", "archival_code")
    title, matter = _part(record, "record").get("title"), _part(_part(record, "case"), "matter")
    closed = closing_date(record)  # scans of traditional archives were never a case that was closed
    return (
        {name: filing[name] for name in names}
        | {name: days[name] for name in ("retention_end", "open_due", "transfer_due")}
        | {
            "title": title,
            "matter_code": matter.get("implementation_code"),
            "closed_on": closed.isoformat() if closed else None,
        }
    )


def _part(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = data.get(name)
    return part if isinstance(part, Mapping) else {}


def _settle(tx: Transaction, row: Row, after: State, findings: list[Finding], **columns: Any) -> State:
    detail = {"codes": sorted({f.code for f in findings})}
    if "filing" in columns:
        detail["filing"] = columns["filing"]
    tx.move(row["id"], [State.CHECKED], after, "filed", detail, findings=[f.as_json() for f in findings], **columns)
    return after
