"""What a server says about itself, and waiting until it says anything."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import random
import time
from collections.abc import Callable
from typing import Any

import psycopg

from seachange.errors import RefusedError, SeachangeError, ServerUnreachableError
from seachange.postgres import interrupt
from seachange.postgres._connect import connect
from seachange.postgres._database import Database

__all__ = ["ServerInfo", "describe", "pooler_refused", "wait_until_reachable"]

_log = logging.getLogger(__name__)

_FACTS = """
select current_setting('server_version_num')::int, current_setting('server_version'), current_database(),
    current_user::text,
    pg_catalog.pg_is_in_recovery() or current_setting('default_transaction_read_only')::boolean,
    pg_catalog.pg_backend_pid(), pg_catalog.pg_database_size(current_database()),
    has_function_privilege('pg_catalog.pg_control_system()', 'execute')
"""

_FIRST_WAIT_S = 0.1
_LONGEST_WAIT_S = 2.0
_SHORTEST_ATTEMPT_S = 0.5
_LONGEST_ATTEMPT_S = 10.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class ServerInfo:
    """A server as one session sees it.

    ``version`` is ``server_version_num`` (150018); ``read_only``: a standby, or read-only by default; ``pooled``: a connection
    pooler stands between, so that advisory locks and session settings cannot be trusted.
    """

    version: int
    version_text: str
    database: str
    user: str
    read_only: bool
    pooled: bool
    system_identifier: str | None
    size_bytes: int

    @property
    def major(self) -> int:
        """The major version."""
        return self.version // 10_000


def describe(connection: psycopg.Connection[Any]) -> ServerInfo:
    """Ask the server for its version, role and size.

    :param connection: any open connection; a transaction that is under way stays so.
    """
    # A pooler in statement mode takes no transaction, and none is needed where each statement is one.
    whole = contextlib.nullcontext() if connection.autocommit else connection.transaction()
    with whole, connection.cursor(row_factory=psycopg.rows.tuple_row) as cursor:
        row = cursor.execute(_FACTS).fetchone()
        if row is None:
            raise AssertionError("a select without from has one row")
        version, text, name, user, read_only, backend_pid, size, may_identify = row
        identifier = _system_identifier(cursor) if may_identify else None
    return ServerInfo(
        version=version,
        version_text=text.split()[0],
        database=name,
        user=user,
        read_only=read_only,
        # A pooler makes up the process id that it sends at start.
        pooled=connection.info.backend_pid != backend_pid,
        system_identifier=identifier,
        size_bytes=size,
    )


def pooler_refused(database: Database) -> RefusedError:
    """Return the error for a database that is reached through a connection pooler."""
    return RefusedError(
        f"{database.redacted} is behind a connection pooler, which lends one session of the server to many clients: "
        "locks and settings of a migration would go to others",
        hint="set DIRECT_URL to the server itself; DATABASE_URL may stay the pooler's, for the service",
    )


def _system_identifier(cursor: psycopg.Cursor[Any]) -> str | None:
    row = cursor.execute("select system_identifier::text from pg_catalog.pg_control_system()").fetchone()
    return row[0] if row else None


def wait_until_reachable(
    database: Database,
    *,
    timeout_s: float,
    on_retry: Callable[[int, SeachangeError], None] | None = None,
) -> ServerInfo:
    """Connect, again and again while the server is unreachable, and describe it.

    :param database: where to connect to.
    :param timeout_s: how long to try; one attempt is always made.
    :param on_retry: called before each further attempt with its number (from 2) and the failure before it.
    :raises ServerUnreachableError: the time is up.
    :raises SeachangeError: a failure that waiting does not mend, such as a wrong password.
    """
    deadline = time.monotonic() + timeout_s
    attempt, wait_s = 1, _FIRST_WAIT_S
    while True:
        try:
            with connect(database, autocommit=True, connect_timeout_s=_share(deadline, database.hosts)) as session:
                return describe(session)
        except ServerUnreachableError as exc:
            remaining_s = deadline - time.monotonic()
            if remaining_s <= 0:
                raise _tried(exc, attempt, timeout_s) from exc
            failure = exc
        interrupt.sleep(min(remaining_s, wait_s * random.uniform(0.5, 1.5)))  # noqa: S311
        attempt, wait_s = attempt + 1, min(wait_s * 2, _LONGEST_WAIT_S)
        _log.info("attempt %d to reach %s: %s", attempt, database.redacted, failure)
        if on_retry:
            on_retry(attempt, failure)


def _share(deadline: float, hosts: int) -> float:
    return min(_LONGEST_ATTEMPT_S, max(_SHORTEST_ATTEMPT_S, (deadline - time.monotonic()) / hosts))


def _tried(failure: ServerUnreachableError, attempts: int, timeout_s: float) -> ServerUnreachableError:
    times = "once" if attempts == 1 else f"{attempts} times in {timeout_s:g} s"
    return ServerUnreachableError(f"{failure.message} (tried {times})", hint=failure.hint)
