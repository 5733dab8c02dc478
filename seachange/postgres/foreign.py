"""Connections for engines that a project makes itself, by whichever driver: our address, our settings, and a way to end them."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from seachange.errors import EnvironmentFailedError, SeachangeError
from seachange.postgres import _url, interrupt
from seachange.postgres._connect import Session, connect, connection_parameters
from seachange.postgres._failures import connection_failure
from seachange.postgres.drivers import pid_of, query

if TYPE_CHECKING:
    import sqlalchemy as sa

    from seachange.postgres._database import Database

__all__ = ["Backend", "Opened", "open_connection"]

_log = logging.getLogger(__name__)

_LOOK_EVERY_S = 0.02
_QUIET_LOOKS = 5

# Where asyncpg looks when it is given no host, given so that PGHOST redirects nothing.
_LOCAL = ["/run/postgresql", "/var/run/postgresql", "/tmp", "localhost"]  # noqa: S108
_TLS = (
    "sslmode",
    "sslcert",
    "sslkey",
    "sslpassword",
    "sslrootcert",
    "sslcrl",
    "ssl_min_protocol_version",
    "ssl_max_protocol_version",
    "target_session_attrs",
    "krbsrvname",
    "gsslib",
    "passfile",
)
_ACTIVE = "select 1 from pg_catalog.pg_stat_activity where pid = %s and state = 'active'"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Opened:
    """A connection as SQLAlchemy's dialect wants it, and what ends it; psycopg's own sessions end themselves."""

    connection: Any
    backend: Backend | None = None


class Backend:
    """The server's side of a connection whose driver cannot be interrupted from another thread."""

    def __init__(self, database: Database, *, pid: int) -> None:
        self._database = database
        self._pid = pid

    def interrupt(self, *, grace_s: float) -> None:
        """Cancel what runs; end the backend if that has not helped within ``grace_s`` seconds."""
        import psycopg

        with interrupt.shielded():
            try:
                with contextlib.closing(connect(self._database, autocommit=True, connect_timeout_s=grace_s)) as session:
                    self._end(session, deadline=time.monotonic() + grace_s)
            except (SeachangeError, psycopg.Error) as exc:
                _log.warning("backend %d cannot be cancelled: %s", self._pid, exc)

    def _end(self, session: Session, *, deadline: float) -> None:
        quiet = 0
        # A statement may be on its way that was sent just before the interruption: look a few times.
        while time.monotonic() < deadline and quiet < _QUIET_LOOKS:
            active = session.execute(_ACTIVE, [self._pid]).fetchone()
            quiet = 0 if active else quiet + 1
            if active:
                session.execute("select pg_cancel_backend(%s)", [self._pid])
            time.sleep(_LOOK_EVERY_S)
        if session.execute(_ACTIVE, [self._pid]).fetchone():
            session.execute("select pg_terminate_backend(%s)", [self._pid])


def open_connection(
    dialect: sa.Dialect, database: Database, *, given: Mapping[str, Any], lock_timeout_ms: int, statement_timeout_ms: int
) -> Opened:
    """Open a connection to ``database`` by the driver of ``dialect``, with the settings that :func:`connect` gives.

    :param dialect: the dialect of the engine that wants a connection.
    :param database: where to connect to, instead of where the engine would.
    :param given: the engine's own arguments; ``options`` and ``server_settings`` among them stay in force.
    :param lock_timeout_ms: as for :func:`connect`, like ``statement_timeout_ms``.
    :raises EnvironmentFailedError: it is not PostgreSQL, or by a driver that is not supported.
    :raises ServerUnreachableError: as for :func:`connect`, like its other errors.
    """
    name = f"{dialect.driver}{'_async' if dialect.is_async and dialect.driver == 'psycopg' else ''}"
    if dialect.name != "postgresql" or (name != "psycopg" and name not in _ARGUMENTS):
        raise EnvironmentFailedError(
            f"env.py connects to a database by {dialect.name}+{dialect.driver}, which cannot be sent to {database}",
            hint="let it use a URL of postgresql by psycopg, psycopg2 or asyncpg, or take config.attributes['connection']",
        )
    options = dict.fromkeys(text for text in (database.parameters.get("options", ""), str(given.get("options") or "")) if text)
    target = database.with_parameters(options=" ".join(options))
    if name == "psycopg":
        context = given.get("context")
        session = connect(target, lock_timeout_ms=lock_timeout_ms, statement_timeout_ms=statement_timeout_ms, context=context)
        return Opened(connection=session)
    given_text = f"{target.parameters.get('options', '')} {given.get('server_settings') or ''}"
    limits = {"lock_timeout": lock_timeout_ms, "statement_timeout": statement_timeout_ms}
    limits = {name: value for name, value in limits.items() if name not in given_text}
    return _open(dialect, target, _ARGUMENTS[name](target, given), limits=limits)


def _open(dialect: sa.Dialect, database: Database, arguments: Mapping[str, Any], *, limits: Mapping[str, int]) -> Opened:
    interrupt.check()
    driver: Any = dialect.loaded_dbapi
    try:
        connection: Any = dialect.connect(**arguments)
    except (driver.Error, OSError) as exc:
        # Without its frames: some tracebacks show local variables, and there the password is one.
        raise connection_failure(database, str(exc)) from exc.with_traceback(None)
    try:
        _apply(connection, limits, failures=driver.Error)
        backend = Backend(database, pid=pid_of(dialect.get_driver_connection(connection)))
        interrupt.register(backend)
    except BaseException:
        connection.close()
        raise
    return Opened(connection=connection, backend=backend)


def _apply(connection: Any, limits: Mapping[str, int], *, failures: type[Exception]) -> None:
    values = {**limits, "idle_in_transaction_session_timeout": 0}
    calls = [f"set_config('{name}', '{value:d}', false)" for name, value in values.items()]
    query(connection, f"select {', '.join(calls)}")
    connection.commit()
    try:
        query(
            connection,
            "select set_config(name, '1s', false) from pg_catalog.pg_settings where name = 'client_connection_check_interval'",
        )
        connection.commit()
    except failures as exc:
        connection.rollback()
        _log.debug("the server cannot check for lost clients: %s", exc)


def _psycopg2_arguments(database: Database, given: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: given[key] for key in ("connection_factory", "cursor_factory") if key in given}
    return {**connection_parameters(database), **kept}


def _psycopg_async_arguments(database: Database, given: Mapping[str, Any]) -> dict[str, Any]:
    return {**connection_parameters(database), "prepare_threshold": None, "context": given.get("context")}


def _asyncpg_arguments(database: Database, given: Mapping[str, Any]) -> dict[str, Any]:
    parameters = connection_parameters(database)
    hosts = [host for host in (parameters.get("hostaddr") or parameters.get("host") or "").split(",") if host] or _LOCAL
    ports = [int(port) for port in (parameters.get("port") or "5432").split(",")]
    settings = {**(given.get("server_settings") or {}), "application_name": parameters["application_name"]}
    return {
        # asyncpg is not made of libpq: addresses are arguments, and what concerns TLS it takes from a DSN only.
        "dsn": _url.write({key: parameters[key] for key in _TLS if parameters.get(key)}),
        "host": hosts,
        "port": ports * len(hosts) if len(ports) == 1 else ports,
        "user": parameters.get("user") or None,
        "password": parameters.get("password") or None,
        "database": database.name,
        "timeout": float(parameters["connect_timeout"]),
        "server_settings": settings | ({"options": parameters["options"]} if parameters.get("options") else {}),
        "statement_cache_size": 0,
        "prepared_statement_cache_size": 0,
        **{key: given[key] for key in ("command_timeout", "connection_class", "record_class") if key in given},
    }


_ARGUMENTS: Mapping[str, Callable[[Database, Mapping[str, Any]], dict[str, Any]]] = {
    "psycopg2": _psycopg2_arguments,
    "psycopg_async": _psycopg_async_arguments,
    "asyncpg": _asyncpg_arguments,
}
