"""One revision file as a value."""

from __future__ import annotations

import dataclasses
import datetime
import functools
from collections.abc import Mapping
from pathlib import Path

from seachange.revisions._code.fault import Fault
from seachange.revisions._headers import Body, stamp_of
from seachange.revisions._imports import Import

__all__ = ["Revision"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Revision:
    """One revision file.

    ``stamp`` is the time that its id or file name begins with, ``created`` that of its docstring; ``lines`` are the lines of its
    names, ``faults`` what its own text shows to be wrong; ``irreversible`` is why its
    ``downgrade`` refuses, in its own words. Two revisions are equal when id, file and content are.
    """

    revision: str
    down_revisions: tuple[str, ...]
    path: Path
    location: str
    title: str
    created: datetime.datetime | None
    branch_labels: tuple[str, ...]
    depends_on: tuple[str, ...]
    content_hash: str
    upgrade: Body
    downgrade: Body
    stamp: int | None
    requires_release: str = ""
    irreversible: str = ""
    lines: Mapping[str, int] = dataclasses.field(compare=False, repr=False)
    imports: tuple[Import, ...] = dataclasses.field(default=(), compare=False, repr=False)
    faults: tuple[Fault, ...] = dataclasses.field(default=(), compare=False, repr=False)

    @property
    def merge(self) -> bool:
        """Whether the revision joins several heads."""
        return len(self.down_revisions) > 1

    @property
    def reversible(self) -> bool:
        """Whether ``downgrade`` does something, or has nothing to undo."""
        return self.downgrade == "present" or (self.downgrade == "empty" and self.upgrade == "empty")

    @functools.cached_property
    def when(self) -> int:
        """Its time in milliseconds since 1970: of the id, else of the docstring, else of the file name; 0 when nothing says."""
        if (by_id := stamp_of(self.revision)) is not None:
            return by_id
        return int(self.created.timestamp() * 1000) if self.created else self.stamp or 0
