"""backup: a dump with a manifest before anything is changed."""

from __future__ import annotations

from seachange.plan import StepResult
from seachange.workflow.run import Run

__all__ = ["backup"]


def backup(run: Run) -> StepResult:
    """Back the database up and remove what retention no longer keeps.

    :raises BackupFailedError: no backup was made; nothing that looks like one was left.
    """
    from seachange.backup import create_backup, prune_backups
    from seachange.backup.stores import open_store

    size = f"{run.server.size_bytes / 1024**2:.1f} MB"
    if run.dry_run:
        return StepResult(
            status="skipped",
            summary=f"would back up {run.database.name} ({size} in the database) to {open_store(run.settings).location}",
        )
    revision = "-".join(run.current())
    made = create_backup(run.database, run.settings, revision=revision, server=run.server, progress=run.progress)
    removed = prune_backups(run.settings)
    near = not made.remote and made.path.is_relative_to(run.settings.root)
    facts = [str(made.path.relative_to(run.settings.root)) if near else made.location]
    facts += [f"removed by retention: {old.name}" for old in removed]
    summary = f"{made.size_bytes / 1024**2:.1f} MB of {size}, sha256 in the manifest"
    return StepResult(
        summary=summary, facts=tuple(facts), data={"backup": made.name, "path": made.location, "size_bytes": made.size_bytes}
    )
