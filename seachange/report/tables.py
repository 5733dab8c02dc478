"""Rows as an aligned table, and single values for people."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

__all__ = ["log_line", "size", "table_lines"]


_NUMBER = re.compile(r"-?[\d.,]+( (B|kB|MB|GB|ms|s|min))?")


def table_lines(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """Return rows as plain lines, aligned by column; nothing is ever cut, so that the lines can be piped and searched.

    :param headings: one for each column.
    :param rows: cells as text; columns of numbers are aligned to the right.
    """
    body = [tuple(row) for row in rows]
    if not body:
        return ("none",)
    columns = list(zip(headings, *body, strict=True))
    widths = [max(len(cell) for cell in column) for column in columns]
    right = [all(_NUMBER.fullmatch(cell) for cell in column[1:]) for column in columns]

    def line(row: Sequence[str]) -> str:
        cells = zip(row, widths, right, strict=True)
        return "  ".join(cell.rjust(width) if number else cell.ljust(width) for cell, width, number in cells).rstrip()

    return (line(headings), line(["-" * width for width in widths]), *(line(row) for row in body))


def size(number: int) -> str:
    """Return a number of bytes as people write it."""
    value = float(number)
    for unit in ("B", "kB", "MB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} GB"


def log_line(entry: Mapping[str, Any]) -> str:
    """Return one entry of the structured log as a line."""
    parts = [str(entry.get(key, "")) for key in ("time", "level", "run", "message")]
    return "  ".join(part for part in parts if part)
