"""A small process that outlives a killed supervisor just long enough to end what it left behind.

Started by the supervisor with a pipe as its standard input, on which each component is told as ``+pid started`` when it is
started and ``-pid started`` when it has ended. When the pipe closes without a word, the supervisor is dead (killed, or out of
memory) and every component still named is ended. It also inherits the lock of the home folder, so that no new start comes in
between.
"""

from __future__ import annotations

import signal
import sys
import time

from ingest.servers.processes import Process, end_rest, look, tell

GRACE = 10.0  # seconds for all components together; a killed supervisor's night is retried by the next run anyway


def watch() -> None:
    """Read until the pipe closes, then end what is left."""
    for quiet in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(quiet, signal.SIG_IGN)  # our end is the supervisor's end, never a signal meant for it
    leaders: set[Process] = set()
    for line in sys.stdin:
        pid, started = (int(word) for word in line[1:].split())
        leader = Process(pid, pid, started)
        if line[0] == "+":
            leaders.add(leader)
        else:
            leaders.discard(leader)
    for leader in leaders:
        tell(leader, signal.SIGTERM)
    deadline = time.monotonic() + GRACE
    while time.monotonic() < deadline and any(look(leader.pid) == leader for leader in leaders):
        time.sleep(0.1)
    for leader in leaders:
        end_rest(leader)


if __name__ == "__main__":
    watch()
