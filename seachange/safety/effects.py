"""What the facts of a statement mean to others, in words: locks, work, sizes, losses, and who waits how long."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from seachange.plan import Effect
from seachange.safety.facts import RelationLock, StatementFacts
from seachange.safety.statistics import Statistics

__all__ = ["effect_of"]

# Objects that take values with them when they go.
_WITH_VALUES = ("table", "table column", "materialized view", "schema", "sequence", "large object")
_WORK = {
    "rewrite": "rewrites {}",
    "index build": "builds indexes of {}",
    "scan": "scans {}",
    "change": "changes rows of {}",
}


def effect_of(statements: Iterable[StatementFacts], *, statistics: Statistics | None = None) -> Effect:
    """Return what statements from one place do to others, the turns of a loop taken together.

    :param statements: their facts, in order.
    :param statistics: the sizes of the real tables.
    """
    turns = tuple(statements)
    locks = _strongest(lock for each in turns for lock in each.new_locks)
    held = _strongest(lock for each in turns[:1] for lock in each.held_locks)
    work: dict[str, dict[str, None]] = {}
    for each in turns:
        for table, kinds in each.long_work().items():
            work.setdefault(table, {}).update(dict.fromkeys(kinds))
    dropped = [one for each in turns for one in each.dropped if one.kind in _WITH_VALUES]
    touched = dict.fromkeys((*work, *(lock.relation for lock in locks if lock.mode.blocks_writers)))
    return Effect(
        locks=tuple(f"{lock.mode.words} on {lock.relation}" for lock in locks),
        held=tuple(f"{lock.mode.words} on {lock.relation}" for lock in held if lock.mode.blocks_writers),
        work=tuple(_WORK[kind].format(table) for table, kinds in work.items() for kind in kinds),
        sizes=tuple(_sizes(touched, statistics)),
        losses=tuple(f"{one.kind} {one.name}{' (cascade)' if one.cascaded else ''}" for one in dropped),
        wait=_wait((*locks, *held), long=bool(work)),
    )


def _strongest(locks: Iterable[RelationLock]) -> tuple[RelationLock, ...]:
    found: dict[str, RelationLock] = {}
    for lock in locks:
        if lock.kind != "index" and (lock.relation not in found or lock.mode > found[lock.relation].mode):
            found[lock.relation] = lock
    return tuple(found.values())


def _wait(locks: Iterable[RelationLock], *, long: bool) -> str:
    """Return who has to wait and for how long, as a class: what it takes in seconds only rows and traffic decide."""
    modes = [lock.mode for lock in locks]
    if any(mode.blocks_readers for mode in modes):
        who = "readers and writers wait"
    elif any(mode.blocks_writers for mode in modes):
        who = "writers wait"
    else:
        return "nobody waits"
    return f"{who} while it works" if long else f"{who} briefly"


def _sizes(tables: Iterable[str], statistics: Statistics | None) -> Iterator[str]:
    for table in tables:
        found = statistics.tables.get(table) if statistics is not None else None
        if found is not None:
            yield f"{table}: {found.words}"
