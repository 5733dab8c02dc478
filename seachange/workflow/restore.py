"""Restoring a backup: into a new database, or over one that is kept aside."""

from __future__ import annotations

from seachange.plan import StepResult
from seachange.workflow.run import Run

__all__ = ["restore"]


def restore(run: Run) -> StepResult:
    """Restore option ``backup`` into option ``into``, a new database by default.

    :raises BackupInvalidError: the backup is not what its manifest says.
    :raises DatabaseExistsError: the database exists, and option ``overwrite`` is not set.
    """
    from seachange.backup import find_backup
    from seachange.backup import restore as restore_backup

    _ = run.server
    backup = find_backup(run.settings, run.options.get("backup") or "latest")
    into = run.options.get("into", "")
    if run.dry_run:
        place = into or "a new database"
        return StepResult(status="skipped", summary=f"would restore {backup.name} of {backup.database} into {place}")
    run.progress(f"restoring {backup.name}")
    done = restore_backup(
        backup,
        run.settings,
        server=run.database,
        target=run.database.with_name(into) if into else None,
        overwrite=bool(run.options.get("overwrite")),
    )
    return StepResult(summary=f"restored {backup.name} into {done.database.name}", facts=done.facts, data=done.to_dict())
