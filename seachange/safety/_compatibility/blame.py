"""Which revision changed something, and on which line it says so."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from seachange.plan import Statement
from seachange.postgres.catalog import Catalog
from seachange.safety._compatibility.values import Place, Step

__all__ = ["blame", "words_of"]

_DEFINES = re.compile(r"\s*(alter|drop|create|comment|rename)\b", re.IGNORECASE)


def blame(steps: Iterable[Step], look: Callable[[Catalog], object], *, words: Sequence[str]) -> Place:
    """Return the last revision that changed what ``look`` sees.

    :param steps: the revisions, in order.
    :param look: what to look at in a catalogue.
    :param words: names that the statement has in it, the most telling first.
    """
    changed = [step for step in steps if look(step.before) != look(step.after)]
    if not changed:
        return Place()
    step = changed[-1]
    statement = _likeliest(step.statements, words)
    if statement is None:
        return Place(revision=step.revision, title=step.title, file=step.file)
    return Place(revision=step.revision, title=step.title, file=statement.file or step.file, line=statement.line)


def words_of(*names: str) -> tuple[str, ...]:
    """Return names without schema and quotes."""
    return tuple(name.rpartition(".")[2].strip('"') for name in names if name)


def _likeliest(statements: Sequence[Statement], words: Sequence[str]) -> Statement | None:
    defining = [statement for statement in statements if _DEFINES.match(statement.sql)] or list(statements)
    scores = [(_score(statement.sql, words), -number, statement) for number, statement in enumerate(defining)]
    best = max(scores, key=lambda score: score[:2], default=None)
    return best[2] if best and best[0] else None


def _score(text: str, words: Sequence[str]) -> int:
    # The first word counts more than all that follow.
    weights = [2 ** (len(words) - number) for number in range(len(words))]
    found = (re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text, re.IGNORECASE) for word in words)
    return sum(weight for weight, hit in zip(weights, found, strict=True) if hit)
