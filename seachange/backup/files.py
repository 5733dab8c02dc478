"""Files of a backup: made new, private, without following links, and on disk before anybody relies on them."""

from __future__ import annotations

import errno
import os
from io import BufferedReader, BufferedWriter
from pathlib import Path

from seachange.errors import NotWritableError, OutOfDiskError, SeachangeError

__all__ = ["FULL", "disk_error", "free_bytes", "full_disk", "open_new", "open_to_read", "sync_file", "sync_folder", "write_new"]

FULL = (errno.ENOSPC, errno.EDQUOT)


def open_new(path: Path) -> BufferedWriter:
    """Create a file that only its owner can read; what exists already is never touched.

    :param path: a path that does not exist.
    """
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600), "wb")


def open_to_read(path: Path) -> BufferedReader:
    """Open a file that is no symbolic link.

    :param path: the file.
    """
    return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb")


def write_new(path: Path, text: str) -> None:
    """Create a file with this text and wait until it is on disk.

    :param path: a path that does not exist.
    :param text: what to write.
    """
    with open_new(path) as file:
        file.write(text.encode())
        sync_file(file)


def sync_file(file: BufferedWriter) -> None:
    """Wait until what was written is on disk.

    :param file: a file open for writing.
    """
    file.flush()
    os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Wait until the names in a folder are on disk.

    :param path: the folder.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def free_bytes(folder: Path) -> int:
    """Return how much may still be written below a folder.

    :param folder: an existing folder.
    """
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def disk_error(exc: OSError, folder: Path) -> SeachangeError:
    """Return what a failure of the file system means for a user.

    :param exc: the failure.
    :param folder: the folder of the backups.
    """
    if exc.errno in FULL:
        return full_disk(folder)
    return NotWritableError(
        f"{exc.filename or folder} cannot be written: {exc.strerror}",
        hint="make the folder writable for this user, or set backup_dir",
    )


def full_disk(folder: Path, *, needed: int = 0) -> OutOfDiskError:
    """Return the error for a disk that is full, or on which a backup will not fit.

    :param folder: the folder of the backups.
    :param needed: how many bytes the backup will take, as far as that is known.
    """
    free = f"{free_bytes(folder) / 1024**2:.1f} MB"
    message = f"the disk of {folder} has {free} left, the backup needs about {needed / 1024**2:.1f} MB"
    return OutOfDiskError(
        message if needed else f"the disk of {folder} is full ({free} left); the unfinished backup was removed",
        hint="free space there, lower backup_keep_last, or set backup_dir to a larger disk",
    )
