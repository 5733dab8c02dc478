"""Run pending revisions on a throwaway server and show what each statement did there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from invoke.exceptions import Exit

from seachange.errors import ConfigError, ExitCode
from seachange.tasks._task import Face, task

if TYPE_CHECKING:
    from seachange.workflow import Run
    from seachange.workflow.majors import ByMajor

__all__ = ["trace"]


@task(
    collection="migration",
    help={
        "to": "revision to stop at, or +N (default: the head)",
        "from_": "revision to begin at, or base; no database is asked then (default: where the database is)",
        "majors": "versions of PostgreSQL to trace on and compare: 14-18, or 16,18 (default: that of the server)",
        "sql": "plain file of SQL to trace instead of revisions, as psql would run it",
        "empty": "with --sql: begin with an empty database",
        "setup": "with --sql: plain file to run before it, in an empty database, without telling what that does",
    },
)
def trace(
    face: Face, *, to: str = "", from_: str = "", majors: str = "", sql: str = "", empty: bool = False, setup: str = ""
) -> None:
    """Show what pending revisions lock, rewrite, scan and build."""
    from seachange.report.trace import trace_lines

    with face.new_run() as run:
        if sql:
            found = _traced_file(run, Path(sql), to=to, begin=from_, majors=majors, empty=empty, setup=setup)
        elif empty or setup:
            raise ConfigError("--empty and --setup go with --sql", hint="revisions begin at --from")
        else:
            found = _traced(run, to=to, begin=from_, majors=majors)
    lines = [line for each in found.traces for line in (*trace_lines(each, face.marks), "")][:-1]
    if len(found.traces) > 1:
        lines += ["", *(found.differences or ("the versions do not differ",))]
    if face.json and len(found.traces) == 1:
        face.answer((), found.traces[0].to_dict())
    else:
        face.answer(lines, {"traces": [each.to_dict() for each in found.traces], "differences": found.differences})
    if any(each.error for each in found.traces):
        raise Exit(code=ExitCode.FOUND)


def _traced(run: Run, *, to: str, begin: str, majors: str) -> ByMajor:
    from seachange.workflow.majors import ByMajor, parse_majors, trace_majors
    from seachange.workflow.trace import trace_pending

    current = _state(run, begin)
    if majors:
        return trace_majors(run, parse_majors(majors), target=to or "heads", current=current)
    return ByMajor(traces=(trace_pending(run, target=to or "heads", current=current),))


def _traced_file(run: Run, path: Path, *, to: str, begin: str, majors: str, empty: bool, setup: str) -> ByMajor:
    from seachange.workflow.majors import ByMajor, parse_majors
    from seachange.workflow.trace import trace_file

    if to:
        raise ConfigError("--sql and --to contradict each other: a file runs whole", hint="leave one of them out")
    if begin and (empty or setup):
        raise ConfigError("--from and an empty database contradict each other", hint="leave one of them out")
    before, current = Path(setup) if setup else None, _state(run, begin)
    wanted: tuple[int | None, ...] = parse_majors(majors) if majors else (None,)
    return ByMajor(traces=tuple(trace_file(run, path, empty=empty, setup=before, current=current, major=each) for each in wanted))


def _state(run: Run, begin: str) -> tuple[str, ...] | None:
    from seachange.revisions.stamp import find_state

    return find_state(run.history, begin) if begin else None
