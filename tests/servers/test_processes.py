import os
import signal
import subprocess
import sys
import time

from ingest.servers import processes, runfile
from ingest.servers.component import Component
from ingest.servers.preflight import lock

# A leader that ignores SIGTERM, with a child in a process group of its own, as Airflow's tasks are.
STUBBORN = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setpgid(0, 0)
print("up", flush=True)
time.sleep(600)
"""
# Starts components as the supervisor does, tells the warden, and is then killed by the test.
KILLED = """
import subprocess, sys, time
from ingest.servers.component import Component
from ingest.servers.preflight import lock
from pathlib import Path
home = Path(sys.argv[1])
held = lock(home)
watch = [sys.executable, "-m", "ingest.servers.warden"]
warden = subprocess.Popen(watch, stdin=subprocess.PIPE, start_new_session=True, pass_fds=[held.fileno()])
for name, code in (("gentle", "import time; time.sleep(600)"), ("ended", "pass")):
    c = Component(name, [sys.executable, "-c", code], {}, home, home / name)
    p = c.start()
    warden.stdin.write(b"+%d %d\\n" % (p.pid, p.started))
    if name == "ended":
        c.stop()
        warden.stdin.write(b"-%d %d\\n" % (p.pid, p.started))
    else:
        print(p.pid, flush=True)
warden.stdin.flush()
print("up", flush=True)
time.sleep(600)
"""


def python(home, code: str, name: str = "it", **options) -> Component:
    return Component(name, [sys.executable, "-u", "-c", code], dict(os.environ), home, home / f"{name}.log", **options)


def until(condition, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_component_that_does_not_obey_is_ended_with_its_whole_session(home):
    component = python(home, STUBBORN, grace=0.3)
    leader = component.start()
    until(lambda: component.log.read_text().count("up") == 2)
    assert len(processes.members(leader.pid)) == 2
    component.stop()
    assert processes.members(leader.pid) == []
    assert component.leader is None


def test_what_outlives_its_leader_is_found_and_ended(home):
    component = python(home, "import os, time; os.fork() or time.sleep(600)")
    leader = component.start()
    until(lambda: component.ended() is not None)
    assert [p.pid for p in processes.orphans_of(leader)] != []
    processes.end_rest(leader)
    assert processes.orphans_of(leader) == []


def test_a_pid_given_to_another_process_is_left_alone(home):
    component = python(home, "import time; time.sleep(600)")
    leader = component.start()
    earlier = processes.Process(leader.pid, leader.pid, leader.started - 1)
    processes.end(earlier, grace=0.1)
    processes.tell(earlier, signal.SIGKILL)
    assert component.ended() is None
    component.stop()


def test_restarts_wait_longer_each_time(home):
    component = python(home, "raise SystemExit(3)")
    waits = []
    for _ in range(8):
        component.start()
        until(lambda: component.ended() == 3)
        waits.append(component.plan_restart())
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    assert not component.due


def test_a_component_writes_private_files_and_its_log_is_kept_short(home):
    component = python(home, "open('made', 'w').close(); print('结束')")
    component.log.write_bytes(b"x" * 20_000_001)
    component.start()
    until(lambda: component.ended() == 0)
    assert component.tail() == "结束"
    assert (home / "it.log.1").stat().st_size == 20_000_001
    assert (home / "made").stat().st_mode & 0o077 == 0
    component.stop()


def test_the_warden_ends_what_a_killed_supervisor_leaves_and_holds_the_lock_until_then(home):
    with subprocess.Popen([sys.executable, "-c", KILLED, str(home)], stdout=subprocess.PIPE, text=True) as supervisor:
        gentle = processes.look(int(supervisor.stdout.readline()))
        assert supervisor.stdout.readline() == "up\n"
        supervisor.kill()
    lock(home).close()  # waits for the warden
    assert processes.look(gentle.pid) is None


def test_the_next_start_ends_what_even_the_warden_did_not(home):
    component = python(home, "import time; time.sleep(600)")
    leader = component.start()
    me = processes.look(os.getpid())
    runfile.write(home, runfile.Run(me, {}, {"it": leader}, processes.boot_id()))
    assert runfile.end_orphans(home) == ["it"]
    until(lambda: component.ended() is not None)
    assert runfile.read(home) is None
    assert runfile.end_orphans(home) == []
    component.stop()


def test_a_run_file_of_an_earlier_boot_or_cut_off_says_nothing(home):
    me = processes.look(os.getpid())
    runfile.write(home, runfile.Run(me, {"api": 1}, {}, "another boot"))
    assert runfile.read(home) is None
    runfile.path(home).write_text('{"supervisor": {"pid"')
    assert runfile.read(home) is None
    assert runfile.stop(home) is False


def test_stop_asks_exactly_the_recorded_supervisor(home):
    component = python(home, "import time; time.sleep(600)")
    leader = component.start()
    runfile.write(home, runfile.Run(processes.Process(leader.pid, leader.pid, 1), {}, {}, processes.boot_id()))
    assert runfile.stop(home) is False, "the pid was given to another process since"
    runfile.write(home, runfile.Run(leader, {}, {}, processes.boot_id()))
    assert runfile.stop(home) is True
    until(lambda: component.ended() == -signal.SIGTERM)
    component.stop()
