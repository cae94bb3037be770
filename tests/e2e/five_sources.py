"""Five agencies with five kinds of sources on this machine, and the deliveries of a sample night spread over them."""

from __future__ import annotations

import dataclasses
import itertools
import json
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import make_url

import samplenight
from ingest.servers.seaweed import StoreEndpoint

for room in ("sources", "metadata", "checks", "profiles"):
    sys.path.insert(0, str(Path(__file__).parent.parent / room))
from form_samples import Sent, gdbs_files, gdbs_tables  # noqa: E402
from source_servers import (  # noqa: E402
    Interface,
    Place,
    SftpServer,
    bucket_place,
    folder_place,
    https_place,
    sftp_place,
)

COUNT = 24
# which of the sample's organisations delivers by what; one of them has three systems
TAKERS = {
    "nanyue-zwfw": ("by-https", "waiting", "by-exchange", "waiting", "by-folder", "waiting", "by-https"),
    "pengwan-rsj": ("by-sftp",),
    "lingnan-fgw": ("by-s3",),
}


@dataclasses.dataclass
class Five:
    """The agencies' systems, by the agency's id; ``waiting`` are deliveries (files by path) that a test may still put there."""

    places: dict[str, Place]
    sftp: SftpServer
    interface: Interface
    delivered: dict[str, list[str]]
    waiting: dict[str, dict[str, bytes]]
    connections: dict[str, dict[str, Any]]
    exchange: sa.Engine

    def receipts(self) -> dict[str, dict[str, bytes]]:
        found = {agency: place.receipts() for agency, place in self.places.items()}
        with self.exchange.connect() as conn:
            rows = conn.exec_driver_sql("select name, receipt from guidang_receipt").all()
        return found | {"by-exchange": {r.name: r.receipt.encode() for r in rows}}

    def close(self) -> None:
        for place in self.places.values():
            place.close()
        self.sftp.close()
        self.interface.close()
        self.exchange.dispose()


def lay_out(root: Path, home: Path, store: StoreEndpoint, database: str) -> Five:
    """Configure ``home`` for the five agencies and let each have some of the sample's deliveries."""
    samplenight.make(root / "sample", count=COUNT, faults=(), jobs=2)
    (root / "sftp").mkdir()
    sftp, interface = SftpServer(root / "sftp"), Interface(root)
    places = {
        "by-folder": folder_place(root / "front", "by-folder"),
        "by-sftp": sftp_place(sftp),
        "by-s3": bucket_place(store, "agency-drop"),
        "by-https": https_place(interface),
    }
    delivered: dict[str, list[str]] = {agency: [] for agency in places}
    waiting: dict[str, dict[str, bytes]] = {}
    rows = []
    for owner, folders in _deliveries(root / "sample/inbox").items():
        for folder, taker in zip(folders, itertools.cycle(TAKERS[owner]), strict=False):
            if taker == "by-exchange":
                rows.append(Sent.of(folder))
            elif taker == "waiting":
                waiting[folder.name] = dict(_files(folder))
            else:
                for path, data in _files(folder):
                    places[taker].put(f"{folder.name}/{path}", data)
                delivered[taker].append(folder.name)
    engine, delivered["by-exchange"] = _exchange(database, rows, root / "attachments")
    connections = {p.source["connection"]: p.connection for p in places.values() if p.connection}
    url = make_url(database)
    connections["agency_pg"] = {"host": url.query["host"], "login": "postgres", "schema": url.database}
    exchange = {"kind": "exchange", "connection": "agency_pg", "receipts": "guidang_receipt",
                "files": {"kind": "folder", "path": str(root / "attachments")}}  # fmt: skip
    _configure(home, root / "sample", {**{a: p.source for a, p in places.items()}, "by-exchange": exchange})
    return Five(places, sftp, interface, delivered, waiting, connections, engine)


def _deliveries(inbox: Path) -> dict[str, list[Path]]:
    return {agency.name: sorted(agency.iterdir()) for agency in sorted(inbox.iterdir())}


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """The files of a delivery, its mark last."""
    for path in sorted((p for p in folder.rglob("*") if p.is_file()), key=lambda p: (p.name == "case.json", p)):
        yield path.relative_to(folder).as_posix(), path.read_bytes()


def _configure(home: Path, sample: Path, sources: Mapping[str, Any]) -> None:
    shutil.copytree(sample / "config", home / "config", dirs_exist_ok=True)
    path = home / "config/agencies.json"
    registry = json.loads(path.read_text("utf-8"))
    known = {a["id"]: a for a in registry["agencies"]}
    owners = {taker: owner for owner, takers in TAKERS.items() for taker in takers}
    registry["agencies"] = [
        known[owners[agency]] | {"id": agency, "source": source} for agency, source in sources.items()
    ]
    path.write_text(json.dumps(registry, ensure_ascii=False), "utf-8")


def _exchange(database: str, cases: list[Sent], attachments: Path) -> tuple[sa.Engine, list[str]]:
    """The exchange tables with the rows of these cases, their attachments below ``attachments``."""
    engine = sa.create_engine(database)
    for name, data in gdbs_files(given=cases).items():
        if not name.startswith("EX_GDBS"):
            (attachments / name).parent.mkdir(parents=True, exist_ok=True)
            (attachments / name).write_bytes(data)
    with engine.begin() as conn:
        for name, rows in gdbs_tables(cases).items():
            columns = list(dict.fromkeys(column for row in rows for column in row))
            conn.exec_driver_sql(f"create table {name} ({', '.join(f'{c} text' for c in columns)})")
            marks = ", ".join(["%s"] * len(columns))
            for row in rows:
                conn.exec_driver_sql(f"insert into {name} values ({marks})", tuple(row.get(c) for c in columns))
        conn.exec_driver_sql("create table guidang_receipt (name text primary key, receipt text not null)")
        names = conn.exec_driver_sql("select sblsh || '-v' || version from ex_gdbs_sb order by 1").scalars().all()
    return engine, list(names)
