"""Marks and colours: pictures on a UTF-8 terminal, plain words elsewhere."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from typing import TextIO

__all__ = ["Marks", "marks_for"]

_PICTURES = {
    "done": "✅",
    "warning": "⚠️ ",
    "failed": "❌",
    "info": "ℹ️ ",
    "skipped": "⏭️ ",
    "not tried": "⏸️ ",
    "step": "🔧",
    "run": "🚀",
}
_WORDS = {"done": "ok:", "warning": "warning:", "failed": "error:", "info": " ", "skipped": "skipped:", "not tried": "not tried:"}
_COLOURS = {"done": "32", "warning": "33", "failed": "31", "title": "1", "dim": "2"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Marks:
    """How one stream shows states and emphasis."""

    pictures: bool
    colour: bool

    def mark(self, state: str) -> str:
        """Return the mark of a state (``done``, ``warning``, ``failed``, ``info``, ...), with a space after it."""
        found = (_PICTURES if self.pictures else _WORDS).get(state, "")
        return f"{found} " if found else ""

    def paint(self, kind: str, text: str) -> str:
        """Return the text in the colour of ``kind``, where the stream has colours."""
        return f"\x1b[{_COLOURS[kind]}m{text}\x1b[0m" if self.colour and kind in _COLOURS else text


def marks_for(stream: TextIO, environ: Mapping[str, str] | None = None) -> Marks:
    """Return how to mark output on ``stream``.

    Colour follows https://no-color.org and stays off on a dumb terminal; pictures need a terminal that takes UTF-8.
    """
    environ = os.environ if environ is None else environ
    terminal = stream.isatty() and environ.get("TERM") != "dumb"
    unicode = (getattr(stream, "encoding", None) or "").lower().replace("-", "") == "utf8"
    return Marks(pictures=terminal and unicode, colour=terminal and not environ.get("NO_COLOR"))
