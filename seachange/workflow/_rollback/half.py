"""Taking back what a revision has committed before it failed, from its record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seachange.errors import RefusedError
from seachange.workflow._rollback.left import Left
from seachange.workflow.run import Run

if TYPE_CHECKING:
    from seachange.revisions.halves import Half

__all__ = ["find_halves", "taken_back"]


def find_halves(run: Run, revision: str) -> tuple[Half, ...]:
    """Return what is recorded of a revision that is not done: one for each database or schema where part of it is."""
    from seachange.revisions.halves import read_halves
    from seachange.revisions.units import read_units

    found = read_halves(read_units(run.settings, run.database))
    return tuple(half for half in found if half.revision == revision and half.direction == "upgrade")


def taken_back(run: Run, left: Left) -> tuple[str, ...]:
    """Take back the part of the failed revision that is committed; the caller holds the migration lock.

    :param run: the run.
    :param left: what failed.
    :returns: what was done, as sentences.
    :raises RefusedError: nothing is recorded, or not all of it can be taken back; nothing was.
    """
    from seachange.revisions.halves import take_back

    if run.standing is not None and left.failed in run.standing.halves:
        raise RefusedError(f"part of {left.failed} was committed by an earlier run, and is left as it was")
    halves = find_halves(run, left.failed)
    if not halves:
        raise RefusedError(f"part of {left.failed} is in the database, and nothing of it is recorded")
    done = [text for half in halves for text in take_back(half, say=run.progress)]
    return tuple(f"taken back: {text}" for text in done) or (f"nothing of {left.failed} had to be taken back",)
