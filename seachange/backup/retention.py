"""Which backups are no longer needed, and their removal."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence

from seachange.backup.stores import Store, open_store
from seachange.backup.verify import Backup
from seachange.config import Settings

__all__ = ["prune_backups", "superfluous"]

log = logging.getLogger(__name__)


def prune_backups(settings: Settings, *, keep: int | None = None, dry_run: bool = False) -> tuple[Backup, ...]:
    """Remove the backups that retention no longer keeps; call it only after a backup succeeded.

    :param keep: how many to keep of each database; ``backup_keep_last`` by default, 0 keeps all.
    :param dry_run: remove nothing.
    :returns: what was removed, or would be, oldest first; a backup that is being restored stays.
    :raises NotWritableError: a backup cannot be removed.
    """
    store = open_store(settings)
    superseded = superfluous(store.list(), keep=settings.backup_keep_last if keep is None else keep)
    if dry_run:
        return superseded
    return tuple(backup for backup in superseded if _remove(store, backup))


def superfluous(backups: Sequence[Backup], *, keep: int) -> tuple[Backup, ...]:
    """Return the backups that are not among the newest complete ones of their database, oldest first.

    A damaged backup counts for nothing, and goes when enough complete ones are newer. What has no readable manifest may
    not be ours and is never returned. Databases of one name on different servers are different databases.

    :param backups: all of a folder.
    :param keep: how many complete ones to keep; 0 keeps all.
    """
    groups: dict[tuple[str, str | None], list[Backup]] = defaultdict(list)
    for backup in backups:
        if backup.manifest:
            groups[backup.database, backup.manifest.server.system_identifier].append(backup)
    found = [backup for group in groups.values() for backup in _beyond(group, keep)]
    return tuple(sorted(found, key=_sequence))


def _beyond(group: list[Backup], keep: int) -> list[Backup]:
    newest_first = sorted(group, key=_sequence, reverse=True)
    complete = [backup for backup in newest_first if backup.complete]
    if not keep or len(complete) < keep:
        return []
    return newest_first[newest_first.index(complete[keep - 1]) + 1 :]


def _sequence(backup: Backup) -> tuple[int, str]:
    return (backup.manifest.sequence if backup.manifest else 0), backup.name


def _remove(store: Store, backup: Backup) -> bool:
    removed = store.remove(backup)
    log.info("backup %s was %s", backup.name, "removed by retention" if removed else "kept: it is in use")
    return removed
