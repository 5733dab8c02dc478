"""The transaction that the catalogue is read in, and what its failures mean."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from seachange.errors import ExitCode, SeachangeError, ServerUnreachableError, StatementFailedError, TimeoutExceededError
from seachange.postgres._catalog_queries import SESSION
from seachange.postgres._catalog_rows import Row
from seachange.postgres.redaction import redact

if TYPE_CHECKING:
    import psycopg

__all__ = ["Query", "exported_snapshot", "steady"]

Query = Callable[[str, Mapping[str, object]], Sequence[Row]]

_STEADY = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"


@contextlib.contextmanager
def steady(connection: psycopg.Connection) -> Iterator[Query]:
    """Open a transaction, or a savepoint in the one that is open, that sees one moment; it is rolled back at the end.

    :param connection: the session; what it has set is set again afterwards.
    :returns: a function that runs a query with parameters and returns all rows.
    :raises TimeoutExceededError: a lock or statement timeout ran out.
    :raises ServerUnreachableError: the connection was lost.
    :raises StatementFailedError: the server refused.
    """
    import psycopg
    from psycopg.rows import namedtuple_row

    idle = connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
    try:
        with connection.transaction(force_rollback=True), connection.cursor(row_factory=namedtuple_row) as cursor:
            if idle:
                cursor.execute(_STEADY)
            cursor.execute(SESSION)
            yield lambda query, parameters: cursor.execute(query.encode(), parameters).fetchall()
    except psycopg.Error as exc:
        raise _failure(connection, exc) from exc


@contextlib.contextmanager
def exported_snapshot(connection: psycopg.Connection) -> Iterator[str]:
    """Open a transaction that sees one moment and name that moment for pg_dump; it is rolled back at the end.

    :param connection: an idle session.
    :returns: the value for ``pg_dump --snapshot``.
    :raises SeachangeError: as for :func:`steady`.
    """
    import psycopg

    try:
        with connection.transaction(force_rollback=True):
            connection.execute(_STEADY)
            row = connection.execute("SELECT pg_catalog.pg_export_snapshot()").fetchone()
            yield str(row[0]) if row else ""
    except psycopg.Error as exc:
        raise _failure(connection, exc) from exc


def _failure(connection: psycopg.Connection, exc: psycopg.Error) -> SeachangeError:
    import psycopg

    what = f"the catalogue of the database {connection.info.dbname!r} could not be read: {redact(str(exc)).splitlines()[0]}"
    if isinstance(exc, (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled)):
        return TimeoutExceededError(what, hint="another session holds a lock, or statement_timeout is too short; try again")
    if connection.broken:
        return ServerUnreachableError(what, hint="the connection was lost; try again")
    if isinstance(exc, (psycopg.errors.InternalError, psycopg.errors.UndefinedTable, psycopg.errors.UndefinedObject)):
        return StatementFailedError(what, hint="the schema changed while it was read; try again", exit_code=ExitCode.TRY_AGAIN)
    return StatementFailedError(what)
