"""How many rows the target database has where a change needs to know: read only, estimated where counting is dear."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from seachange.errors import SeachangeError

if TYPE_CHECKING:
    from seachange.postgres.connection import Database, Session

__all__ = ["Population"]

_log = logging.getLogger(__name__)

# Looking must not be felt on the server: what takes longer is unknown.
_LIMITS = {"lock_timeout": "1s", "statement_timeout": "5s"}
_ESTIMATE = "select greatest(reltuples, 1)::bigint from pg_catalog.pg_class where oid = %s::regclass"


class Population:
    """Rows of one database.

    :param database: the one to which the revision will be applied.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def rows(self, table: str, *, schema: str | None = None) -> int | None:
        """Return about how many rows a table has: 0 when it has none or is not there, None when that cannot be known."""
        name = _name(table, schema)

        def look(session: Session) -> int:
            if not _one(session, sql.SQL("select exists (select from {})").format(name)):
                return 0
            return _one(session, sql.SQL("{}").format(sql.SQL(_ESTIMATE)), name.as_string(session))

        return self._looked(look)

    def nulls(self, table: str, column: str, *, schema: str | None = None) -> int | None:
        """Return how many rows have NULL in a column: 0 when it is not there, None when that cannot be known."""
        query = sql.SQL("select count(*) from {} where {} is null").format(_name(table, schema), sql.Identifier(column))
        return self._looked(lambda session: _one(session, query))

    def _looked(self, look: Callable[[Session], int]) -> int | None:
        from seachange.postgres.connection import connect

        try:
            with contextlib.closing(connect(self._database, autocommit=True)) as session:
                session.execute("set default_transaction_read_only = on")
                for name, value in _LIMITS.items():
                    session.execute(sql.SQL("set {} = {}").format(sql.Identifier(name), value))
                return look(session)
        except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn):
            return 0
        except (SeachangeError, psycopg.Error) as exc:
            _log.info("rows of %s are unknown: %s", self._database.redacted, exc)
            return None


def _name(table: str, schema: str | None) -> sql.Identifier:
    return sql.Identifier(schema, table) if schema else sql.Identifier(table)


def _one(session: Session, query: sql.Composed, *parameters: str) -> int:
    row = session.execute(query, parameters or None).fetchone()
    return int(row[0]) if row else 0
