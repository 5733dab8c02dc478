"""What everything is called in schema.ts and relations.ts."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Self

from seachange.sync._typescript import Names, pascal_case
from seachange.sync.model import Schema, Table
from seachange.sync.targets.drizzle._options import Options

__all__ = ["PG_CORE", "Naming", "is_described"]

#: What schema.ts may import of drizzle-orm/pg-core.
PG_CORE = frozenset(
    (
        *("PgTableExtraConfigValue", "check", "customType", "foreignKey", "index", "makePgArray", "parsePgArray", "pgEnum"),
        *("pgMaterializedView", "pgPolicy", "pgSchema", "pgSequence", "pgTable", "pgView", "primaryKey", "unique", "uniqueIndex"),
        *("bigint", "bigserial", "bit", "boolean", "char", "cidr", "date", "doublePrecision", "halfvec", "inet", "integer"),
        *("interval", "json", "jsonb", "line", "macaddr", "macaddr8", "numeric", "point", "real", "serial", "smallint"),
        *("smallserial", "sparsevec", "text", "time", "timestamp", "uuid", "varchar", "vector"),
    )
)
_Key = tuple[str, str]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Naming:
    """The names, by the schema and name of what they stand for.

    ``properties`` has those of each table and view by column, ``types`` the beginning of the types of its rows.
    """

    relations: Mapping[_Key, str]
    types: Mapping[_Key, str]
    properties: Mapping[_Key, Mapping[str, str]]
    enums: Mapping[_Key, str]
    sequences: Mapping[_Key, str]
    schemas: Mapping[str, str]
    constants: Names

    @classmethod
    def of(cls, schema: Schema, options: Options) -> Self:
        """Return the names for a schema: those of tables as drizzle-kit pull gives them, ``invoicesInBilling``.

        :param schema: what is described.
        :param options: of the target.
        """
        constants = Names({*PG_CORE, "sql", "relations", "one", "many", "table", "value", "parsed", "bytes", "shape"})
        types = Names()
        relations = [one for one in schema.tables if is_described(one, options)] + list(schema.views)

        def constant(key: _Key, *ends: str) -> str:
            return constants.of_constant(*_words(key), suffixes=("", *ends))

        return cls(
            relations={one.key: constant(one.key, "Relations") for one in relations},
            types={one.key: types.of_type(*_words(one.key), suffixes=("Select", "Insert")) for one in relations},
            properties={one.key: _properties([column.name for column in one.columns], options) for one in relations},
            enums={one.key: constant(one.key) for one in schema.enums},
            sequences={one.key: constant(one.key) for one in schema.sequences},
            schemas={name: constants.of_constant(name) for name in _used_schemas(schema, options)},
            constants=constants,
        )


def is_described(table: Table, options: Options) -> bool:
    """Whether a table is in the file.

    :param table: any table.
    :param options: of the target.
    """
    return options.partitions == "tables" or not table.is_partition


def _words(key: _Key) -> tuple[str, ...]:
    schema, name = key
    return (name,) if schema == "public" else (name, f"In{pascal_case(schema)}")


def _properties(columns: list[str], options: Options) -> Mapping[str, str]:
    names = Names(exact=True)
    return {column: names.of_property(column, casing=options.casing) for column in columns}


def _used_schemas(schema: Schema, options: Options) -> list[str]:
    tables = [one for one in schema.tables if is_described(one, options)]
    return sorted({one.schema for one in (*tables, *schema.views, *schema.enums, *schema.sequences)} - {"public"})
