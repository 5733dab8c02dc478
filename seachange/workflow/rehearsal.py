"""Pending revisions run on a copy of the real data, with readers and writers beside them, before they are applied."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from seachange.errors import InterruptedRunError, NoCopyError, RefusedError, SeachangeError
from seachange.workflow._rehearsal.budgets import find_overruns
from seachange.workflow._rehearsal.gate import require_rehearsed, requires_rehearsal
from seachange.workflow._rehearsal.store import find_rehearsal, keep_rehearsal, read_rehearsal, require_place, write_rehearsal
from seachange.workflow._rehearsal.telling import milliseconds, overrun_words, size_words, source_words, stall_words
from seachange.workflow._rehearsal.values import Check, DowngradeRehearsal, Rehearsal, RevisionRehearsal, Source, Stall
from seachange.workflow.run import Run

if TYPE_CHECKING:
    from seachange.plan import PlannedRevision
    from seachange.postgres.connection import Database
    from seachange.workflow._rehearsal.comparing import States
    from seachange.workflow._rehearsal.running import Ran
    from seachange.workflow._rehearsal.source import OpenSource

__all__ = [
    "Rehearsal",
    "RevisionRehearsal",
    "Stall",
    "find_rehearsal",
    "milliseconds",
    "overrun_words",
    "pending_revisions",
    "read_rehearsal",
    "rehearse",
    "require_place",
    "require_rehearsed",
    "requires_rehearsal",
    "size_words",
    "source_words",
    "stall_words",
    "write_rehearsal",
]

_NO_HASH = "the revisions fail on an empty throwaway server, so that their plan has no hash and apply cannot know it again"

_SEVERAL = "env.py runs each revision in several schemas, one schema after the other: there is no one state before it"


def pending_revisions(run: Run) -> tuple[PlannedRevision, ...]:
    """Return what would be rehearsed: the pending revisions, up to option ``to``.

    :param run: the run.
    """
    from seachange.revisions.planning import plan_upgrade

    return plan_upgrade(run.history, current=run.current(), target=str(run.options.get("to") or "heads")).revisions


def rehearse(run: Run) -> Rehearsal | None:
    """Run the pending revisions on a copy of the run's database as apply would, measure them, undo them, and keep the result.

    Options: ``to`` as for apply, ``backup`` the name of a backup, ``code`` to prepare the queries of the last release as well.
    Setting ``rehearsal_source`` says on what; where it is off, whoever calls this wants a rehearsal all the same.

    :param run: the run.
    :returns: the rehearsal, whatever came of it; None where nothing is pending.
    :raises RefusedError: env.py migrates several databases, of which no copy can be made as one.
    :raises NoCopyError: there is no copy of the kind that was asked for.
    """
    if run.settings.databases:
        raise RefusedError(
            "env.py migrates several databases, and a rehearsal has a copy of one",
            hint="`invoke migration.trace` says what the revisions lock and rewrite",
        )
    if not pending_revisions(run):
        return None
    found = _rehearsed(run, target=str(run.options.get("to") or "heads"))
    keep_rehearsal(run.settings, found)
    return found


def _rehearsed(run: Run, *, target: str) -> Rehearsal:
    from seachange.workflow._rehearsal.checking import check_code
    from seachange.workflow._rehearsal.extrapolation import project
    from seachange.workflow._rehearsal.likeness import rowless
    from seachange.workflow._rehearsal.source import open_source

    started, began = datetime.datetime.now(datetime.UTC), time.monotonic()
    plan = run.pending_plan
    kind = run.settings.rehearsal_source if run.settings.rehearsal_source != "off" else "auto"
    run.progress("making a copy to rehearse on")
    with contextlib.ExitStack() as stack:
        try:
            opened = stack.enter_context(open_source(run, kind=kind, backup=str(run.options.get("backup") or "")))
        except InterruptedRunError:
            raise
        except SeachangeError as exc:
            raise NoCopyError(f"there is no copy to rehearse on: {exc.message}", hint=exc.hint) from exc
        done = _there_and_back(run, opened, target=target)
    ran, checks = done.ran, done.checks
    if run.options.get("code"):
        checks += (check_code(run),)
    projections = project(ran.revisions, opened.sizes, empty=run.trace)
    source = dataclasses.replace(opened.source, rowless=rowless(opened.sizes, _touched(run)))
    return Rehearsal(
        plan_hash=plan.hash if plan is not None else "",
        started=started.isoformat(timespec="milliseconds"),
        source=source,
        database=run.database.name,
        revisions_before=run.current(),
        server_version=ran.server_version,
        revisions=ran.revisions,
        checks=checks,
        downgrades=done.downgrades,
        projections=projections,
        over_budget=find_overruns(run.settings, ran.revisions, projections),
        notes=(*_rowless(source, opened), *done.notes, *(() if plan is not None else (_NO_HASH,))),
        failed=ran.failed,
        error=ran.error,
        hint=ran.hint,
        duration_s=time.monotonic() - began,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Done:
    """What came of all that was done on the copy."""

    ran: Ran
    checks: tuple[Check, ...] = ()
    downgrades: tuple[DowngradeRehearsal, ...] = ()
    notes: tuple[str, ...] = ()


def _there_and_back(run: Run, opened: OpenSource, *, target: str) -> _Done:
    """Apply the revisions to the copy, look at it, and undo them again."""
    from seachange.workflow._rehearsal.checking import Promises, check_rows
    from seachange.workflow._rehearsal.comparing import States
    from seachange.workflow._rehearsal.running import run_revisions

    database, real = opened.database, opened.source.kind in ("backup", "copy")
    # Rows that were made up keep no promise, and break none that matters.
    checks: tuple[Check, ...] = (check_rows(run, database, run.trace.revisions),) if real else ()
    promises = Promises(run, database) if real else None
    with States(run.settings, database, touched=_touched(run)) as states:
        ran = run_revisions(run, database, trace=run.trace, target=target, note=states.note)
        if ran.error:
            return _Done(ran=ran, checks=checks)
        if promises is not None:
            checks += (promises.check(),)
        downgrades = _undone(run, database, ran=ran, states=states)
        return _Done(ran=ran, checks=checks, downgrades=downgrades, notes=tuple(_uncompared(states)))


def _touched(run: Run) -> frozenset[str]:
    from seachange.workflow._rehearsal.account import touched

    return frozenset(table for facts in run.trace.revisions for table in touched(facts))


def _rowless(source: Source, opened: OpenSource) -> Iterator[str]:
    for name in source.rowless:
        count = opened.sizes[name].real_rows or 0
        yield f"{name} has no rows here and {count:,} in the database: nothing is told of what happens to them"


def _uncompared(states: States) -> Iterator[str]:
    if states.by_counters:
        names = ", ".join(states.by_counters)
        yield f"too large to be summed up where no revision is known to touch them, compared by the server's counters: {names}"


def _undone(run: Run, database: Database, *, ran: Ran, states: States) -> tuple[DowngradeRehearsal, ...]:
    from seachange.workflow._rehearsal.comparing import go_back

    pending = pending_revisions(run)
    if len(pending) > 1 and len(ran.revisions) > len(pending):
        return tuple(DowngradeRehearsal(revision=each.revision, reasons=(_SEVERAL,)) for each in reversed(pending))
    return go_back(run.settings, database, run.history, revisions=pending, states=states, progress=run.progress)
