"""Open sessions: settings that every session has, clear errors, and a way to end them all."""

from __future__ import annotations

import concurrent.futures
import contextlib
import logging
import math
import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import psycopg

from seachange.errors import InterruptedRunError
from seachange.postgres import _url, interrupt
from seachange.postgres._database import Database
from seachange.postgres._failures import connection_failure

if TYPE_CHECKING:
    import sqlalchemy
    from psycopg.abc import AdaptContext

__all__ = ["Session", "connect", "connection_parameters", "engine"]

_log = logging.getLogger(__name__)

_LOOK_EVERY_S = 0.02
_QUIET_LOOKS = 5
_LOOK_FOR_INTERRUPTION_S = 0.1
_CONNECT_TIMEOUT_S = 10.0
_LATE_S = 0.5
_CHECKS_CLIENT_SINCE = 140_000

# Half-open connections are noticed within a minute; the defaults of Linux take more than two hours.
_KEEPALIVE = {
    "keepalives": "1",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
}

# A variable of the process must not redirect or break a session whose address is complete: with PGHOSTADDR set, libpq would
# connect to that address and take the host for a label. An empty or default value given explicitly shuts the variable out.
_SHUT_OUT = {
    "host": "",
    "hostaddr": "",
    "port": "",
    "user": "",
    "password": "",
    "dbname": "",
    "options": "",
    "requirepeer": "",
    "require_auth": "",
    "channel_binding": "prefer",
    "target_session_attrs": "any",
}

_POOLED = "from (select pg_catalog.pg_backend_pid() <> %s as pooled) as asked"


class _Cursor(psycopg.Cursor[Any]):
    """A cursor that starts nothing new after an interruption, and tells an interruption from a timeout."""

    def execute(self, *args: Any, **kwargs: Any) -> Any:
        interrupt.check()
        try:
            return super().execute(*args, **kwargs)
        except psycopg.Error as exc:
            _raise_if_interrupted(exc)
            raise

    def executemany(self, *args: Any, **kwargs: Any) -> None:
        interrupt.check()
        try:
            super().executemany(*args, **kwargs)
        except psycopg.Error as exc:
            _raise_if_interrupted(exc)
            raise

    @contextlib.contextmanager
    def copy(self, *args: Any, **kwargs: Any) -> Iterator[psycopg.Copy]:
        interrupt.check()
        try:
            with super().copy(*args, **kwargs) as copy:
                yield copy
        except psycopg.Error as exc:
            _raise_if_interrupted(exc)
            raise


def _raise_if_interrupted(exc: psycopg.Error) -> None:
    if interrupt.interrupted() and isinstance(exc, (psycopg.errors.QueryCanceled, psycopg.OperationalError)):
        raise InterruptedRunError("the run was interrupted") from exc


class Session(psycopg.Connection[Any]):
    """A connection that another thread can end: first by a cancel request, then by cutting its socket."""

    def interrupt(self, *, grace_s: float) -> None:
        """Cancel what runs; cut the connection if that has not ended within ``grace_s`` seconds."""
        deadline = time.monotonic() + grace_s
        canceller: threading.Thread | None = None
        quiet = 0
        # A statement may be on its way that passed the cursor's check just before the interruption: look a few times.
        while time.monotonic() < deadline and quiet < _QUIET_LOOKS:
            quiet = 0 if self._active() else quiet + 1
            if not quiet and not (canceller and canceller.is_alive()):
                canceller = threading.Thread(target=self._cancel, kwargs={"timeout_s": grace_s}, daemon=True)
                canceller.start()
            time.sleep(_LOOK_EVERY_S)
        if self._active():
            self._cut()

    def _active(self) -> bool:
        return not self.closed and self.pgconn.transaction_status == psycopg.pq.TransactionStatus.ACTIVE

    def _cancel(self, *, timeout_s: float) -> None:
        try:
            self.cancel_safe(timeout=timeout_s)
        except psycopg.Error as exc:
            _log.debug("cancel request failed: %s", exc)

    def _cut(self) -> None:
        # The other thread may be inside libpq: closing the descriptor under its feet is unsafe, shutting it down is not.
        with contextlib.suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(self.fileno())) as line:
            line.shutdown(socket.SHUT_RDWR)


def connect(
    database: Database,
    *,
    autocommit: bool = False,
    application_name: str = "seachange",
    lock_timeout_ms: int = 2_000,
    statement_timeout_ms: int = 600_000,
    connect_timeout_s: float | None = None,
    context: AdaptContext | None = None,
) -> Session:
    """Open a session that has a name and timeouts, and that ``interrupt_all`` can end.

    :param database: where to connect to; variables of the process redirect nothing.
    :param autocommit: whether each statement is its own transaction.
    :param application_name: shown in ``pg_stat_activity`` unless the URL names one.
    :param lock_timeout_ms: how long a statement waits for a lock; 0 waits for ever.
    :param statement_timeout_ms: how long a statement may take; 0 sets no limit.
    :param connect_timeout_s: how long to wait for each host at most; by default what the URL says, else 10.
    :param context: how values are converted; by default as psycopg does it.
    :raises ServerUnreachableError: nobody answers, or the server takes no more connections, or is not ready.
    :raises AuthenticationFailedError: the server refuses the user or the password.
    :raises DatabaseMissingError: the server has no such database.
    :raises TlsFailedError: the encryption that ``sslmode`` asks for is not to be had.
    :raises DatabaseUrlError: the parameters make no sense to libpq.
    :raises InterruptedRunError: the run was interrupted.
    """
    interrupt.check()
    timeout_s = _connect_timeout(database, connect_timeout_s)
    try:
        session = _open(database, application_name=application_name, timeout_s=timeout_s, context=context)
    except psycopg.Error as exc:
        # Without its frames: some tracebacks show local variables, and there the password is one.
        raise connection_failure(database, str(exc)) from exc.with_traceback(None)
    try:
        _apply(session, database, lock_timeout_ms=lock_timeout_ms, statement_timeout_ms=statement_timeout_ms)
        session.autocommit = autocommit
        interrupt.register(session)
    except psycopg.OperationalError as exc:
        session.close()
        raise connection_failure(database, str(exc)) from exc
    except BaseException:
        session.close()
        raise
    return session


def engine(
    database: Database,
    *,
    application_name: str = "seachange",
    lock_timeout_ms: int = 2_000,
    statement_timeout_ms: int = 600_000,
    connect_timeout_s: float | None = None,
) -> sqlalchemy.Engine:
    """Return an engine whose connections are opened by ``connect`` and closed after use.

    Its URL is for display: it has neither password nor host.

    :param database: where to connect to.
    :param application_name: as for ``connect``, like the other parameters.
    """
    import sqlalchemy

    def creator() -> Session:
        return connect(
            database,
            application_name=application_name,
            lock_timeout_ms=lock_timeout_ms,
            statement_timeout_ms=statement_timeout_ms,
            connect_timeout_s=connect_timeout_s,
        )

    url = sqlalchemy.URL.create("postgresql+psycopg", username=database.parameters.get("user"), database=database.name)
    return sqlalchemy.create_engine(url, creator=creator, poolclass=sqlalchemy.NullPool)


def connection_parameters(database: Database, *, application_name: str = "seachange") -> dict[str, str]:
    """Return all parameters, *with the password*, by which any program on libpq connects as :func:`connect` does.

    :param database: where to connect to; variables of the process redirect nothing.
    :param application_name: shown in ``pg_stat_activity`` unless the URL names one.
    """
    return _parameters(database, application_name=application_name, connect_timeout_s=_connect_timeout(database, None))


def _open(database: Database, *, application_name: str, timeout_s: float, context: AdaptContext | None) -> Session:
    # In a thread of its own: neither a silent server nor a silent name server, for which libpq waits without a limit and deaf to
    # signals, can hold up the caller or Ctrl-C. What arrives too late is closed.
    parameters = _parameters(database, application_name=application_name, connect_timeout_s=timeout_s)
    arriving: concurrent.futures.Future[Session] = concurrent.futures.Future()
    threading.Thread(target=_open_into, args=(arriving, parameters, context), daemon=True).start()
    deadline = time.monotonic() + timeout_s * database.hosts + _LATE_S
    try:
        while time.monotonic() < deadline:
            interrupt.check()
            concurrent.futures.wait([arriving], timeout=_LOOK_FOR_INTERRUPTION_S)
            if arriving.done():
                return arriving.result()
        raise psycopg.errors.ConnectionTimeout("connection timeout expired")
    except BaseException:
        arriving.add_done_callback(_close_late)
        raise


def _open_into(arriving: concurrent.futures.Future[Session], parameters: Mapping[str, str], context: AdaptContext | None) -> None:
    try:
        conninfo = psycopg.conninfo.make_conninfo("", **parameters)
        session = Session.connect(conninfo, autocommit=True, prepare_threshold=None, cursor_factory=_Cursor, context=context)
    except BaseException as exc:  # noqa: BLE001 - raised in the thread that waits
        arriving.set_exception(exc)
    else:
        arriving.set_result(session)


def _close_late(arriving: concurrent.futures.Future[Session]) -> None:
    if not arriving.exception():
        arriving.result().close()


def _connect_timeout(database: Database, limit_s: float | None) -> float:
    given = float(database.parameters.get("connect_timeout", "0"))
    return min(given or _CONNECT_TIMEOUT_S, limit_s) if limit_s is not None else given or _CONNECT_TIMEOUT_S


def _parameters(database: Database, *, application_name: str, connect_timeout_s: float) -> dict[str, str]:
    return {
        "application_name": application_name,
        **_KEEPALIVE,
        **_shut_out(database),
        **database.parameters,
        # libpq counts in seconds and takes 2 at least.
        "connect_timeout": str(max(2, math.ceil(connect_timeout_s))),
        "client_encoding": "UTF8",
    }


def _shut_out(database: Database) -> dict[str, str]:
    variables = _url.keywords()
    service = bool(os.environ.get("PGSERVICE"))
    return {
        key: value
        for key, value in _SHUT_OUT.items()
        if key in variables and key not in database.parameters and (service or os.environ.get(variables[key]))
    }


def _settings(database: Database, **timeouts: int) -> str:
    # What the URL sets by its options stays. A session that lends its snapshot to pg_dump stands idle for as long as the dump
    # takes: no limit of a role may end it.
    options = database.parameters.get("options", "")
    values = {name: value for name, value in timeouts.items() if name not in options} | {"idle_in_transaction_session_timeout": 0}
    calls = ", ".join(f"set_config('{name}', '{value:d}', pooled)" for name, value in values.items())
    return f"select {calls} {_POOLED}"


def _apply(session: Session, database: Database, *, lock_timeout_ms: int, statement_timeout_ms: int) -> None:
    with session.cursor() as cursor:
        # A pooler makes up the process id that it sends at start, and lends the server's session to others after the statement:
        # what is set for longer than that would be theirs.
        pid = session.info.backend_pid
        cursor.execute(_settings(database, lock_timeout=lock_timeout_ms, statement_timeout=statement_timeout_ms), [pid])
        if session.info.server_version < _CHECKS_CLIENT_SINCE:
            return
        # A killed client kept its locks for 11.6 s, until its statement ended; with this for 0.5 s.
        try:
            cursor.execute(
                "select set_config('client_connection_check_interval', '1s', pg_catalog.pg_backend_pid() <> %s)", [pid]
            )
        except (psycopg.errors.InvalidParameterValue, psycopg.errors.FeatureNotSupported) as exc:
            _log.debug("the server cannot check for lost clients: %s", exc)
