"""Watch and run the statements of one revision: their timeouts, their tries, and whether something was committed."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from seachange.postgres.drivers import in_autocommit, listening, query
from seachange.postgres.statements import Lock, StatementClass, classify

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from seachange.revisions._builds import ConcurrentBuild
    from seachange.revisions._journal import Journal
    from seachange.revisions._lookout import Lookout
    from seachange.revisions._roles import Roles
    from seachange.revisions._statement_table import Recorded
    from seachange.revisions._timeouts import Timeouts
    from seachange.revisions._tries import Tries

__all__ = ["Policy", "StatementWatch", "shorten"]

_log = logging.getLogger(__name__)

_READS = re.compile(r"\s*(select|show|set|reset|values|explain|table)\b", re.IGNORECASE)
# END is a commit only as a statement of its own: blocks of PL/pgSQL end with it too.
_COMMITS = re.compile(r"\A\s*(commit|end)\b|;\s*commit\b", re.IGNORECASE)
_ROLLS_BACK = re.compile(r"\A\s*(rollback|abort)\b(?!.*\bto\b)", re.IGNORECASE)
_LONGEST = 200
_XACT_ID = "select pg_catalog.pg_current_xact_id_if_assigned()::text"


def shorten(statement: str) -> str:
    """Return a statement on one line, cut where a message would drown in it."""
    text = " ".join(statement.split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."


@dataclasses.dataclass(frozen=True, kw_only=True)
class Policy:
    """How the statements of one connection are run.

    ``lookout`` looks who is in the way of a statement; ``say`` is told what is done besides the revision's own statements;
    ``patience_s``: how long to wait for somebody else's build of the same index; ``roles`` on a throwaway server only.
    """

    timeouts: Timeouts
    lookout: Lookout
    say: Callable[[str], None]
    patience_s: float
    roles: Roles | None = None


class StatementWatch:
    """What a revision's statements do to the database, as far as a rollback does not undo it.

    ``statement`` is the one under way; ``exhausted``: it was tried by itself as often as it is worth; ``xact_id`` is the
    transaction that COMMIT was sent for last.
    """

    def __init__(self) -> None:
        self.policy: Policy | None = None
        self._tries: Tries | None = None
        self._journal: Journal | None = None
        self._forget()

    def begin(self, tries: Tries, *, journal: Journal | None = None) -> None:
        """Forget what the revision, or the try, before did.

        :param tries: those of the revision.
        :param journal: where what it commits before it is done is written down, and what an earlier run has committed stands.
        """
        self._tries, self._journal = tries, journal
        self._forget()
        if self.policy is not None:
            self.policy.timeouts.begin()
            self.policy.lookout.clear()

    def end(self) -> None:
        """Leave the connection alone until the next revision."""
        self._tries = self._journal = None
        if self.policy is not None:
            self.policy.lookout.end()

    def _forget(self) -> None:
        self.statement, self.concurrent, self.exhausted, self.xact_id = "", False, False, ""
        self._pending, self._held, self._committing, self._committed = False, False, False, False
        self._passed: Recorded | None = None
        self._ending = False
        if self._journal is not None:
            self._journal.forget()

    @property
    def resumed(self) -> bool:
        """Whether an earlier run has committed part of the revision."""
        return self._journal is not None and self._journal.resumed

    @property
    def recorded(self) -> bool:
        """Whether what the revision commits before it is done is written down."""
        return self._journal is not None

    @property
    def committed(self) -> bool:
        """Whether work of the current revision cannot be rolled back any more."""
        return self._committed or self._committing

    def note_commit(self) -> None:
        """Note that the revision has committed by itself."""
        self._committed = True

    def note_end(self) -> None:
        """Note that the revision has run: what is still written, its version above all, waits and works as it did last."""
        self._ending = True

    def note_error(self) -> None:
        """Note that the server answered with an error: if that was to COMMIT, it has undone everything."""
        self._committing = False

    @contextlib.contextmanager
    def listening(self, engine: Engine) -> Iterator[None]:
        """Listen to the connections of ``engine``."""
        listeners: dict[str, Callable[..., Any]] = {
            "before_cursor_execute": self._before,
            "after_cursor_execute": self._after,
            "do_execute": self._execute,
            "do_execute_no_params": self._execute_no_params,
            "do_executemany": self._execute_many,
            "commit": self._commit,
            "rollback": self._rollback,
            "savepoint": self._savepoint,
            "rollback_savepoint": self._rollback_savepoint,
        }
        with listening(engine, listeners):
            yield

    def _before(self, connection: Connection, cursor: Any, statement: str, *rest: Any) -> None:
        del cursor
        # A COMMIT after which something more is sent was answered.
        self._committed, self._committing = self.committed, False
        self.statement = statement
        self.concurrent = classify(statement).concurrent and in_autocommit(connection)
        if self.policy is not None and self._tries is not None:
            self.policy.lookout.begin()
        self._passed = None
        if self._journal is not None and not self._ending:
            if _COMMITS.match(statement):
                self._journal.flush(connection)
            self._passed = self._journal.passed_over(connection, statement, rest[0])
            if self._passed is not None and self.policy is not None:
                done = f"run {self._passed.run_id} has committed statement {self._passed.number} already"
                self.policy.say(f"{done}, which is not sent again: {shorten(self._passed.sql)}")

    def _execute(self, cursor: Any, statement: str, *rest: Any) -> bool:
        parameters, context = rest
        return self._run(context, lambda: cursor.execute(statement, parameters), parameters=parameters)

    def _execute_no_params(self, cursor: Any, statement: str, context: Any) -> bool:
        return self._run(context, lambda: cursor.execute(statement))

    def _execute_many(self, cursor: Any, statement: str, *rest: Any) -> bool:
        del cursor
        if self._passed is None and self.policy is not None and self._tries is not None:
            self._set_timeouts(rest[-1].root_connection, classify(statement), self._tries)
        return self._passed is not None

    def _run(self, context: Any, run: Callable[[], Any], *, parameters: object = ()) -> bool:
        """Run a statement under the policy; return False where there is none, and SQLAlchemy runs it."""
        if self.policy is None or self._tries is None or self._ending:
            return False
        connection, found = context.root_connection, classify(self.statement)
        if self._passed is not None:
            # Whoever asks how many rows it changed is told what it was the first time.
            context._rowcount = self._passed.rows
            return True
        if self._settled(connection, found):
            return True
        if not in_autocommit(connection):
            self._set_timeouts(connection, found, self._tries)
            run()
            return True

        def recorded() -> None:
            around = self._journal.around if self._journal is not None else _unrecorded
            with around(connection, self.statement, parameters) as ended:
                run()
                ended(context.cursor.rowcount)

        self._run_alone(connection, found, recorded)
        return True

    def _run_alone(self, connection: Connection, found: StatementClass, run: Callable[[], None]) -> None:
        """Run a statement that is a transaction of its own, as often as it is worth it when it is done wholly or not at all."""
        if self._tries is None:
            raise AssertionError("a revision is under way")
        tries, build = self._tries.for_statement(), self._build(connection, found)
        self._set_timeouts(connection, found, tries)
        if not found.atomic:
            run()
            return
        if build is not None:
            build.prepare()
        while not self._try(run, tries):
            self._set_timeouts(connection, found, tries)
            if build is not None:
                build.clean()
        if build is not None:
            build.require_valid()

    def _settled(self, connection: Connection, found: StatementClass) -> bool:
        roles = self.policy.roles if self.policy is not None else None
        return roles is not None and roles.settled(found, lambda sql: query(connection.connection, sql))

    def _try(self, run: Callable[[], Any], tries: Tries) -> bool:
        # The statement is its own transaction: the server undid it alone, and alone it can be tried again.
        try:
            run()
        except Exception as exc:
            if tries.again(exc):
                return False
            self.exhausted = True
            raise
        return True

    def _set_timeouts(self, connection: Connection, found: StatementClass, tries: Tries) -> None:
        if self.policy is None:
            return
        timeouts = self.policy.timeouts
        first_ms = tries.lock_timeout_ms(timeouts.bound_ms)
        timeouts.apply(found, first_ms=first_ms, held=self._held, execute=lambda sql: query(connection.connection, sql))

    def _build(self, connection: Connection, found: StatementClass) -> ConcurrentBuild | None:
        from seachange.revisions._builds import ConcurrentBuild

        if found.build is None or self.policy is None:
            return None
        patience_s = self.policy.patience_s
        return ConcurrentBuild(
            found.build, query=lambda sql: query(connection.connection, sql), say=self.policy.say, patience_s=patience_s
        )

    def _after(self, connection: Connection, cursor: Any, statement: str, *rest: Any) -> None:
        found, alone = classify(statement), in_autocommit(connection)
        parameters, _, many = rest
        if self._journal is not None and not self._ending and self._passed is None and (many or not alone):
            self._journal.note(statement, parameters, rows=cursor.rowcount, connection=connection if alone else None)
        if commits := _COMMITS.search(statement):
            # What stands before a COMMIT in the same text is committed with it.
            self._committed = self._committed or self._pending or commits.start() > 0
            self._end_transaction(committed=True)
        elif _ROLLS_BACK.search(statement):
            self._end_transaction(committed=False)
        elif not _READS.match(statement) and self._passed is None:
            self._pending = True
            self._committed = self._committed or alone
        self._held = not alone and (self._held or found.lock is Lock.BLOCKING)
        self.statement = ""
        if self.policy is not None:
            self.policy.timeouts.note(found.sets)
            self.policy.lookout.end()

    def _commit(self, connection: Connection) -> None:
        if self._pending and not in_autocommit(connection):
            self.xact_id = _xact_id(connection)
        if self._journal is not None and not self._ending:
            self._journal.flush(connection)
        self._committing, self._pending = self._pending, False
        self._end_transaction(committed=True)

    def _rollback(self, connection: Connection) -> None:
        del connection
        self._pending, self._committing = False, False
        self._end_transaction(committed=False)

    def _savepoint(self, connection: Connection, name: str) -> None:
        del connection
        if self._journal is not None:
            self._journal.mark(name)

    def _rollback_savepoint(self, connection: Connection, name: str, *_: Any) -> None:
        del connection
        if self._journal is not None:
            self._journal.back_to(name)
        if self.policy is not None:
            self.policy.timeouts.forget()

    def _end_transaction(self, *, committed: bool) -> None:
        self._held = False
        if self._journal is not None:
            self._journal.forget()
        if self.policy is not None and committed:
            self.policy.timeouts.commit()
        elif self.policy is not None:
            self.policy.timeouts.roll_back()


def _xact_id(connection: Connection) -> str:
    # Known before COMMIT is sent, it tells afterwards what became of it. A transaction that cannot be asked cannot commit either.
    try:
        rows = query(connection.connection, _XACT_ID)
    except Exception as exc:  # noqa: BLE001 - any driver's; COMMIT meets the same fault and tells it
        _log.debug("cannot ask for the id of the transaction: %s", exc)
        return ""
    return str(rows[0][0] or "") if rows else ""


@contextlib.contextmanager
def _unrecorded(*_: object) -> Iterator[Callable[[int], None]]:
    yield lambda _: None
