"""The switch that ends a run is safe between threads, in signal handlers and for cleaning up."""

from __future__ import annotations

import gc
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from seachange.errors import InterruptedRunError
from seachange.postgres import interrupt


class _Target:
    def __init__(self, *, takes_s: float = 0) -> None:
        self.graces: list[float] = []
        self._takes_s = takes_s

    def interrupt(self, *, grace_s: float) -> None:
        time.sleep(self._takes_s)
        self.graces.append(grace_s)


@pytest.fixture(autouse=True)
def _reset() -> Iterator[None]:
    yield
    interrupt.reset()


def test_everything_registered_is_ended_side_by_side() -> None:
    targets = [_Target(takes_s=0.3) for _ in range(5)]
    for target in targets:
        interrupt.register(target)

    begin = time.monotonic()
    interrupt.interrupt_all(grace_s=0.1)

    assert [target.graces for target in targets] == [[0.1]] * 5
    assert time.monotonic() - begin < 1


def test_what_has_ended_or_is_forgotten_is_left_alone() -> None:
    ended, forgotten = _Target(), _Target()
    interrupt.register(ended)
    interrupt.register(forgotten)
    graces = forgotten.graces
    interrupt.unregister(ended)
    del forgotten
    gc.collect()

    interrupt.interrupt_all()

    assert [] == ended.graces == graces


def test_target_that_hangs_holds_nobody_up_for_ever() -> None:
    hanging = _Target(takes_s=30)
    interrupt.register(hanging)

    begin = time.monotonic()
    interrupt.interrupt_all(grace_s=0.1)
    interrupt.unregister(hanging)

    assert time.monotonic() - begin < 3


def test_nothing_is_registered_after_the_interruption() -> None:
    interrupt.interrupt_all()

    with pytest.raises(InterruptedRunError):
        interrupt.register(_Target())
    interrupt.reset()
    interrupt.register(_Target())


def test_sleep_ends_at_once() -> None:
    threading.Timer(0.1, interrupt.interrupt_all).start()

    begin = time.monotonic()
    with pytest.raises(InterruptedRunError):
        interrupt.sleep(30)

    assert time.monotonic() - begin < 2


def test_shield_covers_its_block_and_its_thread_only() -> None:
    interrupt.interrupt_all()
    elsewhere: list[bool] = []
    with interrupt.shielded():
        interrupt.check()
        interrupt.sleep(0.01)
        other = threading.Thread(target=lambda: elsewhere.append(interrupt.interrupted()))
        other.start()
        other.join()
        with interrupt.shielded():
            pass
        assert not interrupt.interrupted()

    assert interrupt.interrupted()
    assert elsewhere == [True]


def test_shield_ends_with_an_error() -> None:
    interrupt.interrupt_all()
    with pytest.raises(ZeroDivisionError), interrupt.shielded():
        raise ZeroDivisionError

    assert interrupt.interrupted()


def test_signal_handler_may_interrupt_while_this_thread_registers() -> None:
    def register_for_ever() -> None:
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            interrupt.register(_Target())

    before = signal.signal(signal.SIGALRM, lambda _number, _frame: interrupt.interrupt_all(grace_s=0))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(InterruptedRunError):
            register_for_ever()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
