"""The walls of the house: who may import whom, and the name that must never be taken."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import packaging.version
import pytest

ROOT = Path(__file__).parent.parent
# the way of data runs forward: a room may use those named here (and itself), never a later one
ROOMS = {
    "findings": {"paths"},
    "model": set(),
    "settings": {"paths"},
    "metadata": {"findings", "model", "paths"},
    "signatures": {"findings", "model", "paths", "spawning"},
    # readers of foreign forms stand between the source and receive; codes and words are metadata's
    "profiles": {"findings", "model", "paths", "settings", "metadata", "sources"},
    "people": set(),  # whose name and account stands behind an act
    "schedule": {"findings", "model", "paths", "people", "metadata"},
    # checks read 档号 by the schedule's templates: what was numbered is judged again at transfer and in keeping
    "checks": {"sources", "profiles", "findings", "model", "paths", "metadata", "signatures", "settings", "schedule"},
    "sources": {"model", "settings"},
    "store": {"settings", "model", "paths"},
    "push": {"ledger", "settings", "sources"},  # a producer's call makes a delivery complete; the next run lists it
    "ledger": {"model"},
    "verify": {"findings", "settings", "signatures", "store"},
    # decisions of people about schedules, kept in the ledger: between the rules of review and the table that holds them
    "review": {"findings", "model", "paths", "people", "metadata", "settings", "schedule", "ledger"},
    # keeping the trust store: acts with their events, and which held records they help
    "trust": {"findings", "held", "ledger", "model", "paths", "settings", "signatures", "steps"},
    # the key that signs the chain is made like every other secret
    "audit": {
        "alerts",
        "checks",
        "findings",
        "ledger",
        "model",
        "servers",
        "settings",
        "signatures",
        "store",
        "verify",
    },
    # questions to the ledger, beside the way of data; its targets are data, its catalogues are tables like those of deliveries
    "lists": {
        "findings",
        "inspection",
        "ledger",
        "metadata",
        "model",
        "paths",
        "profiles",
        "schedule",
        "settings",
        "steps",
    },
    # years after the nights: packages leave the store for the archives, or arrive from others'
    "transfer": {"checks", "findings", "ledger", "model", "settings", "steps", "store", "workers"},
    # what an operator asks to be taken up again; runs take it before they look for what is new
    "rerun": {"code", "findings", "ledger", "model", "runs", "settings", "trouble"},
    # looks at the ledger from outside and tells people
    "alerts": {"ledger", "model", "paths", "report", "rerun", "runs", "settings", "staging", "trouble"},
    # from the store back to where the stages begin: it fills the tables as filing and deposit do
    "recovery": {
        "alerts",
        "audit",
        "ledger",
        "metadata",
        "model",
        "schedule",
        "settings",
        "signatures",
        "steps",
        "store",
        "verify",
    },
    # one record proved on demand: the judges of audit and verify, and the row as a rebuild would make it
    "proof": {"alerts", "audit", "findings", "ledger", "model", "recovery", "settings", "signatures", "store"},
    # between two nights: it reads what the stages left behind and puts records back to where a stage begins
    "held": {
        "findings",
        "ledger",
        "model",
        "paths",
        "people",
        "schedule",
        "settings",
        "signatures",
        "sources",
        "steps",
    },
    # looks at every corner for what endangers the holdings, and keeps what inspectors found; changes no record
    "inspection": {"audit", "ledger", "model", "paths", "people", "receipts", "settings", "signatures", "store"},
    # what is told of each delivery: it reads the ledger and asks the sources to take it
    "receipts": {"findings", "ledger", "model", "paths", "settings", "sources", "steps", "store"},
    "staging": {"held", "ledger", "model", "settings", "steps"},  # looks at what the stages hold; they ask it for room
}


def imports(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None and not node.level:
            yield node.module
            yield from (f"{node.module}.{a.name}" for a in node.names)


def files(*folders: str) -> list[Path]:
    return [f for folder in folders for f in sorted((ROOT / folder).rglob("*.py"))]


def test_packaging_stays_a_plain_folder() -> None:
    assert not (ROOT / "packaging" / "__init__.py").exists()
    assert "site-packages" in packaging.version.__file__


def test_sip_stands_alone() -> None:
    for file in files("packaging/sip"):
        assert not [m for m in imports(file) if m.split(".")[0] in ("ingest", "airflow", "samplenight", "boto3")], file


def test_only_the_wiring_knows_airflow() -> None:
    for file in files("ingest", "samplenight", "desk"):
        wiring = file == ROOT / "desk" / "plugin.py"
        assert wiring or not [m for m in imports(file) if m.split(".")[0] == "airflow"], file


def test_the_pipeline_does_not_know_its_pages() -> None:
    for file in files("ingest", "samplenight", "packaging/sip"):
        command = file == ROOT / "ingest" / "cli.py"
        assert command or not [m for m in imports(file) if m.split(".")[0] == "desk"], file


def test_who_verifies_never_uses_the_code_that_signs() -> None:
    for file in files("ingest"):
        allowed = file.name in ("cli.py", "live.py")
        assert allowed or not [m for m in imports(file) if m.split(".")[0] == "samplenight"], file
    for file in files("samplenight"):
        assert not [m for m in imports(file) if m.startswith("ingest.signatures")], file


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_import_forward_only(room: str) -> None:
    names = {p.stem if p.is_file() else p.name for p in (ROOT / "ingest").iterdir()}
    where = files(f"ingest/{room}") or [ROOT / "ingest" / f"{room}.py"]
    for file in where:
        if file.name == "cli.py":
            continue  # a room's commands may reach for the ledger to record who did what
        used = {m.split(".")[1] for m in imports(file) if m.startswith("ingest.") and m.split(".")[1] in names}
        assert used <= ROOMS[room] | {room}, f"{file.relative_to(ROOT)}: {used - ROOMS[room] - {room}}"


def test_dag_files_are_wiring_only() -> None:
    for file in files("dags"):
        assert len(file.read_text("utf-8").splitlines()) < 120, file


def test_help_is_quick_to_import() -> None:
    code = (
        "import sys; from ingest.cli import _parser; _parser(); "
        "heavy = {'pyhanko', 'boto3', 'airflow', 'pygfried', 'fontTools', 'pikepdf', 'lxml'} & set(sys.modules); "
        "sys.exit(', '.join(sorted(heavy)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
