"""Two witnesses for the same work: what the server says, and what its files and counters show."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator

from seachange.safety._tracing._messages import Told

__all__ = ["Shown", "disagreements"]

_TRUNCATES = re.compile(r"\btruncate\b", re.IGNORECASE)
# Other statements copy a table, or move it, without a message that it is rewritten.
_SAYS_SO = re.compile(r"\s*alter\s+table\b(?!.*\bset\s+tablespace\b)", re.IGNORECASE | re.DOTALL)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shown:
    """Tables by their names without a schema, as messages have them.

    ``locked`` are those that were there before the transaction; ``own`` those that it has made, whose work is nobody's harm.
    """

    locked: frozenset[str] = frozenset()
    own: frozenset[str] = frozenset()
    rewritten: frozenset[str] = frozenset()
    built: frozenset[str] = frozenset()
    scanned: frozenset[str] = frozenset()


def disagreements(told: Told, shown: Shown, *, sql: str) -> tuple[str, ...]:
    """Return a sentence for each contradiction between the messages and the files or counters.

    :param told: what the messages say.
    :param shown: what the files and the counters show.
    :param sql: the statement.
    """

    def only_told(names: Iterable[str], found: frozenset[str]) -> set[str]:
        # Of two tables of one name nobody knows which is meant.
        return (set(names) & shown.locked) - shown.own - found

    # TRUNCATE builds the indexes of what it has emptied, which is no work.
    building = () if _TRUNCATES.search(sql) else told.building
    silent = shown.rewritten - set(told.rewriting) if _SAYS_SO.match(sql) else ()
    return (
        *_each(only_told(told.rewriting, shown.rewritten), "the server says that it rewrites {}, but its file is the same"),
        *_each(silent, "the file of {} is another one, but the server does not say that it rewrites it"),
        *_each(only_told(told.verifying, shown.scanned), "the server says that it verifies {}, but its counters show no scan"),
        *_each(
            only_told((table for _, table in building), shown.built),
            "the server says that it builds an index of {}, but none has a new file",
        ),
    )


def _each(names: Iterable[str], sentence: str) -> Iterator[str]:
    for name in sorted(names):
        yield sentence.format(name)
