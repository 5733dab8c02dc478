"""The turns of a loop that send the same statement with other values, folded into one."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Mapping

from seachange.safety.facts import StatementFacts

__all__ = ["folded"]

# What differs from one turn to the next; names do not, and what they name is a change of its own.
_VALUE = re.compile(
    r"\$(\w*)\$.*?\$\1\$|[eE]?'(?:[^']|'')*'|(?<![\w\"])-?\d[\d.]*(?![\w\"])|\b(?:null|true|false)\b", re.IGNORECASE | re.DOTALL
)
_SAME = ("file", "line", "op", "transaction", "error")
_NEW = ("new_locks", "rewrites", "index_builds", "verified", "proofs", "created", "dropped", "messages", "disagreements", "gaps")


def folded(before: StatementFacts, again: StatementFacts) -> StatementFacts | None:
    """Return the one statement that two in a row are, or None when the second one is or does something else.

    :param before: the first, or those folded so far.
    :param again: the one after it.
    """
    if again.error is not None or not again.transaction or any(getattr(again, name) for name in _NEW):
        return None
    same = all(getattr(before, name) == getattr(again, name) for name in _SAME)
    if not same or _VALUE.sub("?", before.sql) != _VALUE.sub("?", again.sql):
        return None
    return dataclasses.replace(
        before,
        count=before.count + again.count,
        scans=_sum(before.scans, again.scans),
        changes=_sum(before.changes, again.changes),
        duration_ms=before.duration_ms + again.duration_ms,
        wal_bytes=before.wal_bytes + again.wal_bytes,
        transaction_id=before.transaction_id or again.transaction_id,
    )


def _sum(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    total = Counter(one)
    total.update(other)
    return dict(total)
