"""Checks that only look."""

from __future__ import annotations

from seachange.tasks._task import Face, task


@task(default=True)
def dist(face: Face) -> None:
    """List stale build output; exit 2 if there is any."""
    from seachange.clean import Kind, find_stale
    from seachange.plan import Finding

    kinds: tuple[Kind, ...] = ("build",)
    stale = find_stale(face.settings.root, face.settings, kinds=kinds)
    findings = tuple(
        Finding(
            code="stale-output",
            message=f"{item.reason}, {item.size_bytes:,} bytes",
            file=str(item.path.relative_to(face.settings.root)),
            hint="invoke clean.unnecessary-dist removes it",
        )
        for item in stale
    )
    face.findings(findings, clean="no stale build output")
