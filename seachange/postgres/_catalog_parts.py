"""The parts of tables and views, as values: columns, constraints, indexes and what else hangs on them."""

from __future__ import annotations

import dataclasses
import functools
import re
from typing import Literal

from seachange.postgres._catalog_facts import OUTSIDE

__all__ = [
    "Column",
    "Constraint",
    "ConstraintKind",
    "Index",
    "Policy",
    "Rule",
    "Statistics",
    "Trigger",
    "TypeKind",
    "TypeRef",
    "qualified",
]

ConstraintKind = Literal["primary key", "unique", "foreign key", "check", "exclusion", "not null"]
TypeKind = Literal["base", "enum", "domain", "composite", "range", "multirange", "pseudo"]

_PLAIN = re.compile(r"[a-z_][a-z0-9_$]*")
# pg_get_keywords() of 18, catcode R and T.
_RESERVED = re.compile(
    "all|analy[sz]e|and|any|array|as|asc|asymmetric|authorization|binary|both|case|cast|check|collate|collation|column"
    "|concurrently|constraint|create|cross|current_(catalog|date|role|schema|time|timestamp|user)|default|deferrable|desc"
    "|distinct|do|else|end|except|false|fetch|for|foreign|freeze|from|full|grant|group|having|ilike|in|initially|inner"
    "|intersect|into|is|isnull|join|lateral|leading|left|like|limit|localtime|localtimestamp|natural|not|notnull|null|offset"
    "|on|only|or|order|outer|overlaps|placing|primary|references|returning|right|select|session_user|similar|some|symmetric"
    "|system_user|table|tablesample|then|to|trailing|true|union|unique|user|using|variadic|verbose|when|where|window|with"
)


def qualified(*names: str) -> str:
    """Join names with dots, each quoted where PostgreSQL needs it."""
    return ".".join(map(_quoted, names))


@functools.lru_cache(maxsize=4096)
def _quoted(name: str) -> str:
    if _PLAIN.fullmatch(name) and not _RESERVED.fullmatch(name):
        return name
    return '"' + name.replace('"', '""') + '"'


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class TypeRef:
    """The type behind a column: of an array, the type of its elements."""

    schema: str
    name: str
    kind: TypeKind = "base"
    array: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """A column of a table, view or composite type; ``type`` is as ``format_type`` writes it, schema-qualified."""

    name: str
    type: str
    type_ref: TypeRef = dataclasses.field(metadata=OUTSIDE)
    position: int = dataclasses.field(default=0, metadata=OUTSIDE)
    not_null: bool = False
    default: str = ""
    identity: Literal["", "always", "by default"] = ""
    generated: Literal["", "stored", "virtual"] = ""
    collation: str = ""
    storage: str = ""
    compression: str = ""
    comment: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Constraint:
    """A constraint of a table or domain; ``definition`` is without NOT VALID and NOT ENFORCED, which have fields."""

    name: str
    kind: ConstraintKind
    definition: str
    columns: tuple[str, ...] = dataclasses.field(default=(), metadata=OUTSIDE)
    validated: bool = True
    enforced: bool = True
    references_schema: str = dataclasses.field(default="", metadata=OUTSIDE)
    references_table: str = dataclasses.field(default="", metadata=OUTSIDE)
    references_columns: tuple[str, ...] = dataclasses.field(default=(), metadata=OUTSIDE)
    comment: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Index:
    """An index that no constraint owns; ``columns`` has an empty name where the index has an expression."""

    name: str
    definition: str
    valid: bool = True
    unique: bool = dataclasses.field(default=False, metadata=OUTSIDE)
    partial: bool = dataclasses.field(default=False, metadata=OUTSIDE)
    columns: tuple[str, ...] = dataclasses.field(default=(), metadata=OUTSIDE)
    comment: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Trigger:
    """A trigger that somebody made; those of foreign keys and clones on partitions are not listed."""

    name: str
    definition: str
    enabled: Literal["origin", "disabled", "replica", "always"] = "origin"
    comment: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """A row security policy."""

    name: str
    command: Literal["all", "select", "insert", "update", "delete"] = "all"
    permissive: bool = True
    roles: tuple[str, ...] = ()
    using: str = ""
    check: str = ""
    comment: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """A rewrite rule, other than the one that makes a view."""

    name: str
    definition: str
    enabled: Literal["origin", "disabled", "replica", "always"] = "origin"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Statistics:
    """An extended statistics object."""

    name: str
    definition: str
