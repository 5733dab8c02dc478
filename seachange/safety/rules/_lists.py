"""Lists of names in sentences."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["listed"]

_NAMED = 4


def listed(names: Iterable[str]) -> str:
    """Return names as a phrase: ``a``, ``a and b``, ``a, b, c, d and 4 more``."""
    found = list(dict.fromkeys(names))
    if len(found) > _NAMED + 1:
        found = [*found[:_NAMED], f"{len(found) - _NAMED} more"]
    *front, last = found or [""]
    return f"{', '.join(front)} and {last}" if front else last
