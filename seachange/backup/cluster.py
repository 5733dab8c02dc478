"""Restore a physical backup: into a new data directory that gets its name when it is whole and proven."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seachange.backup.comparison import Comparison
from seachange.backup.files import FULL, free_bytes, open_new, open_to_read, sync_file, sync_folder
from seachange.backup.manifest import Manifest, Physical
from seachange.backup.physical import CLUSTER, verify_base
from seachange.backup.store import fetched
from seachange.backup.verify import Backup, verify_digests
from seachange.config import Settings
from seachange.errors import (
    BackupInvalidError,
    DatabaseMissingError,
    NotWritableError,
    OutOfDiskError,
    ProgramFailedError,
    RefusedError,
    SeachangeError,
    ServerStartError,
)
from seachange.partial import abandoned, partial_folder, remove_abandoned
from seachange.postgres import interrupt

if TYPE_CHECKING:
    from seachange.backup.encryption import Identities
    from seachange.postgres.connection import Database

__all__ = ["RestoredCluster", "cluster_facts", "read_cluster", "restore_cluster"]

_BLOCK = 64 * 1024
# What one block may become at a time: pages of zeros shrink a thousandfold.
_MOST_BYTES = 4 * 1024**2
_CONFIGURATION = "postgresql.conf"


@dataclasses.dataclass(frozen=True, kw_only=True)
class RestoredCluster:
    """A data directory that a server of ``major`` starts on; ``notes`` say what has to be done before."""

    path: Path
    backup: str
    major: int
    files: int
    end_lsn: str
    duration_s: float
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON values."""
        return {**dataclasses.asdict(self), "path": str(self.path), "notes": list(self.notes)}


def cluster_facts(backup: Backup) -> tuple[Manifest, Physical]:
    """Return what a physical backup says of itself.

    :param backup: the backup.
    :raises BackupInvalidError: it has no manifest.
    :raises RefusedError: it is a dump.
    """
    manifest = backup.manifest
    if manifest is None:
        raise BackupInvalidError(f"backup {backup.name} has no manifest", hint="use another backup")
    if manifest.physical is None:
        raise RefusedError(
            f"backup {backup.name} is a dump of the database {manifest.database}, and no copy of a cluster",
            hint="restore it without --data-dir, into a database of a running server",
        )
    return manifest, manifest.physical


def restore_cluster(
    backup: Backup, settings: Settings, *, path: Path, progress: Callable[[str], None] = lambda _text: None
) -> RestoredCluster:
    """Put the files of a physical backup into a new data directory, and have them proven.

    It is filled under a temporary name beside it. A failure on the way removes that, and a next restore there what a killed one
    left.

    :param backup: the backup; its digests are verified first.
    :param settings: where programs come from, ``backup_identity``.
    :param path: the data directory; it must not exist, or be empty.
    :param progress: told what is being done.
    :raises BackupInvalidError: a file of the backup is damaged; the message names it.
    :raises RefusedError: the backup is a dump, or the folder is not empty.
    :raises NotWritableError: the folder cannot be made.
    :raises OutOfDiskError: there is no room for it.
    """
    begin = time.monotonic()
    manifest, physical = cluster_facts(backup)
    major = manifest.server.version_number // 10_000
    _require_free(path)
    with _explained(path), fetched(backup, settings) as local:
        progress(f"verifying {backup.name}")
        verify_digests(local)
        for left in abandoned(path.parent):
            remove_abandoned(left)
        if free_bytes(path.parent) < physical.size_bytes:
            raise _full(path)
        with partial_folder(path.parent) as partial:
            _Unsealing(local, settings, manifest=manifest, target=partial, progress=progress).run(physical)
            progress("checking the data directory")
            verify_base(partial, settings, major=major)
            with contextlib.suppress(FileNotFoundError):
                path.rmdir()
            partial.rename(path)
            sync_folder(path.parent)
    return RestoredCluster(
        path=path,
        backup=backup.name,
        major=major,
        files=len(manifest.files),
        end_lsn=physical.end_lsn,
        duration_s=time.monotonic() - begin,
        notes=tuple(_notes(path)),
    )


def read_cluster(
    backup: Backup, settings: Settings, *, progress: Callable[[str], None] = lambda _text: None
) -> tuple[Comparison, str]:
    """Start a throwaway server on a physical backup and read every table of every database.

    :param backup: the backup.
    :param settings: where programs come from.
    :param progress: told what is being done.
    :returns: what was found, and the version of the server.
    :raises BackupInvalidError: a file of the backup is damaged, or no server starts on it.
    """
    from seachange.backup.checksums import table_checksums
    from seachange.postgres.server import on_data

    manifest, physical = cluster_facts(backup)
    major = manifest.server.version_number // 10_000

    def fill(path: Path) -> None:
        restore_cluster(backup, settings, path=path, progress=progress)

    try:
        with on_data(settings, major=major, fill=fill, superuser=physical.superuser) as server:
            tables, rows, problems = 0, 0, []
            for name in physical.databases:
                progress(f"reading the tables of {name}")
                found = table_checksums(server.database().with_name(name), settings, jobs=_jobs(settings))
                tables, rows = tables + len(found), rows + sum(table.rows for table in found.values())
                if name == manifest.database and set(manifest.contents.tables) - _known(server.database().with_name(name)):
                    problems.append(f"tables of {name} are missing")
            version = server.installation.version if server.installation else str(major)
    except (ServerStartError, ProgramFailedError, DatabaseMissingError) as exc:
        raise BackupInvalidError(
            f"no server reads all of backup {backup.name}: {exc.message}", hint="use another backup"
        ) from exc
    read = f"{len(physical.databases)} databases whose {tables} tables with {rows:,} rows a server has read"
    return Comparison(problems=tuple(problems), proven=("every file", read), tables=tables, rows=rows), version


def _known(database: Database) -> set[str]:
    from seachange.backup.contents import read_tables
    from seachange.postgres.connection import connect

    with contextlib.closing(connect(database, autocommit=True)) as session:
        return set(read_tables(session))


def _jobs(settings: Settings) -> int:
    return settings.backup_jobs or min(4, os.cpu_count() or 1)


def _require_free(path: Path) -> None:
    if path.is_symlink() or (path.exists() and (not path.is_dir() or any(path.iterdir()))):
        raise RefusedError(f"{path} is there and not an empty folder", hint="name a folder that does not exist")
    if not path.parent.is_dir():
        raise NotWritableError(f"{path.parent} is not there", hint="make it first, on a disk with room")


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        if exc.errno in FULL:
            raise _full(path) from exc
        raise NotWritableError(f"{exc.filename or path} cannot be written: {exc.strerror}", hint="name another folder") from exc


def _full(path: Path) -> SeachangeError:
    free = f"{free_bytes(path.parent) / 1024**2:.1f} MB"
    return OutOfDiskError(f"the disk of {path.parent} has no room for the data directory ({free} left)", hint="make room there")


def _notes(path: Path) -> Iterator[str]:
    if os.geteuid() == 0:
        yield f"PostgreSQL does not run as root: give it the folder first, chown -R postgres {path}"
    if not (path / _CONFIGURATION).exists():
        yield f"there is no {_CONFIGURATION} in it: the server kept its configuration elsewhere, bring it along"


class _Unsealing:
    """The files of one backup on their way back."""

    def __init__(
        self, backup: Backup, settings: Settings, *, manifest: Manifest, target: Path, progress: Callable[[str], None]
    ) -> None:
        self._backup, self._manifest, self._target, self._progress = backup, manifest, target, progress
        self._identities: Identities | None = None
        if manifest.encryption:
            from seachange.backup.encryption import read_identities

            self._identities = read_identities(settings, recipients=manifest.encryption)
        self._jobs = _jobs(settings)

    def run(self, physical: Physical) -> None:
        """Make all folders and files, and have them on disk."""
        for folder in sorted(physical.folders):
            (self._target / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        names = [file.path for file in self._manifest.files if file.path.startswith(f"{CLUSTER}/")]
        with contextlib.ExitStack() as stack:
            pool = concurrent.futures.ThreadPoolExecutor(self._jobs, thread_name_prefix="unseal")
            stack.callback(pool.shutdown, wait=True, cancel_futures=True)
            for done, future in enumerate([pool.submit(self._unseal, name) for name in names], start=1):
                future.result()
                if done % 100 == 0:
                    self._progress(f"{done} of {len(names)} files")
        for folder in physical.folders:
            sync_folder(self._target / folder)
        sync_folder(self._target)

    def _unseal(self, name: str) -> None:
        interrupt.check()
        plain = name.removeprefix(f"{CLUSTER}/").removesuffix(".age").removesuffix(".gz")
        with open_to_read(self._backup.path / name) as source, open_new(self._target / plain) as target:
            sink = _Inflated(target)
            if self._identities:
                from seachange.backup.encryption import decrypt_stream

                decrypt_stream(source, sink, self._identities, name=name)
            else:
                while block := source.read(_BLOCK):
                    sink.write(block)
            if not sink.complete:
                raise BackupInvalidError(f"{name} ends too early", hint="use another backup")
            sync_file(target)


class _Inflated:
    """A file that is written through gzip, in pieces of bounded size."""

    def __init__(self, file: Any) -> None:
        from isal import isal_zlib

        self._file = file
        self._stream = isal_zlib.decompressobj(16 + isal_zlib.MAX_WBITS)

    @property
    def complete(self) -> bool:
        """Whether the end was seen."""
        return bool(self._stream.eof)

    def write(self, data: bytes) -> None:
        """Take a piece of the compressed file."""
        interrupt.check()
        view = memoryview(data)
        for start in range(0, len(view), _BLOCK):
            rest, more = bytes(view[start : start + _BLOCK]), True
            while more and not self._stream.eof:
                piece = self._stream.decompress(rest, _MOST_BYTES)
                self._file.write(piece)
                rest = self._stream.unconsumed_tail
                # With the bound reached, more may be ready though all that was given is taken.
                more = bool(rest) or len(piece) == _MOST_BYTES
