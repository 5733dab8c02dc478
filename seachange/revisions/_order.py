"""One order over all revisions: parents first, ties by timestamp."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping

__all__ = ["ancestors", "find_cycles", "sort"]


def sort(parents: Mapping[str, Iterable[str]], *, when: Mapping[str, int]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Order revisions so that parents come first, older ones first where the links leave it open.

    :param parents: the revisions that each one needs; those that are no key of the mapping are ignored.
    :param when: the timestamp of each, in milliseconds.
    :returns: the ordered revisions, and those that a cycle keeps out of every order.
    """
    waiting = {name: {parent for parent in needed if parent in parents} for name, needed in parents.items()}
    children: dict[str, list[str]] = {}
    for name, needed in waiting.items():
        for parent in needed:
            children.setdefault(parent, []).append(name)
    ready = [(when.get(name, 0), name) for name, needed in waiting.items() if not needed]
    heapq.heapify(ready)
    done: list[str] = []
    while ready:
        _, name = heapq.heappop(ready)
        done.append(name)
        for child in children.get(name, ()):
            waiting[child].discard(name)
            if not waiting[child]:
                heapq.heappush(ready, (when.get(child, 0), child))
    left = set(parents).difference(done)
    return tuple(done), tuple(sorted(left, key=lambda name: (when.get(name, 0), name)))


def find_cycles(parents: Mapping[str, Iterable[str]], among: Iterable[str]) -> Iterator[tuple[str, ...]]:
    """Yield cycles among revisions that :func:`sort` could not order, each as a chain of parents, no revision in two of them."""
    left = {name: {parent for parent in parents[name] if parent in parents} for name in among}
    while left := _without_bases(left):
        cycle = _find_cycle(left)
        yield cycle
        left = {name: needed.difference(cycle) for name, needed in left.items() if name not in cycle}


def _without_bases(left: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Return what is still kept out of every order."""
    done, _ = sort(left, when={})
    gone = set(done)
    return {name: needed.difference(gone) for name, needed in left.items() if name not in gone}


def _find_cycle(left: Mapping[str, set[str]]) -> tuple[str, ...]:
    name = min(left)
    chain: dict[str, None] = {}
    while name not in chain:
        chain[name] = None
        name = min(parent for parent in left[name] if parent in left)
    names = list(chain)
    return tuple(names[names.index(name) :])


def ancestors(parents: Mapping[str, Iterable[str]], start: Iterable[str]) -> frozenset[str]:
    """Return ``start`` and everything that it needs, directly or not."""
    found: set[str] = set()
    waiting = [name for name in start if name in parents]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(parent for parent in parents[name] if parent in parents)
    return frozenset(found)
