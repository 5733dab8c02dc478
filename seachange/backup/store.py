"""The folder where backups are kept: publish, list, find, check."""

from __future__ import annotations

import contextlib
import difflib
import errno
import itertools
import logging
import os
from collections.abc import Iterator
from pathlib import Path

from seachange.backup.files import disk_error, open_new, sync_folder
from seachange.backup.verify import NAME, Backup, read_backup
from seachange.config import Settings
from seachange.errors import BackupNotFoundError, NotWritableError
from seachange.partial import abandoned, partial_folder, remove_abandoned

__all__ = ["LATEST", "find_backup", "list_backups", "new_backup_folder", "open_store", "publish", "sweep"]

log = logging.getLogger(__name__)

LATEST = "latest"


def open_store(settings: Settings) -> Path:
    """Make sure that the folder for backups exists and is not a link, and return it.

    :raises NotWritableError: it is, or passes through, a symbolic link; or it cannot be made.
    """
    folder = settings.path(settings.backup_dir)
    link = _link_on_the_way(folder, settings.root)
    if link:
        raise NotWritableError(
            f"{link} is a symbolic link; backups are not written through links",
            hint=f"set backup_dir to the folder itself: {os.path.realpath(folder)}",
        )
    try:
        if not folder.exists():
            _make(folder)
    except OSError as exc:
        raise disk_error(exc, folder) from exc
    if not folder.is_dir():
        raise NotWritableError(f"{folder} is not a folder", hint="remove the file, or set backup_dir")
    return folder


def _link_on_the_way(folder: Path, root: Path) -> Path | None:
    # Links above the project, or above a folder that was named absolutely, are the machine's own affair.
    path = [folder, *folder.parents]
    below = itertools.takewhile(lambda step: step != root, path) if root in path else path[:1]
    return next((step for step in below if step.is_symlink()), None)


def _make(folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    # Dumps hold personal data; a project that forgets to ignore the folder must not commit them.
    with contextlib.suppress(FileExistsError), open_new(folder / ".gitignore") as file:
        file.write(b"*\n")


@contextlib.contextmanager
def new_backup_folder(folder: Path) -> Iterator[Path]:
    """Make a folder for a backup in progress, which is removed unless :func:`publish` gave it its name.

    :param folder: the folder of the backups.
    :raises NotWritableError: the folder cannot be written.
    """
    sweep(folder)
    with contextlib.ExitStack() as stack:
        try:
            path = stack.enter_context(partial_folder(folder))
        except OSError as exc:
            raise disk_error(exc, folder) from exc
        yield path


def publish(partial: Path, name: str) -> Path:
    """Give a finished backup its name; two of the same second get different ones.

    :param partial: the folder under its temporary name, all its files on disk.
    :param name: the wished name.
    :returns: the folder under its final name.
    """
    sync_folder(partial)
    final = _rename_to_free_name(partial, name)
    try:
        sync_folder(final.parent)
    except OSError:
        final.rename(partial)
        raise
    return final


def _rename_to_free_name(partial: Path, name: str) -> Path:
    number = 1
    while True:
        final = partial.with_name(name if number == 1 else f"{name}-{number}")
        try:
            # Renaming a folder onto another one that is not empty fails, so no backup is ever replaced.
            return partial.rename(final)
        except OSError as exc:
            if exc.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                raise
        number += 1


def sweep(folder: Path) -> tuple[Path, ...]:
    """Remove what crashed runs left in the folder of the backups.

    :param folder: the folder.
    :returns: what was removed.
    """
    removed = []
    for path in abandoned(folder):
        try:
            if remove_abandoned(path):
                removed.append(path)
        except OSError as exc:
            log.warning("%s was left by a crashed run and cannot be removed: %s", path, exc)
    return tuple(removed)


def list_backups(settings: Settings, *, digests: bool = False) -> tuple[Backup, ...]:
    """Return the backups in the folder, newest first.

    :param digests: read every file and compare its digest; otherwise only sizes are compared.
    """
    folder = settings.path(settings.backup_dir)
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if NAME.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False)]
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except OSError as exc:
        raise NotWritableError(f"{folder} cannot be read: {exc.strerror}", hint="make the folder readable for this user") from exc
    return tuple(sorted((read_backup(folder / name, digests=digests) for name in names), key=_age_order, reverse=True))


def _age_order(backup: Backup) -> tuple[float, str]:
    # Where the manifest cannot be read the time in the name stands in; sequences are milliseconds since 1970 or later.
    if backup.manifest:
        return backup.manifest.sequence, backup.name
    return backup.started.timestamp() * 1000, backup.name


def find_backup(settings: Settings, which: str = LATEST, *, database: str = "") -> Backup:
    """Return one backup.

    :param which: its name, the beginning of only one name, the path of its folder, or ``latest``: the newest complete one.
    :param database: for ``latest``, look only at backups of this database.
    :raises BackupNotFoundError: there is none such.
    """
    backups = list_backups(settings)
    if which == LATEST:
        return _latest(settings, backups, database)
    named = [backup for backup in backups if backup.name == which] or [b for b in backups if b.name.startswith(which)]
    if len(named) == 1:
        return named[0]
    for path in (Path(which).expanduser(), settings.path(which)):
        if os.sep in which and path.is_dir():
            return read_backup(path.resolve())
    if named:
        raise BackupNotFoundError(f"{len(named)} backups begin with {which!r}", hint=_names([b.name for b in named]))
    near = difflib.get_close_matches(which, [backup.name for backup in backups], n=3, cutoff=0.4)
    hint = f"near: {_names(near)}" if near else f"there are: {_names([backup.name for backup in backups[:3]])}"
    raise BackupNotFoundError(f"there is no backup {which!r} in {settings.path(settings.backup_dir)}", hint=hint)


def _latest(settings: Settings, backups: tuple[Backup, ...], database: str) -> Backup:
    complete = [b for b in backups if b.complete and database in ("", b.database)]
    if not complete:
        of = f" of {database}" if database else ""
        raise BackupNotFoundError(
            f"there is no complete backup{of} in {settings.path(settings.backup_dir)}", hint="`invoke db.backup` makes one"
        )
    for damaged in backups[: backups.index(complete[0])]:
        if damaged.problems:
            log.warning("backup %s is newer than the latest complete one, and damaged: %s", damaged.name, damaged.problems[0])
    return complete[0]


def _names(names: list[str]) -> str:
    return ", ".join(names) or "none"
