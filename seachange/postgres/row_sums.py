"""Sums over the rows of tables, made by the server: equal for equal rows, in whatever order they lie."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from seachange.errors import SeachangeError, ServerUnreachableError, StatementFailedError, TimeoutExceededError
from seachange.postgres._catalog_values import Catalog
from seachange.postgres.redaction import redact

if TYPE_CHECKING:
    import psycopg

__all__ = ["ColumnSum", "RowSum", "row_sums", "summable"]

# Whatever the text of a value depends on. Row security would hide rows in silence: without it the server refuses instead.
_SETTINGS = """
SET LOCAL search_path = pg_catalog; SET LOCAL extra_float_digits = 1; SET LOCAL datestyle = 'ISO, YMD';
SET LOCAL intervalstyle = postgres; SET LOCAL bytea_output = hex; SET LOCAL timezone = 'UTC'; SET LOCAL lc_monetary = 'C';
SET LOCAL row_security = off; SET LOCAL jit = off
"""
_STEADY = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"

# By name: a column that was dropped and added again comes last in its table.
_COLUMNS = """
SELECT w.name, CASE c.relkind WHEN 'r' THEN 'ONLY ' ELSE '' END || c.oid::regclass::text,
       array_agg(a.attname::text ORDER BY a.attname COLLATE "C") FILTER (WHERE a.attname IS NOT NULL)
FROM unnest(%s::text[]) w(name) JOIN pg_catalog.pg_class c ON c.oid = w.name::regclass
LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
GROUP BY 1, 2
"""
_TABLES_AT_ONCE = 50


@dataclasses.dataclass(frozen=True, kw_only=True)
class ColumnSum:
    """One column: how many values are not null, and the sum of a hash of each."""

    values: int
    total: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class RowSum:
    """The rows of one table: how many, and the sum of a hash of each; ``columns`` by name, where that was asked for."""

    rows: int
    total: int
    columns: Mapping[str, ColumnSum] = dataclasses.field(default_factory=dict)


def summable(catalog: Catalog) -> dict[str, tuple[str, ...]]:
    """Return every table that holds rows, with its columns; rows of partitions count in the table that is partitioned.

    :param catalog: the schema.
    """
    tables = (each for each in catalog.tables if each.kind != "foreign table" and not each.partition_bound)
    return {each.qualified: tuple(column.name for column in each.columns) for each in tables}


def row_sums(
    session: psycopg.Connection,
    tables: Mapping[str, Sequence[str]],
    *,
    by_column: bool = False,
    statement_timeout_ms: int = 0,
) -> dict[str, RowSum]:
    """Sum up the rows of tables as they are at one moment; the server reads them, and nothing but the sums is sent.

    The sums of two databases are equal when the rows are, whatever their order, that of the columns, and the settings of server
    and session. On an idle session that is one transaction of its own, else a savepoint; either is rolled back.

    :param session: where.
    :param tables: columns by the name of their table, that one with schema and quoted where needed, the columns as they are;
        all columns where none is named. A partitioned table has the rows of its partitions, others only their own.
    :param by_column: sum up each column as well, which takes longer.
    :param statement_timeout_ms: how long the rows may take; 0 sets no limit.
    :raises TimeoutExceededError: a lock or statement timeout ran out.
    :raises ServerUnreachableError: the connection was lost.
    :raises StatementFailedError: there is no such table or column, or not all rows of it may be seen.
    """
    with _steady(session, statement_timeout_ms=statement_timeout_ms) as cursor:
        found = {name: (place, known or ()) for name, place, known in cursor.execute(_COLUMNS, [list(tables)]).fetchall()}
        wanted = [
            _Wanted(name=name, place=found[name][0], columns=tuple(sorted(columns or found[name][1])))
            for name, columns in tables.items()
        ]
        sums: dict[str, RowSum] = {}
        for start in range(0, len(wanted), _TABLES_AT_ONCE):
            part = wanted[start : start + _TABLES_AT_ONCE]
            rows = cursor.execute(_query(part, by_column=by_column)).fetchall()
            sums |= {part[row[0]].name: _read(part[row[0]], row[1:]) for row in rows}
    return {name: sums[name] for name in tables}


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Wanted:
    name: str
    place: str
    columns: tuple[str, ...]


@contextlib.contextmanager
def _steady(session: psycopg.Connection, *, statement_timeout_ms: int) -> Iterator[psycopg.Cursor[Any]]:
    import psycopg
    from psycopg.rows import tuple_row

    idle = session.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
    try:
        with session.transaction(force_rollback=True), session.cursor(row_factory=tuple_row) as cursor:
            if idle:
                cursor.execute(_STEADY)
            cursor.execute(_SETTINGS.encode())
            cursor.execute(f"SET LOCAL statement_timeout = {statement_timeout_ms:d}".encode())
            yield cursor
    except psycopg.Error as exc:
        raise _failure(session, exc) from exc


def _query(tables: Sequence[_Wanted], *, by_column: bool) -> bytes:
    return " UNION ALL ".join(_select(number, table, by_column=by_column) for number, table in enumerate(tables)).encode()


def _select(number: int, table: _Wanted, *, by_column: bool) -> str:
    names = ['t."' + name.replace('"', '""') + '"' for name in table.columns]
    columns = ", ".join(f"count({name}), {_sum(name)}" for name in names) if by_column else ""
    total = _sum(f"ROW({', '.join(names)})")
    selected = f"{number}, count(*), {total}, ARRAY[{columns}]::numeric[]"
    return f"SELECT {selected} FROM {table.place} t"  # noqa: S608 - the server has quoted it


def _sum(value: str) -> str:
    # Not every type has a hash function, but every type has a text; the sum over bigint is a numeric and cannot overflow.
    return f'coalesce(sum(hashtextextended({value}::text COLLATE "C", 0)), 0)'


def _read(table: _Wanted, row: Sequence[Any]) -> RowSum:
    rows, total, each = row
    pairs = zip(each[::2], each[1::2], strict=True)
    columns = {
        name: ColumnSum(values=int(values), total=int(found)) for name, (values, found) in zip(table.columns, pairs, strict=False)
    }
    return RowSum(rows=rows, total=int(total), columns=columns)


def _failure(session: psycopg.Connection, exc: psycopg.Error) -> SeachangeError:
    import psycopg

    said = redact(exc.diag.message_primary or str(exc).partition("\n")[0])
    what = f"the rows of the database {session.info.dbname!r} could not be summed up: {said}"
    if isinstance(exc, (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled)):
        return TimeoutExceededError(what, hint="another session holds a lock, or the time given was too short; try again")
    if session.broken:
        return ServerUnreachableError(what, hint="the connection was lost; try again")
    if isinstance(exc, psycopg.errors.InsufficientPrivilege):
        return StatementFailedError(what, hint="it takes a role that may read all rows: the owner, or one with BYPASSRLS")
    return StatementFailedError(what)
