"""What the trace itself has to say: statements that the server refuses, and witnesses that contradict each other."""

from __future__ import annotations

from collections.abc import Iterator

from seachange.safety.facts import RevisionFacts
from seachange.safety.rules._registry import Context, Rule, Verdict, rule

__all__ = ["contradicting_witnesses", "refused_statement"]


@rule(
    Rule(
        id="SC001",
        name="refused-statement",
        title="The server refuses a statement",
        severity="error",
        proof="proven",
        reason=(
            "The statement was run on a throwaway server of the same major version whose schema is that of the history, and the "
            "server answered with an error. It will fail on the real server as well, unless that differs from its history."
        ),
        source="the throwaway server's own answer; PostgreSQL documentation, Appendix A. PostgreSQL Error Codes",
        remedy="mend the statement; `invoke migration.trace` shows it with all that came before it",
    )
)
def refused_statement(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Say which statements failed."""
    del context
    for statement in facts.statements:
        if statement.error is not None:
            version = f"PostgreSQL {facts.major}" if facts.major else "the server"
            answer = f"{statement.error.message} (SQLSTATE {statement.error.sqlstate})"
            yield Verdict(rule="SC001", message=f"{version} refuses this statement: {answer}", statement=statement)


@rule(
    Rule(
        id="SC002",
        name="contradicting-witnesses",
        title="Two witnesses of the trace contradict each other",
        severity="warning",
        proof="proven",
        reason=(
            "What a statement does is read twice: from the server's own messages, and from file numbers and counters of the "
            "catalogue. The texts of the messages are the same in all supported versions, but nobody promised that they stay. "
            "Where the two contradict each other the findings about this statement may be incomplete."
        ),
        source="PostgreSQL source, messages of level DEBUG1 in src/backend/commands/tablecmds.c; measured: tests/battery",
        remedy="look at the statement by `invoke migration.trace`, and report it",
    )
)
def contradicting_witnesses(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Repeat what the tracer found contradictory."""
    del context
    for statement in facts.statements:
        for sentence in statement.disagreements:
            yield Verdict(rule="SC002", message=sentence, statement=statement)
