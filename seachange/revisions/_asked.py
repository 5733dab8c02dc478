"""A connection that leads nowhere: it notes what is sent, and tells when somebody wants an answer."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy.engine.mock import MockConnection

__all__ = ["AskedSignal", "OfflineConnection"]

Send = Callable[[Any, Mapping[str, Any]], None]


class AskedSignal(BaseException):
    """Ends a revision that looks at what a database would answer; no error, so that it is not caught as one."""


class OfflineConnection(MockConnection):
    """Stands for a connection of SQLAlchemy where there is no database.

    :param dialect: what SQL is written for.
    :param send: told each statement, with its parameters.
    :param end: told when the transaction ends.
    """

    def __init__(self, dialect: Any, *, send: Send, end: Callable[[], None]) -> None:
        super().__init__(dialect, self._note)
        self._send = send
        self._end = end

    def _note(self, statement: Any, parameters: Any) -> _Answer:
        """Note a statement, once for each row of parameters."""
        for row in parameters if isinstance(parameters, Sequence) and parameters else [parameters]:
            self._send(statement, row or {})
        return _Answer()

    def exec_driver_sql(self, statement: str, parameters: Any = None, **options: Any) -> _Answer:
        """Note a text; its parameters, in whatever style, stay placeholders."""
        del parameters, options
        from sqlalchemy import text

        self._send(text(statement.replace(":", "\\:")), {})
        return _Answer()

    @contextlib.contextmanager
    def begin(self) -> Iterator[OfflineConnection]:
        """Stay in the transaction that there is."""
        yield self

    begin_nested = begin

    def in_transaction(self) -> bool:
        """Say yes, as for every revision that Alembic runs."""
        return True

    def commit(self) -> None:
        """Note the end of the transaction."""
        self._end()

    def __getattr__(self, name: str) -> Any:
        raise AskedSignal(f"connection.{name}")


class _Answer:
    """What a statement would give back, which nobody knows."""

    def close(self) -> None:
        """Do nothing: there is nothing to close."""

    def __iter__(self) -> Iterator[Any]:
        raise AskedSignal("the rows of a query")

    def __bool__(self) -> bool:
        raise AskedSignal("the rows of a query")

    def __getattr__(self, name: str) -> Any:
        raise AskedSignal(f"result.{name}")
