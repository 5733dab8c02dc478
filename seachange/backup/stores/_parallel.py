"""Many transfers side by side, in a bounded number of threads that an interruption does not wait for."""

from __future__ import annotations

import contextvars
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from seachange.errors import InterruptedRunError
from seachange.postgres import interrupt

__all__ = ["Tally", "in_parallel"]

_POLL_S = 0.2
_GRACE_S = 3.0
_SAY_EVERY_S = 0.5


class Tally:
    """How much of some transfers is done, told from time to time; raises in the transfers when they are to stop.

    :param what: such as "uploading".
    :param total: bytes of all transfers.
    :param say: told about it.
    """

    def __init__(self, what: str, *, total: int, say: Callable[[str], None] | None) -> None:
        self._what, self._total, self._say = what, total, say
        self._lock = threading.Lock()
        self._done: dict[str, int] = {}
        self._next, self._moved = 0.0, time.monotonic()
        self._stop = threading.Event()

    def stop(self) -> None:
        """Have every transfer end where it is."""
        self._stop.set()

    def idle_s(self) -> float:
        """Return for how long nothing got on."""
        return time.monotonic() - self._moved

    def check(self) -> None:
        """Raise if the transfers are to end.

        :raises InterruptedRunError: they are.
        """
        if self._stop.is_set():
            raise InterruptedRunError("the transfer was stopped")
        interrupt.check()

    def note(self, name: str, done: int) -> None:
        """Say how much of one transfer is done.

        :param name: the transfer.
        :param done: bytes of it.
        :raises InterruptedRunError: it is to end.
        """
        self.check()
        with self._lock:
            self._done[name] = done
            self._moved = time.monotonic()
            due = done > 0 and time.monotonic() >= self._next
            if due:
                self._next = time.monotonic() + _SAY_EVERY_S
            sent = sum(self._done.values())
        if due and self._say:
            self._say(f"{self._what}: {sent / 1024**2:.1f} of {self._total / 1024**2:.1f} MB")


def in_parallel(jobs: Sequence[Callable[[], None]], *, threads: int, tally: Tally) -> None:
    """Do all jobs; the first failure stops the others and is raised.

    The threads do not keep the process alive: what hangs in the network when Ctrl-C comes is left behind.

    :param jobs: what is to be done, in this order.
    :param threads: how many at a time.
    :param tally: stops the jobs.
    """
    waiting, ended = deque(jobs), queue.SimpleQueue[BaseException | None]()
    workers = [_start(waiting, ended) for _ in range(min(threads, len(jobs)))]
    try:
        for _ in workers:
            _raise(_next(ended))
    except BaseException:
        waiting.clear()
        tally.stop()
        deadline = time.monotonic() + _GRACE_S
        for worker in workers:
            worker.join(max(0.0, deadline - time.monotonic()))
        raise


def _start(waiting: deque[Callable[[], None]], ended: queue.SimpleQueue[BaseException | None]) -> threading.Thread:
    def work() -> None:
        try:
            while True:
                try:
                    job = waiting.popleft()
                except IndexError:
                    break
                job()
        except BaseException as exc:  # noqa: BLE001 - it is raised in the thread that waits
            ended.put(exc)
        else:
            ended.put(None)

    context = contextvars.copy_context()
    worker = threading.Thread(target=context.run, args=(work,), daemon=True, name="transfer")
    worker.start()
    return worker


def _next(ended: queue.SimpleQueue[BaseException | None]) -> BaseException | None:
    while True:
        interrupt.check()
        try:
            return ended.get(timeout=_POLL_S)
        except queue.Empty:
            continue


def _raise(failure: BaseException | None) -> None:
    if failure is not None:
        raise failure
