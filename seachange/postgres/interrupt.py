"""End everything that is under way on servers and in child programs at once: what Ctrl-C and SIGTERM do to a run."""

from __future__ import annotations

import contextlib
import contextvars
import threading
import time
import weakref
from collections.abc import Iterator
from typing import Protocol

from seachange.errors import InterruptedRunError

__all__ = ["Interruptible", "check", "interrupt_all", "interrupted", "register", "reset", "shielded", "sleep", "unregister"]


class Interruptible(Protocol):
    """Something under way that another thread can end."""

    def interrupt(self, *, grace_s: float) -> None:
        """End it; return when it has ended or after ``grace_s`` seconds at the latest."""


# Reentrant, because a signal handler may run while the thread that it interrupts holds the lock.
_lock = threading.RLock()
_running: weakref.WeakSet[Interruptible] = weakref.WeakSet()
_event = threading.Event()
_shield = contextvars.ContextVar("seachange_shield", default=False)


def register(target: Interruptible) -> None:
    """Make ``target`` known to ``interrupt_all``; it is forgotten when nobody else refers to it.

    :raises InterruptedRunError: the run was interrupted already.
    """
    with _lock:
        check()
        _running.add(target)


def unregister(target: Interruptible) -> None:
    """Forget ``target``, which has ended."""
    with _lock:
        _running.discard(target)


def interrupt_all(*, grace_s: float = 0.5) -> None:
    """End all statements and programs under way and refuse new ones until ``reset``.

    Safe to call from any thread and from a signal handler.

    :param grace_s: how long each may take to end in good order before it is cut off.
    """
    _event.set()
    with _lock:
        targets = list(_running)
    workers = [threading.Thread(target=target.interrupt, kwargs={"grace_s": grace_s}, daemon=True) for target in targets]
    for worker in workers:
        worker.start()
    deadline = time.monotonic() + grace_s * 2 + 1
    for worker in workers:
        worker.join(max(0.0, deadline - time.monotonic()))


def reset() -> None:
    """Allow new statements and programs again, for example to say in which state the database is."""
    _event.clear()


def interrupted() -> bool:
    """Whether the run was interrupted and this code is not shielded."""
    return _event.is_set() and not _shield.get()


def check() -> None:
    """Raise InterruptedRunError if the run was interrupted.

    :raises InterruptedRunError: it was.
    """
    if interrupted():
        raise InterruptedRunError("the run was interrupted")


def sleep(seconds: float) -> None:
    """Wait, but not longer than until the run is interrupted.

    :raises InterruptedRunError: the run was interrupted.
    """
    if _shield.get():
        time.sleep(seconds)
    else:
        _event.wait(seconds)
    check()


@contextlib.contextmanager
def shielded() -> Iterator[None]:
    """Let the code inside use servers and programs after an interruption: for cleaning up, in ``finally`` blocks."""
    token = _shield.set(True)
    try:
        yield
    finally:
        _shield.reset(token)
