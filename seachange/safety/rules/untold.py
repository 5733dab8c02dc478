"""Where reading a change is not enough to know it, and where another reader is wrong."""

from __future__ import annotations

from seachange.safety.rules._registry import Rule, declare

__all__ = ["SECOND_OPINION", "UNTOLD"]

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

SECOND_OPINION = Rule(
    id="SC004",
    name="second-opinion",
    title="The trace disproves what squawk says",
    severity="info",
    proof="proven",
    reason=(
        "squawk reads the text of a change and, where it is installed, is asked as well. It cannot know the type of a column, "
        "nor what a trace shows, and says of some statements what they do not do: that a longer varchar, or a virtual column, "
        "rewrites the table. Where a server did none of it, that is shown, so that nobody works around what is not there."
    ),
    source="squawk 2.70, its rules run beside a trace; measured on PostgreSQL 14 to 18",
    remedy="leave the statement as it is; exclude the rule in .squawk.toml if it is wrong too often",
    decided_by="`invoke migration.lint`, which asks squawk when squawk-cli is installed",
)
declare(SECOND_OPINION)
