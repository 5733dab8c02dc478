"""What a schema consists of, as values."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from collections.abc import Mapping
from typing import Any, Literal

from seachange.plan import jsonable
from seachange.postgres._catalog_facts import OUTSIDE, Facts, collect, without_collector
from seachange.postgres._catalog_parts import (
    Column,
    Constraint,
    Index,
    Policy,
    Rule,
    Statistics,
    Trigger,
    TypeRef,
    qualified,
)

__all__ = [
    "Catalog",
    "CompositeType",
    "Domain",
    "EnumType",
    "Extension",
    "Function",
    "RangeType",
    "Schema",
    "Sequence",
    "Table",
    "View",
]

CATALOG_SCHEMA = "seachange.catalog/1"


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Named:
    schema: str
    name: str
    comment: str = ""

    @property
    def qualified(self) -> str:
        """The name with its schema, quoted where needed."""
        return qualified(self.schema, self.name)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Relation(_Named):
    columns: tuple[Column, ...] = ()
    indexes: tuple[Index, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    rules: tuple[Rule, ...] = ()
    options: tuple[str, ...] = ()
    estimated_rows: int | None = dataclasses.field(default=None, metadata=OUTSIDE)
    estimated_bytes: int = dataclasses.field(default=0, metadata=OUTSIDE)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Table(_Relation):
    """A table; ``inherits`` names the partitioned table when ``partition_bound`` is set."""

    kind: Literal["table", "partitioned table", "foreign table"] = "table"
    constraints: tuple[Constraint, ...] = ()
    policies: tuple[Policy, ...] = ()
    statistics: tuple[Statistics, ...] = ()
    unlogged: bool = False
    access_method: str = ""
    of_type: str = ""
    inherits: tuple[str, ...] = ()
    partition_key: str = ""
    partition_bound: str = ""
    row_security: bool = False
    force_row_security: bool = False
    replica_identity: str = ""
    server: str = ""

    @property
    def primary_key(self) -> Constraint | None:
        """The primary key, if there is one."""
        return next((constraint for constraint in self.constraints if constraint.kind == "primary key"), None)

    @property
    def foreign_keys(self) -> tuple[Constraint, ...]:
        """The foreign keys by name."""
        return tuple(constraint for constraint in self.constraints if constraint.kind == "foreign key")

    @property
    def unique_keys(self) -> tuple[tuple[str, ...], ...]:
        """The columns of every key that lets no two rows be equal: primary, unique, and unique indexes on plain columns."""
        keys = [constraint.columns for constraint in self.constraints if constraint.kind in ("primary key", "unique")]
        keys += [index.columns for index in self.indexes if index.unique and not index.partial and all(index.columns)]
        return tuple(keys)


@dataclasses.dataclass(frozen=True, kw_only=True)
class View(_Relation):
    """A view or materialized view."""

    definition: str
    kind: Literal["view", "materialized view"] = "view"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Schema:
    """A schema that is looked at."""

    name: str
    comment: str = ""

    @property
    def qualified(self) -> str:
        """The name, quoted where needed."""
        return qualified(self.name)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sequence(_Named):
    """A sequence; ``owned_by`` is the column that it goes with."""

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
class EnumType(_Named):
    """An enum with its labels in their order."""

    labels: tuple[str, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Domain(_Named):
    """A domain over ``type``."""

    type: str
    type_ref: TypeRef = dataclasses.field(metadata=OUTSIDE)
    not_null: bool = False
    default: str = ""
    collation: str = ""
    constraints: tuple[Constraint, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class CompositeType(_Named):
    """A type made with CREATE TYPE ... AS (...); its attributes in their order."""

    attributes: tuple[str, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class RangeType(_Named):
    """A range type over ``subtype``."""

    subtype: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Function(_Named):
    """A function, procedure, window function or aggregate, told apart by its arguments."""

    arguments: str
    definition: str

    @property
    def qualified(self) -> str:
        """The name with its schema and the types of its arguments."""
        return f"{qualified(self.schema, self.name)}({self.arguments})"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Extension:
    """An extension; those that only watch or run the server are ``operational`` and not part of the schema."""

    name: str
    schema: str = dataclasses.field(metadata=OUTSIDE)
    version: str = dataclasses.field(default="", metadata=OUTSIDE)
    operational: bool = dataclasses.field(default=False, metadata=OUTSIDE)

    @property
    def qualified(self) -> str:
        """The name, quoted where needed; an extension is in no schema."""
        return qualified(self.name)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Catalog:
    """The schema of one database at one moment, every collection sorted by name."""

    server_version: int
    schemas: tuple[Schema, ...] = ()
    tables: tuple[Table, ...] = ()
    views: tuple[View, ...] = ()
    enums: tuple[EnumType, ...] = ()
    domains: tuple[Domain, ...] = ()
    composites: tuple[CompositeType, ...] = ()
    ranges: tuple[RangeType, ...] = ()
    sequences: tuple[Sequence, ...] = ()
    functions: tuple[Function, ...] = ()
    extensions: tuple[Extension, ...] = ()

    @property
    def major(self) -> int:
        """The major version of the server."""
        return self.server_version // 10000

    @functools.cached_property
    def relations(self) -> Mapping[str, Table | View]:
        """Tables and views by their names with schema, quoted where needed."""
        return {table.qualified: table for table in self.tables} | {view.qualified: view for view in self.views}

    @functools.cached_property
    def facts(self) -> Facts:
        """Everything that makes this schema the schema it is: object -> part -> attributes other than the defaults."""
        with without_collector():
            return collect(self)

    @functools.cached_property
    def fingerprint(self) -> str:
        """The SHA-256, in hex, of the facts as canonical JSON: equal for equal schemas on any server, host and day."""
        text = json.dumps([CATALOG_SCHEMA, self.facts], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """Return the catalogue as one versioned JSON document."""
        return {"schema": CATALOG_SCHEMA, "fingerprint": self.fingerprint, **jsonable(self)}
