"""What is asked of the rows of the real database before an operation, as values."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Literal, TypeAlias

__all__ = [
    "Bound",
    "Constraint",
    "DataCheck",
    "DomainRows",
    "Duplicates",
    "Labels",
    "Layer",
    "Nulls",
    "Orphans",
    "Outside",
    "Overlaps",
    "Probe",
    "Rows",
    "Source",
    "TypeChange",
    "Values",
    "Violators",
]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Layer:
    """What one earlier statement does to the rows: columns with other values, columns that go, rows that go.

    ``values`` are SQL expressions over what is below, by column; ``where`` is what the rows that stay fulfil, empty for all.
    ``alias`` is the name of the table by which the expressions may call it; ``written`` says that triggers may have their say.
    """

    alias: str
    values: Mapping[str, str] = dataclasses.field(default_factory=dict)
    gone: frozenset[str] = frozenset()
    where: str = ""
    written: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """The rows of a table as an operation will meet them: those of the real table under what earlier statements do to them.

    ``table`` is the name that the table has in the database now, ``alias`` the one that it has by then; ``only`` leaves out
    the tables that inherit from it.
    """

    table: str
    alias: str
    only: bool = False
    layers: tuple[Layer, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Nulls:
    """Rows with a NULL in one of the columns."""

    columns: tuple[str, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Duplicates:
    """Rows that are equal in all keys, each an SQL expression; ``where`` is the predicate of a partial index."""

    keys: tuple[str, ...]
    where: str = ""
    nulls_distinct: bool = True
    primary: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Orphans:
    """Rows without a counterpart in the parent; no ``referenced`` columns are those of its primary key."""

    columns: tuple[str, ...]
    parent: Source
    referenced: tuple[str, ...] = ()
    match_full: bool = False
    period: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Violators:
    """Rows for which an expression is false; NULL passes."""

    expression: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Constraint:
    """Rows that break a constraint which the database has already, by its name; of a domain if ``domain`` names one."""

    name: str
    domain: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class DomainRows:
    """Values, in any table, of a domain for which an expression over VALUE is false; NULLs where it is empty."""

    domain: str
    expression: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TypeChange:
    """Values that the new type does not take, or not whole; ``using`` is the expression that makes the new values.

    ``labels`` are those of an enum that is new itself; ``checks`` the expressions over VALUE of a domain that is new itself,
    ``base`` the type below it. ``added`` are labels that the run adds to an enum.
    """

    column: str
    type: str
    using: str = ""
    explicit: bool = False
    labels: tuple[str, ...] | None = None
    checks: tuple[str, ...] = ()
    base: str = ""
    added: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Labels:
    """Values, in any table, of an enum's label, which becomes another."""

    enum: str
    label: str
    becomes: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rows:
    """Rows of a table that goes or is emptied; ``cascade``: those of the tables that refer to it too."""

    cascade: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Values:
    """Values other than NULL in a column that goes."""

    column: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bound:
    """Which rows a partition takes: values of a list, a range from and to, a remainder, or all others."""

    strategy: Literal["list", "range", "hash", "default"]
    values: tuple[str, ...] = ()
    lower: tuple[str, ...] = ()
    upper: tuple[str, ...] = ()
    modulus: int = 0
    remainder: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outside:
    """Rows of a table that a partition's bound does not take; with ``default``, rows of the default partition that it takes.

    ``parent`` is the partitioned table, ``keys`` is what it is partitioned by where the database does not know it yet.
    """

    parent: str
    bound: Bound
    keys: tuple[str, ...] = ()
    default: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Overlaps:
    """Pairs of rows that an exclusion constraint forbids: every expression and its operator is true of both."""

    elements: tuple[tuple[str, str], ...]
    where: str = ""


Probe: TypeAlias = (
    Nulls | Duplicates | Orphans | Violators | Constraint | DomainRows | TypeChange | Labels | Rows | Values | Outside | Overlaps
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataCheck:
    """One question to the rows of the real database: whether an operation of a pending revision fails on them, or loses them.

    ``what`` names the operation. ``depends_on`` is an earlier revision of the same run on which the answer depends in a way
    that cannot be foreseen, and ``reason`` says how; with a reason alone it is the revision's own doing.
    """

    code: str
    revision: str
    what: str
    source: Source
    probe: Probe
    statement: int = 1
    file: str = ""
    line: int = 0
    depends_on: str = ""
    reason: str = ""

    @property
    def where(self) -> str:
        """The place as ``file:line``."""
        return f"{self.file}:{self.line}" if self.file and self.line else self.file
