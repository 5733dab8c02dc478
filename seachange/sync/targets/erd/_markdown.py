"""Text of a database as Markdown: nothing in it may become markup, break a table or end a code fence."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

__all__ = ["code", "prose", "table"]

_TICKS = re.compile(r"`+")
_SPECIAL = re.compile(r"[\\`*\[\]#~]")
# What makes a list or a rule at the beginning of a line, and emphasis at the edges of words.
_BEGINNING = re.compile(r"^([-+=>])")
_NUMBERED = re.compile(r"^(\d+)([.)])")
_EMPHASIS = re.compile(r"(?<![^\W_])_|_(?![^\W_])")
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9 ,.:;'\"()/]*")


def code(text: str) -> str:
    """Return ``text`` as inline code; nothing for an empty text."""
    text = " ".join(text.split())
    if not text:
        return ""
    if "`" not in text:
        return f"`{text}`"
    fence = "`" * (max(map(len, _TICKS.findall(text))) + 1)
    space = " " if "`" in (text[0], text[-1]) else ""
    return f"{fence}{space}{text}{space}{fence}"


def prose(text: str) -> str:
    """Return ``text`` as one paragraph; its lines stay lines."""
    if not text:
        return ""
    return "<br>".join(_escaped(line) for line in text.splitlines() if line.strip())


def _escaped(line: str) -> str:
    line = line.strip()
    if _PLAIN.fullmatch(line):
        return line
    line = _SPECIAL.sub(r"\\\g<0>", line).replace("&", "&amp;").replace("<", "&lt;")
    line = _NUMBERED.sub(r"\1\\\2", _BEGINNING.sub(r"\\\1", line))
    return _EMPHASIS.sub(r"\\_", line)


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table, without the columns that are empty in every row.

    :param titles: one for each column.
    :param rows: cells that are Markdown already.
    """
    cells = [[_cell(cell) for cell in row] for row in rows]
    kept = [number for number in range(len(titles)) if any(row[number] for row in cells)]
    yield "| " + " | ".join(titles[number] for number in kept) + " |"
    yield "|" + " --- |" * len(kept)
    for row in cells:
        yield "| " + " | ".join(row[number] for number in kept) + " |"


def _cell(text: str) -> str:
    if "|" not in text:
        return text
    # A bar is escaped in code too, and a backslash before it would escape the escape.
    return re.sub(r"\\\|", r"\\ |", text).replace("|", "\\|")
