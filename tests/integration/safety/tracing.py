"""Trace a revision of a few lines in the scenario ``linear``, on a database of the test's own."""

from __future__ import annotations

from seachange.config import Settings
from seachange.postgres.connection import Database
from seachange.revisions.history import Revision, read_history
from seachange.revisions.planning import Watch, rehearse
from seachange.revisions.runner import upgrade
from seachange.safety.facts import RevisionFacts, StatementFacts
from seachange.safety.trace import Tracer
from tests.integration.revisions.looking import body, write_revision

__all__ = ["locks", "traced", "traced_pending"]


def traced(settings: Settings, database: Database, *lines: str, after: str = "0003") -> tuple[StatementFacts, ...]:
    """Return what a revision of these lines does; its first line is the 8th of its file."""
    upgrade(database, settings)
    write_revision(settings, "0004", down=after, body=body(*lines))
    return traced_pending(settings, database)[0].statements


def traced_pending(settings: Settings, database: Database) -> tuple[RevisionFacts, ...]:
    """Return what the pending revisions do."""
    tracer = Tracer(root=settings.root, database=database)

    def begin(revision: Revision) -> None:
        tracer.begin(revision.revision, path=revision.path, title=revision.title)

    watch = Watch(on_revision=begin, listen=tracer.listening)
    rehearse(settings, database, read_history(settings), target="heads", watch=watch)
    return tracer.facts()


def locks(facts: StatementFacts) -> dict[str, str]:
    """Return the new locks on tables in short words."""
    return {lock.relation: lock.mode.short for lock in facts.new_locks if lock.kind == "table"}
