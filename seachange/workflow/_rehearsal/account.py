"""One revision's facts, costs and waits as one value: what it did, what that cost, who had to wait for which statement."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from seachange.safety.facts import LockMode, RevisionFacts, StatementFacts
from seachange.workflow._rehearsal.values import RevisionRehearsal, Stall, StatementRehearsal, TableStalls

if TYPE_CHECKING:
    from seachange.workflow._rehearsal.measuring import Costs
    from seachange.workflow._rehearsal.probes import Probed, Wait

__all__ = ["Measured", "account", "touched"]

# A statement is shown to be recognised; whoever wants all of it reads the file.
_LONGEST_SQL = 500
_WATCHED = ("table", "materialized view")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Measured:
    """One revision as it was seen from beside; ``wal_bytes`` are without those of the probes."""

    costs: Costs
    probed: tuple[Probed, ...]
    not_probed: tuple[str, ...]
    wal_bytes: int


def touched(facts: RevisionFacts) -> tuple[str, ...]:
    """Return the tables that a revision does more to than to read them.

    :param facts: what it did on a throwaway server.
    """
    locks = (lock for each in facts.statements for lock in each.new_locks)
    return tuple(dict.fromkeys(lock.relation for lock in locks if lock.kind in _WATCHED and lock.mode >= LockMode.ROW_EXCLUSIVE))


def account(facts: RevisionFacts, measured: Measured) -> RevisionRehearsal:
    """Return what a revision did on a copy, and what that cost.

    :param facts: its trace there.
    :param measured: what was measured meanwhile.
    """
    costs, groups = measured.costs, _grouped(facts.statements)
    # What was made by hand is in no trace of the history, which says where the probes go.
    seen = {*measured.not_probed, *(each.table for each in measured.probed)}
    missed = tuple(table for table in touched(facts) if table not in seen)
    return RevisionRehearsal(
        revision=facts.revision,
        title=facts.title,
        file=facts.file,
        duration_ms=(costs.ended - costs.began) * 1000,
        wal_bytes=measured.wal_bytes,
        size_before_bytes=costs.size_before_bytes,
        size_after_bytes=costs.size_after_bytes,
        size_peak_bytes=costs.size_peak_bytes,
        statements=tuple(_statement(number, group) for number, group in enumerate(groups, start=1)),
        tables=tuple(_waits(each, facts.statements, groups=groups, ended=costs.ended) for each in measured.probed),
        not_probed=(*measured.not_probed, *missed),
    )


def _grouped(statements: Sequence[StatementFacts]) -> list[list[StatementFacts]]:
    """Put together what the same line sends again and again and that does the same to others."""
    groups: dict[tuple[object, object], list[StatementFacts]] = {}
    for each in statements:
        line, locks = (each.file, each.line, each.op, _work(each), bool(each.transaction), each.error), _locks(each)
        # What has no lock that is new holds those of the turn before it.
        key = (line, locks) if locks else next((known for known in groups if known[0] == line), (line, locks))
        groups.setdefault(key, []).append(each)
    return list(groups.values())


def _statement(number: int, group: Sequence[StatementFacts]) -> StatementRehearsal:
    first = group[0]
    changes: dict[str, int] = {}
    for table, rows in (pair for each in group for pair in each.changes.items()):
        changes[table] = changes.get(table, 0) + rows
    return StatementRehearsal(
        number=number,
        sql=first.sql if len(first.sql) <= _LONGEST_SQL else f"{first.sql[:_LONGEST_SQL]} ...",
        file=first.file,
        line=first.line,
        transaction=first.transaction,
        count=sum(each.count for each in group),
        duration_ms=sum(each.duration_ms for each in group),
        wal_bytes=sum(each.wal_bytes for each in group),
        locks=_locks(first),
        work=_work(first),
        changes=changes,
        error=first.error.message if first.error is not None else "",
    )


def _locks(statement: StatementFacts) -> tuple[str, ...]:
    """Return the strongest new lock on each table."""
    strongest: dict[str, LockMode] = {}
    for lock in statement.new_locks:
        if lock.kind in _WATCHED:
            strongest[lock.relation] = max(lock.mode, strongest.get(lock.relation, lock.mode))
    return tuple(f"{mode.words} on {table}" for table, mode in strongest.items())


def _work(statement: StatementFacts) -> tuple[str, ...]:
    return tuple(f"{kind} of {table}" for table, kinds in statement.long_work().items() for kind in kinds)


def _waits(
    probed: Probed, statements: Sequence[StatementFacts], *, groups: Sequence[Sequence[StatementFacts]], ended: float
) -> TableStalls:
    def stall(wait: Wait, baseline_s: float, *, of: Literal["readers", "writers"]) -> Stall:
        found = Stall(wait_ms=max(0.0, wait.seconds - baseline_s) * 1000, baseline_ms=baseline_s * 1000)
        by = _under_way(statements, wait, ended=ended) if found.wait_ms else None
        if by is None:
            return found
        number = next(number for number, group in enumerate(groups, start=1) if any(each is by for each in group))
        at = _locked_at([each for each in statements if _together(each, by)], probed.table, wait=wait, of=of)
        return dataclasses.replace(found, number=number, file=by.file, line=by.line, sql=by.sql[:_LONGEST_SQL], locked_at=at)

    return TableStalls(
        table=probed.table,
        reader=stall(probed.reader, probed.reader_baseline_s, of="readers"),
        writer=stall(probed.writer, probed.writer_baseline_s, of="writers"),
        reads=probed.reads,
        writes=probed.writes,
        deadlocks=probed.deadlocks,
        errors=probed.errors,
    )


def _under_way(statements: Sequence[StatementFacts], wait: Wait, *, ended: float) -> StatementFacts | None:
    """Return the statement that was under way for the longest part of a wait, each up to where the next one begins."""
    ends = [*(each.began_s for each in statements[1:]), ended]
    shares = [min(wait.ended, end) - max(wait.began, each.began_s) for each, end in zip(statements, ends, strict=False)]
    longest = max(range(len(shares)), key=lambda index: shares[index], default=None)
    return statements[longest] if longest is not None and shares[longest] > 0 else None


def _together(one: StatementFacts, other: StatementFacts) -> bool:
    return one is other or (bool(one.transaction) and one.transaction == other.transaction)


def _locked_at(statements: Sequence[StatementFacts], table: str, *, wait: Wait, of: Literal["readers", "writers"]) -> str:
    """Return where the lock was taken that a wait was for; nothing where it was for a row, or that is not known."""

    def blocks(mode: LockMode) -> bool:
        return mode.blocks_readers if of == "readers" else mode.blocks_writers

    taken = [
        each
        for each in statements
        if each.began_s < wait.ended and any(lock.relation == table and blocks(lock.mode) for lock in each.new_locks)
    ]
    before = [each for each in taken if each.began_s <= wait.began]
    return before[-1].where if before else taken[0].where if taken else ""
