"""One child program: read what it writes, hold it to its limits, end its whole process group."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable

from seachange.errors import TimeoutExceededError
from seachange.postgres import interrupt

__all__ = ["Limits", "Running"]

_TICK_S = 0.1
_GRACE_S = 2.0
_KEPT_STDERR = 4 * 1024**2


class Limits:
    """How long a program may take, and how long it may stand still.

    :param name: the program's name, for messages.
    :param timeout_s: when it is stopped.
    :param stall_timeout_s: how long ``progress`` may stay the same.
    :param progress: a number that grows while the program works.
    """

    def __init__(
        self,
        *,
        name: str,
        timeout_s: float | None,
        stall_timeout_s: float | None,
        progress: Callable[[], int],
    ) -> None:
        self._name = name
        self._timeout_s = timeout_s
        self._stall_timeout_s = stall_timeout_s
        self._progress = progress
        self._begin = self._moved = self._looked = time.monotonic()
        self._last = progress()

    def check(self) -> None:
        """Raise an error if the program has to be stopped.

        :raises TimeoutExceededError: its time is up, or it stands still.
        :raises InterruptedRunError: the run was interrupted.
        """
        interrupt.check()
        now = time.monotonic()
        if self._timeout_s is not None and now - self._begin > self._timeout_s:
            raise TimeoutExceededError(f"{self._name} did not end within {self._timeout_s:g} s and was stopped")
        if self._stall_timeout_s is not None and now - self._looked > min(1.0, self._stall_timeout_s / 10):
            self._look(now, self._stall_timeout_s)

    def _look(self, now: float, stall_timeout_s: float) -> None:
        self._looked = now
        current = self._progress()
        if current != self._last:
            self._last, self._moved = current, now
        elif now - self._moved > stall_timeout_s:
            raise TimeoutExceededError(
                f"{self._name} made no progress for {stall_timeout_s:g} s and was stopped",
                hint="check the network between here and the server, then try again",
            )


class Running:
    """A started program with its pipes; its process group is its own.

    ``written`` is how many bytes the pipes gave so far.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self.stdout = bytearray()
        self.stderr = bytearray()
        self.written = 0

    def wait(self, limits: Limits) -> int:
        """Read the pipes until the program has ended and return its status; end it when a limit says so."""
        try:
            self._read(limits)
            while True:
                limits.check()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    return self._process.wait(_TICK_S)
        except BaseException:
            self.end(grace_s=_GRACE_S)
            raise

    def close(self) -> None:
        """End what is left of the process group and close the pipes."""
        if self._process.poll() is None:
            self.end(grace_s=0)
        self._signal(signal.SIGKILL)
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe:
                pipe.close()

    def interrupt(self, *, grace_s: float) -> None:
        """End the program and all it has started."""
        self.end(grace_s=grace_s)

    def end(self, *, grace_s: float) -> None:
        """Send SIGINT to the process group, then SIGTERM, after ``grace_s`` seconds SIGKILL.

        psql cancels its statement at SIGINT only; a pg_dump whose packets are swallowed did not react to either for 30 s.
        """
        try:
            for number in (signal.SIGINT, signal.SIGTERM):
                self._signal(number)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(grace_s / 2)
                    return
        finally:
            self._signal(signal.SIGKILL)
            self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def _read(self, limits: Limits) -> None:
        with selectors.DefaultSelector() as selector:
            for pipe, buffer in ((self._process.stdout, self.stdout), (self._process.stderr, self.stderr)):
                if pipe:
                    selector.register(pipe, selectors.EVENT_READ, buffer)
            while selector.get_map():
                # Asked before the pipes are: what is written after an empty select and before the end would be lost.
                ended = self._process.poll() is not None
                ready = selector.select(_TICK_S)
                for key, _ in ready:
                    data = os.read(key.fd, 1 << 16)
                    key.data.extend(data)
                    self.written += len(data)
                    if not data:
                        selector.unregister(key.fileobj)
                del self.stderr[:-_KEPT_STDERR]
                limits.check()
                # Something that the program left behind may keep a pipe open for ever.
                if not ready and ended:
                    return
