"""Making a batch's reports and keeping them: below ``var/reports`` and in the store under ``reports/``.

The folder's name is made of the content, so the same state of a batch gives the same keys and nothing is ever overwritten:
what changes later (a held record is decided) makes a new report beside the old one. The JSON is written last and says that
all is there.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import sqlalchemy as sa

from ingest.ledger import Ledger
from ingest.ledger.tables import batch, record
from ingest.model import CST, State
from ingest.reporting.gather import BatchSheets, gather
from ingest.settings import Home
from ingest.steps import house
from ingest.store.objects import KeyTaken
from sip import canonical
from sip.forms import FormsNotInstalled, to_html, to_pdf, to_xlsx

PREFIX = "reports/"
FOLDER = "reports"
_JSON = "report.json"


@dataclasses.dataclass(frozen=True, slots=True)
class Kept:
    """Where the reports of a batch stand: a folder, and the same name below `PREFIX` in the store."""

    batch_id: str
    folder: Path
    files: tuple[str, ...]


def make(home: Home, ledger: Ledger, batch_id: str, *, store: bool = True) -> Kept | None:
    """Make the reports of a batch and keep them; None where there is nothing to report.

    Safe to repeat: what stands already is not made again. Without the extra ``forms`` only HTML and JSON are made.
    Raises ConfigError without a store, ClientError for its trouble.
    """
    sheets = gather(ledger, home.agencies(), batch_id)
    if sheets is None:
        return None
    data = canonical.dumps(sheets.as_json())
    day = sheets.report.checked_at.astimezone(CST)
    name = f"{batch_id}/{day:%Y%m%d}-{hashlib.sha256(data).hexdigest()[:12]}"
    folder = home.root / FOLDER / name
    if not (folder / _JSON).exists():
        _write(folder, {**_rendered(sheets), _JSON: data})
    files = tuple(sorted((path.name for path in folder.iterdir()), key=lambda n: (n == _JSON, n)))
    if store:
        _deposit(home, folder, name, files)
    return Kept(batch_id, folder, files)


def keep_files(home: Home, name: str, files: Mapping[str, bytes], *, store: bool = True) -> None:
    """Keep files as ``reports/<name>/`` in the home and in the store; the last of them says that all are there. Safe to repeat."""
    folder = home.root / FOLDER / name
    if not (folder / list(files)[-1]).exists():
        _write(folder, files, list(files)[-1])
    if store:
        _deposit(home, folder, name, tuple(files))


def _rendered(sheets: BatchSheets) -> dict[str, bytes]:
    check, registers = sheets.check_form(), sheets.registration_forms()
    out = {"check-report.html": to_html(check).encode()}
    if registers:
        out["registration.html"] = to_html(*registers).encode()
    try:
        out["check-report.pdf"] = to_pdf(check)
        if registers:
            out["registration.pdf"] = to_pdf(*registers)
            out["registration.xlsx"] = to_xlsx(*registers)
    except FormsNotInstalled:
        pass  # an installation without the extra has the same facts as HTML and JSON
    return out


def _write(folder: Path, files: Mapping[str, bytes], last: str = _JSON) -> None:
    """All files, ``last`` at the end; each appears whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in sorted(files, key=lambda n: n == last):
        with tempfile.NamedTemporaryFile(dir=folder.parent, prefix=".report-", delete=False) as out:
            out.write(files[name])
            out.flush()
            os.fsync(out.fileno())
        Path(out.name).replace(folder / name)


def _deposit(home: Home, folder: Path, name: str, files: tuple[str, ...]) -> None:
    objects = house.store(home)
    for file in files:
        body = (folder / file).read_bytes()
        try:
            objects.put_once(f"{PREFIX}{name}/{file}", body, hashlib.sha256(body).hexdigest(), len(body))
        except KeyTaken:
            continue  # printed by another release from the same facts: what stands, stands


def finished(ledger: Ledger, run_id: str) -> list[str]:
    """The batches to be reported after a run: its own, and those whose held or undone records it took further.

    A batch with records still on their way is left for the run that finishes it.
    """
    on_the_way = record.c.state.in_([s.value for s in State if not s.final and s is not State.HELD])
    with ledger.read() as conn:
        begun = conn.execute(sa.select(sa.func.min(batch.c.created_at)).where(batch.c.run_id == run_id)).scalar()
        if begun is None:
            return []
        touched = sa.select(record.c.batch_id).where(record.c.updated_at >= begun).distinct()
        undone = sa.select(record.c.batch_id).where(record.c.batch_id.in_(touched), on_the_way).distinct()
        return list(
            conn.execute(
                sa.select(batch.c.id)
                .where(batch.c.id.in_(touched), batch.c.id.not_in(undone))
                .order_by(batch.c.created_at, batch.c.id)
            ).scalars()
        )


def make_all(home: Home, ledger: Ledger, run_id: str) -> list[Kept]:
    """The reports of all batches that a run finished."""
    made = (make(home, ledger, batch_id) for batch_id in finished(ledger, run_id))
    return [kept for kept in made if kept is not None]
