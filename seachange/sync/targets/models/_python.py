"""Types of Python for annotations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeEngine

from seachange.sync.targets.models._types import DomainType

__all__ = ["python_type"]

_RANGES = {
    postgresql.INT4RANGE: "int",
    postgresql.INT8RANGE: "int",
    postgresql.NUMRANGE: "decimal.Decimal",
    postgresql.DATERANGE: "datetime.date",
    postgresql.TSRANGE: "datetime.datetime",
    postgresql.TSTZRANGE: "datetime.datetime",
    postgresql.INT4MULTIRANGE: "int",
    postgresql.INT8MULTIRANGE: "int",
    postgresql.NUMMULTIRANGE: "decimal.Decimal",
    postgresql.DATEMULTIRANGE: "datetime.date",
    postgresql.TSMULTIRANGE: "datetime.datetime",
    postgresql.TSTZMULTIRANGE: "datetime.datetime",
}
_TEXTS = (postgresql.TSVECTOR, postgresql.TSQUERY, postgresql.CITEXT, postgresql.MONEY, postgresql.MACADDR, postgresql.MACADDR8)
_MODULES = frozenset({"datetime", "decimal", "uuid"})
_DIALECT = "sqlalchemy.dialects.postgresql"

_Found = tuple[str, set[str], set[tuple[str, str]]]


def python_type(type: TypeEngine[Any], *, enums: Mapping[tuple[str | None, str], str], plain: bool) -> _Found:  # noqa: A002
    """Return the type that a program meets, with the modules and the names that have to be imported for it.

    What depends on the driver, and JSON, is ``Any``.

    :param type: of a column.
    :param enums: the classes of enums by schema and name.
    :param plain: whether pydantic has to know the type.
    """
    if isinstance(type, DomainType):
        return python_type(type.base, enums=enums, plain=plain)
    if isinstance(type, sa.ARRAY):
        text, modules, names = python_type(type.item_type, enums=enums, plain=plain)
        return f"list[{text}]", modules, names
    if isinstance(type, sa.Enum):
        return enums.get((type.schema, str(type.name)), "str"), set(), set()
    if element := _RANGES.get(type.__class__):
        return _any() if plain else _range(type, element)
    if isinstance(type, _TEXTS):
        return "str", set(), set()
    return _any() if isinstance(type, sa.JSON) else _ordinary(type)


def _range(type: TypeEngine[Any], element: str) -> _Found:  # noqa: A002
    name = "MultiRange" if isinstance(type, postgresql.ranges.AbstractMultiRange) else "Range"
    modules = {element.partition(".")[0]} if "." in element else set()
    return f"{name}[{element}]", modules, {(_DIALECT, name)}


def _ordinary(type: TypeEngine[Any]) -> _Found:  # noqa: A002
    try:
        found = type.python_type
    except NotImplementedError:
        return _any()
    if found.__module__ == "builtins" and found is not object:
        return found.__name__, set(), set()
    if found.__module__ in _MODULES:
        return f"{found.__module__}.{found.__name__}", {found.__module__}, set()
    return _any()


def _any() -> _Found:
    return "Any", set(), {("typing", "Any")}
