"""The wedge: what commits by itself is made to wait for a session of ours, and its locks are read meanwhile."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from seachange.errors import SeachangeError
from seachange.postgres.connection import Database, connect
from seachange.safety._tracing._outside import Target, outside, targets
from seachange.safety.facts import LockMode

__all__ = ["Reading", "Wedge", "wedge_for"]

_log = logging.getLogger(__name__)

_LOOK_EVERY_S = 0.001
_LONGEST_HOLD_S = 5.0
_LAST_S = 5.0
_MOST_HELPERS = 16
_APPLICATION = "seachange wedge"

# A helper that queues behind the statement that it holds back would deadlock with it: it takes what it gets at once.
_LOCK_TIMEOUT_MS = 10

# An idle backend is one whose statement is over, or has not come yet; of the relations those of this database only.
_LOOK = """
select pg_catalog.pg_blocking_pids(a.pid), array(
    select l.relation::bigint || ' ' || l.mode from pg_catalog.pg_locks l
    where l.pid = a.pid and l.locktype = 'relation' and l.database = a.datid and a.state <> 'idle' order by 1)
from pg_catalog.pg_stat_activity a where a.pid = %s
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reading:
    """The strongest lock that a statement held or asked for, by the relation's oid.

    ``certain``: all was read while the statement waited for us; otherwise what it held for a moment may be missing.
    """

    modes: Mapping[int, LockMode]
    certain: bool


class _Helper:
    """A session that others have to wait for."""

    def __init__(self, database: Database) -> None:
        self._session = connect(database, application_name=_APPLICATION, lock_timeout_ms=_LOCK_TIMEOUT_MS)
        self.pid = self._session.info.backend_pid

    def hold(self, relations: Sequence[Target], mode: LockMode) -> bool:
        """Open a transaction with a snapshot and ``mode`` on each relation, as far as they are free, and say whether all were."""
        self.release()
        self._session.execute("set transaction isolation level repeatable read")
        self._session.execute("select")
        attempts = [self._attempt(_lock(relation, mode)) for relation in relations]
        return all(attempts)

    def _attempt(self, statement: str) -> bool:
        import psycopg

        try:
            with self._session.transaction():
                self._session.execute(statement.encode())
        except psycopg.Error as exc:
            _log.debug("the wedge goes without %r: %s", statement, exc)
            return False
        return True

    def release(self) -> None:
        self._session.rollback()

    def close(self) -> None:
        self._session.close()


def _lock(relation: Target, mode: LockMode) -> str:
    if relation.kind != "m":
        return f"lock table only {relation.name} in {mode.words} mode nowait"
    # LOCK TABLE does not take them. ANALYZE keeps its SHARE UPDATE EXCLUSIVE to the end of the transaction.
    return f"analyze {relation.name}" if mode is LockMode.SHARE_UPDATE_EXCLUSIVE else f"select from {relation.name} limit 0"


class Wedge:
    """Holds back one statement again and again until its locks are read, from a thread of its own.

    :param database: where the statement runs.
    :param pid: the server process that runs it.
    :param relations: the tables that it works on.
    :param chained: it waits for other transactions while it holds its locks; else it works table by table.
    """

    def __init__(self, database: Database, *, pid: int, relations: Sequence[Target], chained: bool) -> None:
        self._database = database
        self._pid = pid
        self._relations = relations
        self._chained = chained
        self._over = threading.Event()
        self._seen: dict[int, LockMode] = {}
        self._read: dict[int, LockMode] = {}
        self._certain = False
        self._helpers: list[_Helper] = []
        self._thread = threading.Thread(target=self._run, name=_APPLICATION, daemon=True)

    def start(self) -> None:
        """Put sessions in the way and look at the statement from now on.

        :raises SeachangeError: there is no connection to be had.
        """
        with contextlib.ExitStack() as opened:
            self._reader = connect(self._database, autocommit=True, application_name=_APPLICATION)
            opened.callback(self._reader.close)
            groups = [self._relations] if self._chained else [[each] for each in self._relations[:_MOST_HELPERS]]
            held = [bool(self._relations), len(self._relations) <= _MOST_HELPERS or self._chained]
            for group in groups:
                self._helpers.append(_Helper(self._database))
                opened.callback(self._helpers[-1].close)
                # Whatever cannot run in a transaction begins with this mode, or one that conflicts with it: what never waits for
                # it takes no such lock.
                held.append(self._helpers[-1].hold(group, LockMode.SHARE_UPDATE_EXCLUSIVE))
            if self._chained:
                self._helpers.append(_Helper(self._database))
                opened.callback(self._helpers[-1].close)
            self._certain = all(held)
            self._opened = opened.pop_all()
        self._thread.start()

    def stop(self) -> Reading:
        """Let go of the statement, or note that it is over, and return what was seen."""
        self._over.set()
        self._thread.join(_LAST_S)
        return Reading(modes=dict(self._read if self._certain else self._seen), certain=self._certain)

    def _run(self) -> None:
        import psycopg

        try:
            with self._opened:
                self._watch()
        except (psycopg.Error, SeachangeError) as exc:
            # Without its sessions it holds nothing back; what it has seen until then is not certain.
            self._certain = False
            _log.debug("the wedge broke: %s", exc)

    def _watch(self) -> None:
        before: tuple[int, tuple[str, ...]] | None = None
        since = time.monotonic()
        while not self._over.wait(0 if before else _LOOK_EVERY_S):
            row = self._reader.execute(_LOOK, [self._pid]).fetchone()
            if row is None:
                return
            held, now = self._blocking(row[0]), tuple(row[1])
            _note(now, self._seen)
            if held is None:
                before, since = None, time.monotonic()
            elif before == (held.pid, now) or time.monotonic() - since > _LONGEST_HOLD_S:
                _note(now, self._read)
                self._certain = self._certain and before == (held.pid, now)
                self._let_go(held)
                before, since = None, time.monotonic()
            else:
                before = (held.pid, now)

    def _blocking(self, pids: Sequence[int]) -> _Helper | None:
        return next((helper for helper in self._helpers if helper.pid in pids), None)

    def _let_go(self, helper: _Helper) -> None:
        if self._chained:
            # The next one is in the way before this one is not: between the two the statement can do one step only.
            (following,) = (each for each in self._helpers if each is not helper)
            following.hold(self._relations, LockMode.ROW_EXCLUSIVE)
        helper.release()


def _note(locks: Sequence[str], modes: dict[int, LockMode]) -> None:
    for lock in locks:
        oid, mode = lock.split()
        modes[int(oid)] = max(LockMode.parse(mode), modes.get(int(oid), LockMode.ACCESS_SHARE))


def wedge_for(sql: str, database: Database, *, pid: int, query: Callable[[str], list[Any]]) -> Wedge | None:
    """Return a wedge for a statement that runs outside of a transaction, if that can be nowhere else.

    :param sql: the statement.
    :param database: where it is about to run.
    :param pid: the server process that will.
    :param query: runs SQL on the same session.
    """
    found = outside(sql)
    relations = targets(found, query) if found else None
    if found is None or relations is None:
        return None
    held = () if found.skips_locked else relations
    return Wedge(database, pid=pid, relations=held, chained=found.chained)
