"""What the server says at DEBUG1 about the work that a statement takes."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable

__all__ = ["Told", "is_told", "read_messages"]

# Not translated, and the same from 12 to 18, but no promised interface: a second witness stands beside each.
_REWRITING = re.compile(r'rewriting table "(.*)"')
_VERIFYING = re.compile(r'verifying table "(.*)"')
_VALIDATING = re.compile(r'validating foreign key constraint "(.*)"')
_BUILDING = re.compile(r'building index "(.*)" on table "(.*)" (?:serially|with request)')
_PROVEN = re.compile(
    r'existing constraints on column "(?P<column>.*)" are sufficient to prove that it does not contain nulls'
    r'|(?:updated )?partition constraint for (?:default partition|table) "(?P<table>.*)" is implied by existing constraints'
)
_PATTERNS = (_REWRITING, _VERIFYING, _VALIDATING, _BUILDING, _PROVEN)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Told:
    """The messages by what they say: names without a schema, as the server gives them; an index with its table."""

    rewriting: tuple[str, ...] = ()
    verifying: tuple[str, ...] = ()
    validating: tuple[str, ...] = ()
    building: tuple[tuple[str, str], ...] = ()
    proven: tuple[str, ...] = ()


def is_told(message: str) -> bool:
    """Say whether a message is one of those."""
    return any(pattern.match(message) for pattern in _PATTERNS)


def read_messages(messages: Iterable[str]) -> Told:
    """Return what ``messages`` say; ``proven`` keeps them whole, since they name no constraint."""
    found = tuple(messages)
    return Told(
        rewriting=_first(_REWRITING, found),
        verifying=_first(_VERIFYING, found),
        validating=_first(_VALIDATING, found),
        building=tuple((match[1], match[2]) for text in found if (match := _BUILDING.match(text))),
        proven=tuple(text for text in found if _PROVEN.match(text)),
    )


def _first(pattern: re.Pattern[str], messages: Iterable[str]) -> tuple[str, ...]:
    return tuple(match[1] for text in messages if (match := pattern.match(text)))
