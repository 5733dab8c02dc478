"""How long others would wait: the locks of a change and the work done under them, compared before and after a fix."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence

from seachange.safety.facts import LockMode, RevisionFacts, StatementFacts

__all__ = ["Held", "Measure", "held", "measure"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Held:
    """The worst that happens to one relation: its strongest lock, and the long work that is done while that is held.

    With work, ``mode`` is the strongest one under which some of it is done.
    """

    relation: str
    mode: LockMode
    work: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Measure:
    """A chain of revisions measured; compare with ``better_than``."""

    held: tuple[Held, ...]
    readers: int
    writers: int
    brief: int

    def better_than(self, other: Measure, *, even: bool = False) -> bool:
        """Whether less long work is done while readers, then writers, have to wait; with none, whether fewer locks are strong.

        :param other: the measure of the other form.
        :param even: whether it is enough that no more work is done, because something else is better.
        """
        if even and (self.readers, self.writers) <= (other.readers, other.writers):
            return True
        return (self.readers, self.writers, self.brief) < (other.readers, other.writers, other.brief)

    def of(self, relation: str) -> Held | None:
        """Return what happens to one relation."""
        return next((each for each in self.held if each.relation == relation), None)


def measure(revisions: Iterable[RevisionFacts]) -> Measure:
    """Return the locks and the work of a chain of revisions, table by table.

    :param revisions: what each did.
    """
    every = tuple(revisions)
    # A table that is made on the way, to remember how far a backfill is, is nobody else's.
    own = {name for revision in every for statement in revision.statements for name in statement.created}
    found: dict[str, list[tuple[LockMode, tuple[str, ...]]]] = {}
    for revision in every:
        for statement, modes in held(revision):
            for relation, mode in modes.items():
                if relation not in own:
                    found.setdefault(relation, []).append((mode, _work(statement)))
    everything = [each for moments in found.values() for each in moments]
    worst = tuple(_worst(relation, found[relation]) for relation in sorted(found))
    return Measure(
        held=worst,
        readers=sum(len(work) for mode, work in everything if mode.blocks_readers),
        writers=sum(len(work) for mode, work in everything if mode.blocks_writers),
        brief=sum(each.mode for each in worst if each.mode.blocks_writers),
    )


def held(revision: RevisionFacts) -> Iterator[tuple[StatementFacts, Mapping[str, LockMode]]]:
    """Yield each statement of a revision with the locks that its transaction holds while it runs, its own among them.

    :param revision: what it did.
    """
    modes: dict[str, LockMode] = {}
    before = -1
    for statement in revision.statements:
        if statement.transaction != before or not statement.transaction:
            modes = {}
        before = statement.transaction
        for lock in statement.new_locks:
            modes[lock.relation] = max(lock.mode, modes.get(lock.relation, lock.mode))
        yield statement, dict(modes)


def _worst(relation: str, moments: Sequence[tuple[LockMode, tuple[str, ...]]]) -> Held:
    grave = [(mode, work) for mode, work in moments if work and mode.blocks_writers]
    kinds = dict.fromkeys(kind for _, work in grave for kind in work)
    return Held(relation=relation, mode=max(mode for mode, _ in grave or moments), work=tuple(kinds))


def _work(statement: StatementFacts) -> tuple[str, ...]:
    return tuple(f"{kind} of {table}" for table, kinds in statement.long_work().items() for kind in kinds)
