"""Who makes a statement wait: asked on another connection while it waits, since afterwards nobody blocks any more."""

from __future__ import annotations

import dataclasses
import datetime
from typing import TYPE_CHECKING

from seachange.postgres.redaction import redact
from seachange.revisions._statements import shorten

if TYPE_CHECKING:
    from seachange.postgres.connection import Session

__all__ = ["Blocker", "read_blockers", "terminate"]

# Between two statements of one transaction every application is idle for a moment.
_IDLE_S = 1.0

# pid 0 stands for a prepared transaction (documentation, 9.27 pg_blocking_pids).
_BLOCKERS = """
select b.pid, coalesce(a.application_name, ''), coalesce(a.backend_type, 'prepared transaction'), coalesce(a.state, ''),
    coalesce(a.query, ''), coalesce(extract(epoch from clock_timestamp() - coalesce(a.xact_start, a.backend_start)), 0)::float8,
    coalesce(extract(epoch from clock_timestamp() - a.state_change), 0)::float8, a.xact_start
from unnest(pg_catalog.pg_blocking_pids(%s)) as b(pid) left join pg_catalog.pg_stat_activity a on a.pid = b.pid
order by 6 desc
"""

# Asked in the same statement, so that a session that went on, or another that got its number, is left alone.
_TERMINATE = """
select pg_catalog.pg_terminate_backend(pid) from pg_catalog.pg_stat_activity
where pid = %s and backend_type = 'client backend' and state like 'idle in transaction%%' and xact_start = %s
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Blocker:
    """A session that holds a lock which a revision waits for; ``began`` is when its transaction did."""

    pid: int
    application_name: str
    backend_type: str
    state: str
    query: str
    age_s: float
    idle_s: float
    began: datetime.datetime | None = None

    def __str__(self) -> str:
        name = self.application_name or self.backend_type
        state = f", {self.state}" if self.state else ""
        query = f": {redact(shorten(self.query))}" if self.query else ""
        return f"pid {self.pid} ({name}{state}, for {self.age_s:.1f} s){query}"

    @property
    def autovacuum(self) -> bool:
        """Whether it is an autovacuum worker, which yields after deadlock_timeout unless it prevents wraparound."""
        return self.backend_type == "autovacuum worker"

    @property
    def idle(self) -> bool:
        """Whether its transaction stands open with nothing going on in it."""
        return self.backend_type == "client backend" and self.state.startswith("idle in transaction") and self.idle_s >= _IDLE_S


def read_blockers(session: Session, pid: int) -> tuple[Blocker, ...]:
    """Return who makes backend ``pid`` wait at this moment, the oldest transaction first."""
    names = [field.name for field in dataclasses.fields(Blocker)]
    rows = session.execute(_BLOCKERS, [pid]).fetchall()
    return tuple(Blocker(**dict(zip(names, row, strict=True))) for row in rows)


def terminate(session: Session, blocker: Blocker) -> bool:
    """End a session that is idle in a transaction, and return whether it still was.

    :raises psycopg.errors.InsufficientPrivilege: the role may not.
    """
    row = session.execute(_TERMINATE, [blocker.pid, blocker.began]).fetchone()
    return bool(row and row[0])
