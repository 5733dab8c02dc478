"""What a revision does, command by command, each with the relation that it is about."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

from seachange.postgres.catalog import Catalog, Column, Table, View, qualified
from seachange.safety.facts import LockMode, RevisionFacts, StatementFacts
from seachange.safety.parsing import Command, Node, commands, kind, parse
from seachange.safety.rules._once import once

__all__ = ["Step", "column_of", "descendants", "existed", "made_here", "modes", "place", "steps", "steps_of", "table_of"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Step:
    """One command: of ALTER TABLE each action by itself (``AddColumn``), of everything else the statement (``IndexStmt``).

    ``table`` is the relation that it is about, with its schema; empty where it names none.
    """

    facts: RevisionFacts = dataclasses.field(repr=False)
    statement: StatementFacts
    node: Node
    kind: str
    table: str = ""
    command: Command | None = None

    @property
    def name(self) -> str:
        """What a command of ALTER TABLE names: a column, a constraint."""
        return self.command.name if self.command else ""

    @property
    def constraints(self) -> tuple[Node, ...]:
        """The constraints that a command of ALTER TABLE comes with."""
        return self.command.constraints if self.command else ()

    @property
    def existed(self) -> bool:
        """Whether its table was there before the revision, so that others use it."""
        return existed(self.facts, self.table, at=self.statement)

    def place(self, relation: Node) -> str:
        """Return the name with schema of a relation that the command names."""
        return place(relation, self.statement, facts=self.facts)


def steps(facts: RevisionFacts, *kinds: str) -> Iterator[Step]:
    """Yield the commands of a revision, of some kinds or all, in order.

    :param kinds: such as ``AddColumn`` or ``IndexStmt``.
    """
    for found in _by_statement(facts).values():
        yield from (step for step in found if not kinds or step.kind in kinds)


def steps_of(statement: StatementFacts, *kinds: str, facts: RevisionFacts) -> Iterator[Step]:
    """Yield the commands of one statement, which may be a text with several.

    :param kinds: as for :func:`steps`.
    :param facts: the revision that it is of.
    """
    yield from (step for step in _by_statement(facts)[id(statement)] if not kinds or step.kind in kinds)


def place(relation: Node, statement: StatementFacts, *, facts: RevisionFacts) -> str:
    """Return the name of a relation with its schema, found as the server finds it: by what is locked, what is there, search_path.

    :param relation: a RangeVar.
    :param statement: the statement that names it.
    :param facts: the revision.
    """
    if relation.schemaname:
        return qualified(relation.schemaname, relation.relname)
    path = _search_path(statement)
    candidates = [qualified(schema, relation.relname) for schema in path]
    known, locked = _known(facts), modes(statement)
    return next((name for name in candidates if name in known or name in locked), candidates[0])


def modes(statement: StatementFacts) -> dict[str, LockMode]:
    """Return the strongest mode on each relation that the transaction holds when the statement is done."""
    found: dict[str, LockMode] = {}
    for lock in (*statement.held_locks, *statement.new_locks):
        found[lock.relation] = max(lock.mode, found.get(lock.relation, lock.mode))
    return found


def made_here(facts: RevisionFacts, table: str, *, at: StatementFacts) -> bool:
    """Return whether the revision has made the table itself by the time of a statement."""
    return any(table in each.created for each in facts.statements if each.number <= at.number)


def existed(facts: RevisionFacts, table: str, *, at: StatementFacts) -> bool:
    """Return whether a relation was there before the revision, by this name or the one that it had.

    :param at: the statement that names it.
    """
    if not table or table.startswith("pg_temp") or made_here(facts, table, at=at):
        return False
    before = facts.before
    return before is None or table_of(before, table) is not None or any(steps(facts, "RenameStmt", "AlterObjectSchemaStmt"))


def table_of(catalog: Catalog | None, name: str) -> Table | View | None:
    """Return a table or view by its name with schema, None where it is not or nobody was asked."""
    if catalog is None:
        return None
    relations: tuple[Table | View, ...] = (*catalog.tables, *catalog.views)
    return next((each for each in relations if each.qualified == name), None)


def column_of(catalog: Catalog | None, table: str, *, name: str) -> Column | None:
    """Return a column of a table, None where it is not or nobody was asked."""
    found = table_of(catalog, table)
    return next((each for each in found.columns if each.name == name), None) if found else None


def descendants(facts: RevisionFacts, parent: str) -> frozenset[str]:
    """Return the partitions and children of a table, all levels of them."""
    tables = [each for catalog in (facts.before, facts.after) if catalog for each in catalog.tables]
    found: set[str] = set()
    todo = {parent}
    while todo:
        todo = {each.qualified for each in tables if todo.intersection(each.inherits)} - found
        found |= todo
    return frozenset(found)


@once
def _by_statement(facts: RevisionFacts) -> Mapping[int, tuple[Step, ...]]:
    return {id(statement): tuple(_read(statement, facts)) for statement in facts.statements}


def _read(statement: StatementFacts, facts: RevisionFacts) -> Iterator[Step]:
    for node in parse(statement.sql):
        what, table = kind(node), _target(node, statement, facts)
        if what != "AlterTableStmt":
            yield Step(facts=facts, statement=statement, node=node, kind=what, table=table)
        for command in commands(node):
            yield Step(facts=facts, statement=statement, node=node, kind=command.kind, table=table, command=command)


@once
def _known(facts: RevisionFacts) -> frozenset[str]:
    """Return the relations that a revision meets, by name."""
    catalogs = [catalog for catalog in (facts.before, facts.after) if catalog]
    there = {each.qualified for catalog in catalogs for each in (*catalog.tables, *catalog.views)}
    return frozenset(there.union(*(each.created for each in facts.statements)))


def _target(node: Node, statement: StatementFacts, facts: RevisionFacts) -> str:
    field = node.DESCRIPTOR.fields_by_name.get("relation")
    named = field is not None and field.message_type is not None and field.message_type.name == "RangeVar"
    if not named or not node.HasField("relation"):
        return ""
    return place(node.relation, statement, facts=facts)


def _search_path(statement: StatementFacts) -> list[str]:
    parts = [part.strip().strip('"') for part in statement.settings.get("search_path", "public").split(",")]
    return [part for part in parts if part and part != "$user"] or ["public"]
