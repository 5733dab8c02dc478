"""Run a pipeline: side by side where it can, stopped cleanly where it must."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import datetime
import logging
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from seachange.errors import ExitCode, QuestionsOpenError, SeachangeError
from seachange.plan import RunReport, StepResult
from seachange.workflow._result import result_of
from seachange.workflow.pipeline import Pipeline, Step
from seachange.workflow.records import record_run
from seachange.workflow.run import Run

__all__ = ["TerminatedError", "execute", "termination_as_exception"]

log = logging.getLogger(__name__)

# How long steps that were told to stop may take to let go of their servers and files before the run ends without them.
_GRACE_S = 5.0

# How soon a signal is noticed while steps run.
_POLL_S = 0.1


class TerminatedError(KeyboardInterrupt):
    """SIGTERM arrived; treated like Ctrl-C, with its own exit code."""


@contextmanager
def termination_as_exception() -> Iterator[None]:
    """Turn SIGTERM into an exception for the length of the block, so that everything open is closed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def terminate(_signum: int, _frame: FrameType | None) -> None:
        raise TerminatedError

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def execute(pipeline: Pipeline, run: Run) -> RunReport:
    """Run the steps of a pipeline and report what was done, what failed and what was not tried.

    :param pipeline: the steps.
    :param run: the settings, options and shared resources of this run; closed at the end.
    :returns: the report; its ``exit_code`` is the first failed step's.
    """
    started = time.monotonic()
    run.steps = frozenset(pipeline.names)
    run.command = pipeline.name
    with run:
        scheduler = _Scheduler(pipeline, run)
        results = scheduler.run_all()
        failed = [result for result in results if result.status == "failed"]
        state = run.state() if failed or scheduler.stopped else ""
        database = run.known_database
    report = RunReport(
        pipeline=pipeline.name,
        steps=tuple(results),
        run_id=run.run_id,
        database=database,
        state=state,
        dry_run=run.dry_run,
        duration_s=time.monotonic() - started,
        exit_code=scheduler.stopped or (failed[0].exit_code if failed else ExitCode.DONE),
    )
    if not run.dry_run:
        record_run(run.settings, report, ended=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"))
    log.info("%s ended with exit code %s", pipeline.name, report.exit_code, extra={"report": report.to_dict()})
    return report


class _Scheduler:
    def __init__(self, pipeline: Pipeline, run: Run) -> None:
        self._pipeline = pipeline
        self._run = run
        self._waiting = list(pipeline.steps)
        self._running: dict[concurrent.futures.Future[StepResult], Step] = {}
        self._asking: dict[str, tuple[Step, QuestionsOpenError]] = {}
        self._signal = 0
        self.stopped: int = ExitCode.DONE

    def run_all(self) -> list[StepResult]:
        try:
            with self._signals_noted():
                while (self._waiting or self._running or self._asking) and not self._signal:
                    self._start_ready()
                    self._collect()
                    self._ask()
            if self._signal:
                self._stop(signal.Signals(self._signal))
        except BaseException:
            self._let_go()
            raise
        return [self._run.results[step.name] for step in self._pipeline.steps]

    @contextmanager
    def _signals_noted(self) -> Iterator[None]:
        """Note Ctrl-C and SIGTERM instead of raising in the middle of the bookkeeping; a second one raises."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def note(number: int, _frame: FrameType | None) -> None:
            if self._signal:
                raise KeyboardInterrupt
            self._signal = number

        before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _start_ready(self) -> None:
        for step in tuple(self._waiting):
            needs = self._pipeline.needs(step)
            results = self._run.results
            ended = {name: results[name] for name in self._pipeline.names if name in needs and name in results}
            broken = [name for name, result in ended.items() if result.status in ("failed", "not tried")]
            if broken:
                self._waiting.remove(step)
                self._end(StepResult(name=step.name, status="not tried", summary=f"{' and '.join(broken)} did not succeed"))
            elif len(ended) == len(needs):
                self._waiting.remove(step)
                self._run.listener.started(step)
                self._running[_in_thread(step, self._run)] = step

    def _collect(self) -> None:
        done, _ = concurrent.futures.wait(self._running, timeout=_POLL_S, return_when=concurrent.futures.FIRST_COMPLETED)
        for future in done:
            step = self._running.pop(future)
            try:
                self._end(future.result())
            except QuestionsOpenError as exc:
                self._asking[step.name] = (step, exc)

    def _ask(self) -> None:
        """Ask what a step has to know, on this thread and while nothing else runs, and start the step again."""
        if self._running or not self._asking:
            return
        name, (step, questions) = self._asking.popitem()
        try:
            with _signals_raised():
                self._run.answer(questions)
        except KeyboardInterrupt as exc:
            self._asking[name] = (step, questions)
            self._signal = signal.SIGTERM if isinstance(exc, TerminatedError) else signal.SIGINT
        except SeachangeError as exc:
            self._end(dataclasses.replace(result_of(exc), name=name))
        else:
            self._running[_in_thread(step, self._run)] = step

    def _end(self, result: StepResult) -> None:
        self._run.results[result.name] = result
        self._run.listener.ended(result)
        log.info("step %s: %s", result.name, result.status, extra={"step": result.to_dict()})

    def _stop(self, number: signal.Signals) -> None:
        terminated = number == signal.SIGTERM
        word, self.stopped = ("SIGTERM", ExitCode.TERMINATED) if terminated else ("Ctrl-C", ExitCode.INTERRUPTED)
        self._run.interrupted = True
        ended = self._let_go()
        for future, step in tuple(self._running.items()):
            result = future.result() if future in ended else None
            if result is None or result.status == "failed":
                late = "" if result else f" and did not let go within {_GRACE_S:.0f} s"
                result = StepResult(name=step.name, status="failed", summary=f"stopped by {word}{late}", exit_code=self.stopped)
            self._end(result)
        for step, _ in self._asking.values():
            self._end(StepResult(name=step.name, status="failed", summary=f"stopped by {word}", exit_code=self.stopped))
        for step in self._waiting:
            self._end(StepResult(name=step.name, status="not tried", summary=f"stopped by {word}"))

    def _let_go(self) -> set[concurrent.futures.Future[StepResult]]:
        """Cancel statements and end programs of the running steps; return the steps that ended."""
        from seachange.postgres import interrupt

        interrupt.interrupt_all()
        ended, _ = concurrent.futures.wait(self._running, timeout=_GRACE_S)
        interrupt.reset()
        return ended


@contextmanager
def _signals_raised() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end a question."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with termination_as_exception():
            yield
    finally:
        signal.signal(signal.SIGINT, before)


def _in_thread(step: Step, run: Run) -> concurrent.futures.Future[StepResult]:
    """Run a step in a thread that does not keep the process alive: code of a project may wait where nothing can wake it."""
    future: concurrent.futures.Future[StepResult] = concurrent.futures.Future()

    def work() -> None:
        try:
            future.set_result(_run_step(step, run))
        except BaseException as exc:  # noqa: BLE001  # raised again by whoever asks for the result
            future.set_exception(exc)

    threading.Thread(target=work, name=f"step {step.name}", daemon=True).start()
    return future


def _run_step(step: Step, run: Run) -> StepResult:
    started = time.monotonic()
    with run.in_step(step.name):
        try:
            result = step.run(run) or StepResult()
        except QuestionsOpenError as exc:
            if run.can_ask:
                raise
            result = result_of(exc)
        except SeachangeError as exc:
            log.info("step %s failed", step.name, exc_info=True)
            result = result_of(exc)
    return dataclasses.replace(result, name=step.name, duration_s=time.monotonic() - started)
