"""Checks of one table -> what its rows answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from seachange.postgres.catalog import qualified
from seachange.safety._data.partitions import answer_outside
from seachange.safety._data.reading import MOST, Matched, Reader, key_text
from seachange.safety._data.told import Answer
from seachange.safety._data.values import (
    DataCheck,
    Duplicates,
    Nulls,
    Orphans,
    Outside,
    Overlaps,
    Probe,
    Rows,
    Source,
    Values,
    Violators,
)
from seachange.safety._foreign_keys import ForeignKey, Side
from seachange.safety._orphans import orphan_condition, readable

if TYPE_CHECKING:
    from psycopg.sql import Composable, Composed

__all__ = ["answers_of"]


def answers_of(reader: Reader, check: DataCheck, probe: Probe) -> Iterator[Answer]:
    """Yield what the rows of the check's table answer; nothing when they are as the operation needs them.

    :param reader: asks the database.
    :param check: the check.
    :param probe: what it asks, as far as it is about one table.
    :raises NotCheckedError: the rows could not be looked at.
    """
    found = reader.shape(check.source.table)
    table = found.qualified
    if isinstance(probe, Nulls):
        yield from _nulls(reader, check.source, probe, table=table)
    elif isinstance(probe, Violators):
        yield from _violators(reader, check.source, probe, table=table)
    elif isinstance(probe, Duplicates):
        yield from _duplicates(reader, check.source, probe, table=table)
    elif isinstance(probe, Orphans):
        yield from _orphans(reader, check.source, probe, table=table)
    elif isinstance(probe, Overlaps):
        yield from _overlaps(reader, check.source, probe, table=table)
    elif isinstance(probe, Outside):
        yield from answer_outside(reader, check.source, probe)
    elif isinstance(probe, Rows):
        yield from _rows(reader, check.source, probe, table=table)
    elif isinstance(probe, Values):
        yield from _values(reader, check.source, probe, table=table)


def _nulls(reader: Reader, source: Source, probe: Nulls, *, table: str) -> Iterator[Answer]:
    names = [qualified(column) for column in probe.columns]
    matched = reader.matching(source, " OR ".join(f"{name} IS NULL" for name in names))
    if matched.count:
        fact = f"{matched.number('row')} {'has' if matched.count == 1 else 'have'} no value in {' or '.join(names)}"
        remedy = "give them one in an UPDATE before, or delete them"
        yield Answer(table=table, fact=fact, matched=matched, remedy=remedy, code="SC802")


def _violators(reader: Reader, source: Source, probe: Violators, *, table: str) -> Iterator[Answer]:
    matched = reader.matching(source, f"({probe.expression}) IS FALSE")
    if matched.count:
        fact = f"{matched.number('row')} {'does' if matched.count == 1 else 'do'} not fulfil {probe.expression}"
        remedy = "correct them before, or add the constraint NOT VALID, correct them and validate it in a later revision"
        yield Answer(table=table, fact=fact, matched=matched, remedy=remedy, code="SC803")


def _duplicates(reader: Reader, source: Source, probe: Duplicates, *, table: str) -> Iterator[Answer]:
    shape = reader.shape(source.table)
    if source.only and shape.partitioned:
        return  # ON ONLY builds nothing
    item = reader.item(source, only=True)
    parts = [f"({probe.where})"] if probe.where else []
    parts += [f"{key} IS NOT NULL" for key in probe.keys] if probe.nulls_distinct else []
    where = f" WHERE {' AND '.join(parts)}" if parts else ""
    keys = ", ".join(probe.keys)
    shown = key_text([*item.keys]) if len(item.keys) == 1 else f"concat_ws(', ', {', '.join(item.keys)})"
    grouped = f"FROM {item.sql}{where} GROUP BY {keys} HAVING count(*) > 1"
    values = f"count(*) AS number, min(({shown})::text) AS first, max(({shown})::text) AS last"
    query = f"SELECT number, first, last FROM (SELECT {values} {grouped} LIMIT {MOST + 1}) AS found ORDER BY first"
    groups = reader.rows(query)
    if not groups:
        return
    more = len(groups) > MOST
    total = sum(number for number, _, _ in groups[:MOST])
    matched = Matched(
        count=min(len(groups), MOST),
        more=more,
        samples=reader.samples(shape, [f"{first} and {last}" for _, first, last in groups], more=more),
        query=f"SELECT {keys}, count(*) {grouped}",
    )
    noun = "value" if len(probe.keys) == 1 else "combination"
    occurs = "occurs" if matched.count == 1 else "occur"
    fact = f"{matched.number(noun)} of {keys} {occurs} more than once, in {'at least ' if more else ''}{total} rows"
    yield Answer(table=table, fact=fact, matched=matched, remedy="delete or change all but one of each", code="SC801")


def _orphans(reader: Reader, source: Source, probe: Orphans, *, table: str) -> Iterator[Answer]:
    from psycopg.sql import SQL

    rows: Composable = SQL("(SELECT WHERE false) AS p")
    parent, referenced = Side(schema="", table="", columns=probe.referenced), probe.referenced
    if probe.parent.table:
        shape = reader.shape(probe.parent.table)
        referenced = probe.referenced or shape.primary
        parent = Side(schema=shape.schema, table=shape.name, columns=referenced, partitioned=shape.partitioned)
        rows = SQL(reader.item(probe.parent, alias="p", only=True).sql)
    child = reader.shape(source.table)
    key = ForeignKey(
        name="",
        child=Side(schema=child.schema, table=child.name, columns=probe.columns, partitioned=child.partitioned),
        parent=parent,
        match_full=probe.match_full,
        period=probe.period,
        planned=True,
    )
    condition = _plain(orphan_condition(key, parent=rows)) if probe.parent.table else _all_filled(probe)
    matched = reader.matching(source, condition, alias="c", only=True)
    if matched.count:
        verb = "has" if matched.count == 1 else "have"
        fact = f"{matched.number('row')} {verb} no counterpart in {parent.qualified if probe.parent.table else 'a new table'}"
        remedy = "delete them, set the columns to NULL, or insert what is missing"
        yield Answer(table=table, fact=fact, matched=matched, remedy=remedy, code="SC804")


def _plain(condition: Composed) -> str:
    text = condition.as_string()
    return text if "'" in text else readable(condition)


def _all_filled(probe: Orphans) -> str:
    joined = " OR " if probe.match_full else " AND "
    return joined.join(f"c.{qualified(column)} IS NOT NULL" for column in probe.columns)


def _overlaps(reader: Reader, source: Source, probe: Overlaps, *, table: str) -> Iterator[Answer]:
    shape, item = reader.shape(source.table), reader.item(source, only=True)
    keys = [f"{key} AS k{number}" for number, key in enumerate(item.keys)]
    values = [f"{text} AS e{number}" for number, (text, _) in enumerate(probe.elements)]
    where = f" WHERE {probe.where}" if probe.where else ""
    rows = f"SELECT {', '.join([*keys, *values])} FROM {item.sql}{where}"
    order = ", ".join(f"{{0}}.k{number}" for number in range(len(keys)))
    pairs = [f"({order.format('a')}) < ({order.format('b')})"]
    pairs += [f"a.e{number} {operator} b.e{number}" for number, (_, operator) in enumerate(probe.elements)]
    shown = [f"concat_ws(', ', {order.format(each)})" for each in "ab"]
    found = f"FROM ({rows}) AS a JOIN ({rows}) AS b ON {' AND '.join(pairs)}"
    clashes = reader.rows(f"SELECT {', '.join(shown)} {found} LIMIT {MOST + 1}")
    if clashes:
        more = len(clashes) > MOST
        samples = reader.samples(shape, sorted(f"{first} with {second}" for first, second in clashes[:MOST]), more=more)
        matched = Matched(count=min(len(clashes), MOST), more=more, samples=samples, query=f"SELECT {', '.join(shown)} {found}")
        fact = f"{matched.number('pair')} of rows exclude each other"
        yield Answer(table=table, fact=fact, matched=matched, remedy="change or delete one of each", code="SC807")


def _rows(reader: Reader, source: Source, probe: Rows, *, table: str) -> Iterator[Answer]:
    names = [table]
    if probe.cascade:
        names += [name for (name,) in reader.rows(_REFERRING, table)]
    for name in names:
        one = source if name == table else Source(table=name, alias="")
        matched = reader.matching(one, "true")
        if matched.count:
            kept = "make sure that a backup holds them (invoke db.backup), or keep the table under another name for a while"
            told = Matched(count=matched.count, more=matched.more)
            yield Answer(table=name, fact=f"{told.number('row')}", outcome="loses", matched=told, remedy=kept)
        else:
            yield Answer(table=name, fact="no rows", outcome="keeps")


_REFERRING = """
WITH RECURSIVE referring AS (
    SELECT pg_catalog.to_regclass(%s)::oid AS oid
    UNION
    SELECT k.conrelid FROM referring r JOIN pg_catalog.pg_constraint k ON k.confrelid = r.oid AND k.contype = 'f'
)
SELECT r.oid::pg_catalog.regclass::text FROM referring r OFFSET 1
"""


def _values(reader: Reader, source: Source, probe: Values, *, table: str) -> Iterator[Answer]:
    shape = reader.shape(source.table)
    name = qualified(probe.column)
    if probe.column in shape.generated:
        yield Answer(table=table, fact=f"{name} is computed from other columns", outcome="keeps")
        return
    matched = reader.matching(source, f"{name} IS NOT NULL")
    if matched.count:
        told = Matched(count=matched.count, more=matched.more, query=matched.query)
        fact = f"{told.number('row')} {'has' if told.count == 1 else 'have'} a value in {name}"
        kept = "make sure that a backup holds them (invoke db.backup), or that another column does"
        yield Answer(table=table, fact=fact, outcome="loses", matched=told, remedy=kept)
    else:
        yield Answer(table=table, fact=f"no row has a value in {name}", outcome="keeps")
