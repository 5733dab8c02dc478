"""The parts of tables, views and types as targets read them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Literal

__all__ = [
    "AMOUNT",
    "Action",
    "Check",
    "Column",
    "Exclusion",
    "ForeignKey",
    "Index",
    "IndexPart",
    "Key",
    "Type",
    "TypeKind",
]

TypeKind = Literal["base", "enum", "domain", "composite", "range", "multirange", "pseudo"]
Action = Literal["no action", "restrict", "cascade", "set null", "set default"]

# How much is in a table, not how it is made: it changes without a migration and stays out of schema.json.
AMOUNT: Mapping[str, bool] = {"amount": True}


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Type:
    """The type of a column; of an array ``schema``, ``name``, ``kind`` and ``extension`` tell of its elements.

    ``text`` is the type in PostgreSQL's short spelling (``varchar(20)``, ``public.mood[]``), ``modifiers`` what stands in its
    parentheses (``("10", "2")``), ``extension`` the extension that made it (``citext``).
    """

    text: str
    schema: str
    name: str
    kind: TypeKind = "base"
    array: bool = False
    modifiers: tuple[str, ...] = ()
    extension: str = ""

    @property
    def length(self) -> int | None:
        """The most characters or bits, of a type that has such a limit."""
        named = self.schema == "pg_catalog" and self.name in ("varchar", "bpchar", "bit", "varbit")
        return int(self.modifiers[0]) if named and self.modifiers else None

    @property
    def system(self) -> bool:
        """Whether PostgreSQL itself brings the type."""
        return self.schema == "pg_catalog"

    @property
    def key(self) -> tuple[str, str]:
        """The schema and name, by which the types of a schema are found."""
        return self.schema, self.name


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """A column of a table, view or composite type.

    ``default`` is an expression of SQL, as is ``expression``, the one of a generated column. ``nullable`` says whether a row may
    hold NULL there, domains considered; ``serial`` that the default takes the next value of a sequence of its own, ``sequence``.
    ``dimensions`` are those an array was declared with, which PostgreSQL neither enforces nor dumps.
    """

    name: str
    type: Type
    dimensions: int = 0
    position: int = 0
    not_null: bool = False
    nullable: bool = True
    default: str = ""
    identity: Literal["", "always", "by default"] = ""
    generated: Literal["", "stored", "virtual"] = ""
    expression: str = ""
    serial: bool = False
    sequence: str = ""
    collation: str = ""
    comment: str = ""

    @property
    def insertable(self) -> bool:
        """Whether a program may give it a value."""
        return not self.generated and self.identity != "always"

    @property
    def filled(self) -> bool:
        """Whether the database gives it a value when a program does not: a default, an identity, a generated value."""
        return bool(self.default or self.identity or self.generated)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Key:
    """A primary key or unique constraint with the columns in its order."""

    name: str
    columns: tuple[str, ...]
    include: tuple[str, ...] = ()
    nulls_not_distinct: bool = False
    deferrable: bool = False
    initially_deferred: bool = False
    definition: str = ""
    comment: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ForeignKey:
    """A foreign key; ``columns`` and ``references_columns`` belong together one by one."""

    name: str
    columns: tuple[str, ...]
    references_schema: str
    references_table: str
    references_columns: tuple[str, ...]
    on_update: Action = "no action"
    on_delete: Action = "no action"
    match: Literal["simple", "full", "partial"] = "simple"
    deferrable: bool = False
    initially_deferred: bool = False
    validated: bool = True
    enforced: bool = True
    definition: str = ""
    comment: str = ""

    @property
    def references(self) -> tuple[str, str]:
        """The schema and name of the table that it points to."""
        return self.references_schema, self.references_table


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """A check constraint of a table or domain."""

    name: str
    expression: str
    columns: tuple[str, ...] = ()
    validated: bool = True
    enforced: bool = True
    definition: str = ""
    comment: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Exclusion:
    """An exclusion constraint."""

    name: str
    columns: tuple[str, ...]
    definition: str
    comment: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class IndexPart:
    """One key of an index: a column, or an expression of SQL.

    ``nulls_first`` says where they are, whether written or by default (first where ``descending``).
    ``operator_class`` is empty where it is the default of the type, which is then the ``default_operator_class``.
    """

    column: str = ""
    expression: str = ""
    descending: bool = False
    nulls_first: bool = False
    operator_class: str = ""
    default_operator_class: str = ""
    collation: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Index:
    """An index that no constraint owns; ``predicate`` is the WHERE of a partial one."""

    name: str
    method: str
    unique: bool = False
    parts: tuple[IndexPart, ...] = ()
    include: tuple[str, ...] = ()
    predicate: str = ""
    nulls_not_distinct: bool = False
    valid: bool = True
    definition: str = ""
    comment: str = ""
    estimated_bytes: int = dataclasses.field(default=0, metadata=AMOUNT)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of its keys; none when an expression is among them."""
        names = tuple(part.column for part in self.parts)
        return names if all(names) else ()
