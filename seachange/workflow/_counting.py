"""How many rows something concerns: counted while that is quick, else as the planner estimates, else unknown and why."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from seachange.plan import Statement
from seachange.postgres.redaction import redact
from seachange.workflow._stored import Gone, Stored

if TYPE_CHECKING:
    import psycopg
    from psycopg.sql import SQL, Composed

__all__ = ["Count", "Counting", "effect_of"]

# A person waits for the answer: no single count, and not all of them, may take long; and nobody is to wait for their locks.
_EACH_MS = 2_000
_ALL_S = 15.0
_LOCK_MS = 500

_LIMITS = """
select set_config('statement_timeout', %s, true), set_config('lock_timeout', %s, true), set_config('row_security', 'off', true),
  set_config('transaction_read_only', 'on', true)
"""
# reltuples is -1 until a table was analyzed for the first time (documentation, 53.11 pg_class).
_ESTIMATE = """
with parts as (
  select relid from pg_catalog.pg_partition_tree(to_regclass(%(table)s)) where isleaf union select to_regclass(%(table)s)
)
select sum(case when c.reltuples >= 0 then c.reltuples else pg_catalog.pg_stat_get_live_tuples(c.oid) end)::bigint,
  bool_or(c.reltuples >= 0 or pg_catalog.pg_stat_get_live_tuples(c.oid) > 0)
from parts join pg_catalog.pg_class c on c.oid = parts.relid where c.relkind = 'r'
"""
_NULLS = "select max(null_frac) from pg_catalog.pg_stats where schemaname = %s and tablename = %s and attname = %s"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Count:
    """A number of rows; ``exact`` says that they were counted, None that it is not known, ``reason`` why."""

    rows: int | None
    exact: bool = True
    reason: str = ""


def effect_of(statement: Statement, stored: Iterable[Stored]) -> str:
    """Return what a statement does to rows that were there before the way back began: ``deleted``, ``overwritten`` or nothing.

    :param statement: the statement.
    :param stored: the tables and columns that there were.
    """
    import postgast
    from postgast import pg_query_pb2 as nodes

    try:
        parsed = postgast.parse(statement.sql)
    except postgast.PgQueryError:
        return ""
    columns = {table.name: {column.name for column in table.columns.values()} for table in stored}
    removing = [
        found.relation.relname for kind in (nodes.DeleteStmt, nodes.MergeStmt) for found in postgast.find_nodes(parsed, kind)
    ]
    removing += [one.range_var.relname for found in postgast.find_nodes(parsed, nodes.TruncateStmt) for one in found.relations]
    if columns.keys() & set(removing):
        return "deleted"
    # A column that the way back brings again is filled, not overwritten.
    changing = [
        columns.get(found.relation.relname, set()) & {target.res_target.name for target in found.target_list}
        for found in postgast.find_nodes(parsed, nodes.UpdateStmt)
    ]
    return "overwritten" if any(changing) else ""


class NotCountedError(Exception):
    """A count could not be made; the message says why."""


class Counting:
    """Counts in one database, within one limit of time.

    :param connection: an open connection in autocommit; each count is a read-only transaction of its own.
    """

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self._deadline = time.monotonic() + _ALL_S

    def of(self, what: Gone) -> Count:
        """Return how many rows a table has, or for how many the condition of a column is true."""
        from psycopg import sql

        table = sql.Identifier(what.schema, what.table)
        where = sql.SQL(" where {}").format(what.condition) if what.condition else sql.SQL("")
        return self._count(sql.SQL("select count(*) from {}{}").format(table, where), lambda: self._estimate(what))

    def by(self, statement: Statement) -> Count:
        """Return how many rows a statement would delete or overwrite now."""
        from psycopg import sql

        if statement.count > 1:
            return Count(rows=None, exact=False, reason=f"{statement.count} such statements")
        if _is_several(statement.sql):
            # EXPLAIN would only explain the first one and run the others.
            return Count(rows=None, exact=False, reason="several statements in one text")
        if query := _as_count(statement.sql):
            return self._count(sql.SQL(query), lambda: self._planned(statement))
        return self._planned(statement)

    def _count(self, query: SQL | Composed, estimate: Callable[[], Count]) -> Count:
        try:
            with self._reading(min(_EACH_MS, self._left_ms())):
                row = self._connection.execute(query).fetchone()
            return Count(rows=row[0] if row else 0)
        except NotCountedError as exc:
            found = estimate()
            return found if found.rows is not None else dataclasses.replace(found, reason=str(exc))

    def _estimate(self, what: Gone) -> Count:
        from seachange.postgres.catalog import qualified

        try:
            with self._reading(_EACH_MS):
                table = {"table": qualified(what.schema, what.table)}
                rows, known = self._connection.execute(_ESTIMATE, table).fetchone() or (0, False)
                nulls = self._connection.execute(_NULLS, [what.schema, what.table, what.column]).fetchone()
        except NotCountedError as exc:
            return Count(rows=None, exact=False, reason=str(exc))
        if not known or (what.change and what.condition):
            return Count(rows=None, exact=False)
        return Count(rows=round(rows * (1 - (nulls[0] or 0 if nulls else 0))), exact=False)

    def _planned(self, statement: Statement) -> Count:
        from psycopg import sql

        try:
            with self._reading(_EACH_MS):
                row = self._connection.execute(sql.SQL("explain (format json) ") + sql.SQL(statement.sql)).fetchone()
        except NotCountedError as exc:
            return Count(rows=None, exact=False, reason=str(exc))
        found = row[0] if row else []
        plan = (json.loads(found) if isinstance(found, str) else found)[0].get("Plan", {})
        return Count(rows=max([int(part["Plan Rows"]) for part in plan.get("Plans", [])], default=None), exact=False)

    @contextlib.contextmanager
    def _reading(self, limit_ms: int) -> Iterator[None]:
        import psycopg

        if limit_ms <= 0:
            raise NotCountedError(f"counting everything before took {_ALL_S:g} s")
        try:
            with self._connection.transaction(force_rollback=True):
                self._connection.execute(_LIMITS, [str(limit_ms), str(_LOCK_MS)])
                yield
        except psycopg.errors.QueryCanceled as exc:
            raise NotCountedError(f"not counted within {limit_ms / 1000:g} s") from exc
        except psycopg.errors.LockNotAvailable as exc:
            raise NotCountedError("another session holds a lock on it") from exc
        except psycopg.Error as exc:
            raise NotCountedError(redact(exc.diag.message_primary or str(exc))) from exc

    def _left_ms(self) -> int:
        return int((self._deadline - time.monotonic()) * 1000)


def _is_several(text: str) -> bool:
    import postgast

    return len(postgast.parse(text).stmts) != 1


def _as_count(statement: str) -> str:
    """Return the query that counts the rows of a plain DELETE, UPDATE or TRUNCATE; nothing for any other statement."""
    import postgast

    node = postgast.parse(statement).stmts[0].stmt
    kind = node.WhichOneof("node")
    if kind == "truncate_stmt" and len(node.truncate_stmt.relations) == 1:
        relation, where = node.truncate_stmt.relations[0].range_var, None
    elif kind == "delete_stmt" and not node.delete_stmt.using_clause and not node.delete_stmt.HasField("with_clause"):
        relation, where = node.delete_stmt.relation, node.delete_stmt.where_clause
    elif kind == "update_stmt" and not node.update_stmt.from_clause and not node.update_stmt.HasField("with_clause"):
        relation, where = node.update_stmt.relation, node.update_stmt.where_clause
    else:
        return ""
    query = postgast.parse("SELECT count(*) FROM counted")
    select = query.stmts[0].stmt.select_stmt
    select.from_clause[0].range_var.CopyFrom(relation)
    if where is not None and where.WhichOneof("node"):
        select.where_clause.CopyFrom(where)
    return str(postgast.deparse(query))
