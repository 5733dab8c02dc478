"""Send every engine that a project's own code makes to the database that we choose, by SQLAlchemy's events."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from seachange.errors import EnvironmentFailedError, InterruptedRunError
from seachange.postgres import interrupt
from seachange.postgres.drivers import listening, sqlstate_of
from seachange.postgres.foreign import open_connection

if TYPE_CHECKING:
    import sqlalchemy as sa
    from sqlalchemy.engine import ExceptionContext
    from sqlalchemy.pool import ConnectionPoolEntry

    from seachange.postgres.connection import Database

__all__ = ["Address", "Redirect", "Route", "only", "target_of"]

_KEY = "seachange"
_DATABASE = "seachange database"
_KEPT = ("hostaddr", "user", "password", "passfile", "sslmode", "sslcert", "sslkey", "sslrootcert", "target_session_attrs")
# query_canceled, admin_shutdown
_ENDED = ("57014", "57P01")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Address:
    """Where an engine would connect to by itself."""

    host: str
    port: str
    name: str
    arguments: Mapping[str, Any] = dataclasses.field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, arguments: Mapping[str, Any]) -> Self:
        """Read the arguments that a dialect has made of an engine's URL."""
        host, port = (
            ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value or "")
            for value in (arguments.get("host") or arguments.get("hostaddr"), arguments.get("port"))
        )
        name = arguments.get("dbname") or arguments.get("database") or arguments.get("service") or arguments.get("dsn") or ""
        return cls(host=host, port=port or "5432", name=str(name), arguments=arguments)

    @property
    def database(self) -> Database:
        """The database at this address, as the user that the engine has."""
        from seachange.postgres.connection import Database

        known = {name: str(self.arguments[name]) for name in _KEPT if self.arguments.get(name)}
        return Database(parameters={**known, "host": self.host, "port": self.port, "dbname": self.name})

    def __str__(self) -> str:
        return f"{self.name or 'the default'} on {self.host or 'the local socket'}:{self.port}"


def target_of(connection: sa.Connection) -> Database | None:
    """Return where a connection of env.py's own leads to; nothing for one that was handed over."""
    found: Database | None = connection.info.get(_DATABASE)
    return found


Route = Callable[[Address], "Database"]


def only(database: Database) -> Route:
    """Return the way to ``database`` for all engines, as long as they are for one and the same database."""
    seen: set[Address] = set()

    def route(address: Address) -> Database:
        seen.add(address)
        if len(seen) > 1:
            names = " and ".join(sorted(str(each) for each in seen))
            raise EnvironmentFailedError(
                f"env.py connects to several databases ({names}), but there is one to migrate",
                hint='name them in [tool.seachange], in the order in which env.py connects: databases = ["one", "two"]',
            )
        return database

    return route


class Redirect:
    """While it is entered, engines of this thread, and of threads begun since, connect to where ``route`` says.

    A connection goes back to no pool, so that neither an earlier nor a later run meets it.

    :param route: tells for the address that an engine has where it shall connect to.
    :param lock_timeout_ms: of these connections, like ``statement_timeout_ms``.
    """

    def __init__(self, route: Route, *, lock_timeout_ms: int, statement_timeout_ms: int) -> None:
        self._route = route
        self._limits = {"lock_timeout_ms": lock_timeout_ms, "statement_timeout_ms": statement_timeout_ms}
        self._open: dict[int, ConnectionPoolEntry] = {}
        self._foreign: weakref.WeakSet[threading.Thread] = weakref.WeakSet()
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        from sqlalchemy import Engine
        from sqlalchemy.pool import Pool

        self._foreign.update(thread for thread in threading.enumerate() if thread is not threading.current_thread())
        listeners: Sequence[tuple[type, str, Callable[..., object]]] = (
            (Engine, "do_connect", self._connect),
            (Engine, "before_cursor_execute", self._check),
            (Engine, "handle_error", self._explain),
            (Pool, "connect", self._require_own),
            (Pool, "checkout", self._replace_stale),
            (Pool, "checkin", self._close),
        )
        for target, name, listener in listeners:
            self._stack.enter_context(listening(target, {name: listener}))
        return self

    def __exit__(self, *_: object) -> None:
        for record in list(self._open.values()):
            self._close(None, record)
        self._stack.close()

    def owns(self, connection: sa.Connection) -> bool:
        """Say whether a connection was made here."""
        return connection.info.get(_KEY) is self

    def _concerns(self) -> bool:
        return threading.current_thread() not in self._foreign

    def _connect(self, dialect: sa.Dialect, record: ConnectionPoolEntry | None, *rest: Any) -> Any:
        if not self._concerns():
            return None
        cargs, cparams = rest
        dsn = {"dsn": cargs[0]} if cargs and cargs[0] else {}
        database = self._route(Address.of({**dsn, **cparams}))
        opened = open_connection(dialect, database, given=cparams, **self._limits)
        if record is not None:
            record.info[_DATABASE] = database
            record.info[_KEY] = self
            record.info[f"{_KEY} backend"] = opened.backend
            self._open[id(record)] = record
        return opened.connection

    def _require_own(self, connection: Any, record: ConnectionPoolEntry) -> None:
        from seachange.postgres.connection import Session

        if not self._concerns() or record.info.get(_KEY) is self or isinstance(connection, Session):
            return
        connection.close()
        raise EnvironmentFailedError(
            "env.py connects by a creator of its own, so that where it leads to cannot be changed",
            hint="take config.attributes['connection'] when it is there: the connection that Seachange hands over",
        )

    def _replace_stale(self, connection: Any, record: ConnectionPoolEntry, proxy: object) -> None:
        from sqlalchemy.exc import DisconnectionError

        from seachange.postgres.connection import Session

        del proxy
        owner = record.info.get(_KEY)
        if self._concerns() and owner is not self and not (owner is None and isinstance(connection, Session)):
            raise DisconnectionError("opened before this run")

    def _close(self, connection: object, record: ConnectionPoolEntry) -> None:
        del connection
        if record.info.get(_KEY) is not self:
            return
        self._open.pop(id(record), None)
        if backend := record.info.get(f"{_KEY} backend"):
            interrupt.unregister(backend)
        record.invalidate()

    def _check(self, *_: object) -> None:
        if self._concerns():
            interrupt.check()

    def _explain(self, context: ExceptionContext) -> BaseException | None:
        """Tell an interruption from a timeout."""
        if not self._concerns() or not interrupt.interrupted():
            return None
        ended = context.is_disconnect or sqlstate_of(context.original_exception) in _ENDED
        return InterruptedRunError("the run was interrupted") if ended else None
