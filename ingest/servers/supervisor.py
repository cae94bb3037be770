"""Brings up the object store and Airflow, keeps them up, and takes them down together."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from botocore.exceptions import BotoCoreError, ClientError

from ingest.alerts import Alarm, settle
from ingest.alerts.watch import Watch
from ingest.servers import airflow, preflight, processes, runfile
from ingest.servers.api import AirflowApi, ApiError
from ingest.servers.component import Component
from ingest.servers.ports import HOST, Ports
from ingest.servers.seaweed import SeaweedServer, StoreEndpoint, StoreError
from ingest.servers.secrets import S3Credentials, Secrets, ensure
from ingest.settings import Home
from ingest.store import abilities
from ingest.store import config as store_config
from ingest.store.objects import client

_AGAIN_AND_AGAIN = 3  # unexpected ends in a row before somebody is told: 7 s of trying
_READY = 240.0  # seconds for Airflow; 12 s usual on two idle cores, a minute and more on loaded ones
_BACKFILL_POOL = ("backfill", 1, "补录的任务至多同时这么多 / so many tasks of backfills at once")
_HEALTH = {"scheduler": "scheduler", "dag-processor": "dag_processor", "triggerer": "triggerer"}


class Supervisor:
    """The servers of one home, as a context manager; inside it ``store`` and ``api`` are ready to use.

    With ``GUIDANG_STORE_ENDPOINT`` set that store is used and none is started. ``airflow=False`` starts the store alone.
    ``say`` gets one line of progress at a time, Chinese and English, possibly from another thread.
    """

    def __init__(
        self, home: Path, ports: Ports | None = None, *, dags: Path | None = None, airflow: bool = True,
        say: Callable[[str], None] = lambda _: None, free_bytes: int = preflight.MINIMUM_FREE,
    ) -> None:  # fmt: skip
        self.home = home.resolve()
        self.ports = ports or Ports.from_environment()
        self.store: StoreEndpoint
        self.api: AirflowApi
        self.secrets: Secrets
        self._dags, self._airflow, self._say, self._free_bytes = dags, airflow, say, free_bytes
        self._embedded_store = "GUIDANG_STORE_ENDPOINT" not in os.environ
        self._seaweed: SeaweedServer | None = None
        self._components: list[Component] = []
        self._lock: IO[str] | None = None
        self._warden: subprocess.Popen[bytes] | None = None
        self._monitor: threading.Thread | None = None
        self._lookout: Watch | None = None
        self._stopping = threading.Event()
        self._recording = threading.Lock()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, where: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Bring everything up. Raises Preflight, StoreError or AirflowError; ``stop`` then clears what was started."""
        preflight.check(self.home, {}, self._free_bytes, self._airflow)
        self._lock = preflight.lock(self.home)
        if left := runfile.end_orphans(self.home):
            self._say(f"已结束上次遗留的进程：{', '.join(left)} / ended what an earlier run left: {', '.join(left)}")
        preflight.check_ports(self._needed_ports())
        self.secrets = ensure(self.home)
        self._warden = subprocess.Popen(
            [sys.executable, "-m", "ingest.servers.warden"], stdin=subprocess.PIPE, start_new_session=True,
            pass_fds=[self._lock.fileno()],
        )  # fmt: skip
        if self._embedded_store:
            self._seaweed = SeaweedServer(self.home, self.ports, self.secrets)
            self._launch(self._seaweed.component)
        begun = dt.datetime.now(dt.UTC)
        if self._airflow:
            self._launch_airflow()
        self._open_store()
        if self._airflow:
            self._await_airflow(begun)
        self._monitor = threading.Thread(target=self._watch, name="supervisor", daemon=True)
        self._monitor.start()
        self._lookout = Watch(Home.of(self.home), self._say, self.settle_servers)
        self._lookout.start()

    def stop(self) -> None:
        """Stop everything, Airflow before the store. Safe to call again, and after a start that failed."""
        self._stopping.set()
        if self._lookout is not None:
            self._lookout.stop()
            self._lookout = None
        if self._monitor is not None:
            self._monitor.join()
            self._monitor = None
        # Tasks that are just ending still report to the API server and write to the store: those two go last.
        last = ("api-server", "seaweedfs")
        for wave in ([c for c in self._components if c.name not in last], self._components):
            for component in wave:
                component.ask()
            for component in wave:
                leader = component.leader
                component.stop()
                self._tell_warden("-", leader)
        if self._seaweed is not None:
            self._seaweed.stop()
        if self._components:
            runfile.remove(self.home)
        self._components = []
        if self._warden is not None:
            assert self._warden.stdin is not None
            self._warden.stdin.close()
            self._warden.wait()
            self._warden = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _needed_ports(self) -> dict[str, int]:
        needed = self.ports.store if self._embedded_store else {}
        return needed | ({"api": self.ports.api} if self._airflow else {})

    def _launch(self, component: Component) -> None:
        if component not in self._components:
            self._components.append(component)
        leader = component.start()
        self._tell_warden("+", leader)
        self._record()

    def _launch_airflow(self) -> None:
        env = airflow.environment(self.home, self.ports, self._dags)
        self._say("准备 Airflow 数据库 / preparing Airflow's database")
        airflow.migrate(self.home, env)
        for component in airflow.components(self.home, env):
            self._launch(component)

    def _open_store(self) -> None:
        home = Home.of(self.home)
        if self._seaweed is not None:
            self.store = self._seaweed.prepare()
            store_config.save(
                home,
                store_config.StoreConfig(
                    self.store.url, self.store.bucket, self.store.access_key, self.store.secret_key, self.store.region
                ),
            )
        else:
            given = store_config.load(home)
            users = {"ingest": S3Credentials(given.access_key, given.secret_key)}
            self.store = StoreEndpoint(
                given.endpoint, given.bucket, given.access_key, given.secret_key, users, given.region
            )
        self._say(f"对象存储就绪 / object store ready: {self.store.url}")
        self._probe_replicas(home)

    def _probe_replicas(self, home: Home) -> None:
        """Try what each replica can do and record it. One that is away is told, and does not keep the others from working."""
        for replica in store_config.plan(home).replicas:
            try:
                abilities.record(home, replica, abilities.probe(client(replica), replica))
            except (BotoCoreError, ClientError) as e:
                self._say(f"副本 {replica.name} 不可达 / replica {replica.name} is away: {e}")

    def _await_airflow(self, begun: dt.datetime) -> None:
        self.api = AirflowApi(f"http://{HOST}:{self.ports.api}", "admin", self.secrets.passwords["admin"])
        missing = {"api-server", *_HEALTH}
        start = time.monotonic()
        while missing:
            for component in self._components:
                if (code := component.ended()) is not None:
                    raise airflow.AirflowError(f"{component.name}: exit {code}\n{component.tail()}")
            if time.monotonic() - start > _READY:
                raise airflow.AirflowError(f"{', '.join(sorted(missing))}: {_READY:.0f} s\n{self._tails(missing)}")
            ready = {name for name in missing if self._is_ready(name, begun)}
            for name in sorted(ready):
                self._say(f"{name} 就绪 / ready ({time.monotonic() - start:.0f} s)")
            missing -= ready
            if missing:
                time.sleep(0.25)
        self._make_pool(*_BACKFILL_POOL)

    def _make_pool(self, name: str, slots: int, description: str) -> None:
        """A pool that DAGs name must exist; one that an operator has changed stays as it is."""
        try:
            self.api.pool(name)
        except ApiError as e:
            if e.status != 404:
                raise
            self.api.set_pool(name, slots, description)

    def _is_ready(self, name: str, begun: dt.datetime) -> bool:
        try:
            health = self.api.health()
        except ApiError:
            return False
        if name == "api-server":
            return bool(health["metadatabase"]["status"] == "healthy")
        part = health[_HEALTH[name]]
        beat = part[f"latest_{_HEALTH[name]}_heartbeat"]
        # For half a minute after a restart the heartbeat of the one before still counts as healthy.
        return part["status"] == "healthy" and beat is not None and bool(dt.datetime.fromisoformat(beat) >= begun)

    def _tails(self, names: set[str]) -> str:
        return "\n".join(f"— {c.name}\n{c.tail()}" for c in self._components if c.name in names)

    def _watch(self) -> None:
        """Restart what ends without being asked to, waiting longer each time."""
        while not self._stopping.wait(0.5):
            for component in self._components:
                if (code := component.ended()) is not None:
                    leader = component.leader
                    wait = component.plan_restart()
                    self._tell_warden("-", leader)
                    self._say(
                        f"{component.name} 意外退出（{code}），{wait:.0f} 秒后重启 / "
                        f"{component.name} ended unexpectedly ({code}); restart in {wait:.0f} s"
                    )
                elif component.due:
                    self._restart(component)

    def settle_servers(self, now: dt.datetime) -> None:
        """Tell of servers that end again and again; one that has stayed up since is over it."""
        down = [c for c in self._components if c.failures >= _AGAIN_AND_AGAIN and not c.steady]
        lines = {c.name: [f"{c.name}: {c.failures} ×", *c.tail().splitlines()] for c in down}
        home = Home.of(self.home)
        settle(home, ["SERVER-DOWN"], [Alarm("SERVER-DOWN", name, told) for name, told in lines.items()], now)

    def _restart(self, component: Component) -> None:
        try:
            self._launch(component)
            if self._seaweed is not None and component is self._seaweed.component:
                self._seaweed.prepare()
        except (OSError, StoreError, subprocess.SubprocessError) as e:
            self._say(f"{component.name}: {e}")
            component.stop()  # it is then not running and not due: plan another try
            component.plan_restart()
            return
        self._say(f"{component.name} 已重启 / {component.name} restarted")

    def _tell_warden(self, sign: str, leader: processes.Process | None) -> None:
        if self._warden is None or leader is None:
            return
        assert self._warden.stdin is not None
        self._warden.stdin.write(f"{sign}{leader.pid} {leader.started}\n".encode())
        self._warden.stdin.flush()

    def _record(self) -> None:
        me = processes.look(os.getpid())
        assert me is not None
        leaders = {c.name: c.leader for c in self._components if c.leader is not None}
        with self._recording:
            runfile.write(self.home, runfile.Run(me, self.ports.as_dict(), leaders, processes.boot_id()))
