"""Retention of a project's backups: what stays and why, and the proof that retention waits for."""

from __future__ import annotations

import dataclasses
import logging
from typing import TYPE_CHECKING, Any

from seachange.config import Settings
from seachange.errors import BackupInvalidError, InterruptedRunError, SeachangeError
from seachange.workflow._rollback.left import left_backups
from seachange.workflow.run import Run

if TYPE_CHECKING:
    from seachange.backup import Backup
    from seachange.backup.retention import Decision

__all__ = ["Retired", "decide_all", "held_sentence", "remove", "retire"]

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Retired:
    """What followed a new backup: sentences for people, values for programs."""

    facts: tuple[str, ...] = ()
    data: dict[str, Any] = dataclasses.field(default_factory=dict)


def decide_all(settings: Settings) -> tuple[Decision, ...]:
    """Decide about every backup of the project, newest first.

    :param settings: the rules; what a failed run left behind ties the backup that it made.
    """
    from seachange.backup.retention import Rules, decide
    from seachange.backup.store import list_backups

    return decide(list_backups(settings), Rules.of(settings), tied=left_backups(settings))


def remove(settings: Settings, decisions: tuple[Decision, ...]) -> tuple[Backup, ...]:
    """Remove what was decided to go.

    :param settings: where backups are.
    :param decisions: of :func:`decide_all`.
    :returns: what was removed, oldest first.
    """
    from seachange.backup.retention import remove_superfluous

    return remove_superfluous(settings, decisions)


def retire(run: Run, made: Backup) -> Retired:
    """Verify a new backup where that was asked for or lets others go, then remove what is no longer kept.

    With setting ``backup_verify`` every backup is verified. Without it that happens where retention waits for it and the database
    is small, so that the folder of a project where nobody thinks of it does not grow for ever.

    :param run: the run that made the backup.
    :param made: the backup.
    :raises BackupInvalidError: it is not what its manifest says.
    :raises SeachangeError: ``backup_verify`` is set, and it could not be verified here.
    """
    from seachange.backup.retention import held

    required = run.settings.backup_verify
    verified = _verify(run, made, required=required, waiting=not required and _waits(run.settings, made))
    decisions = decide_all(run.settings)
    removed = remove(run.settings, decisions)
    facts = [*verified.facts, *(f"removed by retention: {old.name}" for old in removed)]
    waiting = held(decisions)
    facts += [held_sentence(len(waiting))] if waiting else []
    data = {**verified.data, "removed": [old.name for old in removed], "held": [old.name for old in waiting]}
    return Retired(facts=tuple(facts), data=data)


def held_sentence(count: int) -> str:
    """Return what to say where retention waits for a verification.

    :param count: how many backups wait.
    """
    what, them = ("1 backup is", "it") if count == 1 else (f"{count} backups are", "them")
    return f"{what} kept only because no newer one is verified; `invoke db.verify-backup` lets go of {them}"


def _waits(settings: Settings, made: Backup) -> bool:
    """Whether a backup of the same database would go if this one were verified; that of a part of it proves nothing."""
    from seachange.backup.retention import held

    return made.whole and any(old.whole and old.database == made.database for old in held(decide_all(settings)))


def _verify(run: Run, made: Backup, *, required: bool, waiting: bool) -> Retired:
    from seachange.backup.proof import verify_backup
    from seachange.workflow.verification import may_stay, sentence

    small = made.manifest is not None and made.manifest.contents.size_bytes < run.settings.backup_directory_from
    if not required and not (waiting and small):
        return Retired()
    try:
        keep = may_stay(run, made)
        found = verify_backup(made, run.settings, keep=keep, progress=lambda text: run.progress(f"verifying: {text}"))
    except InterruptedRunError:
        raise
    except SeachangeError as exc:
        if required:
            raise
        _log.warning("backup %s could not be verified: %s", made.name, exc)
        return Retired(facts=(f"it could not be verified here: {exc.message}",))
    if not found.ok:
        raise BackupInvalidError(
            f"backup {made.name} is not what its manifest says: {'; '.join(found.problems)}",
            hint="look for what is wrong with the disk, then `invoke db.backup` makes a new one",
        )
    return Retired(facts=(f"verified: {sentence(found, made)}", *found.notes), data={"verification": found.to_dict()})
