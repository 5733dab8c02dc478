"""What has to be asked of a driver, whichever it is: psycopg, psycopg2 or asyncpg."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlalchemy as sa

__all__ = [
    "backend_pid",
    "in_autocommit",
    "in_transaction",
    "listening",
    "mogrify",
    "pid_of",
    "query",
    "sqlstate_of",
    "words_of",
]

_NUMBERED = re.compile(r"\$(\d+)")


@contextlib.contextmanager
def listening(target: object, listeners: Mapping[str, Callable[..., Any]]) -> Iterator[None]:
    """Listen to events of SQLAlchemy for the length of the block.

    :param target: an engine, or a class.
    :param listeners: what is called, by the name of the event.
    """
    from sqlalchemy import event

    with contextlib.ExitStack() as stack:
        for name, listener in listeners.items():
            event.listen(target, name, listener)
            stack.callback(event.remove, target, name, listener)
        yield


def backend_pid(connection: sa.Connection) -> int:
    """Return the process that serves a connection, as its driver was told when it connected."""
    return pid_of(connection.connection.driver_connection)


def pid_of(driver: Any) -> int:
    """Return the same for a connection of psycopg, psycopg2 or asyncpg itself."""
    return int(driver.info.backend_pid if hasattr(driver, "info") else driver.get_server_pid())


def in_autocommit(connection: sa.Connection) -> bool:
    """Say whether each statement on a connection is a transaction of its own."""
    driver: Any = connection.connection.dbapi_connection
    return bool(driver.autocommit)


def in_transaction(driver: Any) -> bool:
    """Say whether a connection of psycopg, psycopg2 or asyncpg itself is in a transaction on the server, a failed one too."""
    if hasattr(driver, "is_in_transaction"):
        return bool(driver.is_in_transaction())
    status = driver.get_transaction_status() if hasattr(driver, "get_transaction_status") else driver.info.transaction_status
    # 0 is idle in both.
    return int(status) != 0


def query(connection: Any, statement: str) -> list[tuple[Any, ...]]:
    """Return the rows of a statement without parameters, if it has any, past SQLAlchemy and its events.

    :param connection: a connection of DBAPI, or SQLAlchemy's proxy of one.
    :param statement: any statement.
    """
    cursor = connection.cursor()
    try:
        cursor.execute(statement)
        return [tuple(row) for row in cursor.fetchall()] if cursor.description else []
    finally:
        cursor.close()


def sqlstate_of(exc: BaseException) -> str:
    """Return the SQLSTATE of a driver's or SQLAlchemy's error, or nothing."""
    original: Any = getattr(exc, "orig", None) or exc
    return str(getattr(original, "sqlstate", None) or getattr(original, "pgcode", None) or "")


def words_of(exc: BaseException) -> tuple[str, str]:
    """Return the server's message and its detail, without what a driver puts around them; nothing if it is no server's error."""
    original: Any = getattr(exc, "orig", None) or exc
    if diagnosis := getattr(original, "diag", None):
        return str(diagnosis.message_primary or ""), str(diagnosis.message_detail or "")
    # asyncpg's own error is the cause of the one that SQLAlchemy makes for it.
    cause: Any = original.__cause__ if hasattr(original.__cause__, "sqlstate") else original
    if not sqlstate_of(cause):
        return "", ""
    return str(getattr(cause, "message", "") or ""), str(getattr(cause, "detail", "") or "")


def mogrify(connection: sa.Connection, statement: str, parameters: Any) -> str:
    """Return a statement with its parameters written out, for reading; what is sent stays as it is.

    :param connection: the connection that it is for.
    :param statement: the statement in the driver's own style of parameters.
    :param parameters: a sequence or a mapping of them, or nothing.
    """
    import psycopg

    driver: Any = connection.connection.driver_connection
    if isinstance(driver, psycopg.Connection):
        return psycopg.ClientCursor(driver).mogrify(statement, parameters)
    if isinstance(driver, psycopg.AsyncConnection):
        return psycopg.AsyncClientCursor(driver).mogrify(statement, parameters)
    if connection.dialect.paramstyle != "numeric_dollar":
        with driver.cursor() as cursor:
            return bytes(cursor.mogrify(statement, parameters)).decode()
    values = list(parameters or ())
    return _NUMBERED.sub(lambda found: _literal(values[int(found[1]) - 1]), statement) if values else statement


def _literal(value: object) -> str:
    from psycopg import ProgrammingError, sql

    try:
        return sql.Literal(value).as_string(None)
    except ProgrammingError:
        return sql.Literal(str(value)).as_string(None)
