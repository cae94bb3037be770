"""Processes of their own for hostile content, spawned cleanly wherever they are started from."""

from __future__ import annotations

import multiprocessing.context
import sys
import threading
import types
from typing import Any


class _CleanProcess(multiprocessing.context.SpawnProcess):
    """A spawned process that does not import its parent's main module.

    The main module of an Airflow task is Airflow's own, which refuses to be imported again within a task. Work functions
    stand in importable modules, so the child does not need it.
    """

    @staticmethod
    def _Popen(process_obj: Any) -> Any:  # noqa: N802 - multiprocessing's name
        with _MAIN:
            main = sys.modules["__main__"]
            sys.modules["__main__"] = types.ModuleType("__main__")
            try:
                return multiprocessing.context.SpawnProcess._Popen(process_obj)
            finally:
                sys.modules["__main__"] = main


class CleanSpawn(multiprocessing.context.SpawnContext):
    """The context to give to a pool of processes; see `_CleanProcess`."""

    Process = _CleanProcess


_MAIN = threading.Lock()
