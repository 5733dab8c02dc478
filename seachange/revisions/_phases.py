"""The places of operations in a revision, from first to last."""

from __future__ import annotations

from typing import Any

__all__ = ["Pair", "Phase"]

#: An operation and what undoes it.
Pair = tuple[Any, Any]


class Phase:
    """Where operations stand; equal phases keep the order in which they were found."""

    LABELS = 0
    TYPES = 10
    ENTITIES_GO = 20
    KEYS_GO = 30
    FOREIGN_KEYS_GO = 25
    CREATE_TABLES = 40
    COLUMNS_COME = 50
    COLUMNS_CHANGE = 55
    COLUMNS_GO = 60
    TABLES_GO = 65
    KEYS_COME = 70
    FOREIGN_KEYS_COME = 75
    STORAGE = 80
    ENTITIES_COME = 85
    TYPES_GO = 90
