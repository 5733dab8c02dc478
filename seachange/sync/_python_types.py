"""Types of PostgreSQL -> types of Python, as psycopg loads them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

from seachange.sync.model import Schema, Type

__all__ = ["ALIASES", "JSON", "MODULES", "RANGE_VALUE", "SUBTYPES", "Types", "imports"]

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
    "record": "tuple[object, ...]",
}

#: The types between whose values PostgreSQL's own ranges lie, by the names of the ranges without ``range``.
SUBTYPES = {"int4": "int4", "int8": "int8", "num": "numeric", "date": "date", "ts": "timestamp", "tstz": "timestamptz"}

#: The modules that annotations mention, by the names they have there: no column is likely to have one of these.
MODULES = {
    "_abc": "collections.abc",
    "_dataclasses": "dataclasses",
    "_datetime": "datetime",
    "_decimal": "decimal",
    "_ipaddress": "ipaddress",
    "_multirange": "psycopg.types.multirange",
    "_range": "psycopg.types.range",
    "_uuid": "uuid",
}

#: What annotations may mention beside the names of enums and modules; a column of such a name gets another.
ALIASES = frozenset(
    {"Json", "RangeValue", "bool", "bytes", "float", "int", "list", "object", "str", "tuple", "NotRequired"},
)

#: What a module has to define when ``Json`` stands in an annotation.
JSON = 'Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"'

#: What a module has to define when ``RangeValue[`` stands in an annotation.
RANGE_VALUE = '''\

_Bound = TypeVar("_Bound", covariant=True)


class RangeValue(Protocol[_Bound]):
    """A range as drivers load it."""

    @property
    def lower(self) -> _Bound | None: ...
    @property
    def upper(self) -> _Bound | None: ...
    @property
    def lower_inc(self) -> bool: ...
    @property
    def upper_inc(self) -> bool: ...
    @property
    def isempty(self) -> bool: ...

'''


@dataclasses.dataclass(frozen=True, kw_only=True)
class Types:
    """What the types of one schema are in Python, where the driver was told of no type.

    :param schema: whose domains are looked through.
    :param enums: the names of enums in Python by schema and name; another enum is a ``str``.
    :param range_of: what a range is, with the type of its bounds for ``{}``: a protocol that needs no driver by default.
    :param multirange_of: what a multirange is.
    """

    schema: Schema
    enums: Mapping[tuple[str, str], str] = dataclasses.field(default_factory=dict)
    range_of: str = "RangeValue[{}]"
    multirange_of: str = "_abc.Sequence[RangeValue[{}]]"

    def of_row(self, pg_type: Type, *, nullable: bool = False) -> str:
        """Return the annotation of a value that the database returns.

        :param pg_type: its type.
        :param nullable: whether it may be NULL.
        """
        text = self._annotation(pg_type, inserted=False)
        return f"{text} | None" if nullable else text

    def of_insert(self, pg_type: Type, *, nullable: bool = False) -> str:
        """Return the annotation of a value for the database; what needs a wrapper of the driver is an object.

        :param pg_type: its type.
        :param nullable: whether it may be NULL.
        """
        text = self._annotation(pg_type, inserted=True)
        return f"{text} | None" if nullable else text

    def needs_registration(self, pg_type: Type) -> bool:
        """Whether the driver has to be told of a type before it loads an array of it as a list."""
        return pg_type.array and not pg_type.system

    def _annotation(self, pg_type: Type, *, inserted: bool) -> str:
        base = pg_type if pg_type.array else self.schema.base_type(pg_type)
        if not base.array:
            return self._scalar(base, inserted=inserted)
        # The elements of arrays of domains and the like arrive as text.
        return f"list[{self._scalar(base, inserted=inserted)}]"

    def _scalar(self, pg_type: Type, *, inserted: bool) -> str:
        if not pg_type.system:
            # A domain of a schema that is not described may be over anything.
            unknown = "object" if pg_type.kind == "domain" and not pg_type.array else "str"
            return self.enums.get(pg_type.key, unknown)
        text = _PYTHON.get(pg_type.name) or self._range(pg_type)
        if inserted and pg_type.kind in ("range", "multirange"):
            return "object"
        return {"Json": "object", "_decimal.Decimal": "_decimal.Decimal | int"}.get(text, text) if inserted else text

    def _range(self, pg_type: Type) -> str:
        if pg_type.kind not in ("range", "multirange"):
            return "str"
        bound = _PYTHON[SUBTYPES[pg_type.name.removesuffix(pg_type.kind)]]
        return (self.range_of if pg_type.kind == "range" else self.multirange_of).format(bound)


def imports(text: str) -> Iterator[str]:
    """Yield the imports of the modules that annotations in a text mention.

    :param text: lines of Python.
    """
    yield from (f"import {module} as {name}" for name, module in MODULES.items() if f"{name}." in text)
