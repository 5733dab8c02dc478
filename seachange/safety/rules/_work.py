"""Long work under a lock that others wait for, with the command that causes it: rewrites, scans and index builds."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterator
from typing import Literal

from seachange.safety.facts import LockMode, RevisionFacts, StatementFacts
from seachange.safety.rules import Context, Verdict
from seachange.safety.rules._causes import Cause, build_cause, rewrite_cause, scan_cause
from seachange.safety.rules._once import once
from seachange.safety.rules._steps import Step, descendants, existed, modes, steps_of
from seachange.safety.rules._words import listed, server_said, who_waits

__all__ = ["Work", "all_works", "largest", "verdict_of", "works"]

Kind = Literal["rewrite", "scan", "build"]

_CAUSES: dict[Kind, Callable[[Step], Cause | None]] = {"rewrite": rewrite_cause, "scan": scan_cause, "build": build_cause}
_SAYS: dict[Kind, tuple[str, ...]] = {
    "rewrite": ("rewriting table", "rewriting"),
    "scan": ("verifying table", "validating foreign key", "validating"),
    "build": ("building index",),
}
_VERBS: dict[Kind, str] = {"rewrite": "rewrites", "scan": "reads every row of", "build": "builds an index on"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Work:
    """Work on tables that were there before, while they are locked against writers at least.

    ``name`` is that of the cause, ``step`` the command; empty and None when nothing in the text explains it.
    """

    facts: RevisionFacts = dataclasses.field(repr=False)
    statement: StatementFacts
    kind: Kind
    tables: tuple[str, ...]
    name: str = ""
    step: Step | None = None

    @property
    def about(self) -> str:
        """The column or constraint that the command names."""
        return self.step.name if self.step else ""

    @property
    def mode(self) -> LockMode:
        """The strongest lock on the tables."""
        held = modes(self.statement)
        return max(held.get(table, LockMode.ACCESS_SHARE) for table in self.tables)

    def sentence(self, subject: str, verb: str = "", *, on: tuple[str, ...] = ()) -> str:
        """Return what happens to what, under which lock, in the server's words.

        :param subject: what does it: ``adding column c``.
        :param verb: what it does; by the kind of work by default.
        :param on: the tables to name; all by default.
        """
        builds = [each.index for each in self.statement.index_builds if each.table in self.tables]
        said = server_said(self.statement, _SAYS[self.kind], of=[*self.tables, *builds])
        did = f"{verb or _VERBS[self.kind]} {listed(on or self.tables)} under {self.mode.words}"
        return f"{subject} {did}{said}; {who_waits(self.mode)}"


def works(facts: RevisionFacts, *names: str) -> Iterator[Work]:
    """Yield the work of a revision that some causes explain, or, when none is named, that nothing explains.

    :param names: of causes.
    """
    yield from (work for work in all_works(facts) if _asked(work, names))


@once
def all_works(facts: RevisionFacts) -> tuple[Work, ...]:
    """Return the work of a revision, cause by cause.

    What a rewrite brings along, a scan or new indexes of the same table, is not named again.
    """
    return tuple(_all(facts))


def _all(facts: RevisionFacts) -> Iterator[Work]:
    for statement in facts.statements:
        for kind, tables in _done(facts, statement).items():
            blocked = _of_others(facts, statement, tables)
            if blocked:
                yield from _explained(facts, statement, (kind, blocked))


def verdict_of(work: Work, message: str, *, rule: str, context: Context) -> Verdict:
    """Return what a rule says of work, about the largest of its tables."""
    return Verdict(rule=rule, message=message, statement=work.statement, table=largest(work.tables, context))


def largest(tables: Collection[str], context: Context) -> str:
    """Return the table that has most rows as far as that is known, else the first."""
    known = context.statistics.tables if context.statistics else {}
    sizes = {table: known[table].rows or 0 for table in tables if table in known}
    return max(sizes, key=lambda table: sizes[table]) if sizes else next(iter(tables), "")


def _asked(work: Work, names: tuple[str, ...]) -> bool:
    return work.name in names if names else not work.name


def _done(facts: RevisionFacts, statement: StatementFacts) -> dict[Kind, list[str]]:
    """Return the tables that a statement worked on; a scan is one that checks rows, not one that a query or a build needs."""
    # ALTER DOMAIN reads without a word of the server.
    silent = any(steps_of(statement, "AlterDomainStmt", facts=facts))
    read = statement.scans if silent else statement.verified
    return {
        "rewrite": list(statement.rewrites),
        "scan": [table for table in read if table not in statement.rewrites],
        "build": [
            each.table
            for each in statement.index_builds
            if each.index in statement.created or each.table not in statement.rewrites
        ],
    }


def _of_others(facts: RevisionFacts, statement: StatementFacts, tables: Collection[str]) -> list[str]:
    held = modes(statement)
    blocked = (table for table in dict.fromkeys(tables) if held.get(table, LockMode.ACCESS_SHARE).blocks_writers)
    return [table for table in blocked if existed(facts, table, at=statement)]


def _explained(facts: RevisionFacts, statement: StatementFacts, done: tuple[Kind, list[str]]) -> Iterator[Work]:
    """Yield the work of one statement, cause by cause: what is certain before what is possible."""
    kind, left = done[0], list(done[1])
    found = [(step, cause) for step in steps_of(statement, facts=facts) if (cause := _CAUSES[kind](step))]
    for certain in (True, False):
        taken: set[str] = set()
        for step, cause in found:
            reach = _reach(step, cause)
            tables = [each for each in left if not reach or each in reach]
            if cause.certain is certain and tables:
                yield Work(facts=facts, statement=statement, kind=kind, tables=tuple(tables), name=cause.name, step=step)
                taken |= set(tables)
        left = [each for each in left if each not in taken]
    if left:
        yield Work(facts=facts, statement=statement, kind=kind, tables=tuple(left))


def _reach(step: Step, cause: Cause) -> frozenset[str]:
    """Return the tables that a command may work on; none means all, as for VACUUM FULL or a change of a domain."""
    named = {step.table, *cause.tables} - {""}
    return frozenset(named.union(*(descendants(step.facts, each) for each in named)))
