"""How each statement of a session is run so that its locks are there to be read afterwards."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any

from seachange.postgres.drivers import in_transaction, pid_of, query
from seachange.postgres.statements import classify
from seachange.safety._tracing._alone import Alone, alone, polled
from seachange.safety._tracing._recorder import Recorder

if TYPE_CHECKING:
    from seachange.postgres.connection import Database
    from seachange.safety._tracing._snapshot import Snapshot

__all__ = ["Sent", "Session", "ends_transaction"]

_COMMITS = re.compile(r"\s*(commit|end)\b(?!.*\bprepared\b)|\s*prepare\s+transaction\b", re.IGNORECASE)
_ROLLS_BACK = re.compile(r"\s*(rollback|abort)\b(?!.*\b(to|prepared)\b)", re.IGNORECASE)
_ROLLS_BACK_TO = re.compile(r"\s*rollback\b.*\bto\b", re.IGNORECASE)
# Nothing may be asked in a transaction before it gets its properties, nor between its beginning and that.
_FIRST = re.compile(r"\s*(set\s+(local\s+|session\s+)?(transaction|characteristics)|begin|start)\b", re.IGNORECASE)
_ENDS_INSIDE = re.compile(r"\b(commit|rollback)\b", re.IGNORECASE)

_FORGETS = re.compile(r"\b(deallocate|discard)\b", re.IGNORECASE)
# psycopg2.extensions.STATUS_BEGIN
_BEGUN = 2

# What the runner sets itself just before a statement.
_BY_RUNNER = ("lock_timeout", "statement_timeout")


@dataclasses.dataclass(kw_only=True)
class Sent:
    """A statement under way: the moment ``before`` it, and how it is watched where it is ``alone``, outside of a transaction."""

    text: str
    before: Snapshot | None
    alone: Alone | None = None


class Session:
    """One session that runs statements of revisions.

    :param connection: a connection of DBAPI, or SQLAlchemy's proxy of one.
    :param driver: the driver's own.
    :param database: the address of its server.
    """

    def __init__(self, connection: Any, driver: Any, *, database: Database | None) -> None:
        self._connection = connection
        self._driver = driver
        self._database = database
        # An asynchronous driver can be sent statements that no cursor of SQLAlchemy's sees.
        complete = getattr(connection, "dbapi_connection", connection) is driver
        self.recorder = Recorder(self.ask, driver, complete=complete)

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query, unseen by whoever watches the session."""
        return query(self._connection, sql)

    @property
    def in_transaction(self) -> bool:
        """Whether the server has a transaction open for it."""
        return in_transaction(self._driver)

    def begin(self, text: str, *, autocommit: bool) -> Sent:
        """Prepare a statement that is sent next.

        :param text: the statement.
        :param autocommit: whether the driver begins no transaction for it.
        """
        if _FIRST.match(text):
            return Sent(text=text, before=None)
        if self.in_transaction or not (autocommit or _has_none_left(self._driver)):
            return Sent(text=text, before=self.recorder.before())
        watched = alone(text, self._database, pid=pid_of(self._driver), query=self.ask)
        return Sent(text=text, before=self.recorder.before(), alone=watched)

    def let_pass(self, text: str) -> None:
        """Let a statement go by that is no revision's."""
        if not _FIRST.match(text):
            self.recorder.skip()

    def end(self, sent: Sent, sql: str) -> dict[str, Any]:
        """Return what a statement did, as fields of :class:`StatementFacts`."""
        if _FORGETS.search(sent.text):
            self.recorder.forget_prepared()
        if _COMMITS.match(sent.text):
            self.recorder.commit()
        elif _ROLLS_BACK.match(sent.text):
            self.recorder.roll_back()
        elif _ROLLS_BACK_TO.match(sent.text):
            self.recorder.roll_back(wholly=False)
        elif sent.before is not None:
            return self._read(sent, sql, sent.before)
        return {"settings": sent.before.settings} if sent.before is not None else {}

    def fail(self, sent: Sent) -> dict[str, Any]:
        """Return what is known of a statement that failed, and leave its transaction."""
        if sent.alone is not None:
            sent.alone.end(failed=True)
            self.recorder.roll_back()
        return {"settings": sent.before.settings} if sent.before is not None else {}

    def _read(self, sent: Sent, sql: str, before: Snapshot) -> dict[str, Any]:
        reading = sent.alone.reading() if sent.alone is not None else None
        found = self.recorder.after(sql, before) if reading is None else self.recorder.after_alone(sql, before, reading)
        if sent.alone is not None:
            sent.alone.end()
            self.recorder.commit()
        # What the statement sets is not in force when it begins.
        own = classify(sent.text).sets
        by_runner = {name: found["settings"][name] for name in _BY_RUNNER if name not in own}
        return found | {"settings": {**before.settings, **by_runner}, "gaps": polled(reading)}


def ends_transaction(text: str) -> bool:
    """Say whether a text ends its transaction."""
    return bool(_COMMITS.match(text) or _ROLLS_BACK.match(text))


def _has_none_left(driver: Any) -> bool:
    # psycopg2 does not notice that a COMMIT sent as text has ended its transaction, and begins none for what follows.
    return getattr(driver, "status", None) == _BEGUN and hasattr(driver, "get_transaction_status")
