"""Keys and indexes of a table in one form, as PostgreSQL keeps them and Prisma reads them."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping

from seachange.sync.model import Index, IndexPart, Key, Table
from seachange.sync.targets.prisma._defaults import without_public
from seachange.sync.targets.prisma._names import quoted

__all__ = ["AnyIndex", "index_type", "indexes", "part_text"]

_METHODS = {"hash": "Hash", "gist": "Gist", "gin": "Gin", "spgist": "SpGist", "brin": "Brin"}
_BRIN = (
    "bit_minmax varbit_minmax bpchar_bloom bpchar_minmax bytea_bloom bytea_minmax date_bloom date_minmax date_minmax_multi"
    " float4_bloom float4_minmax float4_minmax_multi float8_bloom float8_minmax float8_minmax_multi inet_inclusion inet_bloom"
    " inet_minmax inet_minmax_multi int2_bloom int2_minmax int2_minmax_multi int4_bloom int4_minmax int4_minmax_multi"
    " int8_bloom int8_minmax int8_minmax_multi numeric_bloom numeric_minmax numeric_minmax_multi oid_bloom oid_minmax"
    " oid_minmax_multi text_bloom text_minmax timestamp_bloom timestamp_minmax timestamp_minmax_multi timestamptz_bloom"
    " timestamptz_minmax timestamptz_minmax_multi time_bloom time_minmax time_minmax_multi timetz_bloom timetz_minmax"
    " timetz_minmax_multi uuid_bloom uuid_minmax uuid_minmax_multi"
)
_PARTS = {"minmax": "MinMax", "varbit": "VarBit", "timestamptz": "TimestampTz", "timetz": "TimeTz"}


def _class_name(name: str) -> str:
    return "".join(_PARTS.get(part) or part.capitalize() for part in name.split("_"))


_CLASSES: Mapping[str, str] = {
    f"{name}_ops": _class_name(f"{name}_ops") for name in [*_BRIN.split(), "inet", "jsonb", "jsonb_path", "array", "text"]
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class AnyIndex:
    """A primary key, unique constraint or index; columns of INCLUDE are among its parts, as Prisma has it."""

    name: str
    parts: tuple[IndexPart, ...]
    unique: bool = False
    primary: bool = False
    method: str = "btree"
    predicate: str = ""
    deferrable: bool = False

    @functools.cached_property
    def expression(self) -> bool:
        """Whether a part is an expression, which Prisma cannot tell."""
        return not all(part.column for part in self.parts)

    @functools.cached_property
    def columns(self) -> tuple[str, ...]:
        """The columns of its parts."""
        return tuple(part.column for part in self.parts)

    @property
    def odd_nulls(self) -> bool:
        """Whether NULLs are not where PostgreSQL puts them when nothing is said."""
        sorts = self.method == "btree" and not self.primary
        return sorts and any(part.nulls_first != part.descending for part in self.parts)


def indexes(table: Table) -> tuple[AnyIndex, ...]:
    """Return the keys and indexes of a table, sorted by name.

    :param table: the table.
    """
    keys = [(one, False) for one in table.unique_keys]
    if table.primary_key:
        keys.append((table.primary_key, True))
    found = [_of_key(key, primary=primary) for key, primary in keys if "WITHOUT OVERLAPS" not in key.definition]
    found += [_of_index(one) for one in table.indexes]
    return tuple(sorted(found, key=lambda one: one.name))


def _of_key(key: Key, *, primary: bool) -> AnyIndex:
    parts = tuple(IndexPart(column=column) for column in (*key.columns, *key.include))
    return AnyIndex(name=key.name, parts=parts, unique=True, primary=primary, deferrable=key.deferrable)


def _of_index(one: Index) -> AnyIndex:
    return AnyIndex(
        name=one.name,
        parts=(*one.parts, *(IndexPart(column=column) for column in one.include)),
        unique=one.unique,
        method=one.method,
        predicate=without_public(one.predicate),
    )


def index_type(index: AnyIndex) -> str:
    """Return the type of an index, nothing for the usual one."""
    return _METHODS.get(index.method, "")


def part_text(part: IndexPart, field: str, *, index: AnyIndex) -> str:
    """Return what stands in the list of fields for a part.

    :param part: the part.
    :param field: the name of its field.
    :param index: the index.
    """
    said = ["sort: Desc"] if part.descending else []
    if part.operator_class and index.method not in ("btree", "hash"):
        known = _CLASSES.get(part.operator_class)
        said.append(f"ops: {known or f'raw({quoted(part.operator_class)})'}")
    return f"{field}({', '.join(said)})" if said else field
