"""Workers: one bad record never stops a batch, whatever it does to its process."""

import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest

from ingest.settings import Home, Limits
from ingest.sources import SourceAway
from ingest.workers import Done, Threads, Workers


def job(home: Home, job: dict[str, Any]) -> dict[str, Any]:
    match job["do"]:
        case "hang":
            time.sleep(600)
        case "die":
            os._exit(9)
        case "memory":
            return {"size": len(bytearray(64 << 30))}
        case "slow source":
            raise TimeoutError("no answer")
        case "raise":
            raise OSError(28, "disk full")
        case "away":
            raise SourceAway("sftp", OSError("no route"))
        case "die once" if not Path(job["mark"]).exists():
            Path(job["mark"]).touch()
            os._exit(1)
    return {"did": job["do"]}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path, Limits(record_seconds=2.0, worker_memory=2 << 30))


def run(home: Home, *what: dict[str, str]) -> dict[str, Done]:
    with Workers(home, 2) as workers:
        return {d.job["do"]: d for some in workers.map(job, list(what)) for d in some}


def test_hanging_dying_and_swallowing_records_are_lost_and_the_rest_is_done(home: Home) -> None:
    done = run(home, *({"do": d} for d in ("hang", "die", "memory", "good 1", "good 2")))
    assert done["hang"].lost == "timeout"
    assert done["die"].lost is not None and done["die"].lost.startswith("exit")
    assert done["memory"].lost == "memory"
    assert [done[g].value for g in ("good 1", "good 2")] == [{"did": "good 1"}, {"did": "good 2"}]


def test_machine_trouble_is_an_error_in_words(home: Home) -> None:
    assert "disk full" in (run(home, {"do": "raise"})["raise"].error or "")


def test_an_error_that_no_pipe_carries_costs_its_own_record_only(home: Home) -> None:
    """SourceAway takes other arguments than it keeps: read back from a pipe it would be an error in the pool itself."""
    done = run(home, {"do": "away"}, {"do": "good 1"}, {"do": "raise"})
    assert (done["away"].cause, done["raise"].cause) == ("SOURCE-AWAY", "DISK-FULL")
    assert "no route" in (done["away"].error or "")
    assert done["good 1"].value == {"did": "good 1"}


def test_a_record_whose_process_died_once_is_tried_again(home: Home, tmp_path: Path) -> None:
    assert run(home, {"do": "die once", "mark": str(tmp_path / "m")})["die once"].value == {"did": "die once"}


def test_ordered_results_keep_the_order_of_the_jobs(home: Home, tmp_path: Path) -> None:
    jobs = [{"do": "die once", "mark": str(tmp_path / "m")}, *({"do": f"good {n}"} for n in range(5))]
    with Workers(home, 2) as workers:
        done = [d.job for some in workers.map(job, jobs, ordered=True) for d in some]
    assert done == jobs


def test_threads_do_the_rest_when_one_has_machine_trouble(home: Home) -> None:
    jobs = [{"do": d} for d in ("raise", "good 1", "good 2")]
    done = {d.job["do"]: d for some in Threads(home, 2).map(job, jobs) for d in some}
    assert "disk full" in (done["raise"].error or "")
    assert [done[g].value for g in ("good 1", "good 2")] == [{"did": "good 1"}, {"did": "good 2"}]


def test_a_source_that_times_out_is_machine_trouble(home: Home) -> None:
    done = run(home, {"do": "slow source"})["slow source"]
    assert done.lost is None and "no answer" in (done.error or "")


def test_no_jobs_start_no_process(home: Home) -> None:
    with Workers(home) as workers:
        assert list(workers.map(job, [])) == []


def test_workers_end_with_their_killed_parent(tmp_path: Path) -> None:
    (tmp_path / "noting.py").write_text(
        textwrap.dedent("""
        import os, time
        def note(home, job):
            (home.root / f"pid-{os.getpid()}").touch()
            time.sleep(30)
            return {}
        """)
    )
    code = (
        "import pathlib, noting; from ingest.settings import Home; from ingest.workers import Workers\n"
        "with Workers(Home(pathlib.Path('.')), 2) as w: list(w.map(noting.note, [{}, {}]))"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path)
    deadline = time.monotonic() + 30
    while len(pids := [int(p.name[4:]) for p in tmp_path.glob("pid-*")]) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    parent.kill()
    parent.wait()
    while any(alive(p) for p in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(pids) == 2 and not any(alive(p) for p in pids)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
