"""One session under watch: its relations, what its transaction has made, and what each statement adds."""

from __future__ import annotations

import dataclasses
import logging
from typing import TYPE_CHECKING, Any

from seachange.postgres.drivers import sqlstate_of
from seachange.safety._tracing._facts import Observed, observe
from seachange.safety._tracing._messages import read_messages
from seachange.safety._tracing._notices import Notices
from seachange.safety._tracing._snapshot import Query, Relation, Snapshot, read_relations, read_snapshot

if TYPE_CHECKING:
    from seachange.safety._tracing._wedge import Reading

__all__ = ["Recorder"]

_log = logging.getLogger(__name__)

_ABORTED = "25P02"
_OWNERS = """
select c.conname, c.conrelid::int8, c.confrelid::int8 from pg_catalog.pg_constraint c
where c.contype = 'f' and c.conname = any (array[{}]::name[])
"""


class Recorder:
    """Reads a session before and after each of its statements.

    :param query: runs SQL on the session, unseen by whoever watches it.
    :param driver: the driver's own connection, which the messages come from.
    """

    def __init__(self, query: Query, driver: Any) -> None:
        self._query = query
        self._notices = Notices(driver)
        self._known: dict[int, Relation] = {}
        self._made: set[int] = set()
        self._warm: set[int] = set()
        self._stale = True

    def before(self) -> Snapshot | None:
        """Return the moment before a statement, or None in a transaction that the server takes nothing in any more."""
        try:
            if self._stale:
                self._known, self._stale = read_relations(self._query), False
            found = read_snapshot(self._query, warm=sorted(self._warm))
        except Exception as exc:
            if sqlstate_of(exc) != _ABORTED:
                raise
            _log.debug("the transaction failed before: nothing is read in it")
            return None
        self._notices.take()
        return found

    def after(self, sql: str, before: Snapshot, *, reading: Reading | None = None) -> dict[str, Any]:
        """Return what a statement did, as fields of :class:`StatementFacts`.

        :param sql: the statement.
        :param before: the moment before it.
        :param reading: its locks, where it has ended its transaction by itself.
        """
        found = read_snapshot(self._query, warm=sorted(self._warm))
        if reading is not None:
            found = self._ended(found, reading)
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
        self._known = now
        # The server adds these up when it sees fit; until then they stay, even of a table that a rollback brings back.
        self._warm |= {oid for oid, counters in found.counters.items() if any((counters.scans, counters.read, counters.changed))}
        return observe(seen)

    def commit(self) -> None:
        """Note the end of a transaction: what it has made is there for everybody now."""
        self._made.clear()

    def roll_back(self, *, wholly: bool = True) -> None:
        """Note that work was undone, of the whole transaction or back to a savepoint."""
        self._stale = True
        if wholly:
            self._made.clear()

    def _ended(self, found: Snapshot, reading: Reading) -> Snapshot:
        """Return the moment after a statement whose locks are gone: what it has made or written anew is looked for everywhere."""
        relations = read_relations(self._query)
        locks = {oid: frozenset({mode}) for oid, mode in reading.modes.items() if oid in self._known}
        names = {one.qualified for one in self._known.values()}
        again = {oid: one for oid, one in relations.items() if one.qualified in names and oid not in self._known}
        # A rebuilt index is another relation under the same name, with files of its own.
        self._known |= {oid: dataclasses.replace(one, filenode=0) for oid, one in again.items()}
        self._stale = True
        return dataclasses.replace(found, relations=relations, locks=locks)

    def _owners(self, messages: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
        names = read_messages(messages).validating
        if not names:
            return {}
        quoted = ", ".join("'" + name.replace("'", "''") + "'" for name in names)
        return {name: tuple(oids) for name, *oids in self._query(_OWNERS.format(quoted))}
