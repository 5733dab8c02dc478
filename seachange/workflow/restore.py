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

    backup = find_backup(run.settings, run.options.get("backup") or "latest")
    into = run.options.get("into", "")
    if run.dry_run:
        place = into or "a new database"
        return StepResult(status="skipped", summary=f"would restore {backup.name} of {backup.database} into {place}")
    done = restore_backup(
        backup,
        run.settings,
        server=run.database,
        target=into,
        overwrite=bool(run.options.get("overwrite")),
        progress=run.progress,
    )
    facts = (f"{done.tables} of {done.expected_tables} tables are there", *done.notes)
    if done.replaced:
        facts += (f"the database that was there is kept as {done.replaced}",)
    summary = f"{backup.name} is database {done.database.name} on {run.database.redacted}"
    return StepResult(status="warning" if done.notes else "done", summary=summary, facts=facts, data=done.to_dict())
