"""Types of PostgreSQL -> schemas of the JSON that PostgreSQL itself makes of their values."""

from __future__ import annotations

import dataclasses
import functools
import urllib.parse
from collections.abc import Mapping
from typing import Any

from seachange.postgres.catalog import qualified
from seachange.sync._domain_checks import limits_of
from seachange.sync.model import Composite, Domain, Enum, Schema, Type

__all__ = ["Values", "nullable"]

# Not finite numbers are texts in JSON.
_NOT_FINITE = {"enum": ["NaN", "Infinity", "-Infinity"]}
_STRING = {"type": "string"}
_TIME = r"^\d{2}:\d{2}:\d{2}(\.\d{1,6})?"
_BASES: Mapping[str, Mapping[str, Any]] = {
    "bool": {"type": "boolean"},
    "int2": {"type": "integer", "minimum": -(2**15), "maximum": 2**15 - 1},
    "int4": {"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1},
    "int8": {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1},
    "float4": {"anyOf": [{"type": "number"}, _NOT_FINITE]},
    "float8": {"anyOf": [{"type": "number"}, _NOT_FINITE]},
    "numeric": {"anyOf": [{"type": "number"}, _NOT_FINITE]},
    "oid": {"type": "string", "pattern": r"^\d+$"},
    "bytea": {"type": "string", "pattern": r"^\\x([0-9a-f]{2})*$"},
    "date": {"type": "string", "format": "date"},
    "time": {"type": "string", "pattern": rf"{_TIME}$"},
    "timetz": {"type": "string", "pattern": rf"{_TIME}[+-]\d{{2}}(:\d{{2}}){{0,2}}$"},
    "timestamp": {"type": "string", "pattern": r"^(\d{4,6}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?( BC)?|-?infinity)$"},
    "timestamptz": {"type": "string", "format": "date-time"},
    "uuid": {"type": "string", "format": "uuid"},
    "json": {},
    "jsonb": {},
    "name": {"type": "string", "maxLength": 63},
}
_RANGE = {"type": "string", "pattern": r"^(empty|[\[(].*,.*[\])])$"}
_MULTIRANGE = {"type": "string", "pattern": r"^\{.*\}$"}
_EXTENSION_TEXTS = ("citext", "ltree", "lquery", "ltxtquery")
_BOUNDS = {">": "exclusiveMinimum", ">=": "minimum", "<": "exclusiveMaximum", "<=": "maximum"}


@dataclasses.dataclass(kw_only=True)
class Values:
    """The schemas of the values of one database; ``arrays`` are those that were needed, by their names."""

    schema: Schema
    arrays: dict[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)

    def of(self, pg_type: Type) -> Mapping[str, Any]:
        """Return the schema of the values of a type, NULL not among them.

        :param pg_type: the type.
        """
        if not pg_type.array:
            return self._scalar(pg_type)
        element = self._scalar(dataclasses.replace(pg_type, array=False, text=pg_type.text.removesuffix("[]")))
        if not element:
            return {"type": "array"}
        name = pg_type.text
        if name not in self.arrays:
            # Any array may have more dimensions and hold NULL.
            self.arrays[name] = {"type": "array", "items": {"anyOf": [element, {"type": "null"}, _reference(name)]}}
        return _reference(name)

    def of_enum(self, enum: Enum) -> Mapping[str, Any]:
        """Return the definition of an enum."""
        return _described({"enum": list(enum.labels)} if enum.labels else {"not": {}}, enum.comment)

    def of_domain(self, domain: Domain) -> Mapping[str, Any]:
        """Return the definition of a domain, with the checks that mean the same in JSON as limits."""
        limits = limits_of(self.schema, domain)
        made: dict[str, Any] = {**self.of(domain.type)}
        made |= {_BOUNDS[operator]: _number(number) for operator, number in limits.bounds}
        at_least = [number + (operator == ">") for operator, number in limits.lengths if operator in (">", ">=")]
        at_most = [number - (operator == "<") for operator, number in limits.lengths if operator in ("<", "<=")]
        made |= {"minLength": max(at_least)} if at_least else {}
        made |= {"maxLength": max(min([*at_most, made.get("maxLength", at_most[0])]), 0)} if at_most else {}
        made |= {"pattern": limits.pattern} if limits.pattern else {}
        made |= {"enum": list(limits.labels)} if limits.labels else {}
        return _described(made, "\n".join(filter(None, [domain.comment, *(check.definition for check in domain.checks)])))

    def of_composite(self, composite: Composite) -> Mapping[str, Any]:
        """Return the definition of a composite type."""
        properties = {column.name: _described(nullable(self.of(column.type)), column.comment) for column in composite.columns}
        made = {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
        return _described(made, composite.comment)

    def _scalar(self, pg_type: Type) -> Mapping[str, Any]:
        if pg_type.kind in ("enum", "domain", "composite"):
            return _reference(qualified(*pg_type.key)) if pg_type.key in self._own else {}
        if pg_type.kind in ("range", "multirange"):
            return _RANGE if pg_type.kind == "range" else _MULTIRANGE
        if not pg_type.system:
            # What casts to JSON an extension brings is its own affair.
            return _STRING if pg_type.extension and pg_type.name in _EXTENSION_TEXTS else {}
        return _limited(pg_type) or _BASES.get(pg_type.name, _STRING)

    @functools.cached_property
    def _own(self) -> frozenset[tuple[str, str]]:
        return frozenset(one.key for one in (*self.schema.enums, *self.schema.domains, *self.schema.composites))


def nullable(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a schema that takes NULL as well.

    :param value: the schema of other values.
    """
    if not value:
        return value
    if isinstance(value.get("type"), str) and "enum" not in value:
        return {**value, "type": [value["type"], "null"]}
    return {"anyOf": [value, {"type": "null"}]}


def _reference(name: str) -> dict[str, Any]:
    return {"$ref": f"#/$defs/{urllib.parse.quote(name.replace('~', '~0').replace('/', '~1'))}"}


def _described(value: Mapping[str, Any], comment: str) -> Mapping[str, Any]:
    return {**value, "description": comment} if comment else value


def _number(text: str) -> int | float:
    return float(text) if "." in text else int(text)


def _limited(pg_type: Type) -> Mapping[str, Any]:
    length = pg_type.length
    if pg_type.name in ("varchar", "bpchar") and length:
        return {"type": "string", "maxLength": length}
    if pg_type.name in ("bit", "varbit") and length:
        return {"type": "string", "pattern": f"^[01]{{{'' if pg_type.name == 'bit' else '0,'}{length}}}$"}
    if pg_type.name == "numeric" and pg_type.modifiers:
        precision, scale = int(pg_type.modifiers[0]), int(pg_type.modifiers[1]) if len(pg_type.modifiers) > 1 else 0
        most = 10 ** (precision - scale) if precision >= scale else float(f"1e{precision - scale}")
        return {"type": "number", "exclusiveMinimum": -most, "exclusiveMaximum": most}
    return {}
