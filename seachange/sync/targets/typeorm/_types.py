"""Types of PostgreSQL -> TypeORM's column types, and what TypeORM makes of their values."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from seachange.sync._typescript import literal
from seachange.sync._typescript_types import Types
from seachange.sync.model import Column, Schema, Table, Type, View

__all__ = ["ColumnType", "ColumnTypes"]

_NAMES = {
    "int2": "smallint",
    "int4": "integer",
    "int8": "bigint",
    "float4": "real",
    "float8": "double precision",
    "bool": "boolean",
    "bpchar": "char",
    "varbit": "bit varying",
}
# Those that TypeORM calls as PostgreSQL does.
_SAME = frozenset(
    {"numeric", "money", "varchar", "text", "bytea", "bit", "date", "time", "timetz", "timestamp", "timestamptz", "interval"}
    | {"point", "line", "lseg", "box", "path", "polygon", "circle", "cidr", "inet", "macaddr", "macaddr8", "tsvector", "tsquery"}
    | {"uuid", "xml", "json", "jsonb", "jsonpath"}
    | {f"{base}{kind}" for base in ("int4", "int8", "num", "ts", "tstz", "date") for kind in ("range", "multirange")}
)
_OF_EXTENSIONS = frozenset({"citext", "hstore", "geometry", "geography", "cube", "ltree", "vector", "halfvec"})
_LENGTHS = ("varchar", "char", "bit", "bit varying", "vector", "halfvec")
_TIMES = ("interval", "time", "timetz", "timestamp", "timestamptz")
_VALUES = {
    "date": "string",
    "interval": "Interval | string",
    "point": "{ x: number; y: number } | string",
    "circle": "{ x: number; y: number; radius: number } | string",
    "hstore": "Record<string, string | null>",
    "cube": "number[]",
    "vector": "number[]",
    "halfvec": "number[]",
    "geometry": "object",
    "geography": "object",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class ColumnType:
    """A type as TypeORM knows it.

    ``options`` are those of ``@Column`` that belong to it, ``value`` is the type of the property. ``missing`` says why TypeORM
    cannot compare a column of the type, in which case ``name`` is one whose values it passes on as they are. ``types`` and
    ``constants`` are what of types.ts it mentions.
    """

    name: str
    value: str
    array: bool = False
    options: Mapping[str, str] = dataclasses.field(default_factory=dict)
    missing: str = ""
    types: tuple[str, ...] = ()
    constants: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class ColumnTypes:
    """The types of a schema for TypeORM.

    :param schema: the schema.
    :param values: what the driver delivers.
    :param labels: the constants with the labels of enums, by schema and name.
    """

    schema: Schema
    values: Types
    labels: Mapping[tuple[str, str], str]
    _made: dict[int, ColumnType] = dataclasses.field(default_factory=dict)

    def of(self, table: Table | View, column: Column) -> ColumnType:
        """Return the type of a column.

        :param table: its table, which an enum of TypeORM belongs to.
        :param column: the column.
        """
        if column.type.system:
            # A handful of values stands behind the types of thousands of columns.
            return self._made.get(id(column.type)) or self._made.setdefault(id(column.type), self._plain(column, column.type))
        domains = [*self.schema.domains_of(column.type)]
        base = domains[-1].type if domains else column.type
        found = self._enum(table, column, base) if base.kind == "enum" else self._plain(column, base)
        if len(domains) > 1 and not found.missing:
            # information_schema, which TypeORM reads, looks below one domain only.
            return dataclasses.replace(found, missing=f"domain {column.type.text} over another domain")
        return found

    def _enum(self, table: Table | View, column: Column, base: Type) -> ColumnType:
        missing = self._enum_missing(table, column, base)
        if missing:
            return ColumnType(name="text", array=base.array, missing=missing, **self.delivered(column))
        options = {"enum": f"[...{self.labels[base.key]}]"}
        if base.name != f"{table.name}_{column.name.lower()}_enum":
            options["enumName"] = literal(base.name)
        name = self.values.enums[base.key]
        return ColumnType(
            name="enum",
            value=f"{name}[]" if base.array else name,
            array=base.array,
            options=options,
            types=(name,),
            constants=(self.labels[base.key],),
        )

    def _enum_missing(self, table: Table | View, column: Column, base: Type) -> str:
        enum = self.schema.enums_by_key.get(base.key)
        if enum is None or not enum.labels:
            return f"enum {base.text} without labels" if enum else f"enum {base.text} of a schema that is not described"
        if base.schema != table.schema:
            return f"enum {base.text} of another schema than the table"
        if base.name.startswith("_") or set(base.name + column.name) & set("'\"."):
            return f"the name of enum {base.text} or its column"
        return ""

    def delivered(self, column: Column) -> dict[str, Any]:
        """Return ``value`` and ``types`` of a column whose values TypeORM passes on as the driver delivers them.

        :param column: the column.
        """
        value = self.values.of_row(column.type)
        named = {*self.values.enums.values(), "Interval"} & {value.removesuffix("[]")}
        return {"value": value, "types": tuple(named)}

    def _plain(self, column: Column, base: Type) -> ColumnType:
        name = self._name(dataclasses.replace(base, array=False))
        delivered = self.delivered(column)
        if not name:
            return ColumnType(name="text", array=base.array, missing=f"type {base.text}", **delivered)
        if not base.array and name in _VALUES:
            delivered["value"] = _VALUES[name]
        return ColumnType(name=name, array=base.array, options=_sizes(name, base), **delivered)

    def _name(self, element: Type) -> str:
        if element.system:
            return _NAMES.get(element.name) or (element.name if element.name in _SAME else "")
        known = element.kind == "base" and element.name in _OF_EXTENSIONS and element.schema == "public"
        return element.name if known else ""


def _sizes(name: str, base: Type) -> dict[str, str]:
    found = [one for one in base.modifiers if one.lstrip("-").isdigit()]
    if name == "hstore":
        return {"hstoreType": '"object"'}
    if name in ("geometry", "geography"):
        feature = base.modifiers[0] if base.modifiers else "Geometry"
        return {"spatialFeatureType": f'"{feature}"', "srid": found[0] if found else ("0" if name == "geometry" else "4326")}
    if not found or (base.array and name in _TIMES):
        return {}
    if name in _LENGTHS:
        # To TypeORM this is the length of one that has none.
        return {} if found[0] == "1" and name in ("char", "bit") else {"length": found[0]}
    if name == "numeric":
        return {"precision": found[0], "scale": found[1] if len(found) > 1 else "0"}
    return {"precision": found[0]} if name in _TIMES and found[0] != "6" else {}
