"""backup: a way back before anything is changed, a dump of our own or the last backup of another tool."""

from __future__ import annotations

import datetime

from seachange.plan import StepResult
from seachange.workflow.run import Run

__all__ = ["backup", "dump"]


def backup(run: Run) -> StepResult:
    """Have a way back: the last backup of the tool that setting ``backup_external`` names, else a dump made now.

    :raises BackupFailedError: no backup was made; nothing that looks like one was left.
    :raises RefusedError: the other tool has no backup that may be relied on.
    """
    return _external(run) if run.settings.backup_external else dump(run)


def dump(run: Run) -> StepResult:
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


def _external(run: Run) -> StepResult:
    from seachange.backup.external import age_text, require_external

    now = datetime.datetime.now(datetime.UTC)
    run.progress("asking for the backups of backup_external")
    found = require_external(run.settings, run.server, now=now)
    age = age_text(max(0.0, found.age_s(now)))
    summary = f"{found.tool} has {found.name} ({found.kind}), finished {age} ago; no dump is made"
    facts = [f"it is of this server: system identifier {found.system_identifier}"]
    if not (found.system_identifier and run.server.system_identifier):
        facts = ["whether it is of this server is not known: its system identifier cannot be compared"]
    data = {"external": found.to_dict(), "age_s": round(found.age_s(now), 3)}
    return StepResult(summary=summary, facts=tuple(facts), data=data)
