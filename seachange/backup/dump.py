"""One dump of one database: its snapshot, the program, the watchdog, and what a failure means."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from io import BufferedWriter
from pathlib import Path
from typing import TYPE_CHECKING, Any, LiteralString

from seachange.backup.checksums import DUMP_OPTIONS, large_object_checksum, table_checksums
from seachange.backup.contents import Contents, LargeObjects, TableContents, read_contents
from seachange.backup.files import full_disk, open_new, open_to_read, sync_file
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
    from seachange.postgres.connection import Database, Session

__all__ = ["COMPRESSION", "FORMAT", "Dumped", "client_version", "dump_database"]

log = logging.getLogger(__name__)

# Uncompressed archives restore flipped bytes without a complaint (30 of 60 tried); level 1 takes half the time of the default.
FORMAT = "custom"
COMPRESSION = "gzip:1"
_ARCHIVE_MAGIC = b"PGDMP"
_ATTEMPTS = 3

# Asked before the snapshot is taken: what is committed after it has a higher one, also while this was asked.
_LSN = """
    SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END::text
"""

_LOCKABLE = """
    SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
    ORDER BY c.oid
"""
_LOCKED_AT_ONCE = 500

_BLOCKERS = """
    SELECT format('pid %%s (%%s, %%s since %%s) holds %%s', a.pid, coalesce(nullif(a.application_name, ''), 'unnamed'), a.state,
                  to_char(a.state_change, 'HH24:MI:SS'), l.relation::regclass)
    FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
    WHERE l.mode = 'AccessExclusiveLock' AND l.granted AND l.relation >= 16384
      AND l.database = (SELECT oid FROM pg_database WHERE datname = %s)
    ORDER BY a.state_change LIMIT 3
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Dumped:
    """What was dumped, all of it as of one snapshot."""

    contents: Contents
    snapshot_lsn: str
    fingerprint: str
    tables: Mapping[str, TableContents] = dataclasses.field(default_factory=dict)
    large_objects: LargeObjects | None = None


def dump_database(
    database: Database, path: Path, settings: Settings, *, program: Path, progress: Callable[[str], None]
) -> Dumped:
    """Write an archive of the whole database to a new file, and wait until it is on disk.

    A lost connection is tried again with a new snapshot.

    :param database: the database.
    :param path: the archive; it must not exist.
    :param settings: ``migration_timeout`` bounds the wait for locks, ``stall_timeout`` that for progress.
    :param program: pg_dump of the server's major version or a newer one.
    :param progress: told what was written so far.
    :returns: what the database held, in the snapshot of the dump.
    :raises BackupFailedError: there is no archive; the message says why.
    :raises TimeoutExceededError: another session holds a lock, or nothing moved for too long.
    """
    from seachange.postgres.connection import wait_until_reachable

    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return _dump_once(database, path, settings, program=program, progress=progress)
        except SeachangeError as exc:
            if attempt == _ATTEMPTS or not _is_lost_connection(exc):
                raise _failure(exc, database, path) from exc
            log.warning("attempt %d to dump %s failed and is repeated: %s", attempt, database.redacted, exc)
            progress("the connection was lost; trying again")
            path.unlink(missing_ok=True)
            wait_until_reachable(database, timeout_s=settings.migration_timeout / 1000)
    raise AssertionError("the last attempt returns or raises")


def client_version(program: Path) -> str:
    """Return the version of a client program, such as ``15.18``.

    :param program: the program.
    """
    from seachange.postgres.programs import run

    found = re.search(r"\d+(\.\d+|[a-z]+\d+)", run(program, ["--version"]).stdout.decode())
    return found[0] if found else "unknown"


def _dump_once(database: Database, path: Path, settings: Settings, *, program: Path, progress: Callable[[str], None]) -> Dumped:
    from seachange.postgres.catalog import read_catalog
    from seachange.postgres.programs import run

    with open_new(path) as file, _snapshot(database, settings) as (session, snapshot, lsn):
        _lock_tables(session, database)
        dumped = Dumped(contents=read_contents(session), snapshot_lsn=lsn, fingerprint=read_catalog(session).fingerprint)
        run(
            program,
            _arguments(snapshot, settings),
            database=database,
            stdout=file,
            env={"PGOPTIONS": f"{database.parameters.get('options', '')} {DUMP_OPTIONS}".strip()},
            stall_timeout_s=(settings.stall_timeout + settings.migration_timeout) / 1000,
            progress=lambda: _report_size(file, progress),
        )
        sync_file(file)
        progress("reading the tables once more, for their checksums")
        dumped = dataclasses.replace(
            dumped,
            tables=table_checksums(database, settings, snapshot=snapshot),
            large_objects=large_object_checksum(database, settings, snapshot=snapshot),
        )
    with open_to_read(path) as written:
        if written.read(len(_ARCHIVE_MAGIC)) != _ARCHIVE_MAGIC:
            raise BackupFailedError(f"{program.name} ended without an error and without an archive")
    return dumped


def _arguments(snapshot: str, settings: Settings) -> list[str]:
    return [
        f"--format={FORMAT}",
        f"--compress={COMPRESSION.partition(':')[2]}",
        f"--lock-wait-timeout={max(1, settings.migration_timeout)}",
        f"--snapshot={snapshot}",
    ]


@contextlib.contextmanager
def _snapshot(database: Database, settings: Settings) -> Iterator[tuple[Session, str, str]]:
    """Hold a transaction whose snapshot the dump uses, so that what is said about the contents is what is in the dump."""
    import psycopg

    from seachange.postgres.connection import connect

    patience_ms = max(1, settings.migration_timeout)
    with contextlib.closing(connect(database, lock_timeout_ms=patience_ms, statement_timeout_ms=0)) as session:
        session.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        session.read_only = True
        try:
            lsn = _text(session, _LSN)
            session.rollback()
            yield session, _text(session, "SELECT pg_export_snapshot()"), lsn
        except psycopg.OperationalError as exc:
            raise ServerUnreachableError(f"the connection to {database.redacted} was lost: {exc}") from exc
        except psycopg.Error as exc:
            raise BackupFailedError(f"{database.redacted} cannot be read: {exc}", hint=_READ_HINT) from exc


def _lock_tables(session: Session, database: Database) -> None:
    """Keep every table as it is until the transaction ends, as pg_dump will: the catalogue is not read out of one moment else."""
    import psycopg

    names = [row[0] for row in session.execute(_LOCKABLE)]
    for some in (names[at : at + _LOCKED_AT_ONCE] for at in range(0, len(names), _LOCKED_AT_ONCE)):
        try:
            session.execute(f"LOCK TABLE ONLY {', ONLY '.join(some)} IN ACCESS SHARE MODE".encode())
        except psycopg.errors.LockNotAvailable as exc:
            raise _not_locked(some, database) from exc


def _text(session: Session, query: LiteralString) -> str:
    row = session.execute(query).fetchone()
    return str(row[0]) if row else ""


def _report_size(file: BufferedWriter, progress: Callable[[str], None]) -> int:
    size = os.fstat(file.fileno()).st_size
    if size:
        progress(f"{size / 1024**2:.1f} MB written")
    return size


_READ_HINT = "grant the user pg_read_all_data (PostgreSQL 14 and later), or back up as the owner"

_LOST = re.compile(
    r"server closed the connection|terminating connection|connection not open|could not receive data|could not send data"
    r"|SSL SYSCALL|the database system is (shutting down|starting up|in recovery)|invalid snapshot identifier"
)


def _is_lost_connection(exc: SeachangeError) -> bool:
    if isinstance(exc, ProgramFailedError):
        # The transaction that holds the snapshot may be cut before pg_dump takes it over.
        return bool(_LOST.search(exc.stderr)) or exc.exit_code == ExitCode.TRY_AGAIN
    return isinstance(exc, ServerUnreachableError)


def _failure(exc: SeachangeError, database: Database, path: Path) -> SeachangeError:
    if not isinstance(exc, ProgramFailedError):
        return exc
    if "No space left on device" in exc.stderr or "Disk quota exceeded" in exc.stderr:
        return full_disk(path.parent.parent)
    if _is_lost_connection(exc):
        message = f"{database.name} was not backed up: the connection was lost {_ATTEMPTS} times, at last with: {exc.message}"
        return BackupFailedError(message, hint="look at the server's log", exit_code=ExitCode.TRY_AGAIN)
    return _locked(exc, database) or BackupFailedError(
        f"{database.name} was not backed up: {exc.message}", hint=_hint(exc.stderr) or exc.hint
    )


def _hint(stderr: str) -> str:
    if "permission denied" in stderr:
        return _READ_HINT
    return "use a role with BYPASSRLS: a backup that leaves rows out is none" if "row-level security" in stderr else ""


def _locked(exc: ProgramFailedError, database: Database) -> TimeoutExceededError | None:
    # pg_dump waits for locks under a statement timeout, and locks many tables by one statement.
    found = re.search(r"LOCK TABLE (.+) IN ACCESS SHARE MODE", exc.stderr)
    if found is None or not ("timeout" in exc.stderr or _blockers(database)):
        return None
    return _not_locked(found[1].split(", "), database)


def _not_locked(names: Sequence[str], database: Database) -> TimeoutExceededError:
    blockers = _blockers(database)
    what = names[0] if len(names) == 1 else f"one of {len(names)} tables"
    return TimeoutExceededError(
        f"{database.name} was not backed up: a lock on {what} was not to be had in time"
        + (f"; {'; '.join(blockers)}" if blockers else ""),
        hint="wait for that session to end, or raise MIGRATION_TIMEOUT",
    )


def _blockers(database: Database) -> list[str]:
    from seachange.postgres.connection import connect

    with contextlib.closing(connect(database, autocommit=True)) as session:
        rows: list[tuple[Any, ...]] = session.execute(_BLOCKERS, [database.name]).fetchall()
    return [row[0] for row in rows]
