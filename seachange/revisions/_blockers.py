"""Who makes a statement wait: asked on another connection while it waits, since afterwards nobody blocks any more."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import threading
import time
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Self

from seachange.errors import SeachangeError
from seachange.revisions._statements import shorten

if TYPE_CHECKING:
    from seachange.postgres.connection import Database, Session

__all__ = ["Blocker", "BlockerWatch"]

_log = logging.getLogger(__name__)

_BLINK_S = 0.1
_LOOK_EVERY_S = 0.15

# pid 0 stands for a prepared transaction (documentation, 9.27 pg_blocking_pids).
_BLOCKERS = """
select b.pid, coalesce(a.application_name, ''), coalesce(a.backend_type, 'prepared transaction'), coalesce(a.state, ''),
    coalesce(a.query, ''), coalesce(extract(epoch from clock_timestamp() - coalesce(a.xact_start, a.backend_start)), 0)::float8
from unnest(pg_blocking_pids(%s)) as b(pid) left join pg_catalog.pg_stat_activity a on a.pid = b.pid
order by 6 desc
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Blocker:
    """A session that holds a lock which a revision waits for."""

    pid: int
    application_name: str
    backend_type: str
    state: str
    query: str
    age_s: float

    def __str__(self) -> str:
        name = self.application_name or self.backend_type
        state = f", {self.state}" if self.state else ""
        query = f": {shorten(self.query)}" if self.query else ""
        return f"pid {self.pid} ({name}{state}, for {self.age_s:.1f} s){query}"


class BlockerWatch:
    """Looks several times a second who blocks a backend while a step takes longer than a blink.

    One thread serves all steps of a run; its connection is opened at the first look.

    :param database: where to ask.
    :param pid: the backend that may have to wait.
    """

    def __init__(self, database: Database, *, pid: int) -> None:
        self.blockers: tuple[Blocker, ...] = ()
        self._database = database
        self._pid = pid
        self._since: float | None = None
        self._session: Session | None = None
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="blockers", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._done.set()
        self._thread.join()

    @contextlib.contextmanager
    def step(self) -> Iterator[None]:
        """Watch while the block runs; afterwards ``blockers`` are those that were seen last."""
        self.blockers = ()
        self._since = time.monotonic()
        try:
            yield
        finally:
            self._since = None

    def _watch(self) -> None:
        try:
            while not self._done.wait(_LOOK_EVERY_S):
                since = self._since
                if since is not None and time.monotonic() - since > _BLINK_S:
                    self._look(since)
        except (SeachangeError, OSError) as exc:
            _log.debug("cannot ask who blocks: %s", exc)
        finally:
            if self._session is not None:
                self._session.close()

    def _look(self, since: float) -> None:
        import psycopg

        from seachange.postgres.connection import connect

        if self._session is None or self._session.closed:
            self._session = connect(self._database, autocommit=True, application_name="seachange blockers")
        try:
            rows = self._session.execute(_BLOCKERS, [self._pid]).fetchall()
        except psycopg.Error as exc:
            _log.debug("cannot ask who blocks: %s", exc)
            return
        if rows and self._since == since:
            names = [field.name for field in dataclasses.fields(Blocker)]
            self.blockers = tuple(Blocker(**dict(zip(names, row, strict=True))) for row in rows)
