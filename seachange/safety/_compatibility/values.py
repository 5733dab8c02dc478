"""Code and its statements, what a change of the schema means for them: values."""

from __future__ import annotations

import dataclasses
import functools
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

from seachange.plan import Severity, Statement, jsonable
from seachange.postgres.catalog import Catalog, Column, Table, View, qualified
from seachange.safety.facts import Provenance

__all__ = [
    "Bodies",
    "Case",
    "Code",
    "CodeColumn",
    "CodeTable",
    "Effect",
    "Failure",
    "Impact",
    "Kind",
    "Order",
    "Place",
    "Query",
    "Schema",
    "Step",
]

Impact = Literal["breaking", "additive", "neutral"]
Order = Literal["both", "schema first", "code first", "none"]
Kind = Literal["SELECT", "INSERT", "UPDATE", "DELETE", "join"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Query:
    """One statement that code sends.

    ``owner`` is the mapped class or the table that it comes from, ``table`` the table that it is about, ``uses`` the columns that
    it names by table. Tables are named with their schema.
    """

    kind: Kind
    sql: str
    owner: str
    table: str
    uses: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, kw_only=True)
class CodeColumn:
    """A column as the code knows it; ``labels`` are those of its enum, ``filled`` says that it may be left to the server."""

    name: str
    nullable: bool = True
    filled: bool = False
    labels: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class CodeTable:
    """A table as the code knows it, with the restrictions that it declares.

    ``keys`` are the columns that it says to be unique, ``checks`` the names of its checks, ``references`` its foreign keys as
    columns, table and columns. ``identities`` are the values of its polymorphic discriminator that have a class.
    """

    name: str
    columns: tuple[CodeColumn, ...] = ()
    keys: tuple[tuple[str, ...], ...] = ()
    checks: tuple[str, ...] = ()
    references: tuple[tuple[tuple[str, ...], str], ...] = ()
    identities: tuple[str, ...] = ()

    def column(self, name: str) -> CodeColumn | None:
        """Return the column of a name, if the code knows one."""
        return next((column for column in self.columns if column.name == name), None)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Code:
    """The code of one commit: its tables and its statements. ``problems`` say what of it could not be looked at."""

    name: str
    tables: Mapping[str, CodeTable] = dataclasses.field(default_factory=dict)
    queries: tuple[Query, ...] = ()
    problems: tuple[str, ...] = ()

    @classmethod
    def from_dict(cls, document: Mapping[str, Any], *, name: str) -> Self:
        """Return the code that ``to_dict`` wrote.

        :param document: the values.
        :param name: what the commit is called.
        """
        tables = [_table(each) for each in document["tables"]]
        queries = [Query(**{**each, "uses": _columns(each["uses"])}) for each in document["queries"]]
        return cls(
            name=name,
            tables={table.name: table for table in tables},
            queries=tuple(queries),
            problems=tuple(document["problems"]),
        )

    def default_schema(self, schema: Schema) -> str:
        """Return the schema in which tables are found whose names have none: that of the session, unless others have them.

        :param schema: the schemas that the code was written for.
        """
        bare = {name for name in self.tables if not _has_schema(name)}
        found = Counter(table.schema for table in schema.catalog.tables if qualified(table.name) in bare)
        return schema.default if not found or schema.default in found else found.most_common(1)[0][0]

    def in_schema(self, default: str) -> Self:
        """Return the code with a schema before every name that has none.

        :param default: the schema that such names are found in.
        """
        full = {name: f"{qualified(default)}.{name}" for name in self.tables if not _has_schema(name)}
        tables = [
            dataclasses.replace(
                table,
                name=full.get(table.name, table.name),
                references=tuple((columns, full.get(target, target)) for columns, target in table.references),
            )
            for table in self.tables.values()
        ]
        queries = [
            dataclasses.replace(
                query,
                table=full.get(query.table, query.table),
                owner=full.get(query.owner, query.owner),
                uses={full.get(table, table): columns for table, columns in query.uses.items()},
            )
            for query in self.queries
        ]
        return dataclasses.replace(self, tables={table.name: table for table in tables}, queries=tuple(queries))

    def to_dict(self) -> dict[str, Any]:
        """Return the code as JSON values."""
        return dict(jsonable(self)) | {"tables": [jsonable(table) for table in self.tables.values()]}


def _table(document: Mapping[str, Any]) -> CodeTable:
    return CodeTable(
        name=document["name"],
        columns=tuple(CodeColumn(**{**each, "labels": tuple(each["labels"])}) for each in document["columns"]),
        keys=_tuples(document["keys"]),
        checks=tuple(document["checks"]),
        references=tuple((tuple(columns), table) for columns, table in document["references"]),
        identities=tuple(document["identities"]),
    )


def _columns(uses: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    return {table: tuple(columns) for table, columns in uses.items()}


def _has_schema(name: str) -> bool:
    """Say whether a name has a dot outside of quotes."""
    return any("." in part for part in name.split('"')[::2])


def _tuples(rows: Sequence[Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(row) for row in rows)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Failure:
    """What a server said of a statement."""

    sqlstate: str
    message: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Place:
    """The revision that changed something, and where it says so; empty when none is known."""

    revision: str = ""
    title: str = ""
    file: str = ""
    line: int = 0

    @property
    def words(self) -> str:
        """The revision for people, after a verb; nothing when none is known."""
        return f" by revision {self.revision}" if self.revision else ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Step:
    """One revision on the way, with what it sent and the catalogues around it."""

    revision: str
    title: str
    file: str
    statements: tuple[Statement, ...] = ()
    before: Catalog = dataclasses.field(repr=False)
    after: Catalog = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Schema:
    """A schema with the identity of its parts, which a rename leaves as it is.

    ``names`` gives table and column by the table's oid and the column's number, which is 0 for the table itself, ``types`` oid
    and modifier of the type by the same; ``labels`` the enum and the label by the label's oid.
    """

    catalog: Catalog = dataclasses.field(repr=False)
    names: Mapping[tuple[int, int], tuple[str, str]] = dataclasses.field(default_factory=dict, repr=False)
    types: Mapping[tuple[int, int], tuple[int, int]] = dataclasses.field(default_factory=dict, repr=False)
    labels: Mapping[int, tuple[str, str]] = dataclasses.field(default_factory=dict, repr=False)
    default: str = "public"

    @functools.cached_property
    def relations(self) -> Mapping[str, Table | View]:
        """Tables and views by name."""
        tables: dict[str, Table | View] = {table.qualified: table for table in self.catalog.tables}
        return tables | {view.qualified: view for view in self.catalog.views}

    @functools.cached_property
    def identities(self) -> Mapping[tuple[str, str], tuple[int, int]]:
        """What ``names`` says, the other way round."""
        return {name: identity for identity, name in self.names.items()}

    def type_of(self, table: str, name: str) -> tuple[int, int]:
        """Return what identifies the type of a column, zeros for none."""
        return self.types.get(self.identities.get((table, name), (0, 0)), (0, 0))

    def column(self, table: str, name: str) -> Column | None:
        """Return a column of a table or view, if it is there."""
        found = self.relations.get(table)
        return next((column for column in found.columns if column.name == name), None) if found else None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bodies:
    """What a look at every function found: definitions, and what fails by function, table of the trigger and statement."""

    definitions: Mapping[str, str] = dataclasses.field(default_factory=dict)
    failures: Mapping[tuple[str, str, str], Failure] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case:
    """All that is known of code and the way from the schema that it was written for to another one.

    ``failed_before`` and ``failed_after`` are statements that could not be prepared, by number; ``outdated`` those that were kept
    prepared over the change, and are refused since their result has other types. ``successor`` is the code that comes after it.
    """

    code: Code
    old: Schema
    new: Schema
    failed_before: Mapping[int, Failure] = dataclasses.field(default_factory=dict)
    failed_after: Mapping[int, Failure] = dataclasses.field(default_factory=dict)
    outdated: frozenset[int] = frozenset()
    successor: Code | None = dataclasses.field(default=None, repr=False)
    bodies_before: Bodies = dataclasses.field(default_factory=Bodies, repr=False)
    bodies_after: Bodies = dataclasses.field(default_factory=Bodies, repr=False)
    steps: tuple[Step, ...] = ()

    @property
    def broken(self) -> Mapping[int, Failure]:
        """The statements that the old schema takes and the new one does not."""
        return {number: failure for number, failure in self.failed_after.items() if number not in self.failed_before}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Effect:
    """What a change of the schema means for the code, by table and column.

    ``rule`` is an id of docs/rules where there is one; ``statements`` says which of the code's statements are hit.
    """

    impact: Impact
    table: str
    column: str = ""
    message: str
    rule: str = ""
    severity: Severity = "info"
    hint: str = ""
    place: Place = dataclasses.field(default_factory=Place)
    statements: tuple[str, ...] = ()
    provenance: Provenance = "proven"

    @property
    def subject(self) -> str:
        """The column with its table, or the table."""
        return f"{self.table}.{self.column}" if self.column else self.table
