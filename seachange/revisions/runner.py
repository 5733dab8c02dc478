"""Move a database along the history, and say "applied" only after another connection has seen it."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from seachange.config import Settings
from seachange.errors import RefusedError
from seachange.postgres import interrupt
from seachange.revisions import _targets
from seachange.revisions._connections import Listen
from seachange.revisions._environment import database_of, run_environment
from seachange.revisions._revision import Revision
from seachange.revisions._source import is_plain
from seachange.revisions._steps import ReconnectSignal, StepOutcome, Steps
from seachange.revisions._versions import VersionTable, find_version_table, named_version_table, read_versions
from seachange.revisions.history import History, read_history
from seachange.revisions.project import Project, open_project
from seachange.revisions.units import Unit, Witness, common, labels, read_units, survey, unit_of

if TYPE_CHECKING:
    import psycopg
    import sqlalchemy as sa
    from alembic.runtime.migration import MigrationContext

    from seachange.postgres.connection import Database
    from seachange.revisions.ledger import Ledger

__all__ = ["Applied", "current", "downgrade", "guess_current", "upgrade", "version_table"]

_Choose = Callable[[History, Iterable[str]], tuple[Revision, ...]]


class _Told(NamedTuple):
    """Who is told about a run."""

    on_revision: Callable[[Revision], None] | None
    on_retry: Callable[[str], None] | None
    listen: Listen | None
    ledger: Ledger | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Applied:
    """What a run did; ``current`` was read back from the database at the end."""

    direction: Literal["upgrade", "downgrade"]
    before: tuple[str, ...]
    current: tuple[str, ...]
    outcomes: tuple[StepOutcome, ...] = ()

    @property
    def revisions(self) -> tuple[str, ...]:
        """The revisions that were applied or reverted, in the order in which that was."""
        return tuple(dict.fromkeys(outcome.revision for outcome in self.outcomes))

    @property
    def durations_s(self) -> Mapping[str, float]:
        """How long each took, tries and pauses counted."""
        took: dict[str, float] = {}
        for outcome in self.outcomes:
            took[outcome.revision] = took.get(outcome.revision, 0.0) + outcome.duration_s
        return took


def version_table(settings: Settings) -> str:
    """Return the name of Alembic's version table in this project, with its schema if env.py sets one."""
    return str(find_version_table(open_project(settings)))


def current(connection: psycopg.Connection[Any], settings: Settings) -> tuple[str, ...]:
    """Return the revisions that the database is at, sorted; none when Alembic has not run there.

    :param connection: an open connection.
    :param settings: the project's settings; env.py may name another version table.
    :raises StatementFailedError: the version table cannot be read.
    """
    project = open_project(settings)
    if is_plain(project.options.environment_file) and not settings.databases:
        return read_versions(connection, find_version_table(project))
    units = read_units(settings, database_of(connection))
    if len({unit.current for unit in units}) < 2:
        return units[0].current if units else ()
    return common(read_history(settings), units)


def guess_current(connection: psycopg.Connection[Any], settings: Settings) -> tuple[str, ...] | None:
    """Return what :func:`current` will most likely return, from the text of env.py; None where that does not tell.

    :param connection: an open connection.
    :param settings: the project's settings.
    :raises StatementFailedError: the version table cannot be read.
    """
    table = None if settings.databases else named_version_table(open_project(settings))
    return read_versions(connection, table) if table is not None else None


def upgrade(
    database: Database,
    settings: Settings,
    *,
    target: str = "heads",
    history: History | None = None,
    extra_locations: tuple[Path, ...] = (),
    on_revision: Callable[[Revision], None] | None = None,
    on_retry: Callable[[str], None] | None = None,
    listen: Listen | None = None,
    ledger: Ledger | None = None,
) -> Applied:
    """Apply the revisions that lead to ``target``; the caller holds the migration lock.

    :param database: the database.
    :param settings: the project's settings, lock_timeout, statement_timeout and the limits of retries among them.
    :param target: ``heads``, ``head``, a revision or the start of its id, a branch label, or ``+N``.
    :param history: the revisions, if they were read already.
    :param extra_locations: folders with revisions besides those that Alembic is configured with.
    :param on_revision: called before each revision.
    :param on_retry: called, from any thread, with a sentence about what is in the way, before something is tried again, and
        about how far a concurrent build is.
    :param listen: a context manager around the engine that the revisions use.
    :param ledger: writes down what becomes of each revision; nothing is written down without one.
    :raises HistoryInvalidError: the history is no order.
    :raises RevisionUnknownError: the target, or the revision that the database is at, is in no file.
    :raises MigrationFailedError: a revision failed; says what was applied before and what the database holds.
    :raises InterruptedRunError: the run was interrupted; says the same.
    """
    history = history or read_history(settings, extra_locations=extra_locations)
    run = _Run(database, open_project(settings, extra_locations=extra_locations), history=history, direction="upgrade")
    told = _Told(on_revision, on_retry, listen, ledger)
    return run.execute(lambda history, at: _targets.to_upgrade(history, at, target), told, together=target.startswith("+"))


def downgrade(
    database: Database,
    settings: Settings,
    *,
    target: str,
    history: History | None = None,
    extra_locations: tuple[Path, ...] = (),
    on_revision: Callable[[Revision], None] | None = None,
    on_retry: Callable[[str], None] | None = None,
    listen: Listen | None = None,
    ledger: Ledger | None = None,
) -> Applied:
    """Undo the revisions above ``target``, newest first; the caller holds the migration lock.

    :param database: the database.
    :param settings: the project's settings.
    :param target: ``base``, a revision or the start of its id, or ``-N``.
    :param history: as for :func:`upgrade`, like the other parameters.
    :raises RefusedError: one of them has no downgrade that does anything; nothing is undone then.
    :raises MigrationFailedError: a downgrade failed.
    """
    history = history or read_history(settings, extra_locations=extra_locations)

    def choose(history: History, current: Iterable[str]) -> tuple[Revision, ...]:
        return _require_reversible(_targets.to_downgrade(history, current, target))

    run = _Run(database, open_project(settings, extra_locations=extra_locations), history=history, direction="downgrade")
    return run.execute(choose, _Told(on_revision, on_retry, listen, ledger), together=True)


def _require_reversible(todo: tuple[Revision, ...]) -> tuple[Revision, ...]:
    words = {"missing": "there is no downgrade()", "empty": "its downgrade() does nothing", "raises": "its downgrade() refuses"}
    for revision in todo:
        if not revision.reversible:
            raise RefusedError(
                f"revision {revision.revision} ({revision.title}) cannot be undone: "
                f"{revision.irreversible or words[revision.downgrade]}",
                hint="write what undoes it, or restore a backup from before it (`invoke db.restore`)",
            )
    return todo


def _require_same(units: Sequence[Unit]) -> None:
    """Refuse to go back from where the units are not together: one would be beyond the target, and another not yet there."""
    if len({unit.current for unit in units}) > 1:
        named = labels(units)
        states = "; ".join(f"{named[unit]} at {' and '.join(unit.current) or 'nothing'}" for unit in units)
        raise RefusedError(
            f"what env.py migrates is at different revisions: {states}", hint="`invoke migration.apply` brings all to the head"
        )


class _Run:
    """One way along the history, over as many connections as it takes."""

    def __init__(
        self, database: Database, project: Project, *, history: History, direction: Literal["upgrade", "downgrade"]
    ) -> None:
        self._database = database
        self._project = project
        self._history = history
        self._direction: Literal["upgrade", "downgrade"] = direction
        self._witness = Witness()
        self._unit = Unit(database=database, table=VersionTable())
        self._units: list[Unit] = []

    def execute(self, choose: _Choose, told: _Told, *, together: bool = False) -> Applied:
        steps = Steps(
            database=self._database,
            settings=self._project.settings,
            downgrade=self._direction == "downgrade",
            read_back=lambda: self._witness.read(self._unit),
            on_revision=told.on_revision or (lambda _: None),
            on_retry=told.on_retry or (lambda _: None),
        )
        with self._witness.closing():
            self._units = list(survey(self._project, self._database, witness=self._witness))
            before = common(self._history, self._units)
            if together:
                _require_same(self._units)
            while self._left(choose):
                with contextlib.suppress(ReconnectSignal):
                    self._run_env(choose, steps, told)
                    break
        with self._witness.closing(), interrupt.shielded():
            found = common(self._history, self._read())
        return Applied(direction=self._direction, before=before, current=found, outcomes=tuple(steps.outcomes))

    def _left(self, choose: _Choose) -> bool:
        # For all of them, so that what cannot be done anywhere is refused before anything is done.
        todo = [choose(self._history, unit.current) for unit in self._read()]
        return any(todo)

    def _read(self) -> list[Unit]:
        return [dataclasses.replace(unit, current=self._witness.read(unit)) for unit in self._units]

    def _run_env(self, choose: _Choose, steps: Steps, told: _Told) -> None:
        from seachange.postgres.connection import engine

        def work(context: MigrationContext, heads: tuple[str, ...], arguments: Mapping[str, Any]) -> None:
            unit = unit_of(context, self._database)
            self._begin(unit, steps)
            todo = choose(self._history, heads)
            steps.ledger = told.ledger.at(unit) if told.ledger is not None and todo else None
            if steps.ledger is not None:
                steps.ledger.prepare(heads)
            steps.run(todo, context, arguments)

        @contextlib.contextmanager
        def listening(engine: sa.Engine) -> Iterator[None]:
            with steps.watch.listening(engine), (told.listen or contextlib.nullcontext)(engine):
                yield

        settings = self._project.settings
        opened = engine(
            self._database,
            lock_timeout_ms=settings.session_lock_timeout,
            statement_timeout_ms=settings.session_statement_timeout,
        )
        try:
            with opened.connect() as connection:
                run_environment(
                    self._project, work, connection=connection, database=self._database, listen=listening, mutate=True
                )
        finally:
            opened.dispose()

    def _begin(self, unit: Unit, steps: Steps) -> None:
        if [each.table.schema for each in self._units] == [""]:
            # The text of env.py has said less of where the table is than its connection knows.
            self._units = [unit]
        elif unit not in self._units:
            self._units.append(unit)
        self._unit, steps.database, steps.unit = unit, unit.database, labels(self._units)[unit]
