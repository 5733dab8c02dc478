"""Say which revisions a database is at, once its catalogue says the same."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from seachange.errors import ExitCode, MigrationFailedError, RefusedError
from seachange.plan import StepResult
from seachange.workflow.origin import open_ledger, unwritten
from seachange.workflow.repair import find_mismatches
from seachange.workflow.run import Run
from seachange.workflow.steps._apply import locked
from seachange.workflow.steps._check import require_writable
from seachange.workflow.steps._verify import drift_at

if TYPE_CHECKING:
    from seachange.revisions.ledger import Part
    from seachange.revisions.units import Unit

__all__ = ["stamp"]


def stamp(run: Run) -> StepResult:
    """Make the version table hold option ``state``, if the catalogue is the one that the history makes there.

    :returns: failed with exit code 3, and the differences, when it is not.
    :raises RefusedError: env.py migrates several databases or schemas, each with a version table of its own.
    :raises MigrationFailedError: the version table holds something else afterwards.
    """
    from seachange.postgres.connection import connect
    from seachange.revisions.ledger import locate
    from seachange.revisions.stamp import stamp as write

    require_writable(run)
    unit = _only_unit(run)
    state: tuple[str, ...] = run.options["state"]
    place = _place(state)
    with locked(run):
        before = run.current()
        if differences := drift_at(run, state):
            return StepResult(
                status="failed",
                summary=f"the database is not what the history makes at {place}; its version table stays at {_place(before)}",
                findings=differences,
                hint=f"make it so, or name the revision that it is at: the catalogue decides, not {_place(before)}",
                exit_code=ExitCode.REFUSED,
            )
        if run.dry_run:
            return StepResult(status="skipped", summary=f"would move the version table from {_place(before)} to {place}")
        ledger = open_ledger(run)
        with contextlib.closing(connect(unit.database)) as connection, connection.transaction():
            unit = locate(connection, unit)
            write(connection, unit.table, state)
        if (found := run.current()) != state:
            raise MigrationFailedError(
                f"the version table holds {_place(found)}, not {place}", hint="does a trigger or another session write to it?"
            )
        if ledger is not None:
            _note(run, ledger.at(unit))
    findings = unwritten(ledger)
    summary = f"the version table was moved from {_place(before)} to {place}; no revision was run"
    return StepResult(status="warning" if findings else "done", summary=summary, findings=findings, data={"current": state})


def _only_unit(run: Run) -> Unit:
    from seachange.revisions.units import read_units

    units = read_units(run.settings, run.database)
    if len(units) > 1:
        raise RefusedError(
            f"env.py moves {len(units)} version tables, and a stamp is for one",
            hint="stamp each by plain alembic, then note it in the history by `invoke migration.repair`",
        )
    return units[0]


def _note(run: Run, part: Part) -> None:
    from seachange.revisions.reconcile import reconcile

    moved = [one for one in find_mismatches(run, baseline=True) if one.kind.endswith("elsewhere")]
    part.write("the stamp is not in the history", lambda session: reconcile(session, part, moved, outcome="stamped"))


def _place(state: tuple[str, ...]) -> str:
    return " and ".join(state) or "an empty history"
