"""One backup of a database at a time: who makes one holds a lock that ends with its owner, and says who that is."""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import getpass
import hashlib
import json
import logging
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from seachange.backup.files import disk_error
from seachange.errors import BackupRunningError

__all__ = ["running_alone"]

log = logging.getLogger(__name__)

_LIMIT = 4096


@contextlib.contextmanager
def running_alone(folder: Path, *, database: str, server: str) -> Iterator[None]:
    """Make sure that no other run backs up the same database into the same folder; other databases do not matter.

    :param folder: the folder in which backups are made.
    :param database: the name of the database.
    :param server: what tells its server from others.
    :raises BackupRunningError: another run does; the message says which.
    :raises NotWritableError: the folder cannot be written.
    """
    digest = hashlib.sha256(f"{server}\0{database}".encode()).hexdigest()[:16]
    path = folder / f".backup-{digest}.lock"
    try:
        descriptor = _locked(path, database)
    except OSError as exc:
        raise disk_error(exc, folder) from exc
    try:
        yield
    finally:
        # Whoever opened it meanwhile sees that it is no longer the file of that name, and makes a new one.
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _locked(path: Path, database: str) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with contextlib.ExitStack() as stack:
            stack.callback(os.close, descriptor)
            if not _lock(descriptor):
                raise _running(descriptor, database)
            if _is_still(path, descriptor):
                os.truncate(descriptor, 0)
                os.pwrite(descriptor, _owner(database), 0)
                stack.pop_all()
                return descriptor


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as exc:
        # Some network file systems have no flock: two backups at once are two backups there, each in a folder of its own.
        log.warning("nothing keeps two backups apart on this file system: %s", exc)
    return True


def _is_still(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(follow_symlinks=False), os.fstat(descriptor))
    except FileNotFoundError:
        # Its owner gave it up between our opening and our locking it.
        return False


def _owner(database: str) -> bytes:
    since = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    owner = {"pid": os.getpid(), "user": _user(), "host": socket.gethostname(), "since": since, "database": database}
    return json.dumps(owner).encode()


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"


def _running(descriptor: int, database: str) -> BackupRunningError:
    try:
        who = "pid {pid} ({user} on {host}) since {since}".format(**json.loads(os.pread(descriptor, _LIMIT, 0)))
    except (ValueError, KeyError, TypeError):
        # It has the lock and has not yet said who it is.
        who = "a run that began just now"
    return BackupRunningError(
        f"{database} is being backed up already, by {who}", hint="wait for it to end; it is of no use to make two at once"
    )
