"""The table ``seachange.history``: making it, bringing it up to date, writing one row."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import psycopg

from seachange.errors import StatementFailedError
from seachange.postgres.drivers import sqlstate_of, words_of

if TYPE_CHECKING:
    import sqlalchemy as sa

__all__ = ["COLUMNS", "CREATE", "VERSION", "insert", "insert_within", "make", "read_version", "write_within"]

VERSION = 2

# Later versions only add columns that may be null or have a default, so that an older release can go on writing its own.
CREATE = """
create schema if not exists seachange;
create table if not exists seachange.history (
    id bigint generated always as identity primary key,
    run_id text not null,
    command text not null,
    revision text not null,
    direction text not null check (direction in ('upgrade', 'downgrade', 'restore')),
    outcome text not null,
    content_hash text,
    file_hash text,
    version_table text not null,
    started timestamptz not null,
    duration_ms double precision,
    database_user text not null default session_user,
    actor text not null,
    tool_version text not null,
    git_commit text,
    git_dirty boolean,
    sqlstate text,
    error text,
    allowed text
);
create index if not exists history_revision_idx on seachange.history (version_table, revision, id);
comment on schema seachange is 'Seachange keeps here which revisions were run in this database';
"""
_MARK = "comment on table seachange.history is 'what Seachange ran in this database (format {version})'"

# What brings a table of version N to N + 1, beginning with the first.
_STEPS: tuple[str, ...] = (CREATE, "alter table seachange.history add column if not exists allowed text")

COLUMNS = (
    "run_id",
    "command",
    "revision",
    "direction",
    "outcome",
    "content_hash",
    "file_hash",
    "version_table",
    "duration_ms",
    "actor",
    "tool_version",
    "git_commit",
    "git_dirty",
    "sqlstate",
    "error",
    "allowed",
)

_INSERT = f"""
insert into seachange.history (started, {", ".join(COLUMNS)})
values (
    pg_catalog.clock_timestamp() - coalesce(%(duration_ms)s::float8, 0) * interval '1 ms',
    {", ".join(f"%({name})s" for name in COLUMNS)}
)
"""  # noqa: S608 - the names above and nothing else

# A lock on the history must not hold up those that wait for the revision's own locks; COMMIT has the session's timeout again.
_BEFORE = (
    "savepoint seachange_history",
    "select set_config('seachange.lock_timeout', current_setting('lock_timeout'), true)",
    "select set_config('lock_timeout', '500ms', true)",
)
_AFTER = (
    "select set_config('lock_timeout', current_setting('seachange.lock_timeout'), true)",
    "release savepoint seachange_history",
)
_UNDO = ("rollback to savepoint seachange_history", "release savepoint seachange_history")

# no_active_sql_transaction
_NO_TRANSACTION = "25P01"

_FORMAT = re.compile(r"\(format (\d+)\)")

_LOOK = """
select to_regclass('seachange.history') is not null, obj_description(to_regclass('seachange.history'), 'pg_class'),
    exists (select from pg_catalog.pg_attribute where attrelid = to_regclass('seachange.history') and attname = 'allowed')
"""

# One key for all version tables of a database: the migration lock has one for each.
_LOCK = "select pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('seachange.history', 0))"


def read_version(connection: psycopg.Connection[Any]) -> int:
    """Return the version of the table, 0 when there is none.

    :raises psycopg.Error: the table cannot be looked at.
    """
    row = connection.execute(_LOOK).fetchone()
    if row is None or not row[0]:
        return 0
    found = _FORMAT.search(str(row[1] or ""))
    # What an administrator has made bears no mark.
    return int(found[1]) if found else (VERSION if row[2] else 1)


def make(connection: psycopg.Connection[Any]) -> None:
    """Make the table, or add what an earlier version of it has not, in the transaction of ``connection``.

    :raises psycopg.Error: a right is missing, or somebody holds a lock.
    """
    connection.execute(_LOCK)
    version = read_version(connection)
    for step in _STEPS[version:]:
        connection.execute(step)
    if version < VERSION:
        connection.execute(_MARK.format(version=VERSION))


def insert(connection: psycopg.Connection[Any], row: Mapping[str, object]) -> None:
    """Write one row, a mapping with :data:`COLUMNS` as keys.

    :raises psycopg.Error: it cannot be written.
    """
    connection.execute(_INSERT, row)


def insert_within(connection: sa.Connection, row: Mapping[str, object]) -> None:
    """Write one row as :func:`write_within` does."""
    write_within(connection, _INSERT % {name: psycopg.sql.Literal(value).as_string(None) for name, value in row.items()})


def write_within(connection: sa.Connection, written_out: str) -> None:
    """Write something inside the transaction of a revision, which goes on whether that works or not.

    SQLAlchemy's events are passed by: listeners of the engine see the revision's statements and not this one.

    :param connection: that of the revision.
    :param written_out: SQL without parameters.
    :raises StatementFailedError: it cannot be written; the transaction is as it was before.
    :raises InterruptedRunError: the run was interrupted.
    """
    driver = connection.dialect.loaded_dbapi
    try:
        try:
            _send(connection, (*_BEFORE, written_out, *_AFTER))
        except driver.Error as exc:
            if sqlstate_of(exc) != _NO_TRANSACTION:
                raise
            # The revision has sent COMMIT past its driver: what follows it, the version row too, is committed one by one.
            _send(connection, (written_out,))
    except driver.Error as exc:
        # A connection that broke is met again by COMMIT, where it is known what to make of it.
        with contextlib.suppress(driver.Error):
            _send(connection, _UNDO)
        raise StatementFailedError(words_of(exc)[0] or " ".join(str(exc).split())) from exc


def _send(connection: sa.Connection, statements: Iterable[str]) -> None:
    # asyncpg prepares each text that it sends, and a prepared statement is one statement.
    texts = statements if connection.dialect.driver == "asyncpg" else ("; ".join(statements),)
    cursor = connection.connection.cursor()
    try:
        for text in texts:
            cursor.execute(text)
    finally:
        cursor.close()
