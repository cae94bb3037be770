"""Airflow's four components as programs: their environment, their database, their readiness. Airflow is never imported."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import sqlalchemy as sa

from ingest.paths import ROOT
from ingest.servers.component import Component
from ingest.servers.ports import HOST, Ports
from ingest.servers.secrets import write_private

CONFIG = ROOT / "airflow.cfg"
_DEFAULT_API = Ports().api  # the port that stands in airflow.cfg
# --skip-serve-logs: the log servers would listen on every interface, and the API server reads the same files anyway.
COMPONENTS = {
    "api-server": ["api-server"],
    "scheduler": ["scheduler", "--skip-serve-logs"],
    "dag-processor": ["dag-processor"],
    "triggerer": ["triggerer", "--skip-serve-logs"],
}


# Seconds to stop in. The scheduler lets running tasks finish, and now and then hangs after they did; what is cut off runs again.
_GRACE = {"scheduler": 10.0, "triggerer": 3.0, "dag-processor": 5.0, "api-server": 8.0}


class AirflowError(Exception):
    """Airflow's database or a component could not be brought up; the text holds the end of its output."""


def program() -> Path:
    """Airflow's command beside this Python."""
    return Path(sys.executable).parent / "airflow"


def environment(home: Path, ports: Ports, dags: Path | None = None) -> dict[str, str]:
    """The environment in which Airflow and its tasks run, from this process's own.

    ``GUIDANG_DATABASE_URL`` moves Airflow's metadata to PostgreSQL too, ``GUIDANG_AIRFLOW_DATABASE_URL`` elsewhere than the
    ledger. Everything else stands in airflow.cfg.
    """
    env = dict(os.environ)
    env.pop("PYTHONWARNINGS", None)  # a caller's "error" would end Airflow, which warns at import
    env["GUIDANG_HOME"], env["GUIDANG_ROOT"] = str(home), str(ROOT)
    env["AIRFLOW_HOME"], env["AIRFLOW_CONFIG"] = str(home / "airflow"), str(CONFIG)
    env["AIRFLOW__CORE__PARALLELISM"] = str(max(4, 2 * len(os.sched_getaffinity(0))))
    env["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), env.get("PATH", os.defpath)])
    # Tasks talk to the API server over HTTP; a proxy of the outer world must not come between.
    env["NO_PROXY"] = env["no_proxy"] = ",".join(filter(None, [env.get("NO_PROXY"), HOST, "localhost"]))
    if ports.api != _DEFAULT_API:
        base = f"http://{HOST}:{ports.api}"
        env |= {
            "AIRFLOW__API__PORT": str(ports.api), "AIRFLOW__API__BASE_URL": base,
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{base}/execution/",
        }  # fmt: skip
    if dags is not None:
        env["AIRFLOW__CORE__DAGS_FOLDER"] = str(dags)
    if url := database_url(env):
        env["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = url
    return env


def database_url(environ: Mapping[str, str]) -> str | None:
    """Where Airflow's metadata goes if not to SQLite in the home."""
    url = environ.get("GUIDANG_AIRFLOW_DATABASE_URL") or environ.get("GUIDANG_DATABASE_URL")
    return url if url and not url.startswith("sqlite") else None


def components(home: Path, env: Mapping[str, str]) -> list[Component]:
    """The four components, to be started together: they wait for each other."""
    folder = home / "airflow"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return [
        Component(
            name,
            [sys.executable, str(program()), *arguments],
            env,
            folder,
            home / "logs" / f"{name}.log",
            grace=_GRACE.get(name, 15.0),
        )
        for name, arguments in COMPONENTS.items()
    ]


def migrate(home: Path, env: Mapping[str, str]) -> bool:
    """Bring Airflow's database to its present shape. Returns whether there was anything to do.

    ``airflow db migrate`` takes 4 s to find nothing to do, so a stamp tells which version and database it last left in which
    revision; it is skipped only if the database itself still says the same. Raises AirflowError.
    """
    folder = home / "airflow"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    url = env.get("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", f"sqlite:///{folder / 'airflow.db'}")
    stamp = folder / "migrated.json"
    known = {"airflow": version("apache-airflow"), "database": hashlib.sha256(url.encode()).hexdigest()}
    if (
        stamp.exists()
        and (revision := _revision(url))
        and json.loads(stamp.read_text()) == known | {"revision": revision}
    ):
        return False
    done = subprocess.run(
        [sys.executable, str(program()), "db", "migrate"], env=dict(env), cwd=folder, capture_output=True, text=True,
        umask=0o077, timeout=1200, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise AirflowError(f"airflow db migrate: exit {done.returncode}\n{(done.stdout + done.stderr)[-3000:]}")
    write_private(stamp, json.dumps(known | {"revision": _revision(url)}))
    return True


def _revision(url: str) -> str | None:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    try:
        with engine.connect() as connection:
            return connection.execute(sa.text("select version_num from alembic_version")).scalar()
    except sa.exc.DBAPIError:
        return None  # no such table or no database yet: db migrate will tell what is wrong, if anything is
    finally:
        engine.dispose()
