"""Where a database's history disagrees with its version table and the files, and ending that on request."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Collection
from typing import TYPE_CHECKING

from seachange.errors import ConfigError, SeachangeError
from seachange.plan import Finding, StepResult
from seachange.workflow.origin import make_ledger
from seachange.workflow.run import Run
from seachange.workflow.steps._apply import locked
from seachange.workflow.steps._check import require_known, require_writable

if TYPE_CHECKING:
    from seachange.revisions.reconcile import Mismatch
    from seachange.revisions.units import Unit

__all__ = ["actions", "find_mismatches", "history_findings", "mismatches_by_unit", "repair", "select_kinds"]

_VERBS = {
    "applied-elsewhere": "note as applied",
    "reverted-elsewhere": "note as reverted",
    "changed-after-apply": "accept the file as it is now",
    "deleted-after-apply": "forget",
}


def find_mismatches(run: Run, *, baseline: bool = False) -> tuple[Mismatch, ...]:
    """Return where the history of the run's database disagrees with its version table and the files.

    :param baseline: whether revisions count that were applied before there was a history.
    :raises StatementFailedError: the history cannot be read.
    :raises RevisionUnknownError: the database is at a revision that no file has.
    """
    return tuple(one for found in mismatches_by_unit(run, baseline=baseline).values() for one in found)


def mismatches_by_unit(run: Run, *, baseline: bool = False) -> dict[Unit, tuple[Mismatch, ...]]:
    """Return what :func:`find_mismatches` returns, by version table."""
    from seachange.postgres.connection import connect
    from seachange.revisions.ledger import locate
    from seachange.revisions.reconcile import mismatches, read_recorded
    from seachange.revisions.units import labels, read_units

    units = read_units(run.settings, run.database)
    named = labels(units)
    found: dict[Unit, tuple[Mismatch, ...]] = {}
    for unit in units:
        require_known(run, unit.current)
        with contextlib.closing(connect(unit.database, autocommit=True)) as connection:
            place = locate(connection, unit)
            recorded = read_recorded(connection, place.table)
        of_unit = mismatches(run.history, current=unit.current, recorded=recorded, baseline=baseline)
        found[place] = tuple(dataclasses.replace(one, unit=named[unit]) for one in of_unit)
    return found


def history_findings(run: Run) -> tuple[Finding, ...]:
    """Return the same as warnings; a history that cannot be read is one of them, and none is kept when it is turned off."""
    from seachange.revisions.reconcile import findings_of

    if not run.settings.history:
        return ()
    try:
        return findings_of(find_mismatches(run))
    except SeachangeError as exc:
        return (Finding(code="history-unreadable", severity="warning", message=exc.message, hint=exc.hint),)


def select_kinds(text: str) -> tuple[str, ...]:
    """Return the kinds of mismatches that a list separated by commas names; all of them when it is empty.

    :raises ConfigError: one is unknown.
    """
    from seachange.revisions.reconcile import KINDS

    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if unknown := [name for name in names if name not in KINDS]:
        raise ConfigError(f"--only: {', '.join(unknown)} is no kind of mismatch", hint=f"there are {', '.join(KINDS)}")
    return names or tuple(KINDS)


def actions(found: Collection[Mismatch]) -> tuple[str, ...]:
    """Return what repairing each would do, as sentences."""
    return tuple(f"{_VERBS[one.kind]}: {one.sentence}" for one in found)


def repair(run: Run) -> StepResult:
    """Write rows into the history that end the mismatches of option ``kinds``; the version table stays as it is."""
    from seachange.postgres.connection import connect
    from seachange.revisions.reconcile import reconcile

    require_writable(run)
    kinds = run.options["kinds"]
    if run.dry_run:
        found = _of_kinds(run, kinds)
        facts = tuple(f"would {action}" for action in actions(found))
        return StepResult(status="skipped", summary=f"{len(facts)} to repair", facts=facts, data={"mismatches": found})
    with locked(run):
        ledger, found = make_ledger(run), _of_kinds(run, kinds)
        for unit, of_unit in mismatches_by_unit(run, baseline=True).items():
            with contextlib.closing(connect(unit.database)) as connection, connection.transaction():
                reconcile(connection, ledger.at(unit), [one for one in of_unit if one in found])
    left = [one for one in _of_kinds(run, kinds) if one in found]
    if left:
        raise SeachangeError(f"the history still says otherwise: {left[0].sentence}", hint="look at `invoke migration.history`")
    return StepResult(summary=f"{len(found)} repaired", facts=actions(found), data={"mismatches": found})


def _of_kinds(run: Run, kinds: Collection[str]) -> tuple[Mismatch, ...]:
    return tuple(one for one in find_mismatches(run, baseline=True) if one.kind in kinds)
