"""Reflected tables made ready for sqlacodegen: what it would lose, misread or write at length."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.schema import ColumnCollectionConstraint
from sqlalchemy.util import topological

from seachange.sync.model import Column, Key, Sequence, Table
from seachange.sync.targets.models._exclusions import read_exclusions
from seachange.sync.targets.models._reflecting import Found
from seachange.sync.targets.models._texts import call, escaped
from seachange.sync.targets.models._types import mended

__all__ = ["CYCLIC", "EXCLUSION", "FILLED", "PLAIN", "prepare"]

#: Marks in ``info``: a constraint that a keyword of its column says all about; one of a circle of foreign keys; a column that
#: only the database fills in. With EXCLUSION goes what was read of an exclusion constraint.
PLAIN, CYCLIC, FILLED, EXCLUSION = "seachange_plain", "seachange_cyclic", "seachange_filled", "seachange_exclusion"
_LIMITS = {"smallint": 2**15, "integer": 2**31, "bigint": 2**63}
_NEXTVAL = re.compile(r"nextval\('(.+)'::regclass\)")
_SERIAL = ("int4", "int8")


def prepare(found: Found) -> None:
    """Mend types, defaults and identities, add exclusion constraints, and mark what a short form may stand for.

    :param found: whose metadata is changed.
    """
    exclusions = read_exclusions(found.connection)
    circular = _circular(found.metadata)
    for table in found.metadata.tables.values():
        known = found.table(table)
        for column in table.columns:
            _prepare_column(column, known, found)
        for exclusion in exclusions.get(known.key, ()):
            parts = zip(exclusion.expressions, exclusion.operators, strict=True)
            added = ExcludeConstraint(*((sa.literal_column(text), operator) for text, operator in parts), name=exclusion.name)
            added.info[EXCLUSION] = exclusion
            table.append_constraint(added)
        for constraint in table.constraints:
            if isinstance(constraint, sa.ForeignKeyConstraint):
                if {table.key, constraint.referred_table.key} <= circular and constraint.referred_table is not table:
                    constraint.info[CYCLIC] = True
            elif isinstance(constraint, sa.CheckConstraint):
                constraint.sqltext.text = escaped(constraint.sqltext.text)
    # Only now that every column has the type that it keeps.
    for table in found.metadata.tables.values():
        for constraint in table.constraints:
            if _is_plain(constraint, found.table(table)):
                constraint.info[PLAIN] = True


def _circular(metadata: sa.MetaData) -> set[str]:
    edges = [
        (constraint.referred_table.key, table.key)
        for table in metadata.tables.values()
        for constraint in table.foreign_key_constraints
        if constraint.referred_table is not table
    ]
    return set(topological.find_cycles(edges, list(metadata.tables)))


def _prepare_column(column: sa.Column[Any], known: Table, found: Found) -> None:
    ours = known.by_name[column.name]
    column.type = mended(column.type, ours.type, found.schema)
    default = column.server_default
    clause: Any = getattr(default, "arg", getattr(default, "sqltext", None))
    if isinstance(default, sa.Identity):
        column.info[FILLED] = True
        _shorten(default, ours)
    elif isinstance(default, sa.Computed):
        column.info[FILLED] = True
        # sqlacodegen takes str() of it.
        vars(default)["sqltext"] = escaped(clause.text)
    elif isinstance(default, sa.DefaultClause):
        clause.text = escaped(clause.text)
        if ours.default.startswith("nextval("):
            # As Alembic spells what the database has; a call that differs it would try out.
            clause.text = clause.text.replace("::regclass", "")
            _mend_sequence(column, known, found)


def _shorten(identity: sa.Identity, column: Column) -> None:
    """Take out what PostgreSQL fills in by itself."""
    limit = _LIMITS.get(column.type.text, 2**63)
    up = (identity.increment or 1) > 0
    least, most = (1, limit - 1) if up else (-limit, -1)
    usual = {"minvalue": least, "maxvalue": most, "increment": 1, "cache": 1, "cycle": False, "start": least if up else most}
    for name, value in usual.items():
        if getattr(identity, name) == value:
            setattr(identity, name, None)


def _mend_sequence(column: sa.Column[Any], known: Table, found: Found) -> None:
    ours = known.by_name[column.name]
    literal = _NEXTVAL.match(ours.default)
    name = literal[1].replace("''", "'") if literal else ""
    sequence = found.sequences.get(name)
    if sequence is None:
        return
    key = column.primary_key
    if ours.serial and (ours.type.name in _SERIAL or key):
        # Alembic takes these two for a serial column, whose default it does not look at.
        column.server_default = None
        column.info[FILLED] = True
    named = (sequence.schema, sequence.name) == (known.schema, f"{known.name}_{column.name}_seq")
    if not (ours.serial and key and named):
        column.default = _Sequence(sequence, found.schema_of(sequence.schema))


class _Sequence(sa.Sequence):
    """A sequence that shows all of its options in its repr, which sqlacodegen writes."""

    def __init__(self, sequence: Sequence, schema: str | None) -> None:
        super().__init__(sequence.name, schema=schema)
        self._described = sequence

    def __repr__(self) -> str:
        one = self._described
        limit = _LIMITS[one.type]
        up = one.increment > 0
        least, most = (1, limit - 1) if up else (-limit, -1)
        types = {"smallint": "SmallInteger", "integer": "Integer", "bigint": ""}
        return call(
            "Sequence",
            repr(one.name),
            schema=repr(self.schema) if self.schema else "",
            data_type=types[one.type],
            start=_unless(one.start, least if up else most),
            increment=_unless(one.increment, 1),
            minvalue=_unless(one.minimum, least),
            maxvalue=_unless(one.maximum, most),
            cache=_unless(one.cache, 1),
            cycle="True" if one.cycle else "",
        )


def _unless(value: int, usual: int) -> str:
    return "" if value == usual else str(value)


def _is_plain(constraint: sa.Constraint, table: Table) -> bool:
    """Say whether PostgreSQL would give the constraint the name that it has, and nothing else is to be told of it."""
    if isinstance(constraint, (sa.PrimaryKeyConstraint, sa.UniqueConstraint)):
        key = next(_keys(constraint, table), None)
        return key is None or (constraint.name == _usual_name(constraint, table) and not _special(key) and _in_order(constraint))
    if isinstance(constraint, sa.ForeignKeyConstraint):
        known = next((one for one in table.foreign_keys if one.name == constraint.name), None)
        special = known is None or known.comment or not known.validated or CYCLIC in constraint.info
        return not special and constraint.name == _usual_name(constraint, table) and _same_types(constraint)
    return False


def _keys(constraint: sa.Constraint, table: Table) -> Iterator[Key]:
    for key in (table.primary_key, *table.unique_keys):
        if key is not None and key.name == constraint.name:
            yield key


def _in_order(constraint: ColumnCollectionConstraint) -> bool:
    # A primary key that only its columns tell of has them in the order of the table.
    positions = [list(constraint.table.columns).index(column) for column in constraint.columns]
    return positions == sorted(positions)


def _special(key: Key) -> bool:
    return bool(key.include or key.nulls_not_distinct or key.deferrable or key.comment)


def _usual_name(constraint: ColumnCollectionConstraint, table: Table) -> str:
    if isinstance(constraint, sa.PrimaryKeyConstraint):
        return f"{table.name}_pkey"
    columns = "_".join(column.name for column in constraint.columns)
    return f"{table.name}_{columns}_{'key' if isinstance(constraint, sa.UniqueConstraint) else 'fkey'}"


def _same_types(constraint: sa.ForeignKeyConstraint) -> bool:
    # A column with a ForeignKey and without a type gets the type of the column that it refers to.
    return all(repr(element.parent.type) == repr(element.column.type) for element in constraint.elements)
