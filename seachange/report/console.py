"""A run on the console: a block for each step as it ends, a live line for what takes longer, a summary."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, TextIO

from seachange.plan import Finding, RunReport, StepResult
from seachange.report.marks import Marks, marks_for

if TYPE_CHECKING:
    from seachange.workflow.pipeline import Step

__all__ = ["ConsoleListener", "finding_lines", "folded_lines", "report_lines", "step_lines"]

# A live line appears for what takes longer than this; without a terminal a plain line says every so often that work goes on.
_LIVE_AFTER_S = 1.0
_PLAIN_EVERY_S = 10.0
# How many findings of one kind a person wants to read; errors are never left out.
_SHOWN = {"warning": 10, "info": 3}


class ConsoleListener:
    """Prints a run while it goes on: blocks to ``out``, progress to ``err``.

    :param out: where blocks of ended steps go.
    :param err: where the live line goes.
    """

    def __init__(self, out: TextIO, err: TextIO) -> None:
        self._out = out
        self._err = err
        self._marks = marks_for(out)
        self._live = err.isatty() and marks_for(err).colour
        self._lock = threading.Lock()
        self._active: dict[str, tuple[float, str]] = {}
        self._shown = False
        self._said = time.monotonic()
        self._ticker: threading.Thread | None = None
        self._over = threading.Event()

    def started(self, step: Step) -> None:
        """Note that a step began."""
        with self._lock:
            self._active[step.name] = (time.monotonic(), "")
            if self._ticker is None:
                self._ticker = threading.Thread(target=self._tick, daemon=True, name="progress")
                self._ticker.start()

    def progressed(self, step: str, text: str) -> None:
        """Keep what a step says, for the live line."""
        with self._lock:
            began = self._active.get(step, (time.monotonic(), ""))[0]
            self._active[step] = (began, text)

    def noted(self, step: str, text: str) -> None:
        """Print at once what a step says for good: whom it waits for, what it tries again."""
        with self._lock:
            self._wipe()
            print(f"... {step}: {text}" if step else f"... {text}", file=self._err, flush=True)

    def ended(self, result: StepResult) -> None:
        """Print the block of a step."""
        with self._lock:
            self._active.pop(result.name, None)
            self._wipe()
            print("\n".join(["", *step_lines(result, self._marks)]), file=self._out, flush=True)

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Keep the live line away while somebody is asked something."""
        with self._lock:
            self._wipe()
            yield
            now = time.monotonic()
            self._active = dict.fromkeys(self._active, (now, ""))

    def close(self) -> None:
        """Stop the live line."""
        self._over.set()
        if self._ticker is not None:
            self._ticker.join()
        with self._lock:
            self._wipe()

    def _tick(self) -> None:
        while not self._over.wait(0.2):
            with self._lock:
                self._show()

    def _show(self) -> None:
        now = time.monotonic()
        slow = {name: (now - began, text) for name, (began, text) in self._active.items() if now - began > _LIVE_AFTER_S}
        if not slow:
            return
        line = " · ".join(f"{name} {took:.0f} s{': ' + text if text else ''}" for name, (took, text) in slow.items())
        if self._live:
            self._err.write(f"\r\x1b[K… {line}"[: _width(self._err)])
            self._err.flush()
            self._shown = True
        elif now - self._said > _PLAIN_EVERY_S:
            self._said = now
            print(f"... {line}", file=self._err, flush=True)

    def _wipe(self) -> None:
        if self._shown:
            self._err.write("\r\x1b[K")
            self._err.flush()
            self._shown = False


def step_lines(result: StepResult, marks: Marks) -> list[str]:
    """Return the block of one step: heading, facts, findings, how it ended."""
    heading = f"{marks.mark('step')}{marks.paint('title', result.name)}"
    lines = [heading, *(f"{marks.mark('info')}{fact}" for fact in result.facts)]
    lines.extend(folded_lines(result.findings, marks))
    took = f" ({result.duration_s:.1f} s)" if result.duration_s >= 0.05 else ""
    words = {"done": "done", "skipped": "skipped", "warning": "", "failed": "", "not tried": ""}[result.status]
    ending = result.summary or words or result.status
    lines.append(f"{marks.mark(result.status)}{marks.paint(result.status, ending)}{took}")
    if result.hint:
        lines.append(f"   hint: {result.hint}")
    return lines


def finding_lines(finding: Finding, marks: Marks) -> list[str]:
    """Return a finding as one line, and its hint as another."""
    mark = {"error": "failed", "warning": "warning", "info": "info"}[finding.severity]
    place = f"{finding.where}: " if finding.where else ""
    code = f"{finding.code}, {finding.provenance}" if finding.provenance else finding.code
    lines = [f"{marks.mark(mark)}{place}{finding.message} [{code}]"]
    return [*lines, f"   hint: {finding.hint}"] if finding.hint else lines


def folded_lines(findings: Iterable[Finding], marks: Marks) -> list[str]:
    """Return findings as lines, of many warnings or remarks of one kind only the first ones and how many more there are."""
    shown: Counter[str] = Counter()
    lines: list[str] = []
    for finding in findings:
        shown[finding.code] += 1
        if finding.severity == "error" or shown[finding.code] <= _SHOWN[finding.severity]:
            lines.extend(finding_lines(finding, marks))
        else:
            shown[f"more {finding.code}"] += 1
    for name, count in shown.items():
        if name.startswith("more "):
            lines.append(f"{marks.mark('info')}{count} more [{name.removeprefix('more ')}]: --format json shows every one")
    return lines


def report_lines(report: RunReport, marks: Marks) -> list[str]:
    """Return the summary of a run: a line a step where there are several, the state of the database, the time."""
    width = max([len(step.name) for step in report.steps], default=0)
    several = len(report.steps) > 1
    lines = ["", marks.paint("title", f"summary of {report.pipeline}{' (dry run)' if report.dry_run else ''}")] if several else []
    for step in report.steps if several else ():
        took = f"{step.duration_s:6.2f} s" if step.status != "not tried" else "        "
        state = marks.mark(step.status) if marks.pictures else f"{step.status:<9} "
        lines.append(f"{state}{step.name:<{width}}  {took}  {step.summary}".rstrip())
    if report.state:
        lines.append(f"state: {report.state}")
    ending = {0: "completed"}.get(report.exit_code, f"stopped with exit code {report.exit_code}")
    mark = marks.mark("done" if report.exit_code == 0 else "failed")
    lines.append(f"{mark}{report.pipeline} {ending} in {report.duration_s:.1f} s")
    return lines


def _width(stream: TextIO) -> int:
    import shutil

    del stream
    # The escape sequence that clears the line takes four characters of the string and none of the screen.
    return shutil.get_terminal_size().columns + 3
