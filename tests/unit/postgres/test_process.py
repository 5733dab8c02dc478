"""What a child program writes is read to the last byte, whenever it ends."""

from __future__ import annotations

import os
import selectors
import subprocess

import pytest

from seachange.postgres._process import Limits, Running


def test_what_is_written_just_before_the_end_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    process = subprocess.Popen(
        ["sh", "-c", "read line; echo $line"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    monkeypatch.setattr(selectors, "DefaultSelector", lambda: _LateSelector(process))
    running = Running(process)
    try:
        status = running.wait(Limits(name="sh", timeout_s=30, stall_timeout_s=None, progress=lambda: 0))
    finally:
        running.close()

    assert (status, bytes(running.stdout)) == (0, b"all\n")


class _LateSelector(selectors.SelectSelector):
    """Sees nothing at first, and comes back after the program has written everything and ended."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        super().__init__()
        self._process = process
        self._late = True

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if not self._late:
            return super().select(timeout)
        self._late = False
        assert self._process.stdin
        self._process.stdin.write(b"all\n")
        self._process.stdin.close()
        os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)
        return []
