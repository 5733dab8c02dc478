"""Backups in a local folder: made under a temporary name, published by renaming."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import itertools
import logging
import os
from collections.abc import Collection, Iterator
from pathlib import Path

from seachange.backup.files import disk_error, open_new, sync_folder
from seachange.backup.stores.protocol import Progress
from seachange.backup.verification import write_verification
from seachange.backup.verify import NAME, Backup, newest_first, read_backup
from seachange.config import Settings
from seachange.errors import BackupInvalidError, NotWritableError
from seachange.partial import abandoned, partial_folder, remove_abandoned, remove_published, shared

__all__ = ["LocalStore", "private_folder", "sweep"]

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, kw_only=True)
class LocalStore:
    """A folder with a folder for each backup."""

    folder: Path
    root: Path

    @classmethod
    def of(cls, settings: Settings) -> LocalStore:
        """Return the store in the folder that the settings name."""
        return cls(folder=settings.path(settings.backup_dir), root=settings.root)

    @property
    def location(self) -> str:
        """The path of the folder."""
        return str(self.folder)

    def staging(self) -> Path:
        """Return the folder itself, which is made if need be, and must not be a link.

        :raises NotWritableError: it is, or passes through, a symbolic link; or it cannot be made.
        """
        folder = self.folder
        link = _link_on_the_way(folder, self.root)
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

    def list(self, *, digests: bool = False) -> tuple[Backup, ...]:
        """Return the backups in the folder, newest first; none where there is no folder.

        :raises NotWritableError: the folder cannot be read.
        """
        try:
            with os.scandir(self.folder) as entries:
                names = [entry.name for entry in entries if NAME.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False)]
        except (FileNotFoundError, NotADirectoryError):
            return ()
        except OSError as exc:
            raise NotWritableError(
                f"{self.folder} cannot be read: {exc.strerror}", hint="make the folder readable for this user"
            ) from exc
        return newest_first(read_backup(self.folder / name, digests=digests) for name in names)

    @contextlib.contextmanager
    def staged(self) -> Iterator[Path]:
        """Make a folder under a temporary name beside the backups.

        :raises NotWritableError: the folder cannot be written.
        """
        with private_folder(self.staging()) as path:
            yield path

    def scratch(self) -> contextlib.AbstractContextManager[Path]:
        """Make a folder under a temporary name beside the backups."""
        return self.staged()

    def publish(self, partial: Path, name: str, *, progress: Progress | None = None) -> Backup:  # noqa: ARG002
        """Give a finished folder its name; its name is on disk when this returns."""
        sync_folder(partial)
        final = _rename_to_free_name(partial, name)
        try:
            sync_folder(final.parent)
        except OSError:
            final.rename(partial)
            raise
        return read_backup(final)

    @contextlib.contextmanager
    def fetched(self, backup: Backup, *, files: Collection[str] | None = None) -> Iterator[Path]:  # noqa: ARG002
        """Yield the folder of the backup itself, which retention does not remove meanwhile.

        :raises BackupInvalidError: it cannot be opened.
        """
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(shared(backup.path))
            except OSError as exc:
                raise BackupInvalidError(
                    f"backup {backup.name} cannot be opened: {exc.strerror or 'it is gone'}",
                    hint="`invoke db.backups` lists the others",
                ) from exc
            yield backup.path

    def remove(self, backup: Backup) -> bool:
        """Rename the backup away, and remove it then; not while somebody fetched it.

        :raises NotWritableError: it cannot be removed.
        """
        try:
            return remove_published(backup.path)
        except OSError as exc:
            raise disk_error(exc, backup.path.parent) from exc

    def write_verification(self, backup: Backup, text: str) -> None:
        """Put the record beside the manifest, in place of the one that is there.

        :raises NotWritableError: it cannot be written.
        """
        write_verification(backup.path, text)


@contextlib.contextmanager
def private_folder(parent: Path) -> Iterator[Path]:
    """Make a folder under a temporary name, which is gone at the end of the block unless it was renamed.

    :param parent: an existing folder; what crashed runs left in it is removed before.
    :raises NotWritableError: the folder cannot be made.
    """
    sweep(parent)
    with contextlib.ExitStack() as stack:
        try:
            path = stack.enter_context(partial_folder(parent))
        except OSError as exc:
            raise disk_error(exc, parent) from exc
        yield path


def sweep(folder: Path) -> tuple[Path, ...]:
    """Remove what crashed runs left in a folder under temporary names.

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
