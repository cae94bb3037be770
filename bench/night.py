"""Our stage functions against the peer script, in turn on the same records and the same store: ratio, and ms a record by stage.

    python bench/night.py [--count 300] [--rounds 3]

The peer (``GUIDANG_PEER``, by default ../shared/bench) is the script that a careful user would write with the obvious
libraries. Only ratios within one run mean anything; the machine is named beside them.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from bench.peer_deliveries import convert
from ingest.ledger import Ledger
from ingest.model import CST
from ingest.night import ingest
from ingest.servers.ports import Ports
from ingest.servers.supervisor import Supervisor
from ingest.settings import Home
from ingest.stages import STAGES, StageResult
from ingest.store import config as store_config

PEER = Path(os.environ.get("GUIDANG_PEER", Path(__file__).resolve().parent.parent.parent / "shared/bench"))
AS_OF = dt.datetime(2024, 5, 20, 1, 0, tzinfo=CST)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--work", type=Path, default=Path("var/bench"))
    args = parser.parse_args()
    if not (PEER / "baseline.py").exists():
        print(f"找不到对照脚本 / no peer script: {PEER} (GUIDANG_PEER)", file=sys.stderr)
        return 2
    args.work.mkdir(parents=True, exist_ok=True)
    work = args.work.resolve()
    records = _records(work, args.count)
    peer: list[dict[str, Any]] = []
    ours: list[dict[str, Any]] = []
    for number in range(args.rounds):
        servers = work / "servers"
        shutil.rmtree(servers, ignore_errors=True)  # an empty store each round: what is there already would not be put
        _peer_credentials(servers)
        with Supervisor(servers, Ports.free(), airflow=False) as supervisor:
            peer.append(_peer(work, records, supervisor))
            ours.append(_ours(work, records, supervisor))
        print(f"round {number + 1}: peer {peer[-1]['rps']:.1f}/s   ours {ours[-1]['rps']:.1f}/s   "
              f"ratio {ours[-1]['rps'] / peer[-1]['rps']:.1f}", flush=True)  # fmt: skip
    _print(peer, ours, args.count)
    return 0


def _records(work: Path, count: int) -> Path:
    out = work / f"records-{count}"
    if not (out / "done").exists():
        shutil.rmtree(out, ignore_errors=True)
        subprocess.run([sys.executable, PEER / "gen_records.py", out, "--count", str(count)], check=True)
        (out / "done").touch()
    return out


def _peer_credentials(home: Path) -> None:
    """The peer script has its key built in; the server is given that one for the ingest user, so both are the same user."""
    from ingest.servers import secrets

    made = secrets.ensure(home)
    path = home / "secrets" / "s3.json"
    users = json.loads(path.read_text())
    users["ingest"] = {"access_key": "test", "secret_key": "testtest"}
    path.write_text(json.dumps(users))
    assert made is not None


def _peer(work: Path, records: Path, supervisor: Supervisor) -> dict[str, Any]:
    result = work / "peer.json"
    result.unlink(missing_ok=True)
    command = [sys.executable, PEER / "baseline.py", records, "--work", work / "peer-work", "--endpoint",
               supervisor.store.url, "--bucket", supervisor.store.bucket, "--json", result]  # fmt: skip
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    out: dict[str, Any] = json.loads(result.read_text().splitlines()[-1])
    if out["rejected"]:
        raise SystemExit(f"the peer rejected {out['rejected']} records")
    return out


def _ours(work: Path, records: Path, supervisor: Supervisor) -> dict[str, Any]:
    root = work / "ours"
    shutil.rmtree(root, ignore_errors=True)
    home = Home.of(root)
    count = convert(records, root)
    store_config.save(home, store_config.load(Home.of(supervisor.home)))
    with Ledger(home.database_url) as ledger:
        ledger.upgrade()
    stages: list[StageResult] = []
    start = time.perf_counter()
    report = ingest(home, "bench", AS_OF, batch_size=max(1, count // 4), progress=stages.append)
    wall = time.perf_counter() - start
    if report.total.accepted != count:
        raise SystemExit(f"not all were accepted: {report.as_json()}")
    shutil.rmtree(root)
    return {"rps": count / wall, "bytes": report.total.bytes,
            "ms": {name: sum(s.seconds for s in stages if s.stage == name) / count * 1e3 for name in STAGES}}  # fmt: skip


def _print(peer: list[dict[str, Any]], ours: list[dict[str, Any]], count: int) -> None:
    ratio = statistics.median(o["rps"] / p["rps"] for o, p in zip(ours, peer, strict=True))
    print(f"\n{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; {count} records, "
          f"{ours[0]['bytes'] / 1e6:.0f} MB, {len(ours)} rounds in turn")  # fmt: skip
    print(
        "peer, ms a record:  "
        + "  ".join(f"{s} {_median(p['wall_ms'][s] for p in peer):.1f}" for s in peer[0]["wall_ms"])
    )
    print(
        "ours, ms a record (two batches overlap):  "
        + "  ".join(f"{s} {_median(o['ms'][s] for o in ours):.1f}" for s in ours[0]["ms"])
    )
    print(f"peer {_median(p['rps'] for p in peer):.1f} records/s   ours {_median(o['rps'] for o in ours):.1f} records/s   "
          f"median ratio {ratio:.1f}×")  # fmt: skip


def _median(values: Any) -> float:
    return statistics.median(list(values))


if __name__ == "__main__":
    sys.exit(main())
