"""Remove the backups that retention no longer keeps."""

from __future__ import annotations

from seachange.tasks._task import Face, task

__all__ = ["prune"]


@task(changes=True, collection="db", help={"yes": "do not ask"})
def prune(face: Face, *, yes: bool = False) -> None:
    """Remove the backups that retention no longer keeps."""
    from seachange.report.backups import decision_data, decision_lines
    from seachange.workflow.retention import decide_all, remove

    decisions = decide_all(face.settings)
    going = [decision.backup for decision in decisions if not decision.keep]
    if not face.json:
        face.answer(decision_lines(decisions, dry_run=face.dry_run), {})
    removed: tuple[str, ...] = ()
    if going and not face.dry_run:
        what = "1 backup" if len(going) == 1 else f"{len(going)} backups"
        face.confirm(f"{what} would be removed for good", expected="remove", yes=yes)
        removed = tuple(backup.name for backup in remove(face.settings, decisions))
        left = f"; {len(going) - len(removed)} in use" if len(removed) < len(going) else ""
        face.say(f"removed {len(removed)}{left}")
    if face.json:
        face.answer((), {**decision_data(decisions), "removed": removed, "dry_run": face.dry_run})
