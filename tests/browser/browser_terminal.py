"""A program in a terminal, as a person starts it: what it shows can be read, and it ends by Ctrl-C."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from typing import Self

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07")


class Terminal:
    """Use as a context manager; the program is ended at the end, and must end."""

    def __init__(self, *command: str, env: Mapping[str, str]) -> None:
        self._command, self._env = command, env
        self._shown = bytearray()

    def __enter__(self) -> Self:
        self._ours, theirs = pty.openpty()
        self._process = subprocess.Popen(
            self._command, stdin=theirs, stdout=theirs, stderr=theirs, env=self._env, start_new_session=True
        )
        os.close(theirs)
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(90)
        finally:
            self._process.kill()
            self._reader.join(10)
            os.close(self._ours)

    def said(self) -> str:
        """All that was shown, without colours and movements of the cursor."""
        return _ESCAPES.sub("", bytes(self._shown).decode("utf-8", "replace"))

    def wait_for(self, text: str, seconds: float) -> None:
        """Wait until ``text`` was shown. AssertionError where the program ends before, or it takes longer."""
        end = time.monotonic() + seconds
        while text not in self.said():
            assert self._process.poll() is None, self.said()[-5000:]
            assert time.monotonic() < end, self.said()[-5000:]
            time.sleep(0.3)

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # so a terminal's end is told
            while piece := os.read(self._ours, 65536):
                self._shown += piece
