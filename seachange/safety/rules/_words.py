"""How messages name tables, locks and what the server said."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from seachange.safety.facts import LockMode, StatementFacts

__all__ = ["count_of", "listed", "server_said", "who_waits"]

_NAMED = 4


def listed(names: Iterable[str]) -> str:
    """Return names as a phrase: ``a``, ``a and b``, ``a, b, c, d and 4 more``."""
    found = list(dict.fromkeys(names))
    if len(found) > _NAMED + 1:
        return f"{', '.join(found[:_NAMED])} and {len(found) - _NAMED} more"
    return found[0] if len(found) == 1 else f"{', '.join(found[:-1])} and {found[-1]}" if found else ""


def count_of(number: int, noun: str) -> str:
    """Return a number with its noun: ``1 partition``, ``3 partitions``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def who_waits(mode: LockMode) -> str:
    """Return who waits for a lock."""
    return "readers and writers wait" if mode.blocks_readers else "writers wait" if mode.blocks_writers else "nobody waits"


def server_said(statement: StatementFacts, words: Sequence[str], *, of: Collection[str] = ()) -> str:
    """Return the server's message as a parenthesis with a space before it, nothing where it said nothing.

    :param words: what the message begins with, the best first.
    :param of: relations with their schema, one of which it names, if it can be helped.
    """
    quoted = [f'"{name.rpartition(".")[2]}"'.replace('""', '"') for name in of]
    for word in words:
        found = [message for message in statement.messages if message.startswith(word)]
        named = [message for message in found if any(name in message for name in quoted)]
        if found:
            return f" (the server: {(named or found)[0]})"
    return ""
