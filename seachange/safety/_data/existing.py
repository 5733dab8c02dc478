"""Rows of constraints that are there already but not validated, and of every column of a domain or enum."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from seachange.postgres.catalog import qualified
from seachange.safety._data.reading import Reader
from seachange.safety._data.shape import Shape
from seachange.safety._data.told import Answer
from seachange.safety._data.values import Constraint, DomainRows, Labels, Layer, Nulls, Probe, Source, Violators
from seachange.safety._foreign_keys import read_foreign_keys
from seachange.safety._look import NotCheckedError
from seachange.safety._orphans import orphan_condition

__all__ = ["domain_rows", "existing_probe", "label_rows", "orphans_of_existing"]

_CONSTRAINT = """
SELECT k.contype::text, pg_catalog.pg_get_expr(k.conbin, k.conrelid),
       ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a WHERE a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey))
FROM pg_catalog.pg_constraint k WHERE k.conrelid = pg_catalog.to_regclass(%s) AND k.conname = %s
"""
_DOMAIN_CONSTRAINT = """
SELECT pg_catalog.pg_get_constraintdef(k.oid) FROM pg_catalog.pg_constraint k
WHERE k.contypid = pg_catalog.to_regtype(%s)::oid AND k.conname = %s
"""
# Arrays of the type are looked at too; a partition is looked at with the table that it is a part of.
_COLUMNS = """
SELECT c.oid::pg_catalog.regclass::text, a.attname::text, t.typelem = wanted.oid AND t.typcategory = 'A'
FROM (SELECT pg_catalog.to_regtype(%s)::oid AS oid) AS wanted
JOIN pg_catalog.pg_type t ON t.oid = wanted.oid OR (t.typelem = wanted.oid AND t.typcategory = 'A')
JOIN pg_catalog.pg_attribute a ON a.atttypid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1, 2
"""


def existing_probe(reader: Reader, source: Source, probe: Constraint) -> Probe | None:
    """Return what a constraint that the database has asks of rows; None for a foreign key, which is asked in its own way.

    :raises NotCheckedError: there is no such constraint.
    """
    rows = reader.rows(_CONSTRAINT, source.table, probe.name)
    if not rows:
        raise NotCheckedError(f"not checked: {source.table} has no constraint {probe.name}")
    kind, expression, columns = rows[0]
    if kind == "n":
        return Nulls(columns=tuple(columns))
    return Violators(expression=expression) if kind == "c" else None


def orphans_of_existing(reader: Reader, source: Source, probe: Constraint) -> Iterator[Answer]:
    """Yield the rows that a foreign key of the database, not validated yet, will be found to miss.

    :raises NotCheckedError: they could not be looked at.
    """
    shape = reader.shape(source.table)
    keys = read_foreign_keys(reader.connection, [shape.schema], timeout_ms=reader.timeout_ms)
    own = (each for each in keys if (each.child.schema, each.child.table) == (shape.schema, shape.name))
    for key in (each for each in own if each.name == probe.name):
        matched = reader.matching(source, orphan_condition(key).as_string(), alias="c", only=True)
        if matched.count:
            verb = "has" if matched.count == 1 else "have"
            fact = f"{matched.number('row')} {verb} no counterpart in {key.parent.qualified}"
            remedy = "delete them, set the columns to NULL, or insert what is missing"
            yield Answer(table=shape.qualified, fact=fact, matched=matched, remedy=remedy, code="SC804")


def domain_rows(reader: Reader, probe: DomainRows | Constraint) -> Iterator[Answer]:
    """Yield the values of a domain that a new check or NOT NULL of it does not allow, column by column.

    :raises NotCheckedError: they could not be looked at.
    """
    domain = probe.domain
    text = _domain_check(reader, probe) if isinstance(probe, Constraint) else probe.expression
    for table, column, array in reader.rows(_COLUMNS, domain):
        if array:
            continue
        shape = reader.shape(table)
        layer = Layer(alias=shape.name, values={"value": f"{qualified(shape.name)}.{qualified(column)}"})
        source = Source(table=table, alias=shape.name, layers=(layer,))
        condition = f"({text}) IS FALSE" if text else "value IS NULL"
        yield from _of_column(reader, shape, column, source=source, condition=condition, wanted=text or "value IS NOT NULL")


def _of_column(reader: Reader, shape: Shape, column: str, *, source: Source, condition: str, wanted: str) -> Iterator[Answer]:
    matched = reader.matching(source, condition)
    if matched.count:
        fact = f"{matched.number('row')} {'does' if matched.count == 1 else 'do'} not fulfil {wanted} in {qualified(column)}"
        yield Answer(table=shape.qualified, fact=fact, matched=matched, remedy="correct them before", code="SC803")


def _domain_check(reader: Reader, probe: Constraint) -> str:
    rows = reader.rows(_DOMAIN_CONSTRAINT, probe.domain, probe.name)
    if not rows:
        raise NotCheckedError(f"not checked: domain {probe.domain} has no constraint {probe.name}")
    definition = str(rows[0][0]).removesuffix(" NOT VALID")
    return "" if definition == "NOT NULL" else definition.removeprefix("CHECK (").removesuffix(")")


def label_rows(reader: Reader, probe: Labels) -> Iterator[Answer]:
    """Yield the rows that hold a label which becomes another.

    :raises NotCheckedError: they could not be looked at.
    """
    label = "'" + probe.label.replace("'", "''") + "'"
    for table, column, array in reader.rows(_COLUMNS, probe.enum):
        shape = reader.shape(table)
        name = qualified(column)
        condition = f"{label} = ANY ({name}::text[])" if array else f"{name}::text = {label}"
        matched = reader.matching(Source(table=table, alias=shape.name), condition)
        if matched.count:
            fact = f"{matched.number('row')} {'holds' if matched.count == 1 else 'hold'} {label} in {name}"
            told = dataclasses.replace(matched, samples="")
            remedy = "they show the new label at once; code that still compares with the old one finds them no more"
            yield Answer(table=shape.qualified, fact=fact, outcome="changes", matched=told, remedy=remedy)
