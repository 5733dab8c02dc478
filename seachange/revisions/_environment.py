"""Run a project's env.py on a connection of ours, whatever connection and options it would use itself."""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import io
import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

from seachange.errors import EnvironmentFailedError, SeachangeError
from seachange.postgres.redaction import redact
from seachange.revisions._connections import Listen, Offered
from seachange.revisions._databases import Databases
from seachange.revisions._output import LoggingState, contained
from seachange.revisions._redirect import Address, Redirect, only
from seachange.revisions._source import namespace_of, options_in
from seachange.revisions._surroundings import surrounded
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

__all__ = ["Adjust", "Work", "database_of", "environment_failure", "read_configuration", "run_environment", "run_offline"]

Work = Callable[["MigrationContext", tuple[str, ...], Mapping[str, Any]], None]
Adjust = Callable[[dict[str, Any]], None]


_OPENS = re.compile(r"\bopen\(|\bwrite_(?:text|bytes)\(")

# What an env.py without an online branch passes on, and Alembic refuses on a connection.
_OFFLINE = ("as_sql", "literal_binds", "output_buffer")


class _ConfiguredSignal(BaseException):
    """Ends env.py once it has said how it configures Alembic."""


class _ConnectSignal(BaseException):
    """Ends env.py when it connects where there is no database to connect to."""


@dataclasses.dataclass(kw_only=True)
class _Inside:
    """The work inside env.py, and what became of it."""

    work: Work
    arguments: dict[str, Any] = dataclasses.field(default_factory=dict)
    begun: bool = False
    failure: BaseException | None = None

    def perform(self, heads: tuple[str, ...], context: MigrationContext) -> tuple[()]:
        """Do the work where Alembic would run revisions."""
        self.begun = True
        try:
            self.work(context, heads, self.arguments)
        except BaseException as exc:
            self.failure = exc
            raise
        return ()


def run_environment(
    project: Project,
    work: Work,
    *,
    connection: Connection,
    database: Database | None = None,
    adjust: Adjust | None = None,
    listen: Listen = contextlib.nullcontext,
    mutate: bool = False,
) -> None:
    """Run env.py and do ``work`` where it runs migrations.

    Engines that env.py makes connect to the database of ``connection``, by their own drivers and with all that env.py does to
    their connections.

    :param project: the project.
    :param work: called with the migration context, the current heads and the arguments that env.py gives its revisions.
    :param connection: offered to env.py as ``config.attributes["connection"]``, and used when it configures Alembic with none.
    :param database: where that is; what the connection says by default.
    :param adjust: changes the options that env.py passes to ``configure``.
    :param listen: a context manager around each engine that revisions are run on.
    :param mutate: whether Alembic may create its version table.
    :raises EnvironmentFailedError: env.py itself fails, or never runs migrations.
    """
    options: dict[str, Any] = {} if mutate else {"dont_mutate": True}
    inside = _Inside(work=work)
    database = database or _offered(connection)
    several = Databases(project.settings, main=database) if project.settings.databases else None
    settings = project.settings
    limits = {"lock_timeout_ms": settings.session_lock_timeout, "statement_timeout_ms": settings.session_statement_timeout}
    with (
        _environment(project, fn=inside.perform, database=database, connection=connection, **options) as (
            environment,
            logging_state,
        ),
        Redirect(several.route if several else only(database), **limits) as redirect,
        contextlib.ExitStack() as listening,
    ):
        offered = Offered(connection, redirect=redirect, listen=lambda engine: listening.enter_context(listen(engine)))
        _wrap_configure(environment, logging_state, offered=offered, adjust=adjust)
        _wrap_run_migrations(environment, inside.arguments)
        _run_env(project, environment.script, inside)
    if several:
        several.require_all()
    if not inside.begun:
        file = project.options.environment_file
        raise EnvironmentFailedError(
            f"{file} ended without running migrations",
            hint="call context.run_migrations() in it when it is online; where it loops over schemas, let there be one at least",
        )


def database_of(connection: psycopg.Connection[Any]) -> Database:
    """Return where an open connection leads to."""
    from seachange.postgres.connection import Database

    return Database(parameters={**connection.info.get_parameters(), "password": connection.info.password})


def _offered(connection: Connection) -> Database:
    return database_of(cast("psycopg.Connection[Any]", connection.connection.driver_connection))


def run_offline(project: Project, work: Work) -> bool:
    """Run env.py in offline mode, without a database, and do ``work`` where it runs migrations; say whether it came to that.

    One that writes files of its own there, as Alembic's template for several databases does, is not run.

    :param project: the project.
    :param work: as for :func:`run_environment`; the context writes SQL and sends none.
    """
    from seachange.postgres.connection import Database

    def adjust(given: dict[str, Any]) -> None:
        given.pop("connection", None)
        given |= {"as_sql": True, "literal_binds": True, "output_buffer": io.StringIO(), "transaction_per_migration": True}
        # A URL may name a driver that is not installed, or nothing at all; percent signs are not doubled for one that is named.
        given |= {"url": None, "dialect_name": "postgresql", "dialect_opts": {"paramstyle": "named"}, "transactional_ddl": True}

    if _OPENS.search(project.options.environment_file.read_text(encoding="utf-8", errors="replace")):
        return False
    inside = _Inside(work=work)
    options: dict[str, Any] = {"as_sql": True, "starting_rev": None, "destination_rev": "heads", "tag": None}
    try:
        with (
            _environment(project, fn=inside.perform, database=Database(parameters={}), **options) as (environment, logging_state),
            Redirect(_refuse, lock_timeout_ms=0, statement_timeout_ms=0),
        ):
            _wrap_configure(environment, logging_state, offered=None, adjust=adjust)
            _wrap_run_migrations(environment, inside.arguments)
            _run_env(project, environment.script, inside)
    except (EnvironmentFailedError, _ConnectSignal):
        return False
    return inside.begun


def read_configuration(project: Project) -> dict[str, Any]:
    """Return the options that env.py passes to ``configure``, learnt without a database.

    env.py runs in offline mode, and if that fails online, where it is stopped when it connects; what it would have passed is then
    told from its text and its global names.

    :raises EnvironmentFailedError: env.py fails before either way; the failure online is told.
    """
    with contextlib.suppress(EnvironmentFailedError, _ConnectSignal):
        return _read_configuration(project, as_sql=True)
    try:
        return _read_configuration(project)
    except _ConnectSignal as signal:
        file = project.options.environment_file
        return options_in(file.read_text(encoding="utf-8"), namespace_of(signal.__traceback__, file))


def _read_configuration(project: Project, **options: Any) -> dict[str, Any]:
    from seachange.postgres.connection import Database

    found: dict[str, Any] = {}

    def note(given: dict[str, Any]) -> None:
        found.update(given)
        raise _ConfiguredSignal

    with (
        _environment(project, fn=lambda *_: (), database=Database(parameters={}), **options) as (environment, logging_state),
        Redirect(_refuse, lock_timeout_ms=0, statement_timeout_ms=0),
    ):
        _wrap_configure(environment, logging_state, offered=None, adjust=note)
        with contextlib.suppress(_ConfiguredSignal):
            _run_env(project, environment.script, _Inside(work=lambda *_: None))
    return found


def _refuse(address: Address) -> Database:
    raise _ConnectSignal(str(address))


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
        with (
            surrounded(project.settings),
            EnvironmentContext(config, project.script(config), **options) as environment,
        ):
            yield environment, logging_state


def _wrap_configure(
    environment: EnvironmentContext, logging_state: LoggingState, *, offered: Offered | None, adjust: Adjust | None
) -> None:
    """Replace ``configure`` on the instance; a subclass would not do, since Alembic registers its proxies by class."""
    original = environment.configure
    signature = inspect.signature(original)

    def configure(*args: Any, **kwargs: Any) -> None:
        logging_state.restore()
        options = dict(signature.bind(*args, **kwargs).arguments)
        options.update(options.pop("kw", {}))
        if offered is not None:
            connection = offered.settled(options.get("connection"))
            for name in _OFFLINE:
                options.pop(name, None)
            options |= {"connection": connection, "url": None, "dialect_name": None, "transaction_per_migration": True}
        if adjust is not None:
            adjust(options)
        original(**options)

    vars(environment)["configure"] = configure


def _wrap_run_migrations(environment: EnvironmentContext, arguments: dict[str, Any]) -> None:
    original = environment.run_migrations

    def run_migrations(**kwargs: Any) -> None:
        arguments.update(kwargs)
        original(**kwargs)

    vars(environment)["run_migrations"] = run_migrations


def _run_env(project: Project, script: ScriptDirectory, inside: _Inside) -> None:
    try:
        script.run_env()
    except (Exception, SystemExit) as exc:
        if inside.failure is not None and exc is not inside.failure:
            raise inside.failure from exc
        if exc is inside.failure or isinstance(exc, SeachangeError):
            raise
        if not (inside.begun and isinstance(exc, SystemExit) and exc.code in (None, 0)):
            raise environment_failure(project, exc, after=inside.begun) from exc
    if inside.failure is not None:
        # env.py has caught it and gone on, as if nothing were the matter.
        raise inside.failure


def environment_failure(project: Project, exc: BaseException, *, after: bool = False) -> EnvironmentFailedError:
    """Return the error that says where env.py, or what it imports, fails, and whether that is ``after`` its migrations ran."""
    place = find_place(exc, root=project.settings.root)
    what = f"it calls sys.exit({exc.code!r})" if isinstance(exc, SystemExit) else redact(f"{type(exc).__name__}: {exc}")
    return EnvironmentFailedError(
        f"Alembic's env.py fails{f' at {place}' if place else ''}{', after its migrations ran' if after else ''}: {what}",
        hint="`alembic current` meets the same error; mend the line that is named",
    )
