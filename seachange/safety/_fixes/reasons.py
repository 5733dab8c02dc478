"""Why a statement is not rewritten, and how a person does it."""

from __future__ import annotations

import re

from seachange.safety._fixes.source import Statement
from seachange.safety._fixes.steps import NotFixableError

__all__ = ["reason_for"]

_AGAIN = "then run this command again"
_SEVERAL = re.compile(r";\s*\S")


def reason_for(statement: Statement) -> NotFixableError:
    """Return the reason for a statement that no fix has taken up.

    :param statement: one that does long work while others wait.
    """
    if not statement.op:
        return NotFixableError(
            "it is no plain call of an operation: what a loop, a condition or a function of yours does is known when it runs",
            manual=f"write each operation out as a statement of upgrade(), {_AGAIN}",
        )
    if statement.meaning == "execute":
        if _SEVERAL.search(statement.text("sqltext").rstrip("; \n")):
            return NotFixableError("it is several statements of SQL in one", manual=f"one op.execute for each, {_AGAIN}")
        return NotFixableError("this SQL is not among those that are rewritten", manual="docs/fix.md shows the online forms")
    if statement.op == "create_exclude_constraint":
        return NotFixableError(
            "an exclusion constraint can be neither NOT VALID nor made of an index",
            manual="a new table with it, a trigger that copies what changes, a backfill and a swap; or a window without traffic",
        )
    manual = "run it in a window without traffic, with a lock_timeout"
    return NotFixableError(f"op.{statement.op} has no online form that is known here", manual=manual)
