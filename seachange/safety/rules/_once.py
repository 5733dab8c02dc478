"""What many rules ask of the same revision is found out once: all rules judge one revision before the next."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TypeVar

from seachange.safety.facts import RevisionFacts

__all__ = ["once"]

_Found = TypeVar("_Found")


def once(find: Callable[[RevisionFacts], _Found]) -> Callable[[RevisionFacts], _Found]:
    """Make a function of a revision remember what it returned for the last one.

    :param find: the function; what it returns must not be changed.
    """
    kept: list[tuple[RevisionFacts, _Found]] = []

    @functools.wraps(find)
    def remembering(facts: RevisionFacts) -> _Found:
        last = kept[0] if kept else None
        if last is None or last[0] is not facts:
            last = (facts, find(facts))
            kept[:] = [last]
        return last[1]

    return remembering
