"""What TypeORM can be told of each table, and what it cannot: decided before anything is written."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Mapping

from seachange.sync._typescript import Casing
from seachange.sync._typescript_types import Types
from seachange.sync.model import Column, ForeignKey, Schema, Table
from seachange.sync.targets.typeorm._defaults import compared_default
from seachange.sync.targets.typeorm._names import Naming, naming
from seachange.sync.targets.typeorm._recorded import METADATA, Recorded
from seachange.sync.targets.typeorm._relations import JoinTable, Relation, join_tables, relations
from seachange.sync.targets.typeorm._types import ColumnType, ColumnTypes

__all__ = ["Plan", "plan"]

_Key = tuple[str, str]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """What is known before writing.

    ``keys`` has the identifying columns of every table that is an entity; a table without any is described like a view.
    ``limits`` says of a table why TypeORM must not compare it with the database.
    """

    schema: Schema
    names: Naming
    types: ColumnTypes
    keys: Mapping[_Key, tuple[str, ...]]
    joins: Mapping[_Key, JoinTable]
    relations: Mapping[_Key, tuple[Relation, ...]]
    apart: Mapping[_Key, tuple[ForeignKey, ...]]
    limits: Mapping[_Key, tuple[str, ...]]
    recorded: Recorded

    def type_of(self, table: Table, column: Column) -> ColumnType:
        """Return the type of a column to TypeORM."""
        return self.types.of(table, column)


def plan(schema: Schema, *, casing: Casing, recorded: Recorded) -> Plan:
    """Decide what becomes of each table.

    :param schema: the schema.
    :param casing: how columns are named.
    :param recorded: what TypeORM has written down itself.
    """
    schema = dataclasses.replace(schema, tables=tuple(table for table in schema.tables if table.key != METADATA))
    names = naming(schema, casing=casing)
    types = ColumnTypes(schema=schema, values=Types(schema=schema, enums=names.enums), labels=names.labels)
    described = [table for table in schema.tables if table.key in names.classes]
    keys = {table.key: key for table in described if (key := _identifying(table))}
    joins = join_tables(schema, entities=keys)
    entities = {key: columns for key, columns in keys.items() if key not in joins}
    related, apart = {}, {}
    for table in described:
        if table.key in entities:
            known = [one for one in table.foreign_keys if one.references in entities]
            related[table.key] = tuple(one for one in known if _same_types(types, table, one))
            apart[table.key] = tuple(one for one in known if one not in related[table.key])
    clashes = _clashing_uniques(schema)
    return Plan(
        schema=schema,
        names=names,
        types=types,
        keys=entities,
        joins=joins,
        relations=relations(schema, names=names, related=related, joins=joins),
        apart=apart,
        limits={
            table.key: tuple(_limits(table, types, entities=entities, clashes=clashes, recorded=recorded))
            for table in described
            if table.key in entities
        },
        recorded=recorded,
    )


def _identifying(table: Table) -> tuple[str, ...]:
    if table.primary_key:
        return table.primary_key.columns
    full = [one.columns for one in table.indexes if one.unique and not one.predicate and one.valid]
    for columns in (*(one.columns for one in table.unique_keys), *full):
        if columns and not any(table.by_name[name].nullable for name in columns):
            return columns
    return ()


def _same_types(types: ColumnTypes, table: Table, foreign_key: ForeignKey) -> bool:
    # TypeORM gives the columns of a relation the types of those that they refer to.
    parent = types.schema.relations[foreign_key.references]
    pairs = zip(foreign_key.columns, foreign_key.references_columns, strict=True)
    return all(types.of(table, table.by_name[one]).name == types.of(parent, parent.by_name[other]).name for one, other in pairs)


def _clashing_uniques(schema: Schema) -> frozenset[str]:
    # TypeORM finds the columns of a constraint by its name alone.
    found: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for table in schema.tables:
        for one in table.unique_keys:
            found[one.name].add(one.columns)
    return frozenset(name for name, columns in found.items() if len(columns) > 1)


def _limits(
    table: Table,
    types: ColumnTypes,
    *,
    entities: Mapping[_Key, tuple[str, ...]],
    clashes: frozenset[str],
    recorded: Recorded,
) -> list[str]:
    found = []
    if table.primary_key is None:
        found.append(f"it has no primary key; {', '.join(entities[table.key])} stands in")
    if set(table.name + table.schema) & set("'."):
        found.append("its name")
    for column in table.columns:
        type_ = types.of(table, column)
        default = compared_default(column, kind=type_.name)
        if column.generated and not recorded.present:
            found.append(f"{column.name}: generated, and TypeORM's table typeorm_metadata is not there")
        if type_.missing:
            found.append(f"{column.name}: {type_.missing}")
        elif default and not default.compares:
            found.append(f"{column.name}: default {' '.join(column.default.split())}")
        elif '"' in column.type.name + column.type.schema or ("'" in column.name and (type_.array or not column.type.system)):
            found.append(f"{column.name}: the name of it or its type")
    found += [f"foreign key {one.name}: its table has no entity" for one in table.foreign_keys if one.references not in entities]
    found += [f"unique constraint {one.name}: another one has its name" for one in table.unique_keys if one.name in clashes]
    return found
