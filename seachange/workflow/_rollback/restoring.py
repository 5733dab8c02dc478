"""The backup of a failed run put into the place of its database, where nothing was written since."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import TYPE_CHECKING

from seachange.errors import RefusedError
from seachange.workflow._rollback.left import Left
from seachange.workflow._rollback.ways import Outcome
from seachange.workflow._rollback.writes import Difference, written_since
from seachange.workflow.restore import note_restored
from seachange.workflow.run import Run

if TYPE_CHECKING:
    from seachange.backup import Backup
    from seachange.postgres.connection import Database

__all__ = ["backup_of", "restored", "writes_since"]


def backup_of(run: Run, left: Left) -> Backup:
    """Return the backup that the failed run made before it moved the database.

    :raises RefusedError: it made none, or one of something else.
    """
    from seachange.backup import find_backup

    if not left.backup:
        raise RefusedError(
            "the run made no backup before, so there is nothing to put back",
            hint="`invoke migration.workflow` makes one; `invoke db.restore` restores an older one beside the database",
        )
    found = find_backup(run.settings, left.backup)
    if (found.database, found.revision) != (run.database.name, "-".join(left.before)):
        raise RefusedError(f"backup {found.name} is of {found.database} at {found.revision or 'an empty history'}")
    return found


def writes_since(run: Run, left: Left) -> tuple[Difference, ...]:
    """Return what was written since the backup of a failed run, which is restored on a throwaway server for that.

    :raises SeachangeError: that cannot be found.
    """
    from seachange.backup.copies import restored_copy

    run.progress("comparing the rows with those of the backup")
    with restored_copy(backup_of(run, left), run.settings, read_only=True, progress=run.progress) as copy:
        return written_since(copy.database, run.database, passed_over=_tables_of_alembic(run))


def restored(run: Run, left: Left) -> Outcome:
    """Put the backup of the run into the place of the database, which is kept under a dated name; its sessions are ended.

    :raises RefusedError: something was written since the backup; nothing was changed.
    :raises RestoreFailedError: the backup was not restored, or the database is in use; nothing was renamed.
    """
    from seachange.backup import restore
    from seachange.backup.target import dated, swap_checked

    backup, passed_over = backup_of(run, left), _tables_of_alembic(run)
    _require_none(writes_since(run, left), backup=backup.name)
    now = datetime.datetime.now(datetime.UTC)
    name = run.database.name
    made = restore(backup, run.settings, server=run.database, target=dated(name, "restored", now), progress=run.progress)

    def check(failed: Database) -> None:
        _require_none(written_since(made.database, failed, passed_over=passed_over), backup=backup.name)

    run.progress("ending the sessions, and comparing once more")
    kept = dated(name, "failed", now)
    try:
        swap_checked(made.database, name, old_name=kept, check=check)
    except RefusedError as exc:
        raise RefusedError(f"{exc.message}; what was restored is {made.database.name}", hint=exc.hint) from exc
    note_restored(run, run.database)
    facts = (
        f"nothing was written since {backup.name}, as the rows of all its tables show: it is in the place of {name}",
        f"the database that failed is kept as {kept}",
        *made.notes,
    )
    return Outcome(facts=facts, undone=tuple(reversed(left.applied)))


def _require_none(differences: Iterable[Difference], *, backup: str) -> None:
    found = [each.sentence for each in differences]
    if found:
        raise RefusedError(
            f"restoring {backup} would lose what was written since: {'; '.join(found)}",
            hint="stop what writes, and copy those rows by hand; or go forward: mend the revision and `invoke migration.apply`",
        )


def _tables_of_alembic(run: Run) -> tuple[str, ...]:
    from seachange.revisions.units import read_units

    return tuple({"alembic_version", *(unit.table.name for unit in read_units(run.settings, run.database))})
