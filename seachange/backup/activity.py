"""Whether a server still works on a database: a restore that moves nothing for long has lost its server without noticing."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

import psycopg

from seachange.errors import SeachangeError, ServerUnreachableError

if TYPE_CHECKING:
    from seachange.postgres.connection import Database, Session

__all__ = ["Activity"]

log = logging.getLogger(__name__)

# A session that waits for its client may wait for a dead one; one that computes or waits for the disk goes on by itself.
_WORK = """
    SELECT count(*) FILTER (WHERE a.state = 'active' AND a.wait_event IS DISTINCT FROM 'ClientRead'),
           coalesce(sum(c.bytes_processed), 0)
    FROM pg_stat_activity a LEFT JOIN pg_stat_progress_copy c ON c.pid = a.pid WHERE a.datname = %s
"""
_SIZE = "SELECT pg_database_size(oid) FROM pg_database WHERE datname = %s AND has_database_privilege(oid, 'CONNECT')"
_LOOK_EVERY_S = 1.0
_PATIENCE_S = 2.0


class Activity:
    """A number, ``moves``, that grows while the server works on a database, asked over a session of its own.

    Where packets are swallowed the question stays without an answer too, and the number stands still: keepalives do not
    notice a proxy that acknowledges everything and forwards nothing.

    :param database: the database.
    :param progress: told the size of the database whenever it was looked at.
    """

    def __init__(self, database: Database, *, progress: Callable[[int], None] = lambda _bytes: None) -> None:
        self.moves = 0
        self._progress = progress
        self._database = database
        self._over = threading.Event()
        self._session: Session | None = None
        self._watcher = threading.Thread(target=self._watch, name="activity", daemon=True)

    def __enter__(self) -> Self:
        self._watcher.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._over.set()
        self._watcher.join(_PATIENCE_S)
        session = self._session
        if self._watcher.is_alive() and session is not None:
            session.interrupt(grace_s=_PATIENCE_S / 4)

    def _watch(self) -> None:
        while not self._over.is_set():
            try:
                self._look()
            except ServerUnreachableError as exc:
                log.debug("%s is not reached to see whether it works: %s", self._database.redacted, exc)
            except (psycopg.Error, SeachangeError) as exc:
                # What cannot be watched must not be stopped for standing still.
                self.moves += 1
                log.debug("%s cannot be watched: %s", self._database.redacted, exc)
            self._over.wait(_LOOK_EVERY_S)

    def _look(self) -> None:
        from seachange.postgres.connection import maintenance

        before = (0, 0)
        with maintenance(self._database) as self._session:
            while not self._over.wait(_LOOK_EVERY_S):
                found = self._session.execute(_WORK, [self._database.name]).fetchone() or before
                self.moves += found[0] > 0 or found != before
                before = found
                size = self._session.execute(_SIZE, [self._database.name]).fetchone()
                if size and size[0] is not None:
                    self._progress(size[0])
