"""What rules about indexes ask: which commands run concurrently, on which table, under which timeouts."""

from __future__ import annotations

from collections.abc import Iterator

from seachange.safety.environment import milliseconds
from seachange.safety.facts import RevisionFacts
from seachange.safety.parsing import option_names
from seachange.safety.rules import Context
from seachange.safety.rules._steps import Step, steps

__all__ = ["concurrent", "index_table", "short_timeouts"]

_KINDS = ("IndexStmt", "DropStmt", "ReindexStmt", "DetachPartition")
_TIMEOUTS = ("lock_timeout", "statement_timeout")
# A build of any size fits; what is shorter than this, older transactions or the build itself will outlast one day.
_SHORT_MS = {"lock_timeout": 60_000, "statement_timeout": 60_000}


def concurrent(facts: RevisionFacts, *kinds: str) -> Iterator[Step]:
    """Yield the commands that say CONCURRENTLY.

    :param kinds: of commands; all that know the word by default.
    """
    for step in steps(facts, *(kinds or _KINDS)):
        if _is_concurrent(step):
            yield step


def index_table(step: Step) -> str:
    """Return the table whose index a command builds or drops, as far as the facts name it."""
    if step.table:
        return step.table
    builds = [build.table for build in step.statement.index_builds]
    locked = [lock.relation for lock in step.statement.new_locks if lock.kind != "index"]
    return next(iter((*builds, *locked)), "")


def short_timeouts(step: Step, facts: RevisionFacts, context: Context) -> Iterator[tuple[str, int, str]]:
    """Yield the timeouts that are too short for a concurrent command, with who has set them.

    :param step: the command.
    :param facts: the revision.
    :param context: the real server's session, if it was asked.
    """
    set_here = {each.node.name for each in steps(facts, "VariableSetStmt") if each.statement.number <= step.statement.number}
    for name in _TIMEOUTS:
        if name in set_here:
            value, source = step.statement.settings.get(name, ""), "set by the revision"
        else:
            value, source = context.environment.settings.get(name, "") if context.environment else "", "set on the real server"
        limit_ms = int(milliseconds(value)) if value else 0
        if 0 < limit_ms < _SHORT_MS[name]:
            yield name, limit_ms, source


def _is_concurrent(step: Step) -> bool:
    if step.kind == "ReindexStmt":
        return "concurrently" in option_names(step.node.params)
    if step.kind == "DetachPartition":
        return bool(step.command and getattr(step.command.node, "def").partition_cmd.concurrent)
    return bool(step.node.concurrent)
