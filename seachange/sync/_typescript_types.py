"""Types of PostgreSQL -> types of TypeScript, as node-postgres delivers values and takes parameters without further settings."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Literal

from seachange.sync._typescript import literal
from seachange.sync.model import Enum, Schema, Type

__all__ = ["INTERVAL", "Dates", "Int8", "Types", "union"]

Int8 = Literal["string", "number", "bigint"]
Dates = Literal["Date", "string"]

#: What an interval is to node-postgres: :class:`Types` calls it ``Interval``, and who uses that declares it so.
INTERVAL = """\
export interface Interval {
  years?: number;
  months?: number;
  days?: number;
  hours?: number;
  minutes?: number;
  seconds?: number;
  milliseconds?: number;
  toPostgres(): string;
  toISO(): string;
  toISOString(): string;
}
"""

_ROW = {
    "bool": "boolean",
    "int2": "number",
    "int4": "number",
    "oid": "number",
    "float4": "number",
    "float8": "number",
    "bytea": "Buffer",
    "json": "unknown",
    "jsonb": "unknown",
    "interval": "Interval",
    "point": "{ x: number; y: number }",
    "circle": "{ x: number; y: number; radius: number }",
}
_MOMENTS = ("date", "timestamp", "timestamptz")
# Whatever it delivers, the driver sends these; a point it would send as JSON, which the server does not read.
_INSERT = _ROW | {
    "int8": "string | number | bigint",
    "numeric": "string | number",
    "money": "string | number",
    "bytea": "Uint8Array",
    "interval": "Interval | string",
    "point": "string",
    "circle": "string",
    **dict.fromkeys(_MOMENTS, "Date | string"),
}
# Arrays of anything else arrive as the text that the server writes, {a,b}.
_PARSED_ARRAYS = frozenset(
    {"bpchar", "bytea", "cidr", "date", "inet", "interval", "macaddr", "money", "numrange", "point", "regproc", "text", "time"}
    | {
        "bool",
        "int2",
        "int4",
        "int8",
        "float4",
        "float8",
        "numeric",
        "oid",
        "json",
        "jsonb",
        "timestamp",
        "timestamptz",
        "timetz",
    }
    | {"uuid", "varchar"}
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Types:
    """What the types of a schema are in TypeScript.

    :param schema: whose domains are looked up.
    :param enums: the names of the types of enums, by schema and name.
    :param int8: what 64-bit integers arrive as; everything but ``string`` needs a parser that the program registers.
    :param dates: what dates and timestamps arrive as; ``string`` needs such a parser too.
    :param arrays: ``driver`` for what node-postgres makes of arrays, ``parsed`` when all of them arrive as arrays.
    """

    schema: Schema
    enums: Mapping[tuple[str, str], str]
    int8: Int8 = "string"
    dates: Dates = "Date"
    arrays: Literal["driver", "parsed"] = "driver"

    def of_row(self, type: Type) -> str:  # noqa: A002 - the word for it
        """Return what a value of the type is in a row, NULL apart.

        :param type: of a column.
        """
        base = self._below(type)
        if not base.array:
            return self._scalar(base)
        if self.arrays == "driver" and not self._is_parsed(base):
            return "string"
        if base.name == "numeric" and base.system:
            return "number[]"
        return f"{_grouped(self._scalar(self._element(base)))}[]"

    def of_insert(self, type: Type) -> str:  # noqa: A002
        """Return what the driver takes as a value of the type, NULL apart.

        :param type: of a column.
        """
        base = self._below(type)
        if not base.array:
            return self._sent(base)
        array = f"readonly {_grouped(self._sent(self._element(base)))}[]"
        return array if self._is_parsed(base) else f"{array} | string"

    def _below(self, type: Type) -> Type:  # noqa: A002
        # The server says of a value of a domain that it is one of the type below, but not so of an array of a domain.
        for domain in self.schema.domains_of(type):
            type = domain.type  # noqa: A001
        return type

    def _element(self, array: Type) -> Type:
        return self._below(dataclasses.replace(array, array=False))

    def _is_parsed(self, array: Type) -> bool:
        return array.system and array.kind != "enum" and array.name in _PARSED_ARRAYS

    def _scalar(self, base: Type) -> str:
        if base.array:
            return self.of_row(base)
        if not base.system:
            return self.enums.get(base.key, "string")
        if base.name == "int8":
            return self.int8
        if base.name in _MOMENTS:
            return self.dates
        return _ROW.get(base.name, "string")

    def _sent(self, base: Type) -> str:
        if base.array:
            return self.of_insert(base)
        return _INSERT.get(base.name, "string") if base.system else self.enums.get(base.key, "string")


def union(enum: Enum) -> str:
    """Return the labels of an enum as a type.

    :param enum: the enum.
    """
    return " | ".join(map(literal, enum.labels)) or "never"


def _grouped(text: str) -> str:
    return f"({text})" if " | " in text or text.startswith("readonly ") else text
