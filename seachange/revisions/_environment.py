"""Run a project's env.py on a connection of ours, whatever connection and options it would use itself."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

from seachange.errors import EnvironmentFailedError, SeachangeError
from seachange.postgres.redaction import redact
from seachange.revisions._output import LoggingState, contained
from seachange.revisions._where import find_place

if TYPE_CHECKING:
    import psycopg
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory
    from sqlalchemy import Connection

    from seachange.postgres.connection import Database
    from seachange.revisions.project import Project

__all__ = ["Adjust", "Work", "environment_failure", "read_configuration", "run_environment"]

Work = Callable[["MigrationContext", tuple[str, ...], Mapping[str, Any]], None]
Adjust = Callable[[dict[str, Any]], None]


class _ConfiguredSignal(BaseException):
    """Ends env.py once it has said how it configures Alembic."""


def run_environment(
    project: Project,
    work: Work,
    *,
    connection: Connection,
    database: Database | None = None,
    adjust: Adjust | None = None,
    mutate: bool = False,
) -> None:
    """Run env.py and do ``work`` where it runs migrations.

    :param project: the project.
    :param work: called with the migration context, the current heads and the arguments that env.py gives its revisions.
    :param connection: used instead of whatever env.py connects to.
    :param database: where that is, for an env.py that reads ``sqlalchemy.url``; what the connection says by default.
    :param adjust: changes the options that env.py passes to ``configure``.
    :param mutate: whether Alembic may create its version table.
    :raises EnvironmentFailedError: env.py itself fails, or never runs migrations.
    """
    options: dict[str, Any] = {} if mutate else {"dont_mutate": True}
    arguments: dict[str, Any] = {}
    worked: list[bool] = []

    def perform(heads: tuple[str, ...], context: MigrationContext) -> tuple[()]:
        worked.append(True)
        work(context, heads, arguments)
        return ()

    database = database or _database_of(connection)
    with _environment(project, fn=perform, database=database, connection=connection, **options) as (environment, logging_state):
        _wrap_configure(environment, logging_state, connection=connection, adjust=adjust)
        _wrap_run_migrations(environment, arguments)
        _run_env(project, environment.script, worked)
    if not worked:
        file = project.options.environment_file
        raise EnvironmentFailedError(
            f"{file} ended without running migrations", hint="call context.run_migrations() in it when it is online"
        )


def _database_of(connection: Connection) -> Database:
    from seachange.postgres.connection import Database

    info = cast("psycopg.Connection[Any]", connection.connection.driver_connection).info
    return Database(parameters={**info.get_parameters(), "password": info.password})


def read_configuration(project: Project) -> dict[str, Any]:
    """Return the options that env.py passes to ``configure``, learnt without a database: env.py runs in offline mode.

    :raises EnvironmentFailedError: env.py fails before.
    """
    found: dict[str, Any] = {}

    def note(options: dict[str, Any]) -> None:
        found.update(options)
        raise _ConfiguredSignal

    with _environment(project, fn=lambda *_: (), as_sql=True) as (environment, logging_state):
        _wrap_configure(environment, logging_state, connection=None, adjust=note)
        with contextlib.suppress(_ConfiguredSignal):
            _run_env(project, environment.script, [])
    return found


@contextlib.contextmanager
def _environment(
    project: Project,
    *,
    database: Database | None = None,
    connection: Connection | None = None,
    **options: Any,
) -> Iterator[tuple[EnvironmentContext, LoggingState]]:
    from alembic.runtime.environment import EnvironmentContext

    with contained() as logging_state:
        project.add_to_path()
        config: Config = project.config(database=database, connection=connection)
        with EnvironmentContext(config, project.script(config), **options) as environment:
            yield environment, logging_state


def _wrap_configure(
    environment: EnvironmentContext, logging_state: LoggingState, *, connection: Connection | None, adjust: Adjust | None
) -> None:
    """Replace ``configure`` on the instance; a subclass would not do, since Alembic registers its proxies by class."""
    original = environment.configure
    signature = inspect.signature(original)

    def configure(*args: Any, **kwargs: Any) -> None:
        logging_state.restore()
        options = dict(signature.bind(*args, **kwargs).arguments)
        options.update(options.pop("kw", {}))
        if connection is not None:
            options |= {"connection": connection, "url": None, "dialect_name": None, "transaction_per_migration": True}
            _end_transaction(connection)
        if adjust is not None:
            adjust(options)
        original(**options)

    vars(environment)["configure"] = configure


def _end_transaction(connection: Connection) -> None:
    # A statement before configure() begins a transaction; Alembic would leave that to its caller and commit nothing.
    if connection.in_transaction():
        connection.commit()


def _wrap_run_migrations(environment: EnvironmentContext, arguments: dict[str, Any]) -> None:
    original = environment.run_migrations

    def run_migrations(**kwargs: Any) -> None:
        arguments.update(kwargs)
        original(**kwargs)

    vars(environment)["run_migrations"] = run_migrations


def _run_env(project: Project, script: ScriptDirectory, worked: list[bool]) -> None:
    try:
        script.run_env()
    except SeachangeError:
        raise
    except (Exception, SystemExit) as exc:
        if worked:
            raise
        raise environment_failure(project, exc) from exc


def environment_failure(project: Project, exc: BaseException) -> EnvironmentFailedError:
    """Return the error that says where env.py, or what it imports, fails."""
    place = find_place(exc, root=project.settings.root)
    what = f"it calls sys.exit({exc.code!r})" if isinstance(exc, SystemExit) else redact(f"{type(exc).__name__}: {exc}")
    return EnvironmentFailedError(
        f"Alembic's env.py fails{f' at {place}' if place else ''}: {what}",
        hint="`alembic current` meets the same error; mend the line that is named",
    )
