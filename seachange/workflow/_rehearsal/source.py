"""The database that a rehearsal runs on."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from seachange.workflow._rehearsal.values import Source
from seachange.workflow.run import Run

if TYPE_CHECKING:
    from seachange.postgres.connection import Database

__all__ = ["OpenSource", "open_source"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class OpenSource:
    """A copy to rehearse on, which is gone when its block is left; ``source`` says what it is."""

    database: Database
    source: Source


@contextlib.contextmanager
def open_source(run: Run, *, kind: str, backup: str = "") -> Iterator[OpenSource]:
    """Have a copy of the run's database, or what is nearest to one, for the length of the block.

    :param run: the run.
    :param kind: one of those of setting ``rehearsal_source``.
    :param backup: the name of the backup to restore.
    :raises SeachangeError: the one that was asked for cannot be had.
    """
    from seachange.revisions.shadow_history import open_shadow

    del kind, backup
    began = time.monotonic()
    with open_shadow(run.settings, run.history, revisions=run.current(), major=run.server.major) as shadow:
        database = shadow.clone()
        source = Source(kind="shadow", name="the history on an empty server", scale=0.0, duration_s=time.monotonic() - began)
        yield OpenSource(database=database, source=source)
