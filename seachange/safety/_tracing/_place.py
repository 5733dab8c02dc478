"""Which line of a revision is under way, and which of Alembic's operations sends for it."""

from __future__ import annotations

import dataclasses
import traceback
from pathlib import Path
from types import FrameType

__all__ = ["Place", "find_place"]

_BATCH = "batch_alter_table"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Place:
    """A line of the revision, 0 when none is under way; ``op``: ``connection`` where it sends on a connection itself."""

    line: int = 0
    op: str = ""


def find_place(path: Path, frame: FrameType | None = None) -> Place:
    """Return the place on the stack of this thread.

    :param path: the revision's file.
    :param frame: where to begin; the caller by default.
    """
    name, op = str(path), ""
    for each, line in traceback.walk_stack(frame):
        if each.f_code.co_filename == name:
            return Place(line=line, op=op or "connection")
        # The outermost one counts: an operation of a library may be made of Alembic's own.
        op = _op_of(each) or op
    return Place()


def _op_of(frame: FrameType) -> str:
    module, name = frame.f_globals.get("__name__"), frame.f_code.co_name
    if module == "alembic.op" or (module == "alembic.operations.ops" and not name.startswith("_")):
        return name
    return name if module == "alembic.operations.base" and name == _BATCH else ""
