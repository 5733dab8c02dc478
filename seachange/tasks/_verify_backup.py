"""Verify backups by restoring them on a throwaway server."""

from __future__ import annotations

from seachange.errors import ConfigError
from seachange.tasks._task import Face, task

__all__ = ["verify_backup"]


@task(
    changes=True,
    collection="db",
    positional=("backup",),
    help={
        "backup": "name of the backup, or the beginning of it (default: the newest complete one)",
        "fast": "digests and table of contents only, without a restore, which proves less",
        "all_": "every backup, newest first",
    },
)
def verify_backup(face: Face, *, backup: str = "", fast: bool = False, all_: bool = False) -> None:
    """Restore a backup on a throwaway server and compare it."""
    from seachange.workflow import Step, pipeline
    from seachange.workflow.verification import verify_backups

    if all_ and backup:
        raise ConfigError(f"--all and {backup} contradict each other", hint="leave one of them out")
    step = Step(name="verify-backup", run=verify_backups)
    face.run(pipeline(step, name="db.verify-backup"), backup=backup, fast=fast, every=all_)
