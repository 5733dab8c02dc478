"""Tables that belong together: those that foreign keys connect, directly or by others."""

from __future__ import annotations

from collections.abc import Sequence

from seachange.sync.model import Table

__all__ = ["connected"]


def connected(tables: Sequence[Table]) -> list[list[Table]]:
    """Return the tables in groups, each in the order of a walk along its foreign keys, so that neighbours are near.

    :param tables: the tables; foreign keys to others connect nothing.
    """
    by_key = {table.key: table for table in tables}
    neighbours: dict[tuple[str, str], list[tuple[str, str]]] = {key: [] for key in by_key}
    for table in tables:
        for key in table.foreign_keys:
            if key.references in by_key:
                neighbours[table.key].append(key.references)
                neighbours[key.references].append(table.key)
    seen: set[tuple[str, str]] = set()
    groups = []
    for start in by_key:
        if start not in seen:
            seen.add(start)
            walk = [start]
            for place in walk:
                fresh = [one for one in dict.fromkeys(neighbours[place]) if one not in seen]
                seen.update(fresh)
                walk += fresh
            groups.append([by_key[place] for place in walk])
    return groups
