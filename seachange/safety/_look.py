"""One bounded read of the database: its own short transaction, and a reason when it could not be made."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from seachange.errors import ServerUnreachableError
from seachange.postgres.connection import redact

if TYPE_CHECKING:
    import psycopg
    from psycopg.sql import Composed

__all__ = ["NotCheckedError", "Row", "look"]

Row = tuple[Any, ...]

# Without row_security = off, a policy would hide rows from the check and nobody would know.
_SETTINGS = """
SELECT pg_catalog.set_config('statement_timeout', %s, true), pg_catalog.set_config('row_security', 'off', true),
       pg_catalog.set_config('transaction_read_only', 'on', true)
"""


class NotCheckedError(Exception):
    """The check could not be made; the message says why, ``sqlstate`` what the server called it.

    :param message: why.
    :param sqlstate: empty where the server has said nothing.
    """

    def __init__(self, message: str, *, sqlstate: str = "") -> None:
        super().__init__(message)
        self.sqlstate = sqlstate


def look(
    connection: psycopg.Connection,
    query: str | Composed,
    *,
    timeout_ms: int,
    parameters: Sequence[object] = (),
    before: str = "",
) -> Sequence[Row]:
    """Run a query in a transaction of its own, or in a savepoint of the one that is open, and return all rows.

    Locks are released at once, so that a later check of another table holds up nobody at this one.

    :param connection: a session.
    :param query: the query.
    :param timeout_ms: how long it may take; 0 sets no limit.
    :param parameters: values for its placeholders.
    :param before: a statement that is run before it in the same transaction, which can write nothing.
    :raises NotCheckedError: the time was not enough, a lock was not to be had, or the user may not see all rows.
    :raises ServerUnreachableError: the connection was lost.
    """
    import psycopg
    from psycopg.rows import tuple_row

    text = query.encode() if isinstance(query, str) else query
    begin = time.monotonic()
    try:
        with connection.transaction(force_rollback=True), connection.cursor(row_factory=tuple_row) as cursor:
            cursor.execute(_SETTINGS, [str(timeout_ms)])
            if before:
                cursor.execute(before.encode())
            rows: Sequence[Row] = cursor.execute(text, parameters or None).fetchall()
            return rows
    except psycopg.Error as exc:
        if connection.broken:
            raise ServerUnreachableError(f"the connection was lost: {redact(str(exc))}", hint="try again") from exc
        spent_ms = (time.monotonic() - begin) * 1000
        reason = _reason(exc, timeout_ms=timeout_ms, spent_ms=spent_ms)
        raise NotCheckedError(reason, sqlstate=exc.sqlstate or "") from exc


def _reason(exc: psycopg.Error, *, timeout_ms: int, spent_ms: float) -> str:
    import psycopg

    if isinstance(exc, psycopg.errors.QueryCanceled) and timeout_ms and spent_ms >= timeout_ms:
        return f"not checked within {timeout_ms / 1000:g} s"
    if isinstance(exc, psycopg.errors.LockNotAvailable):
        return "not checked, because another session holds a lock on it"
    return f"not checked: {exc.diag.message_primary or redact(str(exc))}"
