"""Folders under a temporary name, held by a lock that ends with their owner however it ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

__all__ = ["abandoned", "partial_folder", "remove_abandoned", "remove_later", "remove_published", "shared"]

_NAME = re.compile(r"\.partial-(\d+)-[0-9a-f]{8}")


@contextlib.contextmanager
def partial_folder(parent: Path) -> Iterator[Path]:
    """Make a folder under a temporary name; what still has that name at the end is removed.

    The work is published by renaming the folder as the last act of the block.

    :param parent: an existing folder.
    :raises OSError: the folder cannot be made.
    """
    path, descriptor = _claim(parent)
    try:
        yield path
    finally:
        try:
            if os.path.lexists(path):
                shutil.rmtree(path)
        finally:
            os.close(descriptor)


def _claim(parent: Path) -> tuple[Path, int]:
    # Between making and locking, a sweeping process may take the folder for an abandoned one; then another is made.
    while True:
        path = _fresh_name(parent)
        path.mkdir(mode=0o700)
        with contextlib.suppress(FileNotFoundError):
            descriptor = _open(path)
            _lock(descriptor, fcntl.LOCK_EX)
            if _is_still(path, descriptor):
                return path, descriptor
            os.close(descriptor)


def abandoned(parent: Path) -> tuple[Path, ...]:
    """Return the temporary folders in ``parent`` whose owners are gone.

    :param parent: a folder; it need not exist.
    """
    try:
        with os.scandir(parent) as entries:
            names = sorted(entry.name for entry in entries if _NAME.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False))
    except (FileNotFoundError, NotADirectoryError):
        return ()
    return tuple(parent / name for name in names if _is_abandoned(parent / name))


def _is_abandoned(path: Path) -> bool:
    with _seized(path) as seized:
        return seized


def remove_abandoned(path: Path) -> bool:
    """Remove a temporary folder whose owner is gone.

    :param path: one of those that :func:`abandoned` returned.
    :returns: whether it was removed; not when it has an owner after all.
    :raises OSError: it cannot be removed.
    """
    if not _NAME.fullmatch(path.name):
        return False
    with _seized(path) as seized:
        if seized:
            shutil.rmtree(path)
        return seized


def remove_published(path: Path, *, later: bool = False) -> bool:
    """Remove a published folder by way of a temporary name; a crash on the way leaves an abandoned one.

    :param path: the folder.
    :param later: do not wait until it is removed.
    :returns: whether it was removed; not when somebody uses it or it is gone.
    :raises OSError: it cannot be removed.
    """
    with _seized(path) as seized:
        if seized and later:
            remove_later(path, parent=path.parent)
        elif seized:
            away = _fresh_name(path.parent)
            path.rename(away)
            shutil.rmtree(away)
        return seized


def remove_later(path: Path, *, parent: Path) -> None:
    """Give a folder a temporary name in ``parent``, and have it removed by a process that nobody waits for.

    On a disk mounted with ``discard`` the thousand files of a data directory take two seconds to remove.

    :param path: the folder.
    :param parent: a folder of the same file system.
    :raises OSError: it cannot be renamed.
    """
    away = _fresh_name(parent)
    path.rename(away)
    subprocess.run(
        ["/bin/sh", "-c", 'rm -rf -- "$0" &', away],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        check=False,
    )


@contextlib.contextmanager
def shared(path: Path) -> Iterator[None]:
    """Keep a published folder from being removed by :func:`remove_published` for the length of the block.

    :param path: the folder.
    :raises FileNotFoundError: it is gone.
    """
    descriptor = _open(path)
    try:
        _lock(descriptor, fcntl.LOCK_SH)
        if not _is_still(path, descriptor):
            raise FileNotFoundError(str(path))
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _seized(path: Path) -> Iterator[bool]:
    try:
        descriptor = _open(path)
    except (FileNotFoundError, PermissionError):
        yield False
        return
    try:
        try:
            locked = _lock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield (locked or _owner_is_dead(path)) and _is_still(path, descriptor)
    finally:
        os.close(descriptor)


def _lock(descriptor: int, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how)
    except BlockingIOError:
        raise
    except OSError:
        # Some network file systems have no flock; the process number in the name decides there.
        return False
    return True


def _owner_is_dead(path: Path) -> bool:
    found = _NAME.fullmatch(path.name)
    try:
        os.kill(int(found[1]), 0) if found else None
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return found is None


def _is_still(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(follow_symlinks=False), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _open(path: Path) -> int:
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)


def _fresh_name(parent: Path) -> Path:
    return parent / f".partial-{os.getpid()}-{secrets.token_hex(4)}"
