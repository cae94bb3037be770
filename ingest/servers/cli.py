"""The commands ``guidang run``, ``servers``, ``stop`` and ``airflow``. Imported lazily by ingest.cli."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from rich.console import Console

from ingest.servers.ports import Ports
from ingest.settings import Home

if TYPE_CHECKING:
    from ingest.servers.supervisor import Supervisor


class Stopped(KeyboardInterrupt):
    """SIGTERM or SIGHUP, which mean the same as Ctrl-C here: end in order."""


def add_parsers(subparsers: Any) -> dict[str, argparse.ArgumentParser]:
    """Add the four commands to ``subparsers``; each sets ``func``, called with the parsed arguments for the exit code."""
    run = subparsers.add_parser("run", help="启动服务并跑一夜归档 / start the servers and run a night")
    run.add_argument("--once", action="store_true", help="跑完即停（无终端时总是如此）/ stop after the night")
    run.add_argument("--count", type=int, default=300, metavar="N", help="样例办件数 / cases of the sample night (300)")
    run.set_defaults(func=_run)
    servers = subparsers.add_parser("servers", help="只启动服务 / only start the servers")
    servers.add_argument("--store-only", action="store_true", help="只启动对象存储 / the object store alone")
    servers.set_defaults(func=_servers)
    stop = subparsers.add_parser("stop", help="停止正在运行的服务 / stop the running servers")
    stop.set_defaults(func=_stop)
    airflow = subparsers.add_parser("airflow", help="以本系统的配置运行 airflow 命令 / Airflow's command, configured")
    airflow.add_argument("arguments", nargs=argparse.REMAINDER)
    airflow.set_defaults(func=_airflow)
    parsers = {"run": run, "servers": servers, "stop": stop, "airflow": airflow}
    for parser in (run, servers, stop):
        parser.add_argument("--home", type=Path, default=None, help="数据目录 / home folder (GUIDANG_HOME, var/)")
    return parsers


def _run(args: argparse.Namespace) -> int:
    from ingest.live import run_night

    def night(supervisor: Supervisor) -> int:
        code = int(run_night(supervisor, args))
        if not (args.once or not sys.stdout.isatty()):
            _wait(supervisor)
        return code

    return _with_servers(args, night)


def _servers(args: argparse.Namespace) -> int:
    def serve(supervisor: Supervisor) -> int:
        _wait(supervisor)
        return 0

    return _with_servers(args, serve, airflow=not args.store_only)


def _with_servers(args: argparse.Namespace, body: Any, airflow: bool = True) -> int:
    from ingest.servers.airflow import AirflowError
    from ingest.servers.preflight import Preflight
    from ingest.servers.seaweed import StoreError
    from ingest.servers.supervisor import Supervisor

    out = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    try:
        ports = Ports.from_environment()
    except ValueError as e:
        out.print(f"端口无效 / no valid port: {e}")
        return 2
    with orderly_end():
        try:
            with Supervisor(Home.of(args.home).root, ports, airflow=airflow, say=out.print) as supervisor:
                code = int(body(supervisor))
                out.print("正在停止服务 / stopping the servers")
                return code
        except Preflight as e:
            out.print(str(e))
            return 2
        except (StoreError, AirflowError) as e:
            out.print(f"服务未能启动 / the servers did not come up: {e}")
            return 3
        except Stopped:
            return 143
        except KeyboardInterrupt:
            return 130


def _wait(supervisor: Supervisor) -> None:
    """Show where everything is, and wait for Ctrl-C. Passwords are shown to a terminal only, not to a log."""
    out = Console(highlight=False, markup=False, soft_wrap=True)
    out.print(f"对象存储 / object store   {supervisor.store.url}   bucket {supervisor.store.bucket}")
    if hasattr(supervisor, "api"):
        out.print(f"Airflow                   {supervisor.api.base_url}")
        out.print(f"归档工作台 / archive desk   {desk_at(supervisor)}")
    if sys.stdout.isatty():
        if hasattr(supervisor, "api"):
            for user, password in supervisor.secrets.passwords.items():
                out.print(f"  {user:<10}{password}")
        for user, keys in supervisor.store.users.items():
            if user != "admin":
                out.print(f"  S3 {user:<9}{keys.access_key}  {keys.secret_key}")
    else:
        out.print(f"口令 / passwords          {supervisor.secrets.folder}")
    out.print("按 Ctrl-C 停止 / Ctrl-C stops")
    try:
        threading.Event().wait()
    except Stopped:
        raise
    except KeyboardInterrupt:
        return


def desk_at(supervisor: Supervisor) -> str:
    """Where the desk is: by itself, and in a frame with Airflow's navigation."""
    base = supervisor.api.base_url
    return f"{base}/desk-app/   (Airflow: {base}/plugin/desk)"


def _stop(args: argparse.Namespace) -> int:
    from ingest.servers import runfile

    out = Console(highlight=False, markup=False, soft_wrap=True)
    home = Home.of(args.home).root
    try:
        stopped = runfile.stop(home)
    except TimeoutError as e:
        out.print(f"未能停止（{e}），请查看 {home / 'logs'} / it does not stop ({e}); see {home / 'logs'}")
        return 1
    out.print("已停止 / stopped" if stopped else "没有正在运行的服务 / nothing is running")
    return 0


def _airflow(args: argparse.Namespace) -> int:
    from ingest.servers import airflow
    from ingest.servers.secrets import ensure

    home = Home.of().root
    ensure(home)
    (home / "airflow").mkdir(mode=0o700, parents=True, exist_ok=True)
    os.execve(airflow.program(), ["airflow", *args.arguments], airflow.environment(home, Ports.from_environment()))  # noqa: S606


@contextmanager
def orderly_end() -> Iterator[None]:
    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise Stopped

    before = {what: signal.signal(what, stop) for what in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for what, handler in before.items():
            signal.signal(what, handler)
