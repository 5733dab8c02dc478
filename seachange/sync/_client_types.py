"""Types of PostgreSQL -> types of Python, as psycopg loads them without further registration."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from seachange.postgres.catalog import Column, Domain, TypeRef

__all__ = ["ALIASES", "Types"]

_PYTHON = {
    "bool": "bool",
    "int2": "int",
    "int4": "int",
    "int8": "int",
    "oid": "int",
    "float4": "float",
    "float8": "float",
    "numeric": "_decimal.Decimal",
    "bytea": "bytes",
    "date": "_datetime.date",
    "time": "_datetime.time",
    "timetz": "_datetime.time",
    "timestamp": "_datetime.datetime",
    "timestamptz": "_datetime.datetime",
    "interval": "_datetime.timedelta",
    "uuid": "_uuid.UUID",
    "json": "Json",
    "jsonb": "Json",
    "inet": "_ipaddress.IPv4Address | _ipaddress.IPv6Address | _ipaddress.IPv4Interface | _ipaddress.IPv6Interface",
    "cidr": "_ipaddress.IPv4Network | _ipaddress.IPv6Network",
}
_RANGES = {"int4": "int", "int8": "int", "num": "_decimal.Decimal", "date": "_datetime.date"} | dict.fromkeys(
    ("ts", "tstz"), "_datetime.datetime"
)

#: What generated annotations may mention beside the names of enums and modules; a column of such a name gets another.
ALIASES = frozenset({"Json", "RangeValue", "bool", "bytes", "float", "int", "list", "object", "str", "NotRequired"})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Types:
    """What the types of one schema are in Python."""

    enums: Mapping[tuple[str, str], str]
    domains: Mapping[tuple[str, str], Domain]

    def of_row(self, column: Column, *, nullable: bool) -> str:
        """Return the annotation of a column in a row."""
        text = self._annotation(column.type_ref, inserted=False)
        return f"{text} | None" if nullable else text

    def of_insert(self, column: Column, *, nullable: bool) -> str:
        """Return the annotation of a value to insert; what needs a wrapper of the driver is an object."""
        text = self._annotation(column.type_ref, inserted=True)
        return f"{text} | None" if nullable else text

    def needs_registration(self, column: Column) -> bool:
        """Whether the driver has to be told of the type before it loads an array of it as a list."""
        return column.type_ref.array and column.type_ref.schema != "pg_catalog"

    def domain(self, reference: TypeRef) -> Domain | None:
        """Return the domain that a column is of."""
        return None if reference.array else self.domains.get((reference.schema, reference.name))

    def _annotation(self, reference: TypeRef, *, inserted: bool) -> str:
        base = self._without_domains(reference)
        if not base.array:
            return self._scalar(base, inserted=inserted)
        # The elements of arrays of domains and the like arrive as text.
        element = dataclasses.replace(base, array=False)
        return f"list[{self._scalar(element, inserted=inserted)}]"

    def _without_domains(self, reference: TypeRef) -> TypeRef:
        domain = self.domain(reference)
        return self._without_domains(domain.type_ref) if domain else reference

    def _scalar(self, reference: TypeRef, *, inserted: bool) -> str:
        if reference.schema != "pg_catalog":
            return self.enums.get((reference.schema, reference.name), "str")
        text = _PYTHON.get(reference.name) or _range(reference)
        if inserted:
            return {"Json": "object", "_decimal.Decimal": "_decimal.Decimal | int"}.get(
                text, "object" if "Range" in text else text
            )
        return text


def _range(reference: TypeRef) -> str:
    suffix = {"range": "range", "multirange": "multirange"}.get(reference.kind, "")
    bound = _RANGES.get(reference.name.removesuffix(suffix)) if suffix else None
    if not bound:
        return "str"
    return f"RangeValue[{bound}]" if suffix == "range" else f"_abc.Sequence[RangeValue[{bound}]]"
