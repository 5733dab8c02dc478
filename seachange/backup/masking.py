"""Masking: columns of a copy get other values by SQL expressions, and the old ones are nowhere in its files any more."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from seachange.backup.erasing import erase
from seachange.errors import ConfigError, OutOfDiskError, StatementFailedError
from seachange.postgres.catalog import qualified
from seachange.postgres.connection import Database, connect

if TYPE_CHECKING:
    from psycopg import Connection

__all__ = ["MaskedTable", "apply_mask", "read_mask"]

_SETTING = "setting rehearsal_mask"
_FORM = 'write "table.column" = "SQL expression", or "schema.table.column" where several schemas have such a table'

_RELATIONS = """
SELECT c.oid, n.nspname::text, c.relname::text, c.relkind::text
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relname = %(table)s AND (%(schema)s = '' OR n.nspname = %(schema)s) AND c.relpersistence <> 't'
  AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
ORDER BY 2
"""
_COLUMNS = """
SELECT attname::text, attgenerated <> '' FROM pg_catalog.pg_attribute
WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""
# Connection lost, resources short, stopped by an operator, system and internal errors.
_NOT_THE_EXPRESSION = frozenset({"08", "53", "57", "58", "XX"})
_NO_TABLES = {"v": "a view", "m": "a materialized view", "f": "a foreign table, whose rows are elsewhere"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class MaskedTable:
    """One table with the columns that are masked, each with its key in the setting and its expression."""

    schema: str
    table: str
    columns: tuple[tuple[str, str, str], ...]
    rows: int = 0

    @property
    def name(self) -> str:
        """The name with its schema, quoted where needed."""
        return qualified(self.schema, self.table)

    @property
    def sentence(self) -> str:
        """What was done, for people."""
        count = f"{self.rows:,} {'row' if self.rows == 1 else 'rows'}"
        return f"{self.name}: {', '.join(column for column, _, _ in self.columns)} masked in {count}"


def apply_mask(
    database: Database, mask: Iterable[tuple[str, str]], *, progress: Callable[[str], None] | None = None
) -> tuple[MaskedTable, ...]:
    """Replace columns of a copy by what expressions over their rows give, and leave no old value in its files.

    Each table takes one UPDATE without triggers and foreign keys, all in one transaction; then it is written anew with its
    indexes, planner statistics and materialized views are made anew, and on a throwaway server of ours the WAL is discarded.

    :param database: the copy, as a superuser; never the original.
    :param mask: expressions by ``table.column`` or ``schema.table.column``.
    :param progress: told what is done.
    :raises ConfigError: a name means no column or several, or an expression does not fit its column; nothing is changed then.
    :returns: the tables that were masked.
    """
    wanted = tuple(mask)
    if not wanted:
        return ()
    tell = progress or (lambda _: None)
    with contextlib.closing(connect(database, autocommit=True, statement_timeout_ms=0)) as session:
        tables = read_mask(session, wanted)
        masked = []
        with session.transaction():
            session.execute("set local session_replication_role = replica")
            for number, table in enumerate(tables, start=1):
                tell(f"masking {table.name}, {number} of {len(tables)} tables")
                masked.append(dataclasses.replace(table, rows=_update(session, table)))
        erase(session, [table.name for table in tables], progress=tell)
    return tuple(masked)


def read_mask(session: Connection[Any], mask: Iterable[tuple[str, str]]) -> tuple[MaskedTable, ...]:
    """Return what a mask means in a database, tried by having the server plan it; no row is read and none changed.

    :param session: a session of the database, or of one with the same schema.
    :param mask: expressions by ``table.column`` or ``schema.table.column``.
    :raises ConfigError: a name means no column or several, or an expression does not fit its column.
    """
    found: dict[tuple[str, str], dict[str, tuple[str, str]]] = {}
    for key, expression in mask:
        schema, table, column = _column(session, key)
        columns = found.setdefault((schema, table), {})
        if column in columns:
            raise ConfigError(f"{_SETTING}: {key} and {columns[column][0]} are the same column", hint="keep one of them")
        columns[column] = (key, expression)
    tables = tuple(
        MaskedTable(schema=schema, table=table, columns=tuple((column, *given) for column, given in columns.items()))
        for (schema, table), columns in found.items()
    )
    for each in tables:
        for one in each.columns:
            _try(session, dataclasses.replace(each, columns=(one,)))
    return tables


def _column(session: Connection[Any], key: str) -> tuple[str, str, str]:
    try:
        row = session.execute("select parse_ident(%s)", [key]).fetchone()
    except psycopg.errors.InvalidParameterValue as exc:
        raise ConfigError(f"{_SETTING}: {key!r} is no name of a column", hint=_FORM) from exc
    parts: Sequence[str] = row[0] if row else ()
    if len(parts) not in (2, 3):
        raise ConfigError(f"{_SETTING}: {key!r} is no name of a column", hint=_FORM)
    oid, schema, table = _table(session, key, schema=parts[0] if len(parts) == 3 else "", table=parts[-2])
    columns = dict(session.execute(_COLUMNS, [oid]).fetchall())
    name = qualified(schema, table)
    if parts[-1] not in columns:
        known = ", ".join(columns)
        raise ConfigError(f"{_SETTING}: {key}: table {name} has no column {parts[-1]!r}", hint=f"it has {known}")
    if columns[parts[-1]]:
        raise ConfigError(f"{_SETTING}: {key}: the column is generated from others", hint="mask those; it follows them")
    return schema, table, parts[-1]


def _table(session: Connection[Any], key: str, *, schema: str, table: str) -> tuple[int, str, str]:
    found = session.execute(_RELATIONS, {"schema": schema, "table": table}).fetchall()
    if not found:
        raise ConfigError(f"{_SETTING}: {key}: there is no table {qualified(*filter(None, (schema, table)))}", hint=_FORM)
    if len(found) > 1:
        places = ", ".join(qualified(row[1], row[2]) for row in found)
        raise ConfigError(f"{_SETTING}: {key} can be in several tables: {places}", hint=_FORM)
    oid, name, relation, kind = found[0]
    if kind in _NO_TABLES:
        place = qualified(name, relation)
        raise ConfigError(f"{_SETTING}: {key}: {place} is {_NO_TABLES[kind]}", hint="mask the tables that hold the rows")
    return oid, name, relation


def _statement(table: MaskedTable) -> sql.Composed:
    # The line breaks end a comment at the end of an expression. It is sent by the protocol for one statement (binary=True).
    values = sql.SQL(", ").join(
        sql.SQL("{} = (\n{}\n)").format(sql.Identifier(column), sql.SQL(expression)) for column, _, expression in table.columns
    )
    return sql.SQL("UPDATE {} SET {}").format(sql.Identifier(table.schema, table.table), values)


def _try(session: Connection[Any], table: MaskedTable) -> None:
    with _explained(table), session.transaction(force_rollback=True):
        session.execute(sql.SQL("EXPLAIN ") + _statement(table), binary=True)


def _update(session: Connection[Any], table: MaskedTable) -> int:
    with _explained(table):
        return session.execute(_statement(table), binary=True).rowcount


@contextlib.contextmanager
def _explained(table: MaskedTable) -> Iterator[None]:
    keys = ", ".join(key for _, key, _ in table.columns)
    try:
        yield
    except psycopg.errors.DiskFull as exc:
        raise OutOfDiskError(f"no room to mask {table.name}", hint="make room where copies are kept") from exc
    except psycopg.Error as exc:
        # The detail of a violated constraint shows values of rows.
        said = exc.diag.message_primary or str(exc).partition("\n")[0]
        if (exc.sqlstate or "57")[:2] in _NOT_THE_EXPRESSION:
            raise StatementFailedError(f"masking {table.name} failed: {said}", hint="try again") from exc
        raise ConfigError(f"{_SETTING}: {keys}: {said}", hint="docs/rehearse-data.md has expressions for usual cases") from exc
