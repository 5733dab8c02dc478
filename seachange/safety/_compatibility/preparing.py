"""Let a server prepare statements: what it says of those that it cannot."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from seachange.safety._compatibility.values import Failure

if TYPE_CHECKING:
    import psycopg
    from psycopg.pq.abc import PGresult

__all__ = ["Prepared", "describe", "failure_of", "prepare"]

_CHANGED_RESULT = "cached plan must not change result type"


class Prepared:
    """Statements that a session has prepared, as drivers keep them; ``failures`` by number are those that it could not."""

    def __init__(self, connection: psycopg.Connection[Any], texts: Sequence[str]) -> None:
        self._connection = connection
        self._texts = texts
        self.failures: Mapping[int, Failure] = prepare(connection, texts, prefix="kept")

    def outdated(self) -> frozenset[int]:
        """Execute each again, without an effect, and return those that the server refuses since their result has another type."""
        found = set()
        for number in range(len(self._texts)):
            if number not in self.failures and self._execute(number) == _CHANGED_RESULT:
                found.add(number)
        return frozenset(found)

    def _execute(self, number: int) -> str:
        session = self._connection.pgconn
        name = f"kept{number}".encode()
        described = session.describe_prepared(name)
        if failure_of(described):
            # It was analysed anew for that, and says then what executing it would.
            return _text(described)
        if not described.nfields:
            return ""
        session.exec_(b"begin")
        try:
            nothing: list[Any] = [None] * described.nparams
            return _text(session.exec_prepared(name, nothing))
        finally:
            session.exec_(b"rollback")


def prepare(connection: psycopg.Connection[Any], texts: Sequence[str], *, prefix: str = "") -> dict[int, Failure]:
    """Prepare statements and return, by number, why those that fail do.

    :param connection: in autocommit mode, without a transaction.
    :param texts: the statements, parameters written as ``$1``.
    :param prefix: keep them, under this name and their number; by default they are forgotten at once.
    """
    session = connection.pgconn
    failures = {}
    for number, text in enumerate(texts):
        result = session.prepare(f"{prefix}{number}".encode() if prefix else b"", text.encode())
        if failure := failure_of(result):
            failures[number] = failure
    return failures


def describe(connection: psycopg.Connection[Any], text: str, *, columns: bool = True) -> Failure | dict[str, str]:
    """Prepare a statement and return its columns with their types, or why it cannot be prepared.

    :param connection: in autocommit mode, without a transaction.
    :param text: the statement.
    :param columns: whether the columns are asked for.
    """
    session = connection.pgconn
    if failure := failure_of(session.prepare(b"", text.encode())):
        return failure
    if not columns:
        return {}
    result = session.describe_prepared(b"")
    names = [(result.fname(number) or b"").decode() for number in range(result.nfields)]
    kinds = [(result.ftype(number), result.fmod(number)) for number in range(result.nfields)]
    query = "select " + ", ".join("format_type(%s, %s)" for _ in kinds)
    row = connection.execute(query.encode(), [part for kind in kinds for part in kind]).fetchone() if kinds else ()
    return dict(zip(names, map(str, row or ()), strict=False))


def failure_of(result: PGresult) -> Failure | None:
    """Return what a server said when it failed, None when it did not.

    :param result: its answer.
    """
    from psycopg.pq import DiagnosticField, ExecStatus

    if result.status != ExecStatus.FATAL_ERROR:
        return None
    sqlstate = result.error_field(DiagnosticField.SQLSTATE) or b""
    return Failure(sqlstate=sqlstate.decode(), message=_text(result))


def _text(result: PGresult) -> str:
    from psycopg.pq import DiagnosticField

    with contextlib.suppress(UnicodeDecodeError):
        return (result.error_field(DiagnosticField.MESSAGE_PRIMARY) or b"").decode()
    return ""
