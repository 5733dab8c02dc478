"""Revisions applied to a copy exactly as apply would, watched from beside."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from seachange.errors import InterruptedRunError, MigrationFailedError, StatementFailedError
from seachange.safety.facts import RevisionFacts, Trace
from seachange.workflow._rehearsal.account import Measured, account, touched
from seachange.workflow._rehearsal.measuring import Meter
from seachange.workflow._rehearsal.probes import Probes
from seachange.workflow._rehearsal.values import RevisionRehearsal
from seachange.workflow.run import Run

if TYPE_CHECKING:
    from seachange.postgres.connection import Database
    from seachange.revisions._connections import Listen
    from seachange.revisions.history import Revision

__all__ = ["Ran", "run_revisions"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ran:
    """What came of running the pending revisions on a copy; ``error`` and ``hint`` say why it ended early."""

    revisions: tuple[RevisionRehearsal, ...]
    facts: tuple[RevisionFacts, ...] = ()
    server_version: str = ""
    failed: str = ""
    error: str = ""
    hint: str = ""


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
    from seachange.safety.trace import Tracer

    tables: dict[str, tuple[str, ...]] = {}
    for each in trace.revisions:
        # A revision that env.py runs in several schemas is traced once for each.
        tables[each.revision] = (*tables.get(each.revision, ()), *touched(each))
    with Meter(database) as meter, Probes(database) as probes:
        tracer = Tracer(root=run.settings.root, database=database)
        stage = _Stage(meter, probes, tables=tables)

        def begin(revision: Revision) -> None:
            stage.end()
            if not stage.knows(revision):
                note(revision.revision)
            run.progress(f"rehearsing {revision.revision} {revision.title}")
            stage.begin(revision)
            tracer.begin(revision.revision, path=revision.path, title=revision.title)
            meter.begin()

        failure = _upgraded(run, database, target=target, begin=begin, listen=tracer.listening)
        stage.end()
        version = meter.session.info.parameter_status("server_version") or ""
    facts = tracer.facts()
    found = Ran(
        revisions=tuple(account(each, measured) for each, measured in zip(facts, stage.measured, strict=True)),
        facts=facts,
        server_version=version,
    )
    if failure is None:
        return found
    error = f"revision {failure.failed} fails on the copy: {failure.reason}; your database was not touched"
    return dataclasses.replace(found, failed=failure.failed, error=error, hint=failure.hint)


def _upgraded(
    run: Run, database: Database, *, target: str, begin: Callable[[Revision], None], listen: Listen
) -> MigrationFailedError | None:
    """Run the revisions; return the error of the one that fails."""
    from seachange.revisions.runner import upgrade

    try:
        upgrade(
            database,
            run.settings,
            target=target,
            history=run.history,
            on_revision=begin,
            on_retry=run.progress,
            listen=listen,
        )
    except InterruptedRunError as exc:
        raise InterruptedRunError("stopped while revisions were rehearsed on a copy; your database was not touched") from exc
    except MigrationFailedError as exc:
        return exc
    return None


class _Stage:
    """Begins and ends what is measured around each revision."""

    def __init__(self, meter: Meter, probes: Probes, *, tables: Mapping[str, tuple[str, ...]]) -> None:
        self._meter = meter
        self._probes = probes
        self._tables = tables
        self._begun = False
        self._known: set[str] = set()
        self._not_probed: tuple[str, ...] = ()
        self._wal_by_write = 0.0
        self.measured: list[Measured] = []

    def knows(self, revision: Revision) -> bool:
        """Whether a revision began before, in another schema; from now on it has."""
        found = revision.revision in self._known
        self._known.add(revision.revision)
        return found

    def begin(self, revision: Revision) -> None:
        """Let readers and writers begin."""
        import psycopg

        before = self._meter.wal()
        try:
            self._not_probed = self._probes.begin(self._meter.session, self._tables.get(revision.revision, ()))
        except psycopg.Error as exc:
            raise StatementFailedError(f"the copy cannot be asked for its tables: {exc}") from exc
        self._wal_by_write = (self._meter.wal() - before) / max(1, self._probes.control_writes)
        self._begun = True

    def end(self) -> None:
        """Let them end, and keep what was measured."""
        if not self._begun:
            return
        costs, probed = self._meter.end(), self._probes.end()
        own = self._wal_by_write * sum(each.writes for each in probed)
        measured = Measured(
            costs=costs,
            probed=probed,
            not_probed=self._not_probed,
            wal_bytes=max(0, round(costs.wal_bytes - own)),
        )
        self.measured.append(measured)
        self._begun = False
