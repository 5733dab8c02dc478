"""One session under watch: its relations, what its transaction has made, and what each statement adds."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from seachange.postgres.drivers import sqlstate_of
from seachange.safety._tracing._facts import Observed, observe
from seachange.safety._tracing._messages import read_messages
from seachange.safety._tracing._notices import Notices
from seachange.safety._tracing._snapshot import (
    Query,
    Relation,
    Snapshot,
    prepare_snapshot,
    read_relations,
    read_snapshot,
)

if TYPE_CHECKING:
    from seachange.safety._tracing._wedge import Reading

__all__ = ["Recorder"]

_log = logging.getLogger(__name__)

_ABORTED = "25P02"
_OWNERS = """
select c.conname, c.conrelid::int8, c.confrelid::int8 from pg_catalog.pg_constraint c
where c.contype = 'f' and c.conname = any (array[{}]::name[])
"""
_TELLING = ("new_locks", "rewrites", "index_builds", "changes", "created", "dropped", "messages")


class Recorder:
    """Reads a session before and after each of its statements.

    :param query: runs SQL on the session, unseen by whoever watches it.
    :param driver: the driver's own connection, which the messages come from.
    :param complete: whether every statement of the session is seen, so that the moment after one is that before the next.
    """

    def __init__(self, query: Query, driver: Any, *, complete: bool = False) -> None:
        self._complete = complete
        self._query = query
        self._notices = Notices(driver)
        self._known: dict[int, Relation] = {}
        self._made: set[int] = set()
        self._warm: set[int] = set()
        self._stale = True
        # The moment after the last statement; a transaction that begins holds nothing.
        self._last: Snapshot | None = Snapshot()
        self._counted = True
        self._prepared = False
        self.unexplained: dict[str, Any] = {}

    def before(self) -> Snapshot | None:
        """Return the moment before a statement, or None in a transaction that the server takes nothing in any more.

        What has happened since the statement before is ``unexplained`` afterwards: fields of :class:`StatementFacts`.
        """
        self.unexplained = {}
        if self._complete and self._last is not None and self._last.settings:
            # In the same transaction nothing has come between.
            return self._last
        try:
            if self._stale:
                self._known, self._stale = read_relations(self._query), False
                self._made &= self._known.keys()
            found = self._snapshot(self._warm)
        except Exception as exc:
            if sqlstate_of(exc) != _ABORTED:
                raise
            _log.debug("the transaction failed before: nothing is read in it")
            return None
        if self._last is not None:
            self._explain(self._last, found)
        else:
            self._noted("", found, found)
        self._notices.take()
        self._last = found
        return found

    def after(self, sql: str, before: Snapshot) -> dict[str, Any]:
        """Return what a statement did, as fields of :class:`StatementFacts`.

        :param sql: the statement.
        :param before: the moment before it.
        """
        found = self._snapshot(self._warm)
        return self._noted(sql, before, found)

    def after_alone(self, sql: str, before: Snapshot, reading: Reading) -> dict[str, Any]:
        """Return the same for a statement that has ended its transaction by itself.

        :param sql: the statement.
        :param before: the moment before it.
        :param reading: the locks that were read while it ran.
        """
        relations = read_relations(self._query)
        changed = {oid for oid in relations.keys() | self._known.keys() if relations.get(oid) != self._known.get(oid)}
        locks = {oid: frozenset([mode]) for oid, mode in reading.modes.items()}
        found = self._snapshot(self._warm | locks.keys() | changed)
        touched = {oid: relations[oid] for oid in (*found.relations, *changed, *locks) if oid in relations}
        locks |= {oid: frozenset() for oid in changed - relations.keys()}
        # Whether its counters were added up since its end is chance.
        noted = self._noted(sql, before, dataclasses.replace(found, locks=locks, relations=touched, counters={}))
        self._warm |= locks.keys()
        self._counted = False
        return noted

    def forget_prepared(self) -> None:
        """Note that the session has forgotten what it had prepared."""
        self._prepared = False

    def _snapshot(self, warm: Iterable[int]) -> Snapshot:
        if not self._prepared:
            prepare_snapshot(self._query)
            self._prepared = True
        return read_snapshot(self._query, warm=sorted(warm))

    def skip(self) -> None:
        """Let what happens up to the next statement be nobody's."""
        if self._stale:
            self._known, self._stale = read_relations(self._query), False
        self._last, self._counted = None, False

    def commit(self) -> None:
        """Note the end of a transaction: what it has made is there for everybody now."""
        self._made.clear()
        self._last = Snapshot(counters=self._last.counters, wal=self._last.wal) if self._last is not None else Snapshot()

    def roll_back(self, *, wholly: bool = True) -> None:
        """Note that work was undone, of the whole transaction or back to a savepoint."""
        self._stale, self._counted = True, False
        if wholly:
            self.commit()
        else:
            self._last = None

    def _noted(self, sql: str, before: Snapshot, found: Snapshot) -> dict[str, Any]:
        messages = self._notices.take()
        gone = {oid for oid in found.locks if oid in self._known and oid not in found.relations}
        now = {oid: one for oid, one in {**self._known, **found.relations}.items() if oid not in gone}
        seen = Observed(
            sql=sql,
            before=before,
            after=found,
            known=self._known,
            now=now,
            made=frozenset(self._made),
            messages=messages,
            owners=self._owners(messages),
        )
        self._made |= found.relations.keys() - self._known.keys()
        self._known, self._last = now, found
        # The server adds these up when it sees fit; until then they stay, even of a table that a rollback brings back.
        self._warm |= {oid for oid, counters in found.counters.items() if any((counters.scans, counters.read, counters.changed))}
        return observe(seen)

    def _explain(self, last: Snapshot, found: Snapshot) -> None:
        if not self._counted:
            last, self._counted = dataclasses.replace(last, counters=found.counters), True
        noted = self._noted("", last, found)
        if any(noted[name] for name in _TELLING):
            self.unexplained = noted

    def _owners(self, messages: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
        names = read_messages(messages).validating
        if not names:
            return {}
        quoted = ", ".join("'" + name.replace("'", "''") + "'" for name in names)
        return {name: tuple(oids) for name, *oids in self._query(_OWNERS.format(quoted))}
