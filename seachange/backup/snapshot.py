"""The moment that a dump is of: one transaction that lends its snapshot, with every table kept as it is."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, LiteralString

from seachange.backup.selection import Selected
from seachange.config import Settings
from seachange.errors import BackupFailedError, ServerUnreachableError, TimeoutExceededError

if TYPE_CHECKING:
    from seachange.postgres.connection import Database, Session

__all__ = ["READ_HINT", "Snapshot", "blockers", "hold_snapshot", "lock_not_had", "lock_tables"]

READ_HINT = "grant the user pg_read_all_data (PostgreSQL 14 and later), or back up as the owner"

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
class Snapshot:
    """A transaction that others can see the same moment as; ``lsn`` is a position in the server's log that is not after it."""

    session: Session
    name: str
    lsn: str


@contextlib.contextmanager
def hold_snapshot(database: Database, settings: Settings) -> Iterator[Snapshot]:
    """Hold a transaction whose snapshot the dump uses, so that what is said about the contents is what is in the dump.

    :param database: the database.
    :param settings: ``migration_timeout`` bounds the wait for locks.
    :raises ServerUnreachableError: the connection was lost.
    :raises BackupFailedError: the server refuses to be read.
    """
    import psycopg

    from seachange.postgres.connection import connect

    patience_ms = max(1, settings.migration_timeout)
    with contextlib.closing(connect(database, lock_timeout_ms=patience_ms, statement_timeout_ms=0)) as session:
        session.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        session.read_only = True
        try:
            lsn = _text(session, _LSN)
            session.rollback()
            yield Snapshot(session=session, name=_text(session, "SELECT pg_export_snapshot()"), lsn=lsn)
        except psycopg.errors.LockNotAvailable as exc:
            raise lock_not_had(["what a dump reads"], database) from exc
        except psycopg.OperationalError as exc:
            raise ServerUnreachableError(f"the connection to {database.redacted} was lost: {exc}") from exc
        except psycopg.Error as exc:
            raise BackupFailedError(f"{database.redacted} cannot be read: {exc}", hint=READ_HINT) from exc


def lock_tables(session: Session, database: Database, selected: Selected) -> None:
    """Keep tables as they are until the transaction ends, as pg_dump will: the catalogue is not read out of one moment else.

    :param session: the transaction.
    :param database: the database.
    :param selected: what goes into the backup.
    :raises TimeoutExceededError: another session holds a lock; the message names it.
    """
    import psycopg

    names = selected.among(row[0] for row in session.execute(_LOCKABLE))
    for some in (names[at : at + _LOCKED_AT_ONCE] for at in range(0, len(names), _LOCKED_AT_ONCE)):
        try:
            session.execute(f"LOCK TABLE ONLY {', ONLY '.join(some)} IN ACCESS SHARE MODE".encode())
        except psycopg.errors.LockNotAvailable as exc:
            raise lock_not_had(some, database) from exc


def lock_not_had(names: Sequence[str], database: Database) -> TimeoutExceededError:
    """Return the error for tables whose locks another session holds, with who that is.

    :param names: the tables that were to be locked at once.
    :param database: the database.
    """
    found = blockers(database)
    what = names[0] if len(names) == 1 else f"one of {len(names)} tables"
    return TimeoutExceededError(
        f"{database.name} was not backed up: a lock on {what} was not to be had in time"
        + (f"; {'; '.join(found)}" if found else ""),
        hint="wait for that session to end, or raise MIGRATION_TIMEOUT",
    )


def blockers(database: Database) -> list[str]:
    """Return who holds locks that keep others from reading, as sentences.

    :param database: the database.
    """
    from seachange.postgres.connection import connect

    with contextlib.closing(connect(database, autocommit=True)) as session:
        rows: list[tuple[Any, ...]] = session.execute(_BLOCKERS, [database.name]).fetchall()
    return [row[0] for row in rows]


def _text(session: Session, query: LiteralString) -> str:
    row = session.execute(query).fetchone()
    return str(row[0]) if row else ""
