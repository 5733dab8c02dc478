"""What follows from the moments before and after a statement: pure, so that it can be read and tested without a server."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from seachange.safety._tracing._messages import Told, read_messages
from seachange.safety._tracing._snapshot import Counters, Relation, Snapshot
from seachange.safety._tracing._triggers import read_dropped, read_rewritten
from seachange.safety._tracing._witnesses import Shown, disagreements
from seachange.safety.facts import Dropped, IndexBuild, LockMode, RelationLock

__all__ = ["Observed", "held", "observe"]

_TRUNCATES = re.compile(r"\btruncate\b", re.IGNORECASE)
_STORED = ("r", "m")


_NONE = Counters()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Observed:
    """A statement seen from outside.

    ``known`` are the relations before it, ``made`` those that its own transaction has made, ``now`` the relations after it.
    ``owners`` gives the tables of a foreign key by its name: the one that refers, and the one that is referred to.
    """

    sql: str
    before: Snapshot
    after: Snapshot
    known: Mapping[int, Relation]
    now: Mapping[int, Relation]
    made: frozenset[int] = frozenset()
    messages: tuple[str, ...] = ()
    owners: Mapping[str, tuple[int, ...]] = dataclasses.field(default_factory=dict)

    def counted(self, oid: int) -> Counters:
        """What the statement did to a table, by the server's counters."""
        before, after = self.before.counters.get(oid, _NONE), self.after.counters.get(oid, _NONE)
        if before == after:
            return _NONE
        # The server has added them up meanwhile, and begun anew.
        if after.scans < before.scans or after.read < before.read or after.changed < before.changed:
            before = _NONE
        return Counters(scans=after.scans - before.scans, read=after.read - before.read, changed=after.changed - before.changed)

    def existed(self, oid: int) -> bool:
        """Say whether a relation was there before the transaction."""
        return oid in self.known and oid not in self.made

    @property
    def touched(self) -> Iterable[int]:
        """The relations of which the moment after tells anything, dropped ones too."""
        return dict.fromkeys([*self.after.relations, *self.after.locks])


def held(snapshot: Snapshot, known: Mapping[int, Relation], made: Iterable[int] = ()) -> tuple[RelationLock, ...]:
    """Return the strongest lock on each relation that was there before the transaction.

    :param snapshot: the moment.
    :param known: the relations by number.
    :param made: those that the transaction has made.
    """
    own = set(made)
    return _locks({oid: max(modes) for oid, modes in snapshot.locks.items() if oid not in own}, known)


def observe(seen: Observed) -> dict[str, Any]:
    """Return the fields of :class:`StatementFacts` that follow."""
    told = read_messages(seen.messages)
    rewritten = _rewritten(seen)
    built = _built(seen)
    verified = _verified(seen, told)
    return {
        "transaction_id": seen.after.transaction_id or seen.before.transaction_id,
        "new_locks": _locks({oid: mode for oid, mode in _taken(seen).items() if seen.existed(oid)}, seen.known),
        "held_locks": held(seen.before, seen.known, seen.made),
        "rewrites": _names(rewritten, seen.known),
        "index_builds": tuple(built.values()),
        "scans": _scans(seen, verified),
        "verified": _names(verified, seen.known),
        "proofs": told.proven,
        "changes": _by_table(seen, lambda counters: counters.changed),
        "created": _created(seen),
        "dropped": _dropped(seen),
        "messages": seen.messages,
        "settings": seen.after.settings,
        "wal_bytes": max(0, seen.after.wal - seen.before.wal),
        "disagreements": disagreements(told, _shown(seen, rewritten=rewritten, built=built), sql=seen.sql),
    }


def _locks(modes: Mapping[int, LockMode], relations: Mapping[int, Relation]) -> tuple[RelationLock, ...]:
    locks = (
        RelationLock(relation=relations[oid].qualified, mode=mode, kind=relations[oid].kind)
        for oid, mode in modes.items()
        if oid in relations
    )
    return tuple(sorted(locks, key=lambda lock: (-lock.mode, lock.kind == "index", lock.relation)))


def _taken(seen: Observed) -> dict[int, LockMode]:
    taken: dict[int, LockMode] = {}
    for oid, modes in seen.after.locks.items():
        had = seen.before.locks.get(oid, frozenset())
        new = max(modes - had, default=None)
        if new is not None and new > max(had, default=0):
            taken[oid] = new
    return taken


def _rewritten(seen: Observed) -> tuple[int, ...]:
    if _TRUNCATES.search(seen.sql):
        return ()
    changed = [
        oid
        for oid, after in seen.after.relations.items()
        if after.relkind in _STORED and seen.existed(oid) and after.filenode != seen.known[oid].filenode
    ]
    # A table whose new copy was dropped by the same text shows only here.
    told = [oid for oid in read_rewritten(seen.after.happened) if seen.existed(oid)]
    return tuple(dict.fromkeys([*changed, *told]))


def _built(seen: Observed) -> dict[int, IndexBuild]:
    """Return the indexes that were built; one that took over the storage of an older one was not."""
    indexes = {oid: one for oid, one in seen.after.relations.items() if one.relkind == "i" and seen.existed(one.table)}
    if not indexes or _TRUNCATES.search(seen.sql):
        return {}
    kept = {before.filenode for before in seen.known.values() if before.relkind == "i"}
    return {
        oid: IndexBuild(index=one.qualified, table=seen.known[one.table].qualified)
        for oid, one in indexes.items()
        if one.filenode not in kept
    }


def _verified(seen: Observed, told: Told) -> tuple[int, ...]:
    wanted = set(told.verifying)
    named = [oid for oid in seen.touched if seen.existed(oid) and seen.known[oid].name in wanted]
    keys = [oid for name in told.validating for oid in seen.owners.get(name, ()) if seen.existed(oid)]
    return tuple(dict.fromkeys([*named, *keys]))


def _shown(seen: Observed, *, rewritten: Iterable[int], built: Iterable[int]) -> Shown:
    new = [oid for oid in seen.after.relations if not seen.existed(oid)]
    return Shown(
        locked=frozenset(seen.known[oid].name for oid in seen.touched if seen.existed(oid)),
        own=frozenset(seen.now[oid].name for oid in new),
        rewritten=frozenset(seen.known[oid].name for oid in rewritten),
        built=frozenset(seen.known[seen.now[oid].table].name for oid in built),
        scanned=frozenset(seen.known[oid].name for oid in _scanned(seen)),
    )


def _scanned(seen: Observed) -> tuple[int, ...]:
    found = (oid for oid in seen.after.counters if seen.existed(oid) and seen.counted(oid).scans)
    # TRUNCATE builds the indexes of what it has emptied anew, which the server counts as scans.
    return tuple(oid for oid in found if not (_TRUNCATES.search(seen.sql) and _has_new_file(seen, oid)))


def _has_new_file(seen: Observed, oid: int) -> bool:
    return seen.after.relations[oid].filenode != seen.known[oid].filenode


def _scans(seen: Observed, verified: Iterable[int]) -> dict[str, int]:
    scanned = [oid for oid in _scanned(seen) if seen.known[oid].table == 0]
    return {seen.known[oid].qualified: seen.counted(oid).read for oid in dict.fromkeys([*scanned, *verified])}


def _by_table(seen: Observed, value: Callable[[Counters], int]) -> dict[str, int]:
    counted = {oid: value(seen.counted(oid)) for oid in seen.after.counters if seen.existed(oid)}
    return {seen.known[oid].qualified: count for oid, count in counted.items() if count}


def _created(seen: Observed) -> tuple[str, ...]:
    found = [one.qualified for oid, one in seen.after.relations.items() if oid not in seen.known]
    # A change of type drops indexes and makes them anew under their old names.
    before = {one.qualified for one in seen.known.values()} if found else set()
    return tuple(name for name in found if name not in before)


def _dropped(seen: Observed) -> tuple[Dropped, ...]:
    if told := read_dropped(seen.after.happened, seen.known):
        return told
    # Without the event triggers a relation that is locked and gone is what there is to know.
    gone = [seen.known[oid] for oid in seen.after.locks if oid in seen.known and oid not in seen.now]
    return tuple(Dropped(name=one.qualified, kind=one.kind) for one in gone if not one.table)


def _names(oids: Iterable[int], relations: Mapping[int, Relation]) -> tuple[str, ...]:
    return tuple(relations[oid].qualified for oid in oids)
