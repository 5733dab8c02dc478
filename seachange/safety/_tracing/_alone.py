"""A statement outside of any transaction: given one of its own where it can have one, held back by a wedge where it cannot."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from seachange.safety._tracing._snapshot import Query
from seachange.safety._tracing._wedge import Reading, Wedge, wedge_for
from seachange.safety.parsing import kind, parse

if TYPE_CHECKING:
    from seachange.postgres.connection import Database

__all__ = ["Alone", "alone", "polled"]

_log = logging.getLogger(__name__)

# What the server refuses in a transaction, or what means something else there.
_NEVER = frozenset(
    {
        *("CreatedbStmt", "DropdbStmt", "AlterDatabaseStmt", "AlterSystemStmt", "CreateTableSpaceStmt", "DropTableSpaceStmt"),
        *("CreateSubscriptionStmt", "AlterSubscriptionStmt", "DropSubscriptionStmt", "TransactionStmt", "DiscardStmt"),
        *("LockStmt", "DeclareCursorStmt", "VariableSetStmt", "ConstraintsSetStmt"),
    }
)

_POLLED = "its locks were polled, as no session could be put in its way: what it held for a moment only may be missing"


class Alone:
    """How a statement outside of a transaction is watched.

    :param query: runs SQL on its session.
    :param wedge: what holds it back, begun.
    :param wrapped: whether a transaction was begun for it.
    """

    def __init__(self, query: Query, *, wedge: Wedge | None = None, wrapped: bool = False) -> None:
        self._query = query
        self._wedge = wedge
        self._wrapped = wrapped

    def reading(self) -> Reading | None:
        """Return the locks of the statement, which has ended; None when its session still holds them."""
        return self._wedge.stop() if self._wedge else None

    def end(self, *, failed: bool = False) -> None:
        """End what was begun for watching.

        :param failed: whether the statement did.
        """
        if self._wedge:
            self._wedge.stop()
        elif self._wrapped and failed:
            try:
                self._query("rollback")
            except Exception as exc:  # noqa: BLE001 - any driver's; the connection is gone, and what broke it is told
                _log.debug("the transaction cannot be rolled back: %s", exc)
        elif self._wrapped:
            self._query("commit")


def alone(sql: str, database: Database | None, *, pid: int, query: Query) -> Alone:
    """Begin to watch a statement that is about to run outside of any transaction.

    :param sql: the statement.
    :param database: the address of its server; without one nothing is held back.
    :param pid: the process of its session.
    :param query: runs SQL on its session.
    """
    if database is not None:
        here = database.with_name(query("select pg_catalog.current_database()::text")[0][0])
        if wedge := wedge_for(sql, here, pid=pid, query=query):
            wedge.start()
            return Alone(query, wedge=wedge)
    kinds = {kind(each) for each in parse(sql)}
    if not kinds or kinds & _NEVER:
        return Alone(query)
    query("begin")
    return Alone(query, wrapped=True)


def polled(reading: Reading | None) -> tuple[str, ...]:
    """Return what has to be said about a reading that may have missed something."""
    return () if reading is None or reading.certain else (_POLLED,)
