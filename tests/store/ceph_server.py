"""A Ceph cluster of one of each (mon, mgr, osd, radosgw) from Debian's packages, in one folder and on loopback ports only.

No systemd, no loop device: the OSD keeps its blocks in a sparse file. One copy of each block: it is Ceph's S3 that is under
test here, not its replication.
"""

from __future__ import annotations

import contextlib
import secrets
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path

HOST = "127.0.0.1"
PROGRAMS = ("ceph-mon", "ceph-osd", "ceph-mgr", "radosgw", "radosgw-admin", "ceph-authtool", "monmaptool")
INSTALL = "apt-get install -y --no-install-recommends ceph-mon ceph-osd ceph-mgr radosgw ceph-common"
USERS = ("admin", "ingest", "auditor")
_READY = 120.0


def missing() -> str | None:
    """Why Ceph cannot be started here, with what to do about it; None where it can."""
    if gone := [p for p in PROGRAMS if shutil.which(p) is None]:
        return f"{', '.join(gone)} not installed: sudo {INSTALL} (make test-ceph does it)"
    return None


class CephServer:
    """Start with `start`, end with `stop`; ``users`` are (access key, secret key) by name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, self._mon2, self._mon1 = _free_ports(3)
        self.users = {name: (f"GD{secrets.token_hex(9)}", secrets.token_urlsafe(24)) for name in USERS}
        self._daemons: list[subprocess.Popen[bytes]] = []
        self._conf = folder / "ceph.conf"

    @property
    def endpoint(self) -> str:
        return f"http://{HOST}:{self.port}"

    def start(self) -> None:
        self._configure()
        self._daemon("ceph-mon", "-i", "a")
        self._daemon("ceph-mgr", "-i", "x")
        osd = str(uuid.uuid4())
        self._run("ceph", "--connect-timeout", "60", "osd", "create", osd, "0")
        self._run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", osd)
        self._daemon("ceph-osd", "-i", "0")
        self._daemon("radosgw", "-n", "client.rgw")
        self._await()
        for name, (access, secret) in self.users.items():
            self._run("radosgw-admin", "user", "create", f"--uid={name}", f"--display-name={name}",
                      f"--access-key={access}", f"--secret={secret}")  # fmt: skip

    def stop(self) -> None:
        for daemon in reversed(self._daemons):
            daemon.terminate()
        for daemon in reversed(self._daemons):
            try:
                daemon.wait(20)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()

    def _configure(self) -> None:
        fsid, here = str(uuid.uuid4()), self.folder
        for name in ("mon", "osd", "mgr"):
            (here / name).mkdir()
        mon = f"[v2:{HOST}:{self._mon2}/0,v1:{HOST}:{self._mon1}/0]"
        self._conf.write_text(
            f"""[global]
fsid = {fsid}
mon host = {mon}
mon initial members = a
keyring = {here}/keyring
run dir = {here}
admin socket = {here}/$name.asok
log file = {here}/$name.log
public addr = {HOST}
cluster addr = {HOST}
public network = {HOST}/32
mon data = {here}/mon
osd data = {here}/osd
mgr data = {here}/mgr
mgr initial modules =
mon allow pool size one = true
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
osd objectstore = bluestore
osd memory target = 1073741824
bluestore block create = true
bluestore block size = 10737418240
[client.rgw]
rgw frontends = beast endpoint={HOST}:{self.port} tcp_nodelay=1
""",
            "utf-8",
        )
        every = ["--cap", "mon", "allow *"]
        for name, caps in {
            "mon.": every,
            "client.admin": [*every, "--cap", "osd", "allow *", "--cap", "mgr", "allow *"],
            "mgr.x": ["--cap", "mon", "allow profile mgr", "--cap", "osd", "allow *"],
            "osd.0": [
                "--cap",
                "mon",
                "allow profile osd",
                "--cap",
                "osd",
                "allow *",
                "--cap",
                "mgr",
                "allow profile osd",
            ],
            "client.rgw": ["--cap", "mon", "allow rw", "--cap", "osd", "allow rwx", "--cap", "mgr", "allow rw"],
        }.items():
            create = [] if (here / "keyring").exists() else ["--create-keyring"]
            self._run("ceph-authtool", str(here / "keyring"), *create, "--gen-key", "-n", name, *caps, conf=False)
        self._run("monmaptool", "--create", "--fsid", fsid, "--addv", "a", mon, str(here / "monmap"), conf=False)
        self._run("ceph-mon", "--mkfs", "-i", "a", "--monmap", str(here / "monmap"), "--keyring", str(here / "keyring"))

    def _run(self, *command: str, conf: bool = True) -> str:
        extra = ["-c", str(self._conf)] if conf else []
        done = subprocess.run(
            [command[0], *extra, *command[1:]],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=_READY,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(command[:3])}: exit {done.returncode}\n{done.stderr[-2000:]}")
        return done.stdout

    def _daemon(self, program: str, *arguments: str) -> None:
        with (self.folder / f"{program}.out").open("wb") as out:
            self._daemons.append(
                subprocess.Popen(
                    [program, "-f", "-c", str(self._conf), *arguments], cwd=self.folder, stdin=subprocess.DEVNULL,
                    stdout=out, stderr=subprocess.STDOUT,
                )
            )  # fmt: skip

    def _await(self) -> None:
        deadline = time.monotonic() + _READY
        while True:
            if ended := [d.args for d in self._daemons if d.poll() is not None]:
                logs = "\n".join(p.read_text("utf-8", "replace")[-1500:] for p in self.folder.glob("*.out"))
                raise RuntimeError(f"{ended}\n{logs}")
            try:
                with urllib.request.urlopen(self.endpoint, timeout=5):
                    return
            except urllib.error.HTTPError as e:
                with e:
                    return
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.3)


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for s in sockets:
            s.bind((HOST, 0))
        return [int(s.getsockname()[1]) for s in sockets]
