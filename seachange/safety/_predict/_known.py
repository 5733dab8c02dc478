"""What is known of a database at one point of a history: from its catalogue, or from the statements so far."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator
from typing import Literal

from seachange.postgres.catalog import Catalog, Table, View, qualified
from seachange.safety.parsing import Node, find, names, parse, tables_of

__all__ = ["ColumnState", "ConstraintState", "DomainState", "Known", "RelationState", "columns_in"]

RelationKind = Literal["table", "view", "materialized view", "sequence", "foreign table", "type"]

_VOLATILITY = re.compile(r"\b(immutable|stable|volatile)\b", re.IGNORECASE)


@dataclasses.dataclass(kw_only=True)
class ColumnState:
    """A column; ``type`` is as ``format_type`` writes it."""

    type: str
    not_null: bool = False
    identity: bool = False
    collation: str = ""


@dataclasses.dataclass(kw_only=True)
class ConstraintState:
    """A constraint; ``kind`` in the words of the catalogue, ``target`` the table that a foreign key refers to."""

    kind: str
    columns: tuple[str, ...] = ()
    validated: bool = True
    target: str = ""
    expression: Node = None


@dataclasses.dataclass(kw_only=True)
class RelationState:
    """A relation; ``complete``: all its columns, constraints and indexes are known.

    ``indexes`` gives the columns of each index by its name with schema, those of constraints too. ``parents`` are what it is a
    partition of or inherits from; ``reads`` are what a view is made of, and ``mentions`` the columns that it names.
    """

    name: str
    kind: RelationKind = "table"
    complete: bool = False
    partitioned: bool = False
    default_partition: bool = False
    unlogged: bool | None = None
    access_method: str = ""
    columns: dict[str, ColumnState] = dataclasses.field(default_factory=dict)
    constraints: dict[str, ConstraintState] = dataclasses.field(default_factory=dict)
    indexes: dict[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    parents: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    mentions: tuple[str, ...] = ()

    @property
    def schema_of(self) -> str:
        """The schema, quoted where needed."""
        return self.name.rpartition(".")[0]


@dataclasses.dataclass(frozen=True, kw_only=True)
class DomainState:
    """A domain over ``type``; ``constrained``: it has a check or is NOT NULL."""

    type: str
    constrained: bool


class Known:
    """What is known so far; statements change it as they change the database.

    :param catalog: the catalogue to begin with, None when no server was asked.
    :param schema: the schema of names that have none.
    """

    def __init__(self, catalog: Catalog | None = None, *, schema: str = "public") -> None:
        self.schema = schema
        self.complete = catalog is not None
        self.relations: dict[str, RelationState] = {}
        self.domains: dict[str, DomainState] = {}
        self.volatility: dict[str, str] = {}
        # What this revision has made itself: nobody else waits for it.
        self.created: set[str] = set()
        if catalog is not None:
            self._read(catalog)

    def find(self, name: str) -> RelationState | None:
        """Return a relation, None when nothing is known of it."""
        return self.relations.get(name)

    def relation(self, name: str) -> RelationState:
        """Return a relation; one that is unknown is taken for a table that is there."""
        return self.relations.setdefault(name, RelationState(name=name))

    def make(self, relation: RelationState) -> None:
        """Note a relation that a statement makes."""
        self.relations[relation.name] = relation
        self.created.add(relation.name)

    def forget(self, name: str) -> None:
        """Note that a relation is gone."""
        self.relations.pop(name, None)

    def rename(self, old: str, new: str) -> None:
        """Note that a relation has another name, whoever refers to it."""
        relation = self.relations.pop(old, None)
        if old in self.created:
            self.created.add(new)
        if relation is None:
            return
        relation.name = new
        self.relations[new] = relation
        for each in self.relations.values():
            each.parents = tuple(new if parent == old else parent for parent in each.parents)
            each.reads = tuple(new if read == old else read for read in each.reads)
            for constraint in each.constraints.values():
                constraint.target = new if constraint.target == old else constraint.target

    def table_of_index(self, index: str) -> str:
        """Return the table of an index, empty when it is unknown."""
        return next((one.name for one in self.relations.values() if index in one.indexes), "")

    def descendants(self, name: str) -> tuple[str, ...]:
        """Return the partitions and inheriting tables below a table."""
        direct = [one.name for one in self.relations.values() if name in one.parents]
        return tuple(dict.fromkeys(each for child in direct for each in (child, *self.descendants(child))))

    def leaves(self, name: str) -> tuple[str, ...]:
        """Return the tables that hold the rows of a table: itself and those below it, partitioned ones left out."""
        found = self.find(name)
        own = () if found is not None and found.partitioned else (name,)
        below = (each for each in self.descendants(name) if not self.relations[each].partitioned)
        return (*own, *below)

    def referring(self, name: str) -> Iterator[tuple[RelationState, str]]:
        """Yield each foreign key to a table: the table that has it, and its name."""
        for relation in self.relations.values():
            for key, constraint in relation.constraints.items():
                if constraint.kind == "foreign key" and constraint.target == name:
                    yield relation, key

    def views_on(self, name: str) -> tuple[str, ...]:
        """Return the views that read a relation, directly or through others."""
        direct = [one.name for one in self.relations.values() if name in one.reads]
        return tuple(dict.fromkeys(each for view in direct for each in (view, *self.views_on(view))))

    def is_viewed(self, name: str, column: str) -> bool:
        """Say whether a view reads a column for certain: one that reads no other table, so that the name is the table's."""
        return any(one.reads == (name,) and column in one.mentions for one in self.relations.values())

    def columns_of_type(self, names: Iterable[str]) -> Iterator[tuple[RelationState, str]]:
        """Yield the table columns that have one of some types."""
        wanted = set(names)
        for relation in self.relations.values():
            for column, state in relation.columns.items():
                if relation.kind == "table" and self.plain(state.type).removesuffix("[]") in wanted:
                    yield relation, column

    def plain(self, type_name: str) -> str:
        """Return the name of a type without the schema that names go to by themselves."""
        return type_name.removeprefix(f"{self.schema}.").removeprefix("pg_catalog.")

    def _read(self, catalog: Catalog) -> None:
        for table in catalog.tables:
            self.relations[table.qualified] = _table(table)
        for view in catalog.views:
            self.relations[view.qualified] = _view(view)
        for sequence in catalog.sequences:
            self.relations[sequence.qualified] = RelationState(name=sequence.qualified, kind="sequence", complete=True)
        for domain in catalog.domains:
            constrained = bool(domain.constraints) or domain.not_null
            self.domains[self.plain(domain.qualified)] = DomainState(type=domain.type, constrained=constrained)
        for function in catalog.functions:
            found = _VOLATILITY.search(function.definition.partition("AS $")[0])
            for name in (function.name, qualified(function.schema, function.name)):
                self.volatility[name] = found[1].lower() if found else "volatile"


def _table(table: Table) -> RelationState:
    schema = table.schema
    own = ((one.name, one.columns) for one in table.constraints if one.kind in ("primary key", "unique", "exclusion"))
    other = ((one.name, one.columns) for one in table.indexes)
    return RelationState(
        name=table.qualified,
        kind="foreign table" if table.kind == "foreign table" else "table",
        complete=True,
        partitioned=table.kind == "partitioned table",
        default_partition=table.partition_bound == "DEFAULT",
        unlogged=table.unlogged,
        access_method=table.access_method,
        columns={
            one.name: ColumnState(type=one.type, not_null=one.not_null, identity=bool(one.identity), collation=one.collation)
            for one in table.columns
        },
        constraints={
            one.name: ConstraintState(
                kind=one.kind,
                columns=one.columns,
                validated=one.validated,
                target=qualified(one.references_schema, one.references_table) if one.references_table else "",
                expression=_expression(one.definition) if one.kind == "check" else None,
            )
            for one in table.constraints
        },
        indexes={qualified(schema, name): columns for name, columns in (*own, *other)},
        parents=table.inherits,
    )


def columns_in(node: Node) -> tuple[str, ...]:
    """Return the names of the columns that a query mentions, each once."""
    found = (names(each.fields)[-1:] for each in find(node, "ColumnRef"))
    return tuple(dict.fromkeys(name for each in found for name in each))


def _view(view: View) -> RelationState:
    statements = parse(view.definition.rstrip(";"))
    return RelationState(
        name=view.qualified,
        kind=view.kind,
        complete=True,
        reads=tuple(name for each in statements for name in tables_of(each)),
        mentions=tuple(name for each in statements for name in columns_in(each)),
    )


def _expression(definition: str) -> Node:
    import postgast

    found = parse(f"alter table x add {definition}")
    return postgast.unwrap_node(getattr(found[0].cmds[0].alter_table_cmd, "def").constraint.raw_expr) if found else None
