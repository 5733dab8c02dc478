"""How long others would wait: the locks of a change and the work done under them, compared before and after a fix."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from seachange.safety.facts import LockMode, RevisionFacts, Window

__all__ = ["Held", "Measure", "measure"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Held:
    """The worst that happens to one relation: its strongest lock, and the long work that is done while that is held.

    ``locked_for`` names the lock under which the most is done, which need not be the strongest one.
    """

    relation: str
    mode: LockMode
    work: tuple[str, ...] = ()

    @property
    def grave(self) -> tuple[bool, LockMode, int]:
        """Sorts from harmless to grave."""
        return (bool(self.work) and self.mode.blocks_writers, self.mode, len(self.work))


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
    windows = [window for revision in revisions for window in revision.windows]
    worst: dict[str, Held] = {}
    for window in windows:
        held = Held(relation=window.relation, mode=window.mode, work=_work(window))
        if window.relation not in worst or held.grave > worst[window.relation].grave:
            worst[window.relation] = held
    return Measure(
        held=tuple(sorted(worst.values(), key=lambda each: each.relation)),
        readers=sum(len(_work(window)) for window in windows if window.mode.blocks_readers),
        writers=sum(len(_work(window)) for window in windows if window.mode.blocks_writers),
        brief=sum(held.mode for held in worst.values() if held.mode.blocks_writers),
    )


def _work(window: Window) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for tables in window.long_work().values():
        for table, kinds in tables.items():
            found.update({f"{kind} of {table}": None for kind in kinds})
    return tuple(found)
