"""What a revision added to the catalogue, with the statement that did it; what was there before is nobody's fault now."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from seachange.postgres.catalog import Constraint, Index, Table, View
from seachange.safety.facts import RevisionFacts, StatementFacts
from seachange.safety.parsing import constraint_kind, find
from seachange.safety.rules._once import once
from seachange.safety.rules._steps import Step, steps, table_of

__all__ = ["added_constraints", "added_indexes", "earlier"]

_KINDS = {
    "foreign key": "FOREIGN",
    "check": "CHECK",
    "unique": "UNIQUE",
    "primary key": "PRIMARY",
    "exclusion": "EXCLUSION",
    "not null": "NOTNULL",
}


def added_constraints(facts: RevisionFacts, kind: str) -> Iterator[tuple[Table, Constraint, StatementFacts | None]]:
    """Yield constraints of a kind that the revision added, without the copies that partitions have of their parent's.

    :param kind: as the catalogue calls it: ``foreign key``.
    """
    yield from (each for each in _added_constraints(facts) if each[1].kind == kind)


@once
def _added_constraints(facts: RevisionFacts) -> tuple[tuple[Table, Constraint, StatementFacts | None], ...]:
    return tuple(_find_constraints(facts))


def _find_constraints(facts: RevisionFacts) -> Iterator[tuple[Table, Constraint, StatementFacts | None]]:
    for table in facts.after.tables if facts.before and facts.after else ():
        before = earlier(facts, table)
        old = before.constraints if isinstance(before, Table) else ()
        known = {(each.kind, each.definition) for each in (*old, *_inherited(facts, table))}
        for constraint in table.constraints:
            if (constraint.kind, constraint.definition) not in known:
                yield table, constraint, _adder(facts, table, constraint)


def added_indexes(facts: RevisionFacts) -> Iterator[tuple[Table | View, Index, StatementFacts | None]]:
    """Yield indexes, other than those of constraints, that the revision added."""
    renamed = {step.node.newname for step in steps(facts, "RenameStmt")}
    relations: tuple[Table | View, ...] = (*facts.after.tables, *facts.after.views) if facts.before and facts.after else ()
    for table in relations:
        before = earlier(facts, table)
        known = {each.name for each in before.indexes} if before else set()
        for index in table.indexes:
            if index.name not in known | renamed:
                yield table, index, _builder(facts, index)


def earlier(facts: RevisionFacts, table: Table | View) -> Table | View | None:
    """Return a table as it was before the revision, by the name that it had then; None when it is new."""
    if any(table.qualified in each.created for each in facts.statements):
        return None
    named = (step.table for step in steps(facts, "RenameStmt") if step.node.newname == table.name)
    return table_of(facts.before, table.qualified) or table_of(facts.before, next(named, ""))


def _inherited(facts: RevisionFacts, table: Table) -> Iterator[Constraint]:
    for parent in table.inherits if table.partition_bound else ():
        found = table_of(facts.after, parent)
        yield from found.constraints if isinstance(found, Table) else ()


def _adder(facts: RevisionFacts, table: Table, constraint: Constraint) -> StatementFacts | None:
    wanted = _KINDS[constraint.kind]
    on_table = [step for step in steps(facts, "AddConstraint", "AddColumn", "CreateStmt") if step.table == table.qualified]
    by_kind = [step for step in on_table if any(constraint_kind(each) == wanted for each in find(step.node, "Constraint"))]
    tests: tuple[Callable[[Step], bool], ...] = (
        lambda step: step.kind == "AddConstraint" and step.name == constraint.name,
        lambda step: step.kind == "AddConstraint" and not step.name and step in by_kind,
        lambda step: step.kind == "AddColumn" and step.name in constraint.columns and step in by_kind,
        lambda step: step.kind == "CreateStmt" and step in by_kind,
    )
    found = (step.statement for test in tests for step in on_table if test(step))
    return next(found, None)


def _builder(facts: RevisionFacts, index: Index) -> StatementFacts | None:
    named = [step for step in steps(facts, "IndexStmt") if step.node.idxname == index.name]
    unnamed = [step for step in steps(facts, "IndexStmt") if not step.node.idxname]
    found = [step.statement for step in (*named, *unnamed)]
    by_facts = [each for each in facts.statements if any(build.index.endswith(f".{index.name}") for build in each.index_builds)]
    return next(iter((*found, *by_facts)), None)
