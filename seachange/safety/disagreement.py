"""Where a prediction from the text and a trace contradict each other: the trace is right, and the reader should know."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Iterator

from seachange.safety.facts import LockMode, RevisionFacts, StatementFacts
from seachange.safety.parsing import kind, parse
from seachange.safety.predict import is_opaque

__all__ = ["Disagreement", "compare"]

# Locks on indexes follow from those on their tables, and a lock that only keeps a table from being dropped harms nobody.
_COUNTED = ("table", "view", "materialized view", "foreign table")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Disagreement:
    """One thing that was predicted otherwise than it was traced, of one traced statement."""

    statement: StatementFacts
    sentence: str

    def __str__(self) -> str:
        return self.sentence


def compare(predicted: RevisionFacts, traced: RevisionFacts) -> tuple[Disagreement, ...]:
    """Return where the prediction of a revision and its trace contradict each other.

    Statements are matched by line and text; what only one of both has, and what no text explains, is not compared.

    :param predicted: the facts that were inferred.
    :param traced: the facts that a server gave.
    """
    gone: set[str] = set()
    found: list[Disagreement] = []
    for expected, seen in _pairs(predicted.statements, traced.statements):
        found += [Disagreement(statement=seen, sentence=sentence) for sentence in _sentences(expected, seen, gone=gone)]
        gone |= {one.name for one in seen.dropped}
    return tuple(found)


def _pairs(
    predicted: Iterable[StatementFacts], traced: Iterable[StatementFacts]
) -> Iterator[tuple[StatementFacts, StatementFacts]]:
    waiting: dict[tuple[int, str], list[StatementFacts]] = {}
    for each in predicted:
        waiting.setdefault(_key(each), []).append(each)
    for seen in traced:
        if (found := waiting.get(_key(seen))) and not is_opaque(seen.sql) and not _is_of_transactions(seen.sql):
            yield found.pop(0), seen


def _is_of_transactions(sql: str) -> bool:
    """Whether a text only begins or ends a transaction: what that lets go was said of the statements that took it."""
    found = parse(sql)
    return bool(found) and all(kind(each) == "TransactionStmt" for each in found)


def _key(statement: StatementFacts) -> tuple[int, str]:
    return statement.line, "".join(statement.sql.split()).lower().rstrip(";")


def _sentences(expected: StatementFacts, seen: StatementFacts, *, gone: Collection[str]) -> Iterator[str]:
    if expected.error or seen.error:
        yield from _errors(expected, seen)
        return
    yield from _work("a rewrite", expected.rewrites, seen.rewrites)
    yield from _work("a check of the rows", expected.verified, seen.verified)
    # Whoever is written anew has all its indexes built; which those are the text may not know.
    anew = set(expected.rewrites)
    built = ({each.table for each in one.index_builds} - anew for one in (expected, seen))
    yield from _work("an index build", *built)
    yield from _locks(expected, seen, gone=gone)


def _errors(expected: StatementFacts, seen: StatementFacts) -> Iterator[str]:
    if expected.error and not seen.error:
        yield f"predicted that the server refuses ({expected.error.message}), but it did not"
    elif seen.error and not expected.error:
        yield f"the server refused ({seen.error.message}), which was not predicted"


def _work(what: str, expected: Collection[str], seen: Collection[str]) -> Iterator[str]:
    for table in sorted(set(expected) - set(seen)):
        yield f"predicted {what} of {table}, the server did none"
    for table in sorted(set(seen) - set(expected)):
        yield f"the server did {what} of {table}, which was not predicted"


def _locks(expected: StatementFacts, seen: StatementFacts, *, gone: Collection[str]) -> Iterator[str]:
    wanted, had = _strongest(expected), _strongest(seen)
    # What was dropped stays locked, but under a name that the server no longer knows.
    for relation in sorted((wanted.keys() | had.keys()) - set(gone)):
        one, other = wanted.get(relation), had.get(relation)
        if one == other:
            continue
        if one is None and other is not None:
            yield f"the server took {other.words} on {relation}, which was not predicted"
        elif one is not None:
            yield f"predicted {one.words} on {relation}, the server took {'none' if other is None else other.words}"


def _strongest(statement: StatementFacts) -> dict[str, LockMode]:
    """Return the strongest lock on each table once the statement is done."""
    found: dict[str, LockMode] = {}
    for lock in (*statement.held_locks, *statement.new_locks):
        if lock.kind in _COUNTED and lock.mode > LockMode.ROW_SHARE:
            found[lock.relation] = max(lock.mode, found.get(lock.relation, lock.mode))
    return found
