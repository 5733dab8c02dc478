"""What a place for backups can do, wherever it is."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from seachange.backup.verify import Backup

__all__ = ["Progress", "Store"]

Progress = Callable[[str], None]


class Store(Protocol):
    """A place where backups are kept; a backup is there when its manifest is, and the manifest comes last."""

    @property
    def location(self) -> str:
        """The place as messages show it, without secrets."""
        ...

    def staging(self) -> Path:
        """Return the local folder on whose disk a backup is made, which is made if need be.

        :raises NotWritableError: it cannot be made, or is a symbolic link.
        """
        ...

    def list(self, *, digests: bool = False) -> tuple[Backup, ...]:
        """Return the backups that are there, newest first.

        :param digests: read every file and compare its digest; otherwise only sizes are compared.
        :raises SeachangeError: the place cannot be read.
        """
        ...

    def staged(self) -> AbstractContextManager[Path]:
        """Make a private local folder for a backup in progress; what crashed runs left is removed before.

        The folder is gone at the end of the block unless :meth:`publish` made it a backup.

        :raises NotWritableError: the folder cannot be made.
        """
        ...

    def scratch(self) -> AbstractContextManager[Path]:
        """Make a private local folder for what is needed for the length of the block, such as decrypted files.

        :raises NotWritableError: the folder cannot be made.
        """
        ...

    def publish(self, partial: Path, name: str, *, progress: Progress | None = None) -> Backup:
        """Make a finished folder a backup; two of one name get different ones, and none is ever replaced.

        :param partial: the folder of :meth:`staged`, all its files on disk, its manifest among them.
        :param name: the wished name.
        :param progress: told what is being done, where it takes long.
        :raises OSError: a file of a local store cannot be written.
        :raises SeachangeError: a remote store failed; nothing that looks like a backup is left.
        """
        ...

    def fetched(self, backup: Backup, *, files: Collection[str] | None = None) -> AbstractContextManager[Path]:
        """Return a local folder with the manifest and the files of a backup, which stays for the length of the block.

        :param backup: a backup of this store.
        :param files: the files that are needed, by their paths in the manifest; all by default.
        :raises BackupInvalidError: a file is missing or cannot be read.
        """
        ...

    def remove(self, backup: Backup) -> bool:
        """Remove a backup: its manifest first, so that a crash on the way leaves no half backup.

        :param backup: a backup of this store.
        :returns: whether it was removed; not when it is in use or gone.
        :raises NotWritableError: it cannot be removed.
        """
        ...

    def write_verification(self, backup: Backup, text: str) -> None:
        """Put the result of a verification beside the manifest, replacing the last one.

        :param backup: a backup of this store.
        :param text: the document.
        :raises NotWritableError: it cannot be written.
        """
        ...
