"""Which tables and columns hold data, and what of that is gone after a schema change on the same database."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg
    from psycopg.sql import Composed

__all__ = ["Gone", "Stored", "gone", "read_stored"]

# By oid and number: what is renamed keeps both, and its data.
_COLUMNS = """
select c.oid::bigint, n.nspname::text, c.relname::text,
  case when c.relispartition then (select i.inhparent::bigint from pg_catalog.pg_inherits i where i.inhrelid = c.oid) else 0 end,
  a.attnum::int, a.attname::text,
  format_type(a.atttypid, a.atttypmod),
  array(select e.enumlabel::text from pg_catalog.pg_enum e
        where e.enumtypid in (a.atttypid, (select t.typelem from pg_catalog.pg_type t where t.oid = a.atttypid))
        order by e.enumsortorder)
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
left join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
where c.relkind in ('r', 'p') and n.nspname not in ('information_schema', 'seachange') and n.nspname !~ '^pg_'
order by n.nspname, c.relname, a.attnum
"""

_INTEGERS = {"smallint": 2**15, "integer": 2**31, "bigint": 2**63}
_TEXT = re.compile(r"text|character varying(?:\((\d+)\))?")

# Types that hold every value of the other one.
_WIDER = {
    ("smallint", "numeric"),
    ("integer", "numeric"),
    ("bigint", "numeric"),
    ("smallint", "real"),
    ("smallint", "double precision"),
    ("integer", "double precision"),
    ("real", "double precision"),
    ("json", "jsonb"),
    ("json", "text"),
    ("jsonb", "text"),
    ("uuid", "text"),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Column:
    name: str
    type: str
    labels: tuple[str, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stored:
    """One table that holds rows, and its columns by number; ``partition_of`` is the oid of its table, or 0."""

    schema: str
    name: str
    partition_of: int
    columns: Mapping[int, _Column]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Gone:
    """What is gone: a whole table, a column, or some values of a column; ``condition`` is true for the rows that had it."""

    schema: str
    table: str
    column: str = ""
    change: str = ""
    which: str = ""
    condition: Composed | None = None


def read_stored(connection: psycopg.Connection[Any]) -> dict[int, Stored]:
    """Return the tables of the connected database by oid."""
    found: dict[int, Stored] = {}
    for oid, schema, name, parent, number, column, kind, labels in connection.execute(_COLUMNS).fetchall():
        table = found.setdefault(oid, Stored(schema=schema, name=name, partition_of=parent, columns={}))
        if number is not None:
            columns = {**table.columns, number: _Column(name=column, type=kind, labels=tuple(labels))}
            found[oid] = dataclasses.replace(table, columns=columns)
    return found


def gone(before: Mapping[int, Stored], after: Mapping[int, Stored]) -> tuple[Gone, ...]:
    """Return what was there before and is not after, both read from the same database."""
    return tuple(each for oid, table in before.items() for each in _of_table(oid, table, after))


def _of_table(oid: int, before: Stored, after: Mapping[int, Stored]) -> Iterator[Gone]:
    now = after.get(oid)
    # The rows of a partition are rows of its table, which is looked at too.
    if before.partition_of and (now or before.partition_of not in after):
        return
    if now is None:
        yield Gone(schema=before.schema, table=before.name)
        return
    for number, column in before.columns.items():
        yield from _of_column(before, column, now.columns.get(number))


def _of_column(table: Stored, before: _Column, after: _Column | None) -> Iterator[Gone]:
    from psycopg import sql

    name = sql.Identifier(before.name)
    place = {"schema": table.schema, "table": table.name, "column": before.name}
    if after is None:
        yield Gone(**place, condition=sql.SQL("{} is not null").format(name))
    elif lost := tuple(label for label in before.labels if after.labels and label not in after.labels):
        words = f"loses the label{'s' if len(lost) > 1 else ''} {', '.join(lost)}"
        condition = sql.SQL("{}::text[] && {}" if before.type.endswith("[]") else "{}::text = any({})")
        yield Gone(**place, change=words, which="with it", condition=condition.format(name, sql.Literal(list(lost))))
    elif before.type != after.type and not (before.labels and before.labels == after.labels):
        yield from _narrowed(place, name, before=before.type, after=after.type)


def _narrowed(place: Mapping[str, str], name: object, *, before: str, after: str) -> Iterator[Gone]:
    from psycopg import sql

    old, new = _TEXT.fullmatch(before), _TEXT.fullmatch(after)
    change = f"turns from {before} into {after}"
    if old and new:
        if new[1] and (not old[1] or int(new[1]) < int(old[1])):
            yield Gone(
                **place,
                change=change,
                which="with a value too large for that",
                condition=sql.SQL("length({}) > {}").format(name, sql.Literal(int(new[1]))),
            )
    elif before in _INTEGERS and after in _INTEGERS:
        if _INTEGERS[after] < _INTEGERS[before]:
            end = _INTEGERS[after]
            limits = (sql.Literal(-end), sql.Literal(end - 1))
            yield Gone(
                **place,
                change=change,
                which="with a value too large for that",
                condition=sql.SQL("{} not between {} and {}").format(name, *limits),
            )
    elif (before, after) not in _WIDER and not (new and not new[1]):
        yield Gone(**place, change=change, which="with a value", condition=sql.SQL("{} is not null").format(name))
