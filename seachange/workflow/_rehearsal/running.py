"""Revisions applied to a copy exactly as apply would, watched from beside."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from seachange.errors import InterruptedRunError, MigrationFailedError
from seachange.safety.facts import LockMode, RevisionFacts, StatementFacts, Trace
from seachange.workflow._rehearsal.measuring import Costs, Meter, cause
from seachange.workflow._rehearsal.probes import Probed, Probes, Wait
from seachange.workflow._rehearsal.values import RevisionRehearsal, Stall, StatementRehearsal, TableStalls
from seachange.workflow.run import Run

if TYPE_CHECKING:
    from seachange.postgres.connection import Database
    from seachange.revisions.history import Revision

__all__ = ["Ran", "run_revisions", "touched"]

# A statement is shown to be recognised; whoever wants all of it reads the file.
_LONGEST_SQL = 500
_WATCHED = ("table", "materialized view")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ran:
    """What came of running the pending revisions on a copy; ``error`` and ``hint`` say why it ended early."""

    revisions: tuple[RevisionRehearsal, ...]
    facts: tuple[RevisionFacts, ...] = ()
    server_version: str = ""
    failed: str = ""
    error: str = ""
    hint: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Measured:
    """One revision as it was seen from beside."""

    revision: Revision
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


def run_revisions(
    run: Run,
    database: Database,
    *,
    trace: Trace,
    target: str = "heads",
    note: Callable[[str], None] = lambda _: None,
) -> Ran:
    """Apply the pending revisions to a copy, with readers and writers at the tables that they touch.

    :param run: the run.
    :param database: the copy; it is changed.
    :param trace: what the same revisions did on an empty throwaway server: which tables they touch.
    :param target: as for :func:`seachange.revisions.runner.upgrade`.
    :param note: called with each revision before it begins, outside of what is measured.
    :raises InterruptedRunError: the run was interrupted.
    """
    from seachange.revisions.runner import upgrade
    from seachange.safety.trace import Tracer

    tables = {facts.revision: touched(facts) for facts in trace.revisions}
    with Meter(database) as meter, Probes(database) as probes:
        stage = _Stage(meter, probes, tables=tables)
        tracer = Tracer(root=run.settings.root, database=database)

        def begin(revision: Revision) -> None:
            stage.end()
            note(revision.revision)
            run.progress(f"rehearsing {revision.revision} {revision.title}")
            tracer.begin(revision.revision, path=revision.path, title=revision.title)
            stage.begin(revision)

        failed, error, hint = "", "", ""
        try:
            upgrade(
                database,
                run.settings,
                target=target,
                history=run.history,
                on_revision=begin,
                on_retry=run.progress,
                listen=tracer.listening,
            )
        except InterruptedRunError as exc:
            raise InterruptedRunError("stopped while revisions were rehearsed on a copy; your database was not touched") from exc
        except MigrationFailedError as exc:
            failed, hint = exc.failed, exc.hint
            error = f"revision {exc.failed} fails on the copy: {exc.reason}; your database was not touched"
        stage.end()
        version = meter.session.info.parameter_status("server_version") or ""
    facts = tracer.facts()
    revisions = tuple(_revision(measured, each) for measured, each in zip(stage.measured, facts, strict=True))
    return Ran(revisions=revisions, facts=facts, server_version=version, failed=failed, error=error, hint=hint)


class _Stage:
    """Begins and ends what is measured around each revision."""

    def __init__(self, meter: Meter, probes: Probes, *, tables: Mapping[str, tuple[str, ...]]) -> None:
        self._meter = meter
        self._probes = probes
        self._tables = tables
        self._now: Revision | None = None
        self._not_probed: tuple[str, ...] = ()
        self._wal_by_write = 0.0
        self.measured: list[_Measured] = []

    def begin(self, revision: Revision) -> None:
        before = self._meter.wal()
        self._not_probed = self._probes.begin(self._meter.session, self._tables.get(revision.revision, ()))
        self._wal_by_write = (self._meter.wal() - before) / max(1, self._probes.control_writes)
        self._now = revision
        self._meter.begin()

    def end(self) -> None:
        if self._now is None:
            return
        costs, probed = self._meter.end(), self._probes.end()
        own = self._wal_by_write * sum(each.writes for each in probed)
        measured = _Measured(
            revision=self._now,
            costs=costs,
            probed=probed,
            not_probed=self._not_probed,
            wal_bytes=max(0, round(costs.wal_bytes - own)),
        )
        self.measured.append(measured)
        self._now = None


def _revision(measured: _Measured, facts: RevisionFacts) -> RevisionRehearsal:
    costs = measured.costs
    groups = _grouped(facts.statements)
    shown = tuple(_statement(number, group) for number, group in enumerate(groups, start=1))
    numbers = {id(each): number for number, group in enumerate(groups) for each in group}

    def stall(wait: Wait, baseline_s: float) -> Stall:
        return _stall(wait, baseline_s, facts=facts, ended=costs.ended, named=lambda each: shown[numbers[id(each)]])

    return RevisionRehearsal(
        revision=facts.revision,
        title=facts.title,
        file=facts.file,
        duration_ms=(costs.ended - costs.began) * 1000,
        wal_bytes=measured.wal_bytes,
        size_before_bytes=costs.size_before_bytes,
        size_after_bytes=costs.size_after_bytes,
        size_peak_bytes=costs.size_peak_bytes,
        statements=shown,
        tables=tuple(
            TableStalls(
                table=each.table,
                reader=stall(each.reader, each.reader_baseline_s),
                writer=stall(each.writer, each.writer_baseline_s),
                reads=each.reads,
                writes=each.writes,
                deadlocks=each.deadlocks,
                errors=each.errors,
            )
            for each in measured.probed
        ),
        not_probed=measured.not_probed,
    )


def _stall(
    wait: Wait, baseline_s: float, *, facts: RevisionFacts, ended: float, named: Callable[[StatementFacts], StatementRehearsal]
) -> Stall:
    found = Stall(wait_ms=max(0.0, wait.seconds - baseline_s) * 1000, baseline_ms=baseline_s * 1000)
    index = cause(facts.statements, wait, ended=ended) if found.wait_ms else None
    if index is None:
        return found
    by = named(facts.statements[index])
    return dataclasses.replace(found, number=by.number, file=by.file, line=by.line, sql=by.sql)


def _grouped(statements: Sequence[StatementFacts]) -> list[list[StatementFacts]]:
    """Put together what the same line sends again and again and that does the same to others."""
    groups: dict[object, list[StatementFacts]] = {}
    for each in statements:
        key = (each.file, each.line, each.op, _locks(each), _work(each), bool(each.transaction), each.error)
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
