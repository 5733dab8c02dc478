"""The mutex that keeps two deployers from migrating one database at once."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import hashlib
import random
import time
from collections.abc import Callable, Iterator

import psycopg

from seachange.errors import LockNotAcquiredError
from seachange.postgres import interrupt
from seachange.postgres._connect import Session, connect
from seachange.postgres._database import Database
from seachange.postgres._describe import describe, pooler_refused

__all__ = ["Holder", "MigrationLock", "lock_key", "migration_lock"]

_FIRST_WAIT_S = 0.05
_LONGEST_WAIT_S = 1.0
_IDLE_TIMEOUT_SINCE = 14

# A bigint key is split over classid and objid; objsubid is 1 then.
_HOLDER = """
select l.pid, coalesce(a.application_name, ''), a.backend_start, coalesce(host(a.client_addr), ''), coalesce(a.query, '')
from pg_catalog.pg_locks l left join pg_catalog.pg_stat_activity a on a.pid = l.pid
where l.locktype = 'advisory' and l.granted and l.objsubid = 1
    and l.database = (select oid from pg_catalog.pg_database where datname = current_database())
    and l.classid = (%(key)s::bigint >> 32 & 4294967295)::oid and l.objid = (%(key)s::bigint & 4294967295)::oid
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Holder:
    """The session that holds the lock; ``since`` is when it connected, which it does to take the lock."""

    pid: int
    application_name: str
    since: str
    client: str
    query: str

    def __str__(self) -> str:
        name = f" ({self.application_name})" if self.application_name else ""
        since = f" since {self.since}" if self.since else ""
        client = f" from {self.client}" if self.client else ""
        return f"pid {self.pid}{name}{client}{since}"


class MigrationLock:
    """The lock while it is held."""

    def __init__(self, session: Session, key: int) -> None:
        self._session = session
        self._key = key

    def held(self) -> bool:
        """Whether the lock's session is alive and still holds it."""
        try:
            with interrupt.shielded():
                holder = _holder(self._session, self._key)
        except psycopg.Error:
            return False
        return holder is not None and holder.pid == self._session.info.backend_pid


def lock_key(name: str, version_table: str) -> int:
    """Return the advisory lock of a database and a version table: 64 bits of a hash of both names.

    It does not depend on object ids, so that it is known before the version table exists and the same in a restored copy.

    :param name: the database.
    :param version_table: Alembic's table, with its schema if that is set.
    """
    digest = hashlib.blake2b(f"seachange\0{name}\0{version_table}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


@contextlib.contextmanager
def migration_lock(
    database: Database,
    *,
    version_table: str = "alembic_version",
    timeout_s: float = 30,
    on_wait: Callable[[Holder], None] | None = None,
) -> Iterator[MigrationLock]:
    """Hold the migration lock of a database while the block runs.

    The lock is polled in autocommit on a connection of its own: a session that blocks in ``pg_advisory_lock``, or polls inside
    a REPEATABLE READ transaction, holds a snapshot that a concurrent index build of the holder waits for - a deadlock.

    :param database: the database to be migrated.
    :param version_table: Alembic's table.
    :param timeout_s: how long to try.
    :param on_wait: called with the holder when there is one, and again whenever it is another.
    :raises LockNotAcquiredError: another session held the lock until the time was up.
    :raises RefusedError: a connection pooler stands before the server; it would lend the lock to other clients.
    """
    with _dedicated_session(database) as (session, name):
        key = lock_key(name, version_table)
        _acquire(session, key, timeout_s=timeout_s, on_wait=on_wait)
        try:
            yield MigrationLock(session, key)
        finally:
            _release(session, key)


@contextlib.contextmanager
def _dedicated_session(database: Database) -> Iterator[tuple[Session, str]]:
    session = connect(database, autocommit=True, application_name="seachange migration lock")
    try:
        server = describe(session)
        if server.pooled:
            raise pooler_refused(database)
        if server.major >= _IDLE_TIMEOUT_SINCE:
            # The lock's session does nothing for as long as the revisions take.
            session.execute("set idle_session_timeout = 0")
        yield session, server.database
    finally:
        session.close()


def _acquire(session: Session, key: int, *, timeout_s: float, on_wait: Callable[[Holder], None] | None) -> None:
    deadline = time.monotonic() + timeout_s
    wait_s, seen = _FIRST_WAIT_S, None
    while not _try(session, key):
        holder = _holder(session, key)
        if holder and on_wait and holder.pid != seen:
            seen = holder.pid
            on_wait(holder)
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            raise _not_acquired(session, holder, timeout_s)
        interrupt.sleep(min(remaining, wait_s * random.uniform(0.7, 1.3)))  # noqa: S311
        wait_s = min(wait_s * 1.5, _LONGEST_WAIT_S)


def _try(session: Session, key: int) -> bool:
    row = session.execute("select pg_try_advisory_lock(%s)", [key]).fetchone()
    return bool(row and row[0])


def _holder(session: Session, key: int) -> Holder | None:
    row = session.execute(_HOLDER, {"key": key}).fetchone()
    if row is None:
        return None
    pid, application_name, since, client, query = row
    return Holder(
        pid=pid,
        application_name=application_name,
        since=since.astimezone(datetime.UTC).isoformat(timespec="seconds") if since else "",
        client=client,
        query=query,
    )


def _not_acquired(session: Session, holder: Holder | None, timeout_s: float) -> LockNotAcquiredError:
    who = f"is held by {holder}" if holder else "was held by a session that has just ended"
    return LockNotAcquiredError(
        f"the migration lock of database {session.info.dbname!r} {who}; gave up after {timeout_s:g} s",
        hint="wait for the other run, or raise MIGRATION_TIMEOUT"
        + (f"; if it hangs: select pg_terminate_backend({holder.pid})" if holder else ""),
    )


def _release(session: Session, key: int) -> None:
    # Closing would release it too, but only when the server notices, which the next deployer would have to wait for.
    with contextlib.suppress(psycopg.Error), interrupt.shielded():
        session.execute("select pg_advisory_unlock(%s)", [key])
