"""Rules of the house for this package: it stands alone, its tables are whole, its published files are its own."""

from __future__ import annotations

import json
import re
import string
import subprocess
import sys
from pathlib import Path

SIP = Path("packaging/sip")


def test_packaging_is_no_package() -> None:
    """A module of that name would shadow the one that pip and pytest need."""
    assert not Path("packaging/__init__.py").exists()
    assert not Path("tests/sip/__init__.py").exists()


def test_sip_imports_neither_the_pipeline_nor_airflow() -> None:
    modules = " ".join(f"sip.{p.stem}" for p in SIP.glob("*.py") if p.stem != "__init__")
    program = f"""
import importlib, sys
for name in {modules.split()!r}:
    importlib.import_module(name)
print(sorted({{m.split(".")[0] for m in sys.modules}} & {{"ingest", "airflow", "boto3", "sqlalchemy", "bagit"}}))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_fault_is_in_the_table_and_every_row_is_used() -> None:
    table = json.loads((SIP / "faults.json").read_text("utf-8"))
    source = "".join(p.read_text("utf-8") for p in SIP.glob("*.py"))
    assert set(re.findall(r'"(PKG-[A-Z0-9-]+)"', source)) == set(table)
    for code, row in table.items():
        assert row["severity"] in ("error", "warning"), code
        fields = {lang: {f for _, f, _, _ in string.Formatter().parse(row[lang]) if f} for lang in ("zh", "en")}
        assert fields["zh"] == fields["en"], code


def test_the_published_schemas_are_those_in_use() -> None:
    assert Path("schemas/bagit-profile.json").read_bytes() == (SIP / "bagit-profile.json").read_bytes()
    assert (
        Path("schemas/bagit-profile-transfer.json").read_bytes() == (SIP / "transfer/bagit-profile.json").read_bytes()
    )
    assert Path("schemas/premis/premis-v3-subset.xsd").read_bytes() == (SIP / "premis-v3-subset.xsd").read_bytes()
