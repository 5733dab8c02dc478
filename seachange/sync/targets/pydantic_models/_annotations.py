"""Types of PostgreSQL -> annotations that pydantic validates as PostgreSQL would."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping

from seachange.sync._python_names import Names
from seachange.sync._python_types import SUBTYPES
from seachange.sync.model import Range, Schema, Type

__all__ = ["ALIASES", "Annotations"]

#: Names that the module defines for types which need limits, where it uses them.
ALIASES = {
    "SmallInt": "Annotated[int, Field(ge=-32768, le=32767)]",
    "Integer": "Annotated[int, Field(ge=-2147483648, le=2147483647)]",
    "BigInt": "Annotated[int, Field(ge=-9223372036854775808, le=9223372036854775807)]",
    "Oid": "Annotated[int, Field(ge=0, le=4294967295)]",
    "Numeric": "Annotated[_decimal.Decimal, Field(allow_inf_nan=True)]",
    "Inet": "_ipaddress.IPv4Address | _ipaddress.IPv6Address | _ipaddress.IPv4Interface | _ipaddress.IPv6Interface",
    "Cidr": "_ipaddress.IPv4Network | _ipaddress.IPv6Network",
}
_BASES = {
    "bool": "bool",
    "int2": "SmallInt",
    "int4": "Integer",
    "int8": "BigInt",
    "oid": "Oid",
    "float4": "float",
    "float8": "float",
    "numeric": "Numeric",
    "bytea": "bytes",
    "date": "_datetime.date",
    "time": "_datetime.time",
    "timetz": "_datetime.time",
    "timestamp": "NaiveDatetime",
    "timestamptz": "AwareDatetime",
    "interval": "_datetime.timedelta",
    "uuid": "_uuid.UUID",
    "json": "JsonValue",
    "jsonb": "JsonValue",
    "inet": "Inet",
    "cidr": "Cidr",
    "name": "Annotated[str, Field(max_length=63)]",
}
_JSON_INPUTS = {"json": "JsonInput", "jsonb": "JsonbInput"}
_EXTENSION_TEXTS = ("citext", "ltree", "lquery", "ltxtquery")
_SPELLINGS = {"smallint": "int2", "integer": "int4", "bigint": "int8", "real": "float4", "double precision": "float8"}


@dataclasses.dataclass(kw_only=True)
class Annotations:
    """The annotations of one schema, and what the module must define and register because of them.

    :param schema: the schema.
    :param names: the names of the module.
    :param own: the classes of enums and composite types and the aliases of domains, by schema and name.
    """

    schema: Schema
    names: Names
    own: Mapping[tuple[str, str], str]
    aliases: dict[str, str] = dataclasses.field(default_factory=dict)
    registered: set[Type] = dataclasses.field(default_factory=set)
    _limited: dict[str, str] = dataclasses.field(default_factory=dict)
    _made: dict[tuple[Type, bool], str] = dataclasses.field(default_factory=dict)

    def of(self, pg_type: Type, *, given: bool = False) -> str:
        """Return the annotation of a type.

        :param pg_type: the type.
        :param given: whether values are given to the database rather than read from it.
        """
        # A handful of types stand behind ten thousands of columns.
        if (pg_type, given) not in self._made:
            self._made[pg_type, given] = (
                self._array(pg_type, given=given) if pg_type.array else self._scalar(pg_type, given=given)
            )
        return self._made[pg_type, given]

    def _array(self, pg_type: Type, *, given: bool) -> str:
        element = dataclasses.replace(pg_type, array=False)
        self._register(element)
        text = self._scalar(element, given=given)
        # Lists in JSON and dimensions look the same.
        return f"list[{text} | None]" if self.schema.base_type(element).name in _JSON_INPUTS else f"Array[{text}]"

    def within(self, pg_type: Type) -> str:
        """Return the annotation of an attribute of a composite type, which the driver reads by the type's own name."""
        self._register(dataclasses.replace(pg_type, array=False))
        return self.of(pg_type)

    @functools.cached_property
    def _ranges(self) -> Mapping[tuple[str, str], Range]:
        ranges = {one.key: one for one in self.schema.ranges}
        return {(one.schema, _multirange(one.name)): one for one in self.schema.ranges} | ranges

    def _register(self, pg_type: Type) -> None:
        if not pg_type.system:
            self.registered.add(dataclasses.replace(pg_type, text="", modifiers=()))

    def _scalar(self, pg_type: Type, *, given: bool) -> str:
        if pg_type.kind == "domain":
            name = self.own.get(pg_type.key, "Any")
            base = self.schema.base_type(pg_type)
            wrapper = _JSON_INPUTS.get(base.name, "") if given and base.system and not base.array else ""
            return f"Annotated[{name}, _AS_{base.name.upper()}]" if wrapper else name
        if pg_type.kind == "enum":
            return self.own.get(pg_type.key, "str")
        if pg_type.kind == "composite":
            self._register(pg_type)
            return self.own.get(pg_type.key, "Any")
        if pg_type.kind in ("range", "multirange"):
            return self._range(pg_type)
        return self._base(pg_type, given=given)

    def _base(self, pg_type: Type, *, given: bool) -> str:
        if not pg_type.system:
            # What the driver loads them as depends on what it was told.
            return "str" if pg_type.name in _EXTENSION_TEXTS and pg_type.extension else "Any"
        if pg_type.kind == "pseudo":
            return "Any"
        if given and pg_type.name in _JSON_INPUTS:
            return _JSON_INPUTS[pg_type.name]
        limited = self._with_limits(pg_type) if pg_type.modifiers else ""
        text = limited or _BASES.get(pg_type.name, "str")
        if text in ALIASES:
            self.aliases[text] = ALIASES[text]
        return text

    def _with_limits(self, pg_type: Type) -> str:
        known = f"{pg_type.name}({','.join(pg_type.modifiers)})"
        if known not in self._limited:
            wanted, definition = _limited(pg_type)
            self._limited[known] = self.names.of_alias(wanted) if definition else ""
            if definition:
                self.aliases[self._limited[known]] = definition
        return self._limited[known]

    def _range(self, pg_type: Type) -> str:
        outer = "RangeOf" if pg_type.kind == "range" else "MultirangeOf"
        if pg_type.system:
            bound = SUBTYPES.get(pg_type.name.removesuffix(pg_type.kind), "")
            return f"{outer}[{self._base(_system(bound), given=False)}]"
        known = self._ranges.get(pg_type.key)
        if known is None:
            return "Any"
        self._register(pg_type)
        base = known.subtype.partition("(")[0]
        name = _SPELLINGS.get(base, base)
        return f"{outer}[{self._base(_system(name), given=False) if name in _BASES or name == 'text' else 'Any'}]"


def _system(name: str) -> Type:
    return Type(text=name, schema="pg_catalog", name=name)


def _multirange(name: str) -> str:
    """Return the name that PostgreSQL gives to the multirange of a range."""
    return name.replace("range", "multirange", 1) if "range" in name else f"{name}_multirange"


def _limited(pg_type: Type) -> tuple[str, str]:
    """Return a name for a type with limits, and its annotation; nothing when no limit can be told."""
    length, numbers = pg_type.length, pg_type.modifiers
    if pg_type.name in ("varchar", "bpchar"):
        word = "Varchar" if pg_type.name == "varchar" else "Char"
        return f"{word}{length}", f"Annotated[str, Field(max_length={length})]"
    if pg_type.name in ("bit", "varbit"):
        times = f"{length}" if pg_type.name == "bit" else f"0,{length}"
        return f"{pg_type.name.capitalize()}{length}", f'Annotated[str, Field(pattern="^[01]{{{times}}}$")]'
    if pg_type.name == "numeric":
        precision, scale = int(numbers[0]), int(numbers[1]) if len(numbers) > 1 else 0
        return f"Numeric{precision}_{scale}".replace("-", "m"), _numeric(precision, scale)
    return "", ""


def _numeric(precision: int, scale: int) -> str:
    if 0 <= scale <= precision:
        return f"Annotated[_decimal.Decimal, Field(max_digits={precision}, decimal_places={scale})]"
    # Digits before a point that is far away: only the size can be told.
    most = f'_decimal.Decimal("1E{precision - scale}")'
    return f"Annotated[_decimal.Decimal, Field(gt=-{most}, lt={most})]"
