"""Two witnesses for the same work: what the server says, and what its files and counters show."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping

from seachange.safety._tracing._messages import Told
from seachange.safety._tracing._snapshot import Relation

__all__ = ["disagreements"]

# Other statements copy a table, or move it, without a message that it is rewritten.
_SAYS_SO = re.compile(r"\s*alter\s+table\b(?!.*\bset\s+tablespace\b)", re.IGNORECASE | re.DOTALL)


def disagreements(
    told: Told,
    *,
    sql: str,
    rewritten: Collection[int],
    built: Collection[int],
    scanned: Iterable[int],
    known: Mapping[int, Relation],
    made: Collection[int],
) -> tuple[str, ...]:
    """Return a sentence for each contradiction between the messages and the files or counters.

    :param told: what the messages say.
    :param sql: the statement.
    :param rewritten: tables whose file is another one than before.
    :param built: indexes that have a new file.
    :param scanned: tables that the counters saw scanned.
    :param known: the relations before.
    :param made: those that the transaction has made itself; what is done to them is not looked at.
    """
    own = {known[oid].name for oid in made if oid in known}
    files = {known[oid].name for oid in rewritten if oid in known}
    return (
        *_told_only(set(told.rewriting) - own - files, "the server says that it rewrites {}, but its file is the same"),
        *_shown_only(files - set(told.rewriting), sql=sql),
        *_told_only(
            set(told.verifying) - own - {known[oid].name for oid in scanned if oid in known},
            "the server says that it verifies {}, but its counters show no scan",
        ),
        *_indexes(told, built=built, known=known, own=own),
    )


def _told_only(names: Iterable[str], sentence: str) -> Iterator[str]:
    for name in sorted(names):
        yield sentence.format(name)


def _shown_only(names: Iterable[str], *, sql: str) -> Iterator[str]:
    if _SAYS_SO.match(sql):
        yield from _told_only(names, "the file of {} is another one, but the server does not say that it rewrites it")


def _indexes(told: Told, *, built: Collection[int], known: Mapping[int, Relation], own: Collection[str]) -> Iterator[str]:
    tables = {table for _, table in told.building} - set(own)
    existing = {relation.name for relation in known.values()}
    if tables & existing and not built:
        yield from _told_only(tables & existing, "the server says that it builds an index of {}, but none has a new file")
