"""Very large records through our own steps: a record of one file of SIZE, and one of FILES files; seconds and memory by step.

    python -m bench.large [--size 20G] [--files 100000] [--limit 300] [--work DIR]

Each step runs in a process of its own, as a worker of the pipeline does; its peak memory (RSS) is what the system says of it
at its end. Exit 1 where a step took more than ``--limit`` MiB, or where what came back is not what went in. Wants twice SIZE
of free disk: what a later step does not need is deleted as it goes, all of it at the end.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

AS_OF = "2026-11-20T01:00:00+08:00"
BATCH = "large"
_UNITS = {"K": 10**3, "M": 10**6, "G": 10**9}
_BLOCK = 1 << 20
_FILING = {
    "schedule_id": "bench", "schedule_version": "1", "entry_no": "1", "fonds_no": "T001", "category": "ZY·XK",
    "year": 2026, "retention_code": "D30", "org_code": None, "matched_by": "category_default", "why": "bench",
    "open_control": "open", "access_control": "public",
}  # fmt: skip
_AGENCY = {
    "id": "bench", "name": "性能测试局", "uscc": "11440100FAKE00021A", "region_code": "440100", "fonds_no": "T001",
    "fonds_name": "性能测试全宗", "policy": {},
}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default=os.environ.get("SIZE", "20G"), help="bytes of the one file: 20G, 500M (SIZE)")
    parser.add_argument("--files", type=int, default=int(os.environ.get("FILES", "100000")), help="(FILES)")
    parser.add_argument("--limit", type=int, default=300, help="MiB of memory that no step may take more of")
    parser.add_argument("--work", type=Path, default=Path("var/bench-large"))
    parser.add_argument("--step", nargs=2, metavar=("STEP", "RECORD"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    work = args.work.resolve()
    if args.step:
        return _in_child(work, *args.step)
    return _run(work, {"one-file": (1, _bytes(args.size)), "many-files": (args.files, 2000)}, args.limit)


def _bytes(text: str) -> int:
    return int(text[:-1]) * _UNITS[text[-1]] if text[-1:] in _UNITS else int(text)


def _run(work: Path, records: dict[str, tuple[int, int]], limit: int) -> int:
    from ingest.servers.ports import Ports
    from ingest.servers.seaweed import SeaweedServer
    from ingest.settings import Home
    from ingest.store import config

    shutil.rmtree(work, ignore_errors=True)
    (work / "config").mkdir(parents=True)
    (work / "config" / "agencies.json").write_text(json.dumps({"agencies": [_AGENCY]}), "utf-8")
    server = SeaweedServer(work, Ports.free())
    end = server.start()
    config.save(Home.of(work), config.StoreConfig(end.url, end.bucket, end.access_key, end.secret_key))
    worst = 0
    try:
        for record, (count, each) in records.items():
            if not count or not each:
                continue
            print(f"{record}: {count} × {each} = {count * each / 1e9:.2f} GB", flush=True)
            (work / f"{record}.json").write_text(json.dumps({"count": count, "each": each}))
            for step in STEPS:
                done = subprocess.run(
                    [sys.executable, "-m", "bench.large", "--work", str(work), "--step", step, record],
                    cwd=Path(__file__).resolve().parent.parent, stdout=subprocess.PIPE, text=True, check=False,
                )  # fmt: skip
                if done.returncode:
                    print(f"  {step}: exit {done.returncode}")
                    return 1
                told = json.loads(done.stdout.splitlines()[-1])
                worst = max(worst, told["mib"])
                rate = f"{count * each / 1e6 / told['seconds']:7.0f} MB/s"
                print(f"  {step:<9}{told['seconds']:8.1f} s {rate}  {told['mib']:4d} MiB", flush=True)
        print(f"most memory: {worst} MiB (limit {limit})   the store itself: {_peak_of(server)} MiB")
    finally:
        server.stop()
        shutil.rmtree(work, ignore_errors=True)
    return 0 if worst <= limit else 1


def _peak_of(server: Any) -> int:
    status = Path(f"/proc/{server.component.leader.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) // 1024


def _in_child(work: Path, step: str, record: str) -> int:
    path = work / f"{record}.json"
    state = json.loads(path.read_text())
    started = time.monotonic()
    STEPS[step](work, record, state)
    seconds = time.monotonic() - started
    path.write_text(json.dumps(state))
    print(json.dumps({"seconds": seconds, "mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}))
    return 0


# ------------------------------------------------------------------------------------------------ steps


def receive(work: Path, record: str, state: dict[str, Any]) -> None:
    """The staged record as the stages before packaging leave it: the one copying pass of receive, and what check writes."""
    from ingest.metadata.case import DeclaredFile
    from ingest.settings import Home
    from ingest.steps import receive as step
    from sip import canonical

    home = Home.of(work)
    base = step.staged(home, BATCH, record)
    (base / "files").mkdir(parents=True)
    (base / "evidence").mkdir()
    total = hashlib.sha256()
    with (work / f"{record}.files").open("w", encoding="utf-8") as out:
        for i in range(state["count"]):
            path = f"申报文件/{i // 1000:03d}/{i:06d}_某某办件材料扫描件.mp4"
            source: Any = _Generated(i, state["each"])
            name = f"files/{i + 1:04d}"
            file, wrong = step._copy(
                source, base / name, DeclaredFile(path, state["each"], {}), path, name, home.limits
            )
            assert file is not None
            assert not wrong
            total.update(file.sha256.encode())
            out.write(json.dumps(file.as_json(), ensure_ascii=False) + "\n")
    head = {
        "schema": "gd.govservice.case/1.0",
        "case": {"case_no": "B-1"},
        "record": {"title": "大件", "total_files": state["count"]},
    }
    rows = (_row(i, f) for i, f in enumerate(_staged_files(work, record), 1))
    with (base / "record.json").open("wb") as out_json:
        out_json.writelines(canonical.pieces(head, "files", rows))
    for name in ("checks.json", "signatures.json"):
        (base / name).write_text("{}\n")
    state["content"] = total.hexdigest()


def _row(seq: int, f: dict[str, Any]) -> dict[str, Any]:
    """One file of the record as the check stage leaves it: the producer's words and the archive's beside them."""
    return {
        "seq": seq, "role": "材料", "group": "申报文件", "file_code": "A01", "material_name": "某某办件材料扫描件",
        "path": f["source_path"], "format": "MP4", "size": f["size"], "pages": 1, "created_at": AS_OF,
        "digest": {"SHA-256": f["sha256"], "MD5": None},
        "archived": {"path": f["path"], "size": f["size"], "digest": {"SHA-256": f["sha256"], "SM3": f["sm3"]},
                     "format": {"pronom": "fmt/199", "name": "MPEG-4 Media File", "format": "mp4"}},
    }  # fmt: skip


def _staged_files(work: Path, record: str) -> Iterator[dict[str, Any]]:
    with (work / f"{record}.files").open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


class _Generated:
    """The bytes of one file, made as they are read: no two files alike, cheap to make, not to be compressed away."""

    def __init__(self, seed: int, size: int) -> None:
        self._block = hashlib.shake_256(str(seed).encode()).digest(min(_BLOCK, size))
        self._left, self._turn = size, 0

    def read(self, size: int) -> bytes:
        want = min(size, self._left, len(self._block))
        self._left -= want
        self._turn += 1
        mark = self._turn.to_bytes(8, "big")[-want:] if want else b""
        return mark + self._block[len(mark) : want]


def package(work: Path, record: str, state: dict[str, Any]) -> None:
    from ingest.settings import Home
    from ingest.steps import package as step
    from ingest.steps.receive import staged

    job = _job(record, state) | {"files": list(_staged_files(work, record))}
    out = step.work(Home.of(work), job)
    assert "staging_lost" not in out, out
    state |= {"package_sha256": out["sha256"], "package_size": out["size"], "object_key": out["key"]}
    shutil.rmtree(staged(Home.of(work), BATCH, record))


def deposit(work: Path, record: str, state: dict[str, Any]) -> None:
    from ingest.settings import Home
    from ingest.steps import deposit as step
    from ingest.steps.package import local_package

    home = Home.of(work)
    step.ready(home)
    out = step.work(home, _job(record, state) | {"proved": [], "away": {}})
    assert [c["sha256"] for c in out["copies"]] == [state["package_sha256"]], out
    local_package(home, BATCH, record).unlink()


def verify(work: Path, record: str, state: dict[str, Any]) -> None:
    """In the store, by range requests."""
    from sip.verify import verify as judge

    result = judge(_store(work).open(state["object_key"]), record)
    assert result.valid, [f.as_json() for f in result.findings[:5]]
    assert (result.files, result.payload_bytes) == (state["count"], state["count"] * state["each"])
    assert result.findings == (), [f.as_json() for f in result.findings[:5]]


def restore(work: Path, record: str, state: dict[str, Any]) -> None:
    from ingest.recovery.restore import restore as bring_back

    back = bring_back(state["object_key"], {"main": _store(work)}, work / "restored").path
    with back.open("rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == state["package_sha256"]
    shutil.rmtree(work / "restored")


STEPS: dict[str, Callable[[Path, str, dict[str, Any]], None]] = {
    "receive": receive,
    "package": package,
    "deposit": deposit,
    "verify": verify,
    "restore": restore,
}


def _store(work: Path) -> Any:
    from ingest.settings import Home
    from ingest.steps import house

    return house.store(Home.of(work))


def _job(record: str, state: dict[str, Any]) -> dict[str, Any]:
    """The record's row in the ledger, as far as the steps look at it."""
    code = f"E-{record}"
    filing = _FILING | {"electronic_record_code": code, "archival_code": f"A-{record}"}
    return {
        "id": record, "batch_id": BATCH, "agency": "bench", "case_no": "B-1", "version": 1, "as_of": AS_OF, "position": 0,
        "received_as_of": None, "decisions": None, "findings": [], "filing": filing, "source": "", "delivery": record,
        "content_digest": state["content"], "payload_bytes": state["count"] * state["each"],
        **{k: state[k] for k in ("package_sha256", "package_size", "object_key") if k in state},
    }  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
