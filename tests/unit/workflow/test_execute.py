"""Running pipelines: order, side by side, failures, interruptions."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from seachange.config import Settings
from seachange.errors import LockNotAcquiredError, MigrationFailedError
from seachange.plan import RunReport, StepResult
from seachange.workflow import Run, Step, execute, pipeline


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(Settings(root=tmp_path, project="unit"))


def step(name: str, body: Callable[[Run], StepResult | None], *needs: str) -> Step:
    return Step(name=name, run=body, needs=needs)


def done(run: Run) -> StepResult:
    return StepResult(summary="fine")


def fail(run: Run) -> StepResult:
    raise LockNotAcquiredError("lock 42 is held by pid 7", hint="wait for it")


def statuses(report: RunReport) -> dict[str, str]:
    return {one.name: one.status for one in report.steps}


def test_independent_steps_run_side_by_side(run: Run) -> None:
    together = threading.Barrier(2, timeout=5)

    def meet(run: Run) -> StepResult:
        together.wait()
        return StepResult()

    report = execute(pipeline(step("left", meet), step("right", meet)), run)

    assert statuses(report) == {"left": "done", "right": "done"}


def test_a_failure_stops_what_depends_on_it_and_nothing_else(run: Run) -> None:
    report = execute(pipeline(step("a", fail), step("b", done), step("c", done, "a"), step("d", done, "c")), run)

    assert statuses(report) == {"a": "failed", "b": "done", "c": "not tried", "d": "not tried"}
    assert (report.exit_code, report.steps[0].summary, report.steps[0].hint) == (6, "lock 42 is held by pid 7", "wait for it")
    assert report.state == "no database was touched"


def test_a_step_that_returns_nothing_is_done(run: Run) -> None:
    report = execute(pipeline(step("a", lambda _: None)), run)

    assert (statuses(report), report.exit_code) == ({"a": "done"}, 0)


def test_warnings_do_not_fail_a_run(run: Run) -> None:
    report = execute(pipeline(step("a", lambda _: StepResult(status="warning")), step("b", done, "a")), run)

    assert (statuses(report), report.exit_code) == ({"a": "warning", "b": "done"}, 0)


def test_a_partial_failure_lists_what_was_applied_and_what_was_not_tried(run: Run) -> None:
    def half(run: Run) -> StepResult:
        raise MigrationFailedError("r3 failed", applied=("r1", "r2"), failed="r3", not_tried=("r4",))

    report = execute(pipeline(step("apply", half)), run)

    assert report.exit_code == 5
    assert report.steps[0].facts == ("applied before it: r1, r2", "not tried: r4")


def test_an_error_of_ours_in_a_step_is_raised_not_reported(run: Run) -> None:
    def broken(run: Run) -> StepResult:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        execute(pipeline(step("a", broken)), run)


@pytest.mark.parametrize(
    ("number", "word", "code"),
    [pytest.param(signal.SIGINT, "Ctrl-C", 130, id="Ctrl-C"), pytest.param(signal.SIGTERM, "SIGTERM", 143, id="SIGTERM")],
)
def test_a_signal_ends_the_running_step_and_names_what_was_not_tried(run: Run, number: int, word: str, code: int) -> None:
    began = threading.Event()

    def wait(run: Run) -> StepResult:
        began.set()
        while not run.interrupted:
            time.sleep(0.01)
        raise LockNotAcquiredError("interrupted")

    def strike() -> None:
        began.wait(5)
        os.kill(os.getpid(), number)

    striker = threading.Thread(target=strike)
    striker.start()
    report = execute(pipeline(step("a", wait), step("b", done, "a")), run)
    striker.join()

    assert statuses(report) == {"a": "failed", "b": "not tried"}
    assert (report.steps[0].summary, report.exit_code) == (f"stopped by {word}", code)


def test_the_last_run_is_kept_for_the_status(run: Run) -> None:
    from seachange.workflow.records import last_run

    report = execute(pipeline(step("a", done), name="mine"), run)

    kept = last_run(run.settings)
    assert (kept["pipeline"], kept["exit_code"], kept["run_id"], kept["steps"]) == ("mine", 0, report.run_id, {"a": "done"})


def test_a_dry_run_is_not_kept(tmp_path: Path) -> None:
    execute(pipeline(step("a", done)), Run(Settings(root=tmp_path), dry_run=True))

    assert list(tmp_path.iterdir()) == []
