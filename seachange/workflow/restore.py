"""Restoring a backup: into a new database, or over one that is kept aside."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING

from seachange.errors import SeachangeError
from seachange.plan import StepResult
from seachange.workflow.origin import make_ledger
from seachange.workflow.run import Run

if TYPE_CHECKING:
    from seachange.postgres.connection import Database

__all__ = ["note_restored", "restore"]

_log = logging.getLogger(__name__)


def restore(run: Run) -> StepResult:
    """Restore option ``backup`` into option ``into``, a new database by default.

    Options ``owners`` and ``roles`` say whose the objects are, ``jobs`` over how many connections to go.

    :raises BackupInvalidError: the backup is not what its manifest says.
    :raises DatabaseExistsError: the database exists, and option ``overwrite`` is not set.
    """
    from seachange.backup import How, Ownership, find_backup, plan_restore
    from seachange.backup import restore as restore_backup

    backup = find_backup(run.settings, run.options.get("backup") or "latest")
    into = run.options.get("into", "")
    ownership = Ownership(owners=bool(run.options.get("owners", True)), renamed=run.options.get("roles") or {})
    if run.dry_run:
        place = into or "a new database"
        facts = plan_restore(backup, server=run.database, ownership=ownership).told
        return StepResult(status="skipped", summary=f"would restore {backup.name} of {backup.database} into {place}", facts=facts)
    done = restore_backup(
        backup,
        run.settings,
        server=run.database,
        target=into,
        overwrite=bool(run.options.get("overwrite")),
        how=How(ownership=ownership, jobs=int(run.options.get("jobs") or 0)),
        progress=run.progress,
    )
    note_restored(run, done.database)
    facts = (f"{done.tables} of {done.expected_tables} tables are there", *done.notes)
    if done.removed:
        facts += (f"restores that were killed had left {', '.join(done.removed)}, now removed",)
    if done.replaced:
        facts += (f"the database that was there is kept as {done.replaced}",)
    summary = f"{backup.name} is database {done.database.name} on {run.database.redacted}"
    return StepResult(status="warning" if done.notes else "done", summary=summary, facts=facts, data=done.to_dict())


def note_restored(run: Run, database: Database) -> None:
    """Write into the history that came with the backup that it was restored; what goes wrong here is not worth a failure."""
    from seachange.postgres.connection import connect
    from seachange.revisions.ledger import locate
    from seachange.revisions.units import read_units

    if not run.settings.history:
        return
    try:
        ledger = make_ledger(run)
        for unit in read_units(run.settings, database):
            if unit.database == database:
                with contextlib.closing(connect(database, autocommit=True)) as connection:
                    place = locate(connection, unit)
                ledger.at(place).restored(unit.current)
    except SeachangeError as exc:
        _log.warning("the restore is not in the history: %s", exc)
