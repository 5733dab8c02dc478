"""The schema as targets read it: one value with everything about tables, views and types that an artefact may need."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from seachange.postgres.catalog import Policy, Trigger, qualified
from seachange.sync._parts import (
    AMOUNT,
    Action,
    Check,
    Column,
    Exclusion,
    ForeignKey,
    Index,
    IndexPart,
    Key,
    Type,
    TypeKind,
)

__all__ = [
    "SCHEMA",
    "Action",
    "Check",
    "Column",
    "Composite",
    "Domain",
    "Enum",
    "Exclusion",
    "ForeignKey",
    "Function",
    "Index",
    "IndexPart",
    "Key",
    "Policy",
    "Range",
    "Schema",
    "Sequence",
    "Table",
    "Trigger",
    "Type",
    "TypeKind",
    "View",
]

#: Name and version of schema.json.
SCHEMA = "seachange.schema/1"


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Named:
    schema: str
    name: str
    comment: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """The schema and name."""
        return self.schema, self.name

    @property
    def qualified(self) -> str:
        """The name with its schema, quoted where PostgreSQL needs it."""
        return qualified(self.schema, self.name)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Relation(_Named):
    columns: tuple[Column, ...] = ()
    indexes: tuple[Index, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    estimated_rows: int | None = dataclasses.field(default=None, metadata=AMOUNT)
    estimated_bytes: int = dataclasses.field(default=0, metadata=AMOUNT)

    @functools.cached_property
    def by_name(self) -> Mapping[str, Column]:
        """The columns by their names."""
        return {column.name: column for column in self.columns}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Table(_Relation):
    """A table; ``partition_of`` is the schema and name of the partitioned table that it is a part of."""

    kind: Literal["table", "partitioned table", "foreign table"] = "table"
    primary_key: Key | None = None
    unique_keys: tuple[Key, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    checks: tuple[Check, ...] = ()
    exclusions: tuple[Exclusion, ...] = ()
    policies: tuple[Policy, ...] = ()
    row_security: bool = False
    force_row_security: bool = False
    unlogged: bool = False
    inherits: tuple[str, ...] = ()
    partition_key: str = ""
    partition_bound: str = ""
    partition_of: tuple[str, str] | None = None
    server: str = ""

    @property
    def is_partition(self) -> bool:
        """Whether it is a part of a partitioned table."""
        return self.partition_of is not None

    def is_unique(self, columns: tuple[str, ...]) -> bool:
        """Whether no two rows agree in these columns: a primary key, unique constraint or full unique index says so.

        :param columns: in any order.
        """
        keys = [key.columns for key in (self.primary_key, *self.unique_keys) if key]
        keys += [index.columns for index in self.indexes if index.unique and not index.predicate and index.valid]
        return any(key and set(key) <= set(columns) for key in keys)


@dataclasses.dataclass(frozen=True, kw_only=True)
class View(_Relation):
    """A view or materialized view; ``uses`` names the tables and views that its query reads.

    ``definition`` is the query as all versions of PostgreSQL print it, ``text`` as short as this one does; ``options`` are
    such as ``security_barrier=true``.
    """

    definition: str = ""
    text: str = ""
    options: tuple[str, ...] = ()
    kind: Literal["view", "materialized view"] = "view"
    uses: tuple[tuple[str, str], ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Enum(_Named):
    """An enum with its labels in their order."""

    labels: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Domain(_Named):
    """A domain over ``type``, which may be a domain itself; ``not_null`` considers that one too."""

    type: Type
    not_null: bool = False
    default: str = ""
    collation: str = ""
    checks: tuple[Check, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Composite(_Named):
    """A type made with CREATE TYPE ... AS (...)."""

    columns: tuple[Column, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Range(_Named):
    """A range type over ``subtype``, as PostgreSQL spells it."""

    subtype: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sequence(_Named):
    """A sequence; ``owned_by`` is the column that it goes with, ``identity`` that it is one of an identity column."""

    type: str
    start: int
    increment: int
    minimum: int
    maximum: int
    cache: int = 1
    cycle: bool = False
    owned_by: str = ""
    identity: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Function(_Named):
    """A function, procedure or aggregate, told apart by its arguments."""

    arguments: str = ""
    definition: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Schema:
    """What one read of the catalogue found, every collection sorted by schema and name.

    ``fingerprint`` is that of the whole catalogue, whatever part of it was chosen; ``revision`` that of the database;
    ``comments`` are those of the schemas named in ``schemas``.
    """

    fingerprint: str
    revision: str = ""
    server_major: int = 0
    schemas: tuple[str, ...] = ()
    comments: Mapping[str, str] = dataclasses.field(default_factory=dict)
    tables: tuple[Table, ...] = ()
    views: tuple[View, ...] = ()
    enums: tuple[Enum, ...] = ()
    domains: tuple[Domain, ...] = ()
    composites: tuple[Composite, ...] = ()
    ranges: tuple[Range, ...] = ()
    sequences: tuple[Sequence, ...] = ()
    functions: tuple[Function, ...] = ()
    extensions: tuple[str, ...] = ()

    @functools.cached_property
    def relations(self) -> Mapping[tuple[str, str], Table | View]:
        """Tables and views by schema and name."""
        return {one.key: one for one in self.tables} | {one.key: one for one in self.views}

    @functools.cached_property
    def domains_by_key(self) -> Mapping[tuple[str, str], Domain]:
        """Domains by schema and name."""
        return {one.key: one for one in self.domains}

    @functools.cached_property
    def enums_by_key(self) -> Mapping[tuple[str, str], Enum]:
        """Enums by schema and name."""
        return {one.key: one for one in self.enums}

    @functools.cached_property
    def partitions(self) -> Mapping[tuple[str, str], tuple[Table, ...]]:
        """The partitions of each partitioned table, by its schema and name."""
        found: dict[tuple[str, str], list[Table]] = {}
        for table in self.tables:
            if table.partition_of is not None:
                found.setdefault(table.partition_of, []).append(table)
        return {key: tuple(tables) for key, tables in found.items()}

    @functools.cached_property
    def referring(self) -> Mapping[tuple[str, str], tuple[tuple[Table, ForeignKey], ...]]:
        """The foreign keys that point to each table, with the tables that have them."""
        found: dict[tuple[str, str], list[tuple[Table, ForeignKey]]] = {}
        for table in self.tables:
            for foreign_key in table.foreign_keys:
                found.setdefault(foreign_key.references, []).append((table, foreign_key))
        return {key: tuple(pairs) for key, pairs in found.items()}

    def domains_of(self, type: Type) -> Iterator[Domain]:  # noqa: A002 - the word for it
        """Yield the domain that a type is, and those below it; none for an array of a domain."""
        while type.kind == "domain" and not type.array and type.key in self.domains_by_key:
            domain = self.domains_by_key[type.key]
            yield domain
            type = domain.type  # noqa: A001

    def base_type(self, type: Type) -> Type:  # noqa: A002 - the word for it
        """Return the type below all domains, also below the elements of an array."""
        while type.kind == "domain" and type.key in self.domains_by_key:
            below = self.domains_by_key[type.key].type
            array = type.array or below.array
            text = f"{below.text}[]" if type.array and not below.array else below.text
            type = dataclasses.replace(below, array=array, text=text)  # noqa: A001
        return type

    def to_dict(self) -> dict[str, Any]:
        """Return the schema as one versioned JSON document, without amounts of rows and bytes."""
        return {"schema": SCHEMA, **_plain(self)}


def _plain(value: object) -> Any:
    kind = type(value)
    if kind in _JSON:
        return value
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    return _plain_type(value) if isinstance(value, Type) else _fields(value)


# A handful of types stand behind ten thousands of columns.
@functools.lru_cache(maxsize=10_000)
def _plain_type(value: Type) -> Any:
    return _fields(value)


def _fields(value: object) -> dict[str, Any]:
    kind: Any = type(value)
    return {name: _plain(getattr(value, name)) for name in _names(kind)}


_JSON = frozenset({str, int, bool, type(None)})


@functools.cache
def _names(kind: Any) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind) if not field.metadata.get("amount"))
