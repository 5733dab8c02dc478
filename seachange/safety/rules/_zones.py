"""The time zone in which a statement ran, and whether the revision has chosen it."""

from __future__ import annotations

from seachange.safety.facts import RevisionFacts, StatementFacts
from seachange.safety.rules._steps import steps

__all__ = ["is_utc", "pins_zone", "zone_of"]

_UTC = frozenset(["UTC", "ETC/UTC", "GMT", "ETC/GMT", "UCT", "ETC/UCT", "ZULU", "ETC/ZULU", "UNIVERSAL", "ETC/UNIVERSAL"])


def zone_of(statement: StatementFacts) -> str:
    """Return the session's TimeZone when the statement began, nothing where it is unknown."""
    return next((value for name, value in statement.settings.items() if name.lower() == "timezone"), "")


def is_utc(zone: str) -> bool:
    """Return whether a zone is UTC by one of its names."""
    return zone.upper() in _UTC


def pins_zone(facts: RevisionFacts, statement: StatementFacts) -> bool:
    """Return whether the revision itself has set the time zone before a statement."""
    set_here = (step for step in steps(facts, "VariableSetStmt") if step.node.name.lower() == "timezone")
    return any(step.statement.number <= statement.number for step in set_here)
