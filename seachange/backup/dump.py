"""One dump of one database: the program, its watchdog, what it is told to take, and what a failure means."""

from __future__ import annotations

import dataclasses
import errno
import logging
import os
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from io import BufferedWriter
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from seachange.backup.checksums import DUMP_OPTIONS, DumpedTable, large_object_checksum, read_dumped_tables, table_checksums
from seachange.backup.contents import Contents, LargeObjects, TableContents, read_contents
from seachange.backup.directory import Seals, large_object_tallies, table_files
from seachange.backup.files import disk_error, full_disk, open_new, open_to_read, sync_file, sync_folder
from seachange.backup.manifest import BackupFile, Physical
from seachange.backup.sealing import ARCHIVE_NAMES, COMPRESSION, Sealed, seal_file
from seachange.backup.selection import EVERYTHING, Selected, Selection
from seachange.backup.snapshot import READ_HINT, Snapshot, blockers, hold_snapshot, lock_not_had, lock_tables
from seachange.backup.tally import large_objects
from seachange.config import Settings
from seachange.errors import (
    BackupFailedError,
    ExitCode,
    ProgramFailedError,
    SeachangeError,
    ServerUnreachableError,
    TimeoutExceededError,
)

if TYPE_CHECKING:
    from seachange.postgres.connection import Database

__all__ = ["Dumped", "Recipe", "client_version", "dump_database"]

log = logging.getLogger(__name__)

# Uncompressed archives restore flipped bytes without a complaint (30 of 60 tried); level 1 takes half the time of the default.
_CUSTOM_LEVEL = 1
_ATTEMPTS = 3
_MB = 1024**2
_ARCHIVE_MAGIC = b"PGDMP"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a dump is made: its format, what goes in, who can read it, with how many connections, and the size to expect."""

    format: Literal["custom", "directory", "physical"]
    selection: Selection = EVERYTHING
    recipients: tuple[str, ...] = ()
    jobs: int = 1
    expected_bytes: int = 0

    @property
    def compression(self) -> str:
        """The word for it in the manifest: of pg_dump itself, or of our own pass."""
        return f"gzip:{_CUSTOM_LEVEL}" if self.format == "custom" else COMPRESSION


@dataclasses.dataclass(frozen=True, kw_only=True)
class Dumped:
    """What was dumped, all of it as of one snapshot, and the files that hold it."""

    contents: Contents
    snapshot_lsn: str
    fingerprint: str
    files: tuple[BackupFile, ...] = ()
    tables: Mapping[str, TableContents] = dataclasses.field(default_factory=dict)
    large_objects: LargeObjects | None = None
    physical: Physical | None = None


def dump_database(
    database: Database, folder: Path, settings: Settings, *, recipe: Recipe, program: Path, progress: Callable[[str], None]
) -> Dumped:
    """Write an archive of a database into a folder, and wait until it is on disk.

    A lost connection is tried again with a new snapshot.

    :param database: the database.
    :param folder: an empty folder.
    :param settings: ``migration_timeout`` bounds the wait for locks, ``stall_timeout`` that for progress.
    :param recipe: how.
    :param program: pg_dump of the server's major version or a newer one.
    :param progress: told what was written so far.
    :returns: what the database held, in the snapshot of the dump.
    :raises BackupFailedError: there is no archive; the message says why.
    :raises TimeoutExceededError: another session holds a lock, or nothing moved for too long.
    """
    from seachange.postgres.connection import wait_until_reachable

    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return _Dump(database, folder, settings, recipe=recipe, program=program, progress=progress).run()
        except SeachangeError as exc:
            if attempt == _ATTEMPTS or not _is_lost_connection(exc):
                raise _failure(exc, database, folder) from exc
            log.warning("attempt %d to dump %s failed and is repeated: %s", attempt, database.redacted, exc)
            progress("the connection was lost; trying again")
            _empty(folder)
            wait_until_reachable(database, timeout_s=settings.migration_timeout / 1000)
    raise AssertionError("the last attempt returns or raises")


def client_version(program: Path) -> str:
    """Return the version of a client program, such as ``15.18``.

    :param program: the program.
    """
    from seachange.postgres.programs import run

    found = re.search(r"\d+(\.\d+|[a-z]+\d+)", run(program, ["--version"]).stdout.decode())
    return found[0] if found else "unknown"


class _Dump:
    """One attempt."""

    def __init__(
        self,
        database: Database,
        folder: Path,
        settings: Settings,
        *,
        recipe: Recipe,
        program: Path,
        progress: Callable[[str], None],
    ) -> None:
        self._database, self._folder, self._settings = database, folder, settings
        self._recipe, self._program, self._progress = recipe, program, progress

    def run(self) -> Dumped:
        from seachange.postgres.catalog import read_catalog

        with hold_snapshot(self._database, self._settings) as snapshot:
            selected = self._recipe.selection.resolve(snapshot.session)
            lock_tables(snapshot.session, self._database, selected)
            whole = read_contents(snapshot.session)
            tables = read_dumped_tables(snapshot.session)
            dumped = Dumped(
                contents=selected.contents(whole),
                snapshot_lsn=snapshot.lsn,
                fingerprint=read_catalog(snapshot.session).fingerprint,
            )
            wanted = {} if self._recipe.selection.schema_only else {name: tables[name] for name in selected.among(tables)}
            write = self._directory if self._recipe.format == "directory" else self._custom
            return write(snapshot, selected, dumped=dumped, tables=wanted)

    def _custom(self, snapshot: Snapshot, selected: Selected, *, dumped: Dumped, tables: Mapping[str, DumpedTable]) -> Dumped:
        name = ARCHIVE_NAMES["custom"]
        with open_new(self._folder / name) as file:
            options = ["--format=custom", f"--compress={_CUSTOM_LEVEL}"]
            self._pg_dump(snapshot, selected, options=options, stdout=file, look=lambda: self._look_at(file))
            sync_file(file)
        with open_to_read(self._folder / name) as written:
            if written.read(len(_ARCHIVE_MAGIC)) != _ARCHIVE_MAGIC:
                raise BackupFailedError(f"{self._program.name} ended without an error and without an archive")
        self._progress("reading the tables once more, for their checksums")
        contents = table_checksums(
            self._database,
            self._settings,
            tables=dict.fromkeys(tables),
            snapshot=snapshot.name,
            jobs=self._recipe.jobs,
            progress=lambda size: self._progress(f"checksums of {size / _MB:.1f} MB{self._share(size)}"),
        )
        whole = self._recipe.selection.scope == "database"
        objects = large_object_checksum(self._database, self._settings, snapshot=snapshot.name) if whole else None
        sealed = seal_file(self._folder, name, recipients=self._recipe.recipients)
        return dataclasses.replace(dumped, files=(sealed.file,), tables=contents, large_objects=objects)

    def _directory(self, snapshot: Snapshot, selected: Selected, *, dumped: Dumped, tables: Mapping[str, DumpedTable]) -> Dumped:
        recipe, archive = self._recipe, self._folder / ARCHIVE_NAMES["directory"]
        with Seals(self._folder, recipients=recipe.recipients, jobs=recipe.jobs) as seals:
            # We have every file on disk ourselves; one that is opened again for that could not be told from an unfinished one.
            options = ["--format=directory", "--compress=0", f"--jobs={recipe.jobs}", "--no-sync", f"--file={archive}"]
            self._pg_dump(snapshot, selected, options=options, look=lambda: self._look_into(seals, len(tables)))
            files = self._table_files(archive)
            self._progress("compressing and hashing the rest")
            sealed = seals.finish()
        sync_folder(archive)
        contents = {name: _contents(name, table, sealed.get(files.get(table.oid, ""))) for name, table in tables.items()}
        return dataclasses.replace(
            dumped,
            files=tuple(one.file for _, one in sorted(sealed.items())),
            tables=contents,
            large_objects=large_objects(large_object_tallies(sealed)) if recipe.selection.scope == "database" else None,
        )

    def _pg_dump(
        self,
        snapshot: Snapshot,
        selected: Selected,
        *,
        options: Sequence[str],
        look: Callable[[], int],
        stdout: BufferedWriter | None = None,
    ) -> None:
        from seachange.postgres.programs import run

        patience_ms = self._settings.migration_timeout
        common = [f"--lock-wait-timeout={max(1, patience_ms)}", f"--snapshot={snapshot.name}", *selected.arguments]
        run(
            self._program,
            [*options, *common],
            database=self._database,
            stdout=stdout,
            env={"PGOPTIONS": f"{self._database.parameters.get('options', '')} {DUMP_OPTIONS}".strip()},
            stall_timeout_s=(self._settings.stall_timeout + patience_ms) / 1000,
            progress=look,
        )

    def _table_files(self, archive: Path) -> dict[int, str]:
        from seachange.postgres import binaries
        from seachange.postgres.programs import run

        major = int(client_version(self._program).partition(".")[0])
        reader = binaries.client(self._settings, "pg_restore", major=major)
        return table_files(run(reader, ["--list", str(archive)]).stdout.decode("utf-8", "replace"))

    def _look_at(self, file: BufferedWriter) -> int:
        size = os.fstat(file.fileno()).st_size
        if size:
            self._progress(f"{size / _MB:.1f} MB written")
        return size

    def _look_into(self, seals: Seals, tables: int) -> int:
        size = seals.look()
        if size:
            self._progress(f"{seals.finished} of {tables} tables, {size / _MB:.1f} MB{self._share(size)}")
        return size

    def _share(self, size: int) -> str:
        expected = self._recipe.expected_bytes
        return f" ({min(99, size * 100 // expected)} %)" if expected else ""


def _contents(name: str, table: DumpedTable, sealed: Sealed | None) -> TableContents:
    if sealed is None:
        raise BackupFailedError(f"pg_dump ended without an error and left out {name}", hint="look at the server's log")
    return sealed.tally.contents(columns=table.columns)


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


_LOST = re.compile(
    r"server closed the connection|terminating connection|connection not open|could not receive data|could not send data"
    r"|SSL SYSCALL|the database system is (shutting down|starting up|in recovery)|invalid snapshot identifier"
)


def _is_lost_connection(exc: SeachangeError) -> bool:
    if isinstance(exc, ProgramFailedError):
        # The transaction that holds the snapshot may be cut before pg_dump takes it over.
        return bool(_LOST.search(exc.stderr)) or exc.exit_code == ExitCode.TRY_AGAIN
    return isinstance(exc, ServerUnreachableError)


def _failure(exc: SeachangeError, database: Database, folder: Path) -> SeachangeError:
    if not isinstance(exc, ProgramFailedError):
        return exc
    if "No space left on device" in exc.stderr or "Disk quota exceeded" in exc.stderr:
        return full_disk(folder.parent)
    if not folder.is_dir():
        return disk_error(FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(folder)), folder.parent)
    if _is_lost_connection(exc):
        message = f"{database.name} was not backed up: the connection was lost {_ATTEMPTS} times, at last with: {exc.message}"
        return BackupFailedError(message, hint="look at the server's log", exit_code=ExitCode.TRY_AGAIN)
    return _locked(exc, database) or BackupFailedError(
        f"{database.name} was not backed up: {exc.message}", hint=_hint(exc.stderr) or exc.hint
    )


def _hint(stderr: str) -> str:
    if "permission denied" in stderr:
        return READ_HINT
    return "use a role with BYPASSRLS: a backup that leaves rows out is none" if "row-level security" in stderr else ""


def _locked(exc: ProgramFailedError, database: Database) -> TimeoutExceededError | None:
    # pg_dump waits for locks under a statement timeout, and locks many tables by one statement.
    found = re.search(r"LOCK TABLE (.+) IN ACCESS SHARE MODE", exc.stderr)
    if found is None or not ("timeout" in exc.stderr or blockers(database)):
        return None
    return lock_not_had(found[1].split(", "), database)
