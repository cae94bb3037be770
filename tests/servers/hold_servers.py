"""Brings the servers up in a process of their own, for the tests to talk to and to kill. Arguments: home, DAG folder, ports as JSON."""

import json
import sys
from pathlib import Path

from ingest.servers.cli import Stopped, orderly_end
from ingest.servers.ports import Ports
from ingest.servers.supervisor import Supervisor


def say(text: str) -> None:
    sys.stdout.write(text.replace("\n", " ") + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    home, dags, ports = sys.argv[1:]
    try:
        with orderly_end(), Supervisor(Path(home), Ports(**json.loads(ports)), dags=Path(dags), say=say):
            say("UP")
            sys.stdin.read()
    except Stopped:
        sys.exit(143)
