"""Watch the statements of one revision on its connection: the one under way, and whether something was committed."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from seachange.postgres.drivers import in_autocommit, query

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

__all__ = ["StatementWatch", "shorten"]

_READS = re.compile(r"\s*(select|show|set|reset|values|explain|table)\b", re.IGNORECASE)
# END is a commit only as a statement of its own: blocks of PL/pgSQL end with it too.
_COMMITS = re.compile(r"\A\s*(commit|end)\b|;\s*commit\b", re.IGNORECASE)
_CONCURRENTLY = re.compile(r"\bconcurrently\b", re.IGNORECASE)
_LONGEST = 200


def shorten(statement: str) -> str:
    """Return a statement on one line, cut where a message would drown in it."""
    text = " ".join(statement.split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."


class StatementWatch:
    """What a revision's statements did to the database, as far as a rollback does not undo it.

    ``committed`` is true once work of the current revision cannot be rolled back any more; ``statement`` is the one under way.
    """

    def __init__(self) -> None:
        self.committed = False
        self.statement = ""
        self.concurrent = False
        self._pending = False
        self._lock_timeout = ""

    def begin(self) -> None:
        """Forget what the revision before did."""
        self.committed, self.statement, self.concurrent, self._pending = False, "", False, False

    @contextlib.contextmanager
    def listening(self, engine: Engine) -> Iterator[None]:
        """Listen to the connections of ``engine``."""
        from sqlalchemy import event

        listeners: tuple[tuple[str, Callable[..., None]], ...] = (
            ("before_cursor_execute", self._before),
            ("after_cursor_execute", self._after),
            ("commit", self._commit),
            ("rollback", self._rollback),
        )
        for name, listener in listeners:
            event.listen(engine, name, listener)
        try:
            yield
        finally:
            for name, listener in listeners:
                event.remove(engine, name, listener)

    def _before(self, connection: Connection, cursor: Any, statement: str, *_: Any) -> None:
        del cursor
        self.statement = statement
        self.concurrent = bool(_CONCURRENTLY.search(statement)) and in_autocommit(connection)
        self._set_lock_timeout(connection)

    def _set_lock_timeout(self, connection: Connection) -> None:
        """Lift lock_timeout for a concurrent build: it waits for every older transaction, and stopped it leaves wreckage."""
        if self.concurrent and not self._lock_timeout:
            rows = query(connection.connection, "select current_setting('lock_timeout'), set_config('lock_timeout', '0', false)")
            self._lock_timeout = str(rows[0][0])
        elif not self.concurrent and self._lock_timeout:
            query(connection.connection, f"select set_config('lock_timeout', '{self._lock_timeout}', false)")
            self._lock_timeout = ""

    def _after(self, connection: Connection, cursor: Any, statement: str, *_: Any) -> None:
        del cursor
        if found := _COMMITS.search(statement):
            # What stands before a COMMIT in the same text is committed with it.
            self.committed = self.committed or self._pending or found.start() > 0
        elif not _READS.match(statement):
            self._pending = True
            self.committed = self.committed or in_autocommit(connection)
        self.statement = ""

    def _commit(self, connection: Connection) -> None:
        del connection
        self.committed = self.committed or self._pending
        self._pending = False

    def _rollback(self, connection: Connection) -> None:
        del connection
        self._pending = False
