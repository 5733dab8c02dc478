"""Look, on another connection and in another thread, what makes a statement wait and how far a concurrent build is."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from seachange.errors import SeachangeError
from seachange.revisions._blockers import Blocker, read_blockers, terminate

if TYPE_CHECKING:
    from seachange.postgres.connection import Database, Session

__all__ = ["Lookout"]

_log = logging.getLogger(__name__)

# pg_blocking_pids holds up the lock manager for a moment: often while a first lock_timeout runs, seldom in a long statement.
_BLINK_S = 0.05
_LOOK_EVERY_S = 0.08
_SELDOM_S = 1.0
_SAY_EVERY_S = 2.0

_BUILD = """
select p.phase, case when p.tuples_total > 0 then 100 * p.tuples_done / p.tuples_total
    when p.blocks_total > 0 then 100 * p.blocks_done / p.blocks_total
    when p.lockers_total > 0 then 100 * p.lockers_done / p.lockers_total end, c.relname
from pg_catalog.pg_stat_progress_create_index p left join pg_catalog.pg_class c on c.oid = p.index_relid
where p.pid = %s
"""


class Lookout:
    """Looks while a statement takes longer than a blink; its connection is opened at the first look.

    ``blockers`` are those that were seen last since :meth:`clear`; ``ended`` are the sessions that were terminated.

    :param database: where to ask.
    :param pid: the backend that may have to wait.
    :param say: told, from another thread, what a statement waits for and how far a build is.
    :param kill_idle: whether sessions idle in a transaction that are in the way are terminated.
    """

    def __init__(self, database: Database, *, pid: int, say: Callable[[str], None], kill_idle: bool = False) -> None:
        self.blockers: tuple[Blocker, ...] = ()
        self.ended: list[Blocker] = []
        self.refusal = ""
        self._database = database
        self._pid = pid
        self._say = say
        self._kill_idle = kill_idle
        self._since: float | None = None
        self._said_at = 0.0
        self._said: object = None
        self._session: Session | None = None
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="lookout", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._done.set()
        self._thread.join()

    @property
    def first(self) -> Blocker | None:
        """The blocker with the oldest transaction."""
        return self.blockers[0] if self.blockers else None

    @property
    def account(self) -> str:
        """Who blocked, for the message of a failure; empty when nobody was seen."""
        return "; ".join(text for text in (str(self.first or ""), self.refusal) if text)

    def clear(self) -> None:
        """Forget who blocked before."""
        self.blockers, self.refusal = (), ""

    def begin(self) -> None:
        """Look from now on: a statement begins."""
        self._since = self._said_at = time.monotonic()
        self._said = None

    def end(self) -> None:
        """Look no more: the statement has ended."""
        self._since = None

    def _watch(self) -> None:
        pause_s = _LOOK_EVERY_S
        try:
            while not self._done.wait(pause_s):
                since = self._since
                waited_s = time.monotonic() - since if since is not None else 0.0
                pause_s = min(_SELDOM_S, max(_LOOK_EVERY_S, waited_s / 4))
                if since is not None and waited_s > _BLINK_S:
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
            found = read_blockers(self._session, self._pid)
            if found and self._since == since:
                self.blockers = found
                self._end_idle(self._session)
            if time.monotonic() - self._said_at > _SAY_EVERY_S:
                self._tell(self._session, found)
        except psycopg.Error as exc:
            _log.debug("cannot ask who blocks: %s", exc)

    def _end_idle(self, session: Session) -> None:
        import psycopg

        for blocker in self.blockers if self._kill_idle else ():
            if not blocker.idle or self.refusal:
                continue
            try:
                if terminate(session, blocker):
                    self.ended.append(blocker)
                    _log.warning("ended %s", blocker)
                    self._say(f"ended {blocker}, as --kill-blockers asks")
            except psycopg.errors.InsufficientPrivilege as exc:
                self.refusal = (
                    f"--kill-blockers may not end pid {blocker.pid}: {exc.diag.message_primary}; "
                    "grant pg_signal_backend to the role that migrates (a superuser's session only a superuser may end)"
                )
                self._say(self.refusal)

    def _tell(self, session: Session, blockers: tuple[Blocker, ...]) -> None:
        row = session.execute(_BUILD, [self._pid]).fetchone()
        parts: list[str] = []
        # Said again for another phase, another tenth of it, another blocker.
        key = (row and (row[0], (row[1] or 0) // 10), [blocker.pid for blocker in blockers])
        if row:
            phase, percent, index = row
            parts.append(f"building {index or 'an index'}: {phase}{f', {percent} %' if percent is not None else ''}")
        if blockers:
            parts.append(f"waiting for {blockers[0]}{f' and {len(blockers) - 1} more' if len(blockers) > 1 else ''}")
        self._said_at = time.monotonic()
        if parts and key != self._said:
            self._said = key
            self._say("; ".join(parts))
