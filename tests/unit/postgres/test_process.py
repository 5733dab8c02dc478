"""What a child program writes is read to the last byte, whenever it ends."""

from __future__ import annotations

import selectors
import subprocess
import time

import pytest

from seachange.postgres._process import Limits, Running


class _LateSelector(selectors.DefaultSelector):
    """Sees nothing at first, and comes back after the program has written everything and ended."""

    slept = False

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if not self.slept:
            self.slept = True
            time.sleep(0.5)
            return []
        return super().select(timeout)


def test_what_is_written_just_before_the_end_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selectors, "DefaultSelector", _LateSelector)
    limits = Limits(name="sh", timeout_s=30, stall_timeout_s=None, progress=lambda: 0)
    process = subprocess.Popen(["sh", "-c", "echo all"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
    running = Running(process)
    try:
        status = running.wait(limits)
    finally:
        running.close()

    assert (status, bytes(running.stdout)) == (0, b"all\n")
