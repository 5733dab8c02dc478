"""The tables of a throwaway as something to fill: what their columns take, which keys they have, in which order they come."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import psycopg

from seachange.postgres.catalog import Catalog, Index, Table, qualified
from seachange.workflow._rehearsal.made_up import Kind, quoted

if TYPE_CHECKING:
    from seachange.postgres.connection import Session

__all__ = ["FillColumn", "FillTable", "Reference", "in_order", "read_fillable"]

_COLUMNS = """
WITH RECURSIVE bottom AS (
    SELECT oid AS type, oid AS base, -1 AS modifier, false AS required FROM pg_catalog.pg_type WHERE typtype <> 'd'
    UNION ALL
    SELECT t.oid, b.base, CASE WHEN t.typtypmod >= 0 THEN t.typtypmod ELSE b.modifier END, t.typnotnull OR b.required
    FROM pg_catalog.pg_type t JOIN bottom b ON b.type = t.typbasetype WHERE t.typtype = 'd'
)
SELECT n.nspname::text, c.relname::text, a.attname::text, b.typname::text,
       pg_catalog.format_type(a.atttypid, a.atttypmod), CASE WHEN a.atttypmod >= 0 THEN a.atttypmod ELSE m.modifier END,
       a.attnotnull OR m.required, a.attgenerated <> '', a.atthasdef OR a.attidentity <> '',
       CASE WHEN a.attidentity <> '' THEN pg_catalog.pg_get_serial_sequence(c.oid::regclass::text, a.attname)
            ELSE substring(pg_catalog.pg_get_expr(d.adbin, d.adrelid) FROM 'nextval\\(''(.*)''::regclass') END,
       ARRAY(SELECT e.enumlabel::text FROM pg_catalog.pg_enum e WHERE e.enumtypid = b.oid ORDER BY e.enumsortorder),
       el.typname::text, pg_catalog.format_type(el.oid, NULL),
       ARRAY(SELECT e.enumlabel::text FROM pg_catalog.pg_enum e WHERE e.enumtypid = el.oid ORDER BY e.enumsortorder),
       m.base <> a.atttypid
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p') AND NOT c.relispartition
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN bottom m ON m.type = a.atttypid
JOIN pg_catalog.pg_type b ON b.oid = m.base
LEFT JOIN pg_catalog.pg_type el ON el.oid = b.typelem AND b.typcategory = 'A'
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attrelid, a.attnum
"""
_HEADER = 4
_TEXTS = frozenset({"text", "varchar", "bpchar", "citext"})
_EXAMPLE = "'k1'"
# An address of mail, a link, a code, a number: what checks of texts ask for most often.
_SHAPES = (
    "{t}",
    "{t} || '@example.invalid'",
    "'https://example.invalid/' || {t}",
    "upper({t})",
    "regexp_replace({t}, '[^0-9]', '', 'g')",
    "'+1555' || lpad(regexp_replace({t}, '[^0-9]', '', 'g'), 7, '0')",
    *(f"lpad(regexp_replace({{t}}, '[^0-9]', '', 'g'), {digits}, '0')" for digits in (15, 16, 14, 13, 12, 11, 10, 9, 8, 6, 5, 4)),
)
_WORD = re.compile(r'"(?:[^"]|"")+"|\w+')
_STRING = re.compile(r"'((?:[^']|'')*)'::")
_LISTED = re.compile(r'\(\(*"?([^()"]+?)"?\)?(?:::[\w ]+)? = ANY \(+ARRAY\[(.+?)\]', re.DOTALL)
_LIST_BOUND = re.compile(r"FOR VALUES IN \((.+)\)$")
_RANGE_BOUND = re.compile(r"FOR VALUES FROM \(([^,()]+)\) TO \(([^,()]+)\)$")
_KEY_OF_ONE = re.compile(r'(?:LIST|RANGE) \("?([^(),"]+)"?\)$', re.IGNORECASE)


@dataclasses.dataclass(frozen=True, kw_only=True)
class FillColumn:
    """One column: ``sequence`` feeds it, ``choices`` are what a check or partitions allow, ``spans`` the ranges of partitions."""

    name: str
    kind: Kind
    required: bool
    filled: bool
    sequence: str = ""
    choices: tuple[str, ...] = ()
    spans: tuple[tuple[str, str], ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reference:
    """A foreign key."""

    columns: tuple[str, ...]
    table: str
    referenced: tuple[str, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class FillTable:
    """One table; generated columns are left out, ``keys`` are columns that no two rows may have alike."""

    name: str
    columns: tuple[FillColumn, ...]
    keys: tuple[tuple[str, ...], ...]
    references: tuple[Reference, ...]
    checks: tuple[str, ...] = ()


def read_fillable(session: Session, catalog: Catalog, *, without: Iterable[str] = ()) -> dict[str, FillTable]:
    """Return the tables that can hold rows, by name; partitions are filled by the table that they belong to.

    :param session: of the throwaway.
    :param catalog: its schema.
    :param without: names of tables to leave out.
    """
    columns: dict[str, list[FillColumn]] = {}
    with session.transaction():
        session.execute("SET LOCAL search_path = pg_catalog")
        for row in session.execute(_COLUMNS).fetchall():
            schema, table, generated = row[0], row[1], row[7]
            found = columns.setdefault(qualified(schema, table), [])
            if not generated:
                found.append(_column(row))
    left_out = set(without)
    tables = [each for each in catalog.tables if each.kind != "foreign table" and not each.partition_bound]
    plain = (_table(each, catalog, columns.get(each.qualified, [])) for each in tables if each.qualified not in left_out)
    return {each.name: _shaped(session, each) for each in plain}


def _shaped(session: Session, table: FillTable) -> FillTable:
    """Return a table whose texts have the first shape that checks of their column and its domain take."""
    names = {each.name for each in table.columns}
    mentioned = {check: {word.strip('"') for word in _WORD.findall(check)} & names for check in table.checks}
    columns = []
    for column in table.columns:
        checks = [check for check, words in mentioned.items() if words == {column.name}]
        kind = column.kind
        if kind.base in _TEXTS and not column.choices and (checks or kind.domain):
            shapes = (dataclasses.replace(kind, shape=shape) for shape in _SHAPES)
            kind = next((each for each in shapes if _takes(session, column.name, each, checks=checks)), kind)
        columns.append(dataclasses.replace(column, kind=kind))
    return dataclasses.replace(table, columns=tuple(columns))


def _takes(session: Session, column: str, kind: Kind, *, checks: Sequence[str]) -> bool:
    asked = " AND ".join(f"({check.removeprefix('CHECK ').removesuffix(' NO INHERIT')}) IS NOT FALSE" for check in checks)
    # A value that nobody asks for is not computed, and no domain looks at it.
    made = f"(SELECT {kind.shaped(_EXAMPLE)} AS {quoted(column)}) made"
    query = f"SELECT {asked or 'true'} FROM {made} WHERE {quoted(column)}::text IS NOT NULL"  # noqa: S608 - of the catalogue
    try:
        with session.transaction(force_rollback=True):
            row = session.execute(query.encode()).fetchone()
    except psycopg.Error:
        return False
    return bool(row and row[0])


def _column(row: Sequence[object]) -> FillColumn:
    _, _, name, base, cast, modifier, required, _, filled, sequence, labels, element, element_cast, element_labels, domain = row
    inner = Kind(base=str(element), cast=str(element_cast), labels=_texts(element_labels)) if element else None
    kind = Kind(
        base=str(base),
        cast=str(cast),
        limit=_limit(str(base), int(str(modifier))),
        labels=_texts(labels),
        element=inner,
        domain=bool(domain),
    )
    return FillColumn(name=str(name), kind=kind, required=bool(required), filled=bool(filled), sequence=str(sequence or ""))


def _texts(values: object) -> tuple[str, ...]:
    return tuple(map(str, values)) if isinstance(values, list) else ()


def _limit(base: str, modifier: int) -> int:
    if modifier < 0:
        return 0
    if base in ("varchar", "bpchar"):
        return modifier - _HEADER
    if base == "numeric":
        precision, scale = (modifier - _HEADER) >> 16 & 0xFFFF, (modifier - _HEADER) & 0x7FF
        scale = scale - 0x800 if scale & 0x400 else scale
        return int(10 ** max(0, precision - scale)) - 1
    return modifier if base in ("bit", "varbit") else 0


def _table(table: Table, catalog: Catalog, columns: Sequence[FillColumn]) -> FillTable:
    checks = [each for each in table.constraints if each.kind == "check" and each.validated and each.enforced]
    choices = {name: values for each in checks for name, values in _listed(each.definition)}
    of_partitions, spans = _partitions(table, catalog)
    choices |= of_partitions
    names = {each.name for each in columns}
    unique = [constraint.columns for constraint in table.constraints if constraint.kind in ("primary key", "unique")]
    unique += [_indexed(index, names) for index in table.indexes if index.unique]
    unique += [constraint.columns for constraint in table.constraints if constraint.kind == "exclusion"]
    return FillTable(
        name=table.qualified,
        columns=tuple(
            dataclasses.replace(each, choices=choices.get(each.name, ()), spans=spans.get(each.name, ())) for each in columns
        ),
        keys=tuple(found for key in unique if (found := tuple(name for name in key if name in names))),
        references=tuple(
            Reference(
                columns=each.columns,
                table=qualified(each.references_schema, each.references_table),
                referenced=each.references_columns,
            )
            for each in table.foreign_keys
        ),
        checks=tuple(each.definition for each in checks),
    )


def _indexed(index: Index, names: set[str]) -> tuple[str, ...]:
    """Return the columns of an index, those in its expressions among them."""
    if all(index.columns):
        return index.columns
    words = (
        word.strip('"').replace('""', '"') for word in _WORD.findall(index.definition.partition("(")[2].partition(" WHERE ")[0])
    )
    return tuple(dict.fromkeys(word for word in words if word in names))


def _listed(definition: str) -> Iterable[tuple[str, tuple[str, ...]]]:
    """Yield the columns that a check holds to a list of texts, each with them."""
    for column, values in _LISTED.findall(definition):
        texts = tuple(value.replace("''", "'") for value in _STRING.findall(values))
        if texts:
            yield column, texts


def _partitions(table: Table, catalog: Catalog) -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[tuple[str, str], ...]]]:
    """Return the values that a table partitioned by one column has places for, as a list or as ranges."""
    key = _KEY_OF_ONE.search(table.partition_key)
    bounds = [each.partition_bound for each in catalog.tables if table.qualified in each.inherits]
    if not key or "DEFAULT" in bounds:
        return {}, {}
    listed = [
        value for bound in bounds for found in _LIST_BOUND.findall(bound) for value in re.findall(r"'((?:[^']|'')*)'", found)
    ]
    spans = [(low.strip("'"), high.strip("'")) for bound in bounds for low, high in _RANGE_BOUND.findall(bound)]
    closed = tuple(span for span in spans if not {"MINVALUE", "MAXVALUE"} & set(span))
    return ({key[1]: tuple(listed)} if listed else {}), ({key[1]: closed} if closed else {})


def in_order(tables: Mapping[str, FillTable]) -> tuple[str, ...]:
    """Return tables so that each comes after those that it refers to, as far as there is no circle.

    :param tables: by name.
    """
    waiting = {name: {each.table for each in table.references} & set(tables) - {name} for name, table in tables.items()}
    done: list[str] = []
    while waiting:
        ready = sorted(name for name, others in waiting.items() if not others - set(done))
        # In a circle, whoever waits for the fewest goes first.
        ready = ready or [min(waiting, key=lambda name: (len(waiting[name] - set(done)), name))]
        done += ready
        for name in ready:
            del waiting[name]
    return tuple(done)
