"""The runs that the database itself remembers, whichever machine they were started on."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from seachange.errors import ConfigError, StatementFailedError
from seachange.workflow.records import last_run
from seachange.workflow.run import Run

if TYPE_CHECKING:
    from seachange.revisions.runs import RecordedRun

__all__ = ["later_run_here", "latest_run", "recorded_runs"]


def recorded_runs(run: Run, *, limit: int, revision: str = "") -> tuple[RecordedRun, ...]:
    """Return the newest runs that changed the database or tried to.

    :param limit: how many at most.
    :param revision: only runs that had to do with this revision, or the only one whose id begins so.
    :raises ConfigError: ``limit`` is less than 1.
    :raises StatementFailedError: the history cannot be read.
    """
    from seachange.postgres.connection import connect
    from seachange.revisions.runs import read_runs

    if limit < 1:
        raise ConfigError(f"--limit: {limit} is less than 1")
    with contextlib.closing(connect(run.database, autocommit=True)) as connection:
        return read_runs(connection, limit=limit, revision=_full(run, revision) or None)


def latest_run(run: Run) -> dict[str, Any]:
    """Return the last run: of any machine when the database remembers one, else of this checkout; nothing when there was none."""
    try:
        found = recorded_runs(run, limit=1)
    except StatementFailedError:
        found = ()
    here = last_run(run.settings)
    if not found:
        return here
    newest = found[0]
    known = {
        "pipeline": newest.command,
        "ended": newest.ended,
        "run_id": newest.run_id,
        "actor": newest.actor,
        "summary": newest.summary,
        "outcome": newest.outcome,
        "duration_s": newest.duration_s,
    }
    return {**here, **known} if here.get("run_id") == newest.run_id else known


def later_run_here(run: Run, last: Mapping[str, Any]) -> dict[str, Any]:
    """Return the last run of this checkout when it was after ``last`` and changed nothing, which no database remembers."""
    here = last_run(run.settings)
    later = here.get("run_id") != last.get("run_id") and str(here.get("ended", "")) > str(last.get("ended", ""))
    return here if later else {}


def _full(run: Run, prefix: str) -> str:
    """Return the whole id of a revision; one that no file has may still be in the history, by its whole id."""
    matches = [name for name in run.history.by_id if prefix and name.startswith(prefix)]
    return matches[0] if len(matches) == 1 else prefix
