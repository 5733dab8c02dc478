"""The backups of a project, wherever they are kept: list, find, have at hand."""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import logging
import os
from collections.abc import Collection, Iterator
from pathlib import Path

from seachange.backup.stores import LocalStore, Store, open_store
from seachange.backup.verify import Backup, read_backup
from seachange.config import Settings
from seachange.errors import BackupNotFoundError

__all__ = ["LATEST", "fetched", "find_backup", "list_backups", "store_of"]

log = logging.getLogger(__name__)

LATEST = "latest"


def list_backups(settings: Settings, *, digests: bool = False) -> tuple[Backup, ...]:
    """Return the backups of the project, newest first.

    :param digests: read every file and compare its digest; otherwise only sizes are compared.
    :raises SeachangeError: the place where they are kept cannot be read.
    """
    return open_store(settings).list(digests=digests)


def store_of(backup: Backup, settings: Settings) -> Store:
    """Return the store that a backup is in; one that was found by its path, or fetched, need not be in that of the settings.

    :param backup: the backup.
    :param settings: the settings.
    """
    away = backup.remote and not backup.path.is_absolute()
    return open_store(settings) if away else LocalStore(folder=backup.path.parent, root=settings.root)


@contextlib.contextmanager
def fetched(backup: Backup, settings: Settings, *, files: Collection[str] | None = None) -> Iterator[Backup]:
    """Yield a backup whose files are at hand below its ``path`` for the length of the block, and are not removed meanwhile.

    :param backup: the backup.
    :param settings: the settings.
    :param files: the files that are needed, by their paths in the manifest; all by default.
    :raises BackupInvalidError: a file is missing or cannot be read.
    """
    with store_of(backup, settings).fetched(backup, files=files) as folder:
        yield dataclasses.replace(backup, path=folder)


def find_backup(settings: Settings, which: str = LATEST, *, database: str = "", physical: bool | None = False) -> Backup:
    """Return one backup.

    :param which: its name, the beginning of only one name, the path or URL of its folder, or ``latest``: the newest complete
        one of all of a database.
    :param database: for ``latest``, look only at backups of this database.
    :param physical: for ``latest``, whether to look at physical backups only; None for those and dumps.
    :raises BackupNotFoundError: there is none such.
    """
    for path in (Path(which).expanduser(), settings.path(which)):
        if os.sep in which and path.is_dir():
            return read_backup(path.resolve())
    store = open_store(settings)
    backups = store.list()
    if which == LATEST:
        return _latest(store.location, backups, database, physical=physical)
    named = [backup for backup in backups if which in (backup.name, backup.location)] or [
        b for b in backups if b.name.startswith(which)
    ]
    if len(named) == 1:
        return named[0]
    if named:
        raise BackupNotFoundError(f"{len(named)} backups begin with {which!r}", hint=_names([b.name for b in named]))
    near = difflib.get_close_matches(which, [backup.name for backup in backups], n=3, cutoff=0.4)
    hint = f"near: {_names(near)}" if near else f"there are: {_names([backup.name for backup in backups[:3]])}"
    raise BackupNotFoundError(f"there is no backup {which!r} in {store.location}", hint=hint)


def _latest(location: str, backups: tuple[Backup, ...], database: str, *, physical: bool | None) -> Backup:
    complete = [b for b in backups if b.complete and b.whole and database in ("", b.database) and physical in (None, b.physical)]
    if not complete:
        what, of = "physical backup" if physical else "backup", f" of {database}" if database else ""
        hint = f"`invoke db.backup{' --dump-format physical' if physical else ''}` makes one"
        raise BackupNotFoundError(f"there is no complete {what}{of} in {location}", hint=hint)
    for damaged in backups[: backups.index(complete[0])]:
        if damaged.problems:
            log.warning("backup %s is newer than the latest complete one, and damaged: %s", damaged.name, damaged.problems[0])
    return complete[0]


def _names(names: list[str]) -> str:
    return ", ".join(names) or "none"
