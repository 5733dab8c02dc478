"""Run revisions on a throwaway server at the state that they begin at, and say what each of their statements did there."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from seachange.errors import ConfigError, MigrationFailedError, StatementFailedError
from seachange.plan import Plan
from seachange.safety.facts import Trace
from seachange.workflow.run import Run

if TYPE_CHECKING:
    from seachange.postgres.catalog import Catalog
    from seachange.postgres.connection import Database
    from seachange.revisions.history import Revision

__all__ = ["Tried", "read_sql", "trace_file", "trace_pending", "try_pending"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tried:
    """What came of running revisions on a throwaway server; ``plan`` has their SQL, and is None where one of them fails."""

    trace: Trace
    plan: Plan | None = None


def trace_pending(run: Run, *, target: str = "heads", current: Iterable[str] | None = None, major: int | None = None) -> Trace:
    """Return what the revisions between ``current`` and ``target`` do, learnt by running them on a throwaway server.

    :param run: the run.
    :param target: as for :func:`seachange.revisions.runner.upgrade`.
    :param current: where they begin; where the run's database is by default.
    :param major: the version of the server; that of the run's database by default, or of the settings where ``current`` is given.
    :raises RevisionUnknownError: a revision is in no file.
    :returns: the trace; where a revision fails, what was done up to there, with the error.
    :raises MigrationFailedError: a revision before ``current`` fails on the throwaway server.
    """
    return try_pending(run, target=target, current=current, major=major).trace


def try_pending(run: Run, *, target: str = "heads", current: Iterable[str] | None = None, major: int | None = None) -> Tried:
    """Return what :func:`trace_pending` returns, and the plan of the same revisions with it.

    :param run: the run.
    :param target: as for :func:`trace_pending`, like the other parameters.
    """
    from seachange.revisions.planning import plan_upgrade
    from seachange.revisions.shadow_history import open_shadow

    if current is None:
        current, major = run.current(), major or run.server.major
    at = tuple(current)
    plan = plan_upgrade(run.history, current=at, target=target)
    if not plan.revisions:
        return Tried(trace=Trace(major=major or 0, revisions=()), plan=plan)
    if (prepared := run.prepared(at, major=major)) is not None:
        return _tried(run, prepared, target=target, current=at)
    with open_shadow(run.settings, run.history, revisions=at, major=major) as shadow:
        return _tried(run, shadow.clone(), target=target, current=at)


def trace_file(
    run: Run,
    path: Path,
    *,
    empty: bool = False,
    setup: Path | None = None,
    current: Iterable[str] | None = None,
    major: int | None = None,
) -> Trace:
    """Return what a plain file of SQL does, learnt by running it on a throwaway server.

    :param run: the run.
    :param path: the file.
    :param empty: begin with an empty database, whatever the project holds.
    :param setup: a file to run before it, in an empty database; what that does is not told.
    :param current: the revisions that it begins at otherwise; where the run's database is by default.
    :param major: as for :func:`trace_pending`; the newest at hand for an empty database.
    :raises ConfigError: the file cannot be read.
    :raises StatementFailedError: a file holds what only psql understands, or that of ``setup`` fails.
    :returns: the trace; where a statement fails, what was done up to there, with the error.
    """
    from seachange.postgres.connection import create_database
    from seachange.postgres.server import throwaway
    from seachange.revisions.shadow_history import open_shadow

    text = read_sql(path)
    if empty or setup:
        with throwaway(run.settings, major=major) as server:
            database = create_database(server.database("trace"))
            if setup:
                _set_up(database, setup)
            return _traced_file(run, database, path, text=text)
    if current is None:
        current, major = run.current(), major or run.server.major
    with open_shadow(run.settings, run.history, revisions=tuple(current), major=major) as shadow:
        return _traced_file(run, shadow.clone(), path, text=text)


def _set_up(database: Database, path: Path) -> None:
    from seachange.safety.trace import trace_sql

    facts = trace_sql(database, read_sql(path), file=str(path))
    if facts.statements and (error := facts.statements[-1].error):
        raise StatementFailedError(f"{facts.statements[-1].where}: {error.message} [SQLSTATE {error.sqlstate}]")


def read_sql(path: Path) -> str:
    """Return what is in a file of SQL.

    :param path: the file.
    :raises ConfigError: it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8"
        raise ConfigError(f"cannot read {path}: {reason}") from exc


def _traced_file(run: Run, database: Database, path: Path, *, text: str) -> Trace:
    from seachange.postgres.connection import connect
    from seachange.safety.trace import trace_sql

    file = str(path.relative_to(run.settings.root) if path.is_relative_to(run.settings.root) else path)
    facts = trace_sql(database, text, file=file, schemas=run.settings.schemas)
    with contextlib.closing(connect(database)) as session:
        version = session.info.parameter_status("server_version") or ""
    error = facts.statements[-1].error if facts.statements else None
    said = f"{facts.statements[-1].where}: {error.message} [SQLSTATE {error.sqlstate}]" if error else ""
    return Trace(major=facts.major, server_version=version, revisions=(facts,), error=said)


def _tried(run: Run, database: Database, *, target: str, current: tuple[str, ...]) -> Tried:
    from seachange.postgres.catalog import read_catalog
    from seachange.postgres.connection import connect
    from seachange.revisions.planning import capture
    from seachange.safety.trace import Tracer

    with contextlib.closing(connect(database, autocommit=True)) as session:

        def look() -> Catalog:
            return read_catalog(session, schemas=run.settings.schemas)

        tracer = Tracer(root=run.settings.root, database=database, look=look)

        def begin(revision: Revision) -> None:
            tracer.begin(revision.revision, path=revision.path, title=revision.title)

        plan, error, hint = None, "", ""
        try:
            found = capture(run.settings, database, run.history, target=target, on_revision=begin, listen=tracer.listening)
            plan = dataclasses.replace(found, current=current)
        except MigrationFailedError as exc:
            error, hint = exc.message, exc.hint
        version = session.info.parameter_status("server_version") or ""
        major = session.info.server_version // 10000
        trace = Trace(major=major, server_version=version, revisions=tracer.facts(), error=error, hint=hint)
        return Tried(trace=trace, plan=plan)
