"""What is known while the blocks of one file are made."""

from __future__ import annotations

import dataclasses
import functools
from collections import defaultdict
from collections.abc import Mapping, Sequence

from seachange.sync.model import Column, Schema, Table, Type, View
from seachange.sync.targets.prisma._indexes import AnyIndex, indexes
from seachange.sync.targets.prisma._naming import Names, name_all
from seachange.sync.targets.prisma._present import Key, Present
from seachange.sync.targets.prisma._relations import Inline, Joined, inline_relations, is_join_table, joined_relations
from seachange.sync.targets.prisma._types import FieldType, field_type

__all__ = ["Context"]

# Where Prisma keeps its own history.
_MIGRATIONS = "_prisma_migrations"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Context:
    """The schema, the present file, and what follows from both.

    ``namespaces`` says whether blocks tell their schema, ``prefix`` is the name of the datasource.
    """

    schema: Schema
    present: Present
    views: bool
    namespaces: bool
    prefix: str = "db"

    @functools.cached_property
    def shown(self) -> tuple[Table, ...]:
        """The tables that Prisma's introspection shows: no foreign ones, no partitions that are not partitioned themselves."""
        return tuple(
            self._with_inherited(one)
            for one in self.schema.tables
            if one.kind == "partitioned table" or (one.kind == "table" and not one.is_partition and one.name != _MIGRATIONS)
        )

    def _with_inherited(self, table: Table) -> Table:
        # A partition has the foreign keys of what it is a part of, by the same names.
        parent = self.schema.relations.get(table.partition_of) if table.partition_of else None
        if not isinstance(parent, Table):
            return table
        own = {one.name for one in table.foreign_keys}
        inherited = tuple(one for one in self._with_inherited(parent).foreign_keys if one.name not in own)
        return dataclasses.replace(table, foreign_keys=table.foreign_keys + inherited)

    @functools.cached_property
    def tables(self) -> tuple[Table, ...]:
        """The tables that become models."""
        return tuple(one for one in self.shown if not is_join_table(one))

    @functools.cached_property
    def shown_views(self) -> tuple[View, ...]:
        """The views that become views; Prisma does not know materialized ones."""
        return tuple(one for one in self.schema.views if one.kind == "view" and one.columns) if self.views else ()

    @functools.cached_property
    def names(self) -> Names:
        """All names."""
        return name_all(self.tables, self.shown_views, self.schema.enums, present=self.present)

    @functools.cached_property
    def _inline(self) -> list[Inline]:
        return [
            one
            for one in inline_relations(self.tables, self.names)
            if all(self.names.fields[one.table.key][column] for column in one.foreign_key.columns)
            and all(self.names.fields[one.target.key][column] for column in one.foreign_key.references_columns)
        ]

    @functools.cached_property
    def inline(self) -> Mapping[Key, Sequence[tuple[Inline, bool]]]:
        """The relation fields of each table in Prisma's order; the second says whether it is the side with the columns."""
        found: dict[Key, list[tuple[Inline, bool]]] = defaultdict(list)
        for one in self._inline:
            found[one.table.key].append((one, True))
            found[one.target.key].append((one, False))
        return found

    @functools.cached_property
    def joined(self) -> Mapping[Key, Sequence[tuple[Joined, bool]]]:
        """The fields of relations of many to many; the second says whether it is the side that column A refers to."""
        found: dict[Key, list[tuple[Joined, bool]]] = defaultdict(list)
        for one in joined_relations([one for one in self.shown if is_join_table(one)], self._inline, self.names):
            found[one.first].append((one, True))
            found[one.second].append((one, False))
        return found

    @functools.cached_property
    def parents(self) -> frozenset[str]:
        """The tables that others inherit from."""
        return frozenset(parent for one in self.schema.tables for parent in one.inherits)

    @functools.cached_property
    def _indexes(self) -> Mapping[Key, tuple[AnyIndex, ...]]:
        return {one.key: indexes(one) for one in self.tables}

    @functools.cached_property
    def _told_indexes(self) -> Mapping[Key, tuple[AnyIndex, ...]]:
        found = {}
        for key, all_of_table in self._indexes.items():
            fields = self.names.fields[key]
            found[key] = tuple(
                one for one in all_of_table if not one.expression and all(fields.get(column) for column in one.columns)
            )
        return found

    def indexes(self, table: Table) -> tuple[AnyIndex, ...]:
        """Return the keys and indexes of a table that Prisma can tell.

        :param table: the table.
        """
        return self._told_indexes[table.key]

    def all_indexes(self, table: Table) -> tuple[AnyIndex, ...]:
        """Return all keys and indexes of a table."""
        return self._indexes[table.key]

    @functools.cached_property
    def _types(self) -> dict[Type, FieldType]:
        return {}

    def type(self, column: Column) -> FieldType:
        """Return the type of a column's field."""
        found = self._types.get(column.type)
        if found is None:
            found = self._types[column.type] = field_type(self.schema, column.type, self.names.enums)
        return found

    def is_required(self, column: Column) -> bool:
        """Return whether a column holds one value, never NULL."""
        kind = self.type(column)
        return not kind.array and (column.not_null or kind.not_null)

    @functools.cached_property
    def _identified(self) -> frozenset[Key]:
        return frozenset(table.key for table in self.tables if self._has_key(table))

    def _has_key(self, table: Table) -> bool:
        columns = table.by_name
        return any(
            one.unique and all(self.is_required(columns[name]) and self.type(columns[name]).supported for name in one.columns)
            for one in self.indexes(table)
        )

    def is_identified(self, table: Table) -> bool:
        """Return whether a key of a table is one that the client can use."""
        return table.key in self._identified

    def is_ignored(self, table: Table) -> bool:
        """Return whether the client passes a table over, by what the file says or because it has no key."""
        block = self.names.model_blocks.get(table.key)
        return bool(block and block.ignored) or not self.is_identified(table)
