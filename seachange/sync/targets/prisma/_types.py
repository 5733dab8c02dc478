"""Types of PostgreSQL -> types of Prisma with their native types."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Literal

from seachange.sync.model import Schema, Type
from seachange.sync.targets.prisma._names import quoted

__all__ = ["Family", "FieldType", "field_type"]

Family = Literal["Int", "BigInt", "Float", "Decimal", "Boolean", "String", "DateTime", "Bytes", "Json", "Uuid", "Enum", ""]

# PostgreSQL's name: the family, the native type, and whether its length or precision is told.
_KNOWN: Mapping[str, tuple[Family, str, bool]] = {
    "int2": ("Int", "SmallInt", False),
    "int4": ("Int", "", False),
    "int8": ("BigInt", "", False),
    "oid": ("Int", "Oid", False),
    "float4": ("Float", "Real", False),
    "float8": ("Float", "", False),
    "bool": ("Boolean", "", False),
    "text": ("String", "", False),
    "citext": ("String", "Citext", False),
    "varchar": ("String", "VarChar", True),
    "bpchar": ("String", "Char", True),
    "char": ("String", "Char", False),
    "date": ("DateTime", "Date", False),
    "bytea": ("Bytes", "", False),
    "json": ("Json", "Json", False),
    "jsonb": ("Json", "", False),
    "uuid": ("Uuid", "Uuid", False),
    "xml": ("String", "Xml", False),
    "bit": ("String", "Bit", True),
    "varbit": ("String", "VarBit", True),
    "numeric": ("Decimal", "Decimal", True),
    "money": ("Decimal", "Money", False),
    "time": ("DateTime", "Time", True),
    "timetz": ("DateTime", "Timetz", True),
    "timestamp": ("DateTime", "Timestamp", True),
    "timestamptz": ("DateTime", "Timestamptz", True),
    "inet": ("String", "Inet", False),
}
_TIMES = frozenset(("time", "timetz", "timestamp", "timestamptz"))
# What Prisma makes of DateTime and Decimal when no native type is written.
_DEFAULTS = frozenset(("Timestamp(3)", "Decimal(65, 30)"))


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class FieldType:
    """The type of a field; ``enum`` is the key of an enum, ``not_null`` that a domain forbids NULL."""

    family: Family
    name: str
    native: str = ""
    array: bool = False
    enum: tuple[str, str] | None = None
    not_null: bool = False

    @property
    def supported(self) -> bool:
        """Whether Prisma's client can read it."""
        return self.family != ""


def field_type(schema: Schema, given: Type, enums: Mapping[tuple[str, str], str]) -> FieldType:
    """Return the type of a field for a column.

    :param schema: knows the domains; information_schema, which Prisma reads, looks through one of them.
    :param given: the type of the column.
    :param enums: names of the enums in Prisma's language.
    """
    not_null, through = False, given
    domain = schema.domains_by_key.get(given.key) if given.kind == "domain" and not given.array else None
    if domain is not None:
        through = domain.type
        # A domain over a domain is looked through once only, its own NOT NULL included.
        below = through.kind == "domain" and any(one.not_null for one in schema.domains_of(through))
        not_null = domain.not_null and not below
    if through.kind == "enum" and through.key in enums:
        return FieldType(family="Enum", name=enums[through.key], array=through.array, enum=through.key, not_null=not_null)
    known = _KNOWN.get(through.name) if through.kind == "base" else None
    if known is None:
        name = f"Unsupported({quoted(f'_{through.name}' if through.array else through.name)})"
        if through.array and through.kind == "base" and not through.system:
            name = f"Unsupported({quoted(through.name)})"
        return FieldType(family="", name=name, array=through.array, not_null=not_null)
    # The precision within an array is read from the type of the column, which a domain hides.
    native = _native(through, known[1], limited=known[2] and not (through.array and domain is not None))
    name = "String" if known[0] == "Uuid" else known[0]
    return FieldType(family=known[0], name=name, native=native, array=through.array, not_null=not_null)


def _native(through: Type, name: str, *, limited: bool) -> str:
    modifiers = list(through.modifiers) if limited else []
    if name == "Decimal":
        # There is no word for a negative scale.
        modifiers = [*modifiers, "0"][:2] if modifiers and not modifiers[-1].startswith("-") else []
    if not modifiers and limited and not through.array:
        if through.name in _TIMES:
            modifiers = ["6"]
        elif through.name == "bit":
            modifiers = ["1"]
    native = f"{name}({', '.join(modifiers)})" if modifiers else name
    return "" if native in _DEFAULTS else native
