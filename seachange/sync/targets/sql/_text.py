"""The text of pg_dump, made to be the same for the same schema and to be loaded by every psql."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["normalise", "with_statements", "without_statements"]

# What pg_dump writes of itself is in its first lines; the same words further down belong to somebody's function.
_HEAD_LINES = 30
_CHANGING = re.compile(r"-- Dumped (from database|by pg_dump) version .*|\\restrict \w+|SET transaction_timeout = 0;")
_END = "--\n-- PostgreSQL database dump complete\n"
# What pg_dump says above each statement.
_TITLE = r"--\n-- Name: [^\n]*; Type: FK CONSTRAINT; [^\n]*\n--\n\n"


def normalise(dump: str) -> str:
    """Return the text of pg_dump without what changes from run to run or keeps other versions from loading it.

    That are the versions; the setting that older servers do not know; and ``\\restrict`` with its random token, which psql
    before the minor releases of August 2025 does not know. A fixed token would protect from nothing.

    :param dump: plain SQL.
    """
    lines = dump.rstrip("\n").split("\n")
    closing = [f"\\un{line[1:]}" for line in lines[:_HEAD_LINES] if line.startswith("\\restrict ")]
    if lines[-1:] == closing:
        lines.pop()
    kept = [line for line in lines[:_HEAD_LINES] if not _CHANGING.fullmatch(line)]
    return "\n".join([*kept, *lines[_HEAD_LINES:]]).rstrip("\n") + "\n"


def without_statements(dump: str, statements: Sequence[str]) -> str:
    """Return the text of pg_dump without some statements, with the comments above them.

    :param dump: plain SQL.
    :param statements: as pg_dump writes them.
    """
    for statement in statements:
        dump = re.sub(rf"(?:{_TITLE})?{re.escape(statement)}\n+", "", dump)
    return dump


def with_statements(dump: str, statements: Sequence[str]) -> str:
    """Return the text of pg_dump with the statements at its end that are not in it.

    :param dump: plain SQL.
    :param statements: as pg_dump writes them.
    """
    added = "".join(f"{statement}\n\n\n" for statement in statements if statement not in dump)
    before, end, after = dump.rpartition(_END)
    return f"{before}{added}{end}{after}"
