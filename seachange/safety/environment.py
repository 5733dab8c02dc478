"""The server on which a change will run: its version, settings and sessions, as far as they decide whether that goes well."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from seachange.postgres.catalog import qualified

if TYPE_CHECKING:
    import psycopg

__all__ = ["Environment", "OpenTransaction", "PreparedTransaction", "Publication", "milliseconds", "read_environment"]

_SETTINGS = (
    "autovacuum",
    "deadlock_timeout",
    "default_transaction_isolation",
    "default_transaction_read_only",
    "hot_standby_feedback",
    "idle_in_transaction_session_timeout",
    "lock_timeout",
    "maintenance_work_mem",
    "max_connections",
    "max_locks_per_transaction",
    "max_parallel_maintenance_workers",
    "max_prepared_transactions",
    "max_standby_archive_delay",
    "max_standby_streaming_delay",
    "max_wal_size",
    "search_path",
    "session_replication_role",
    "statement_timeout",
    "synchronous_commit",
    "synchronous_standby_names",
    "TimeZone",
    "transaction_timeout",
    "wal_level",
)
_UNITS_MS = {"": 1, "us": 0.001, "ms": 1, "s": 1_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}

_KNOWN = """
SELECT name, pg_catalog.current_setting(name) FROM pg_catalog.pg_settings WHERE name = ANY (%s) ORDER BY name
"""
_SERVER = """
SELECT pg_catalog.pg_is_in_recovery(), current_setting('is_superuser') = 'on', current_user::text,
       (SELECT count(*) FROM pg_catalog.pg_stat_replication), (SELECT count(*) FROM pg_catalog.pg_replication_slots),
       (SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE backend_type = 'client backend')
"""
_TRANSACTIONS = """
SELECT pid, coalesce(usename::text, ''), coalesce(application_name, ''), coalesce(state, ''),
       extract(epoch FROM pg_catalog.now() - xact_start)::float8, coalesce(query, '') ~ 'to prevent wraparound', backend_type
FROM pg_catalog.pg_stat_activity
WHERE datname = pg_catalog.current_database() AND xact_start IS NOT NULL AND pid <> pg_catalog.pg_backend_pid()
ORDER BY xact_start, pid
"""
_PREPARED = """
SELECT gid, owner::text, extract(epoch FROM pg_catalog.now() - prepared)::float8
FROM pg_catalog.pg_prepared_xacts WHERE database = pg_catalog.current_database() ORDER BY prepared, gid
"""
_PUBLICATIONS = """
SELECT p.pubname::text, p.pubupdate, p.pubdelete, p.puballtables, t.schemaname::text, t.tablename::text
FROM pg_catalog.pg_publication p LEFT JOIN pg_catalog.pg_publication_tables t ON t.pubname = p.pubname
ORDER BY 1, 5, 6
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class OpenTransaction:
    """A transaction of another session of this database; ``state`` is empty where the server does not let us see it."""

    pid: int
    user: str
    application: str
    state: str
    age_s: float
    prevents_wraparound: bool = False
    autovacuum: bool = False

    @property
    def idle(self) -> bool:
        """Whether it waits for its client and does nothing."""
        return self.state.startswith("idle in transaction")


@dataclasses.dataclass(frozen=True, kw_only=True)
class PreparedTransaction:
    """A transaction that was prepared and is neither committed nor rolled back; its locks stay."""

    gid: str
    owner: str
    age_s: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Publication:
    """What is replicated by logical replication: the tables by name, and whether updates and deletes are."""

    name: str
    tables: tuple[str, ...] = ()
    updates: bool = True
    deletes: bool = True
    all_tables: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Environment:
    """What was read of the real server.

    ``version`` is server_version_num, ``settings`` are those of a session as the runner opens it, as SHOW prints them.
    ``connections`` counts clients of all databases, ``replicas`` standbys that stream, ``slots`` replication slots.
    """

    version: int
    settings: Mapping[str, str] = dataclasses.field(default_factory=dict)
    standby: bool = False
    superuser: bool = False
    user: str = ""
    replicas: int = 0
    slots: int = 0
    connections: int = 0
    transactions: tuple[OpenTransaction, ...] = ()
    prepared: tuple[PreparedTransaction, ...] = ()
    publications: tuple[Publication, ...] = ()

    @property
    def major(self) -> int:
        """The major version of the server."""
        return self.version // 10_000

    @property
    def idle_in_transaction(self) -> tuple[OpenTransaction, ...]:
        """The transactions that wait for their clients, oldest first."""
        return tuple(each for each in self.transactions if each.idle)

    def milliseconds(self, setting: str) -> float | None:
        """Return a setting that is a time, in milliseconds; None where the server has no such setting.

        :param setting: such as ``lock_timeout``.
        """
        value = self.settings.get(setting)
        return None if value is None else milliseconds(value)


def milliseconds(value: str) -> float:
    """Return a time as SHOW prints it (``2s``, ``200ms``, ``0``) in milliseconds.

    :param value: the time.
    :raises ValueError: it is none.
    """
    found = re.fullmatch(r"(-?\d+(?:\.\d+)?)\s*(us|ms|s|min|h|d)?", value.strip())
    if found is None:
        raise ValueError(f"{value!r} is not a time of PostgreSQL")
    return float(found[1]) * _UNITS_MS[found[2] or ""]


def read_environment(connection: psycopg.Connection[Any]) -> Environment:
    """Read what a change will meet on this server; nothing is changed.

    :param connection: a session as the runner opens it; what it reads is in one transaction, or in the one that is open.
    """
    from psycopg.rows import tuple_row

    with connection.transaction(), connection.cursor(row_factory=tuple_row) as cursor:
        settings: dict[str, str] = dict(cursor.execute(_KNOWN, [list(_SETTINGS)]).fetchall())
        standby, superuser, user, replicas, slots, connections = cursor.execute(_SERVER).fetchone() or ()
        transactions = tuple(map(_transaction, cursor.execute(_TRANSACTIONS).fetchall()))
        prepared = tuple(
            PreparedTransaction(gid=gid, owner=owner, age_s=age) for gid, owner, age in cursor.execute(_PREPARED).fetchall()
        )
        publications = _publications(cursor.execute(_PUBLICATIONS).fetchall())
    return Environment(
        version=connection.info.server_version,
        settings=settings,
        standby=standby,
        superuser=superuser,
        user=user,
        replicas=replicas,
        slots=slots,
        connections=connections,
        transactions=transactions,
        prepared=prepared,
        publications=publications,
    )


def _transaction(row: tuple[Any, ...]) -> OpenTransaction:
    pid, user, application, state, age, wraparound, backend = row
    return OpenTransaction(
        pid=pid,
        user=user,
        application=application,
        state=state,
        age_s=age,
        prevents_wraparound=wraparound,
        autovacuum=backend == "autovacuum worker",
    )


def _publications(rows: list[tuple[Any, ...]]) -> tuple[Publication, ...]:
    found: dict[str, Publication] = {}
    for name, updates, deletes, every, schema, table in rows:
        known = found.get(name) or Publication(name=name, updates=updates, deletes=deletes, all_tables=every)
        more = (qualified(schema, table),) if table else ()
        found[name] = dataclasses.replace(known, tables=known.tables + more)
    return tuple(found.values())
