"""Removing what is not needed."""

from __future__ import annotations

from seachange.tasks._task import Face, task


@task(changes=True, name="unnecessary-dist", aliases=("dist",))
def unnecessary_dist(face: Face) -> None:
    """Remove stale build output, caches and leftovers; no tracked file."""
    from seachange.workflow import pipeline, steps

    face.run(pipeline(steps.clean, name="clean.unnecessary-dist"))
