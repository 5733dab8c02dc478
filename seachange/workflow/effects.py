"""Plans whose statements say what they did to others when they were tried."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from seachange.plan import Plan, PlannedRevision, Statement
from seachange.workflow.run import Run

if TYPE_CHECKING:
    from seachange.postgres.connection import Database
    from seachange.revisions.history import Revision
    from seachange.safety.facts import RevisionFacts, StatementFacts
    from seachange.safety.statistics import Statistics

__all__ = ["capture_effects"]


def capture_effects(
    run: Run, database: Database, *, target: str, direction: Literal["upgrade", "downgrade"], try_back: bool
) -> Plan:
    """Return the plan with the SQL of each statement and with what it did to others.

    :param run: the run; its database is asked for the sizes of its tables, unless a file has them.
    :param database: a throwaway database, as for :func:`seachange.revisions.planning.capture`, like the other parameters.
    :raises MigrationFailedError: a revision fails on the throwaway database.
    """
    from seachange.revisions.planning import capture
    from seachange.safety.trace import Tracer
    from seachange.workflow.statistics import exported_statistics, live_statistics

    tracer = Tracer(root=run.settings.root, database=database)

    def begin(revision: Revision) -> None:
        tracer.begin(revision.revision, path=revision.path, title=revision.title, direction=direction)

    plan = capture(
        run.settings,
        database,
        run.history,
        target=target,
        direction=direction,
        try_back=try_back,
        on_revision=begin,
        listen=tracer.listening,
    )
    return _with_effects(plan, tracer.facts(), exported_statistics(run) or live_statistics(run))


def _with_effects(plan: Plan, facts: Sequence[RevisionFacts], statistics: Statistics) -> Plan:
    by_revision: defaultdict[str, list[StatementFacts]] = defaultdict(list)
    for each in facts:
        by_revision[each.revision].extend(each.statements)
    revisions = tuple(_of_revision(one, by_revision[one.revision], statistics) for one in plan.revisions)
    return dataclasses.replace(plan, revisions=revisions)


def _of_revision(planned: PlannedRevision, facts: Sequence[StatementFacts], statistics: Statistics) -> PlannedRevision:
    from seachange.safety.effects import effect_of

    shares = _shared_out(planned.statements, facts)
    statements = tuple(
        dataclasses.replace(statement, effect=effect_of(shares[index], statistics=statistics)) if index in shares else statement
        for index, statement in enumerate(planned.statements)
    )
    return dataclasses.replace(planned, statements=statements)


def _shared_out(statements: Sequence[Statement], facts: Sequence[StatementFacts]) -> Mapping[int, list[StatementFacts]]:
    """Return which facts belong to which statement: those from its line with its text, or in its turn where a loop varies it."""
    shares: dict[int, list[StatementFacts]] = {}
    by_line: defaultdict[int, list[int]] = defaultdict(list)
    for index, statement in enumerate(statements):
        by_line[statement.line].append(index)
    turns: defaultdict[int, int] = defaultdict(int)
    for fact in facts:
        candidates = by_line[fact.line]
        if not candidates:
            continue
        same = [index for index in candidates if statements[index].sql == fact.sql]
        index = same[0] if same else candidates[turns[fact.line] % len(candidates)]
        turns[fact.line] += 1
        shares.setdefault(index, []).append(fact)
    return shares
