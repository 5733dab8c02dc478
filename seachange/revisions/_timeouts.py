"""lock_timeout and statement_timeout of each statement of a revision, by what it locks and how long it may work."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from seachange.config import Settings
from seachange.postgres.statements import Lock, StatementClass, Work

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["FIRST_MS", "SessionFacts", "Timeouts", "read_session"]

# Readers and writers queue behind a statement that waits for a blocking lock, for as long as it waits.
FIRST_MS = 300
_LEAST_BOUND_MS = 2_000
_BY_WORK_MS = {Work.SHORT: 60_000, Work.LONG: 3_600_000, Work.BUILD: 86_400_000}
_NAMES = ("lock_timeout", "statement_timeout")

_FACTS = """
select pg_catalog.pg_backend_pid(), current_setting('cluster_name'),
    (select setting::int from pg_catalog.pg_settings where name = 'deadlock_timeout'),
    (select setting::int from pg_catalog.pg_settings where name = 'lock_timeout'),
    (select source from pg_catalog.pg_settings where name = 'lock_timeout'),
    (select setting::int from pg_catalog.pg_settings where name = 'statement_timeout'),
    (select source from pg_catalog.pg_settings where name = 'statement_timeout')
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SessionFacts:
    """What the session says in which the revisions run; ``own`` are the timeouts that env.py has set for it itself."""

    pid: int
    cluster_name: str
    deadlock_timeout_ms: int
    own: frozenset[str]


def read_session(connection: Connection, settings: Settings) -> SessionFacts:
    """Return what the session of ``connection`` says; a transaction is left open only where one was."""
    began = connection.in_transaction()
    row: Any = connection.exec_driver_sql(_FACTS).one()
    if not began:
        connection.commit()
    pid, cluster_name, deadlock_ms, *timeouts = row
    ours = {"lock_timeout": settings.session_lock_timeout, "statement_timeout": settings.session_statement_timeout}
    given = dict(zip(_NAMES, zip(timeouts[::2], timeouts[1::2], strict=True), strict=True))
    # "session": SET, "client": the connection's parameters; what a role or the server has by default is nobody's choice for this.
    own = {name for name, (value, source) in given.items() if source in ("session", "client") and value != ours[name]}
    return SessionFacts(pid=pid, cluster_name=cluster_name, deadlock_timeout_ms=deadlock_ms, own=frozenset(own))


class Timeouts:
    """Sets the timeouts of a session before each statement where they are not what they were.

    What env.py or a revision sets itself is left alone: env.py's for the whole run, a revision's until its end, or, by
    SET LOCAL, until the end of the transaction.

    :param settings: an explicit ``lock_timeout`` or ``statement_timeout`` overrides what follows from the class.
    :param facts: what the session says.
    """

    def __init__(self, settings: Settings, facts: SessionFacts) -> None:
        self._settings = settings
        self._facts = facts
        self._set: dict[str, int] = {}
        self._revision_own: set[str] = set()
        self._transaction_own: set[str] = set()

    @property
    def bound_ms(self) -> int:
        """The longest lock_timeout; 0 is none. Shorter than deadlock_timeout it would never win against autovacuum."""
        if self._settings.lock_timeout is not None:
            return self._settings.lock_timeout
        return max(_LEAST_BOUND_MS, 2 * self._facts.deadlock_timeout_ms)

    def begin(self) -> None:
        """Begin a revision, or begin it anew."""
        for name in self._revision_own:
            self._set.pop(name, None)
        self._revision_own.clear()
        self._transaction_own.clear()

    def commit(self) -> None:
        """Note the end of a transaction: what it set stays, but by SET LOCAL."""
        self._transaction_own.clear()

    def roll_back(self) -> None:
        """Forget what a transaction has set, of which nothing stays."""
        self.forget()
        self._transaction_own.clear()

    def forget(self) -> None:
        """Forget what was set: a rollback to a savepoint may have undone it."""
        self._set.clear()

    def note(self, sets: Mapping[str, bool]) -> None:
        """Note what a statement of the revision has set itself, as :class:`StatementClass` has it."""
        for name, local in sets.items():
            (self._transaction_own if local else self._revision_own).add(name)

    def apply(self, found: StatementClass, *, first_ms: int, held: bool, execute: Callable[[str], object]) -> None:
        """Set what ``found`` asks for.

        :param found: the statement about to run.
        :param first_ms: the lock_timeout of this try, for blocking statements.
        :param held: whether the transaction holds a blocking lock already, so that others queue whatever it waits for.
        :param execute: runs SQL on the session.
        """
        if found.lock is Lock.SESSION or (found.lock is Lock.FREE and self._set.get("lock_timeout")):
            # Nothing to wait for: a round trip to the server for each CREATE TABLE would cost as much as that itself.
            return
        wanted = {"lock_timeout": self._lock_ms(found, first_ms, held=held), "statement_timeout": self._statement_ms(found)}
        own = self._facts.own | self._revision_own | self._transaction_own
        changed = {name: value for name, value in wanted.items() if name not in own and self._set.get(name) != value}
        if changed:
            execute("select " + ", ".join(f"set_config('{name}', '{value}', false)" for name, value in changed.items()))
            self._set |= changed

    def _lock_ms(self, found: StatementClass, first_ms: int, *, held: bool) -> int:
        if found.lock is Lock.ONLINE and not held:
            # It stops nobody while it waits, and a concurrent build that is stopped leaves wreckage.
            return 0
        return first_ms if found.lock in (Lock.BLOCKING, Lock.FREE) else self.bound_ms

    def _statement_ms(self, found: StatementClass) -> int:
        explicit = self._settings.statement_timeout
        return _BY_WORK_MS[found.work] if explicit is None else explicit
