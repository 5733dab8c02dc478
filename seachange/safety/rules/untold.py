"""Where reading a change is not enough to know it."""

from __future__ import annotations

from seachange.safety.rules._registry import Rule, declare

__all__ = ["UNTOLD"]

UNTOLD = Rule(
    id="SC003",
    name="untold-change",
    title="The text does not tell what a change does",
    severity="info",
    proof="inferred",
    reason=(
        "Without a server a revision is run with a connection that leads nowhere, and its SQL is read. Where it looks at rows or "
        "at the catalogue to decide how to go on, and where it sends a DO block or calls a procedure, the text does not say what "
        "comes of it, and no rule is asked about it."
    ),
    source='Alembic documentation, Generating SQL Scripts (a.k.a. "Offline Mode"); PostgreSQL documentation, DO',
    remedy="run `invoke migration.lint` with a server at hand: there the revision is run, and what it does is seen",
    decided_by="`invoke migration.lint`, which traces it on a throwaway server",
)
declare(UNTOLD)
