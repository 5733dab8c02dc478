"""Where in the project's own files an error comes from."""

from __future__ import annotations

import dataclasses
import traceback
from collections.abc import Iterable
from pathlib import Path

__all__ = ["Place", "find_place", "find_place_in"]

_FOREIGN = {"site-packages", "dist-packages", ".venv", "venv", ".nox", ".tox"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Place:
    """A line of a file; falsy when nothing is known."""

    file: str = ""
    line: int = 0

    def __bool__(self) -> bool:
        return bool(self.file)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


def find_place(exc: BaseException, *, root: Path) -> Place:
    """Return the innermost line below ``root`` that the error went through; for a syntax error the faulty line itself."""
    if isinstance(exc, SyntaxError) and exc.filename and _own(Path(exc.filename), root):
        return _place(Path(exc.filename), exc.lineno or 0, root)
    for frame in reversed(traceback.extract_tb(exc.__traceback__)):
        if _own(Path(frame.filename), root):
            return _place(Path(frame.filename), frame.lineno or 0, root)
    return Place()


def find_place_in(frames: Iterable[traceback.FrameSummary], path: Path, *, root: Path) -> Place:
    """Return the innermost of ``frames`` that is in the file ``path``."""
    for frame in reversed(list(frames)):
        if frame.filename == str(path):
            return _place(path, frame.lineno or 0, root)
    return Place()


def _own(path: Path, root: Path) -> bool:
    return path.is_relative_to(root) and not _FOREIGN.intersection(path.relative_to(root).parts)


def _place(path: Path, line: int, root: Path) -> Place:
    return Place(file=str(path.relative_to(root)) if path.is_relative_to(root) else str(path), line=line)
