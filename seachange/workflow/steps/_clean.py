"""clean: build output, stale tool caches and leftovers of runs that ended badly."""

from __future__ import annotations

from seachange.plan import StepResult
from seachange.workflow.run import Run

__all__ = ["clean"]


def clean(run: Run) -> StepResult:
    """Remove what the project's rules name and git does not track."""
    from seachange.clean import find_stale, remove
    from seachange.postgres.server import sweep

    stale = find_stale(run.settings.root, run.settings)
    facts = [
        f"{'would remove' if run.dry_run else 'removed'} {item.path.relative_to(run.settings.root)}: {item.reason}"
        for item in stale
    ]
    if not run.dry_run:
        remove(stale)
        facts += [f"removed the leftover of a crashed run: {path.name}" for path in sweep(run.settings)]
    size = sum(item.size_bytes for item in stale)
    summary = f"{len(facts)} removed, {size / 1024**2:.1f} MB" if facts else "nothing to remove"
    data = {"removed": [item.path for item in stale], "size_bytes": size}
    return StepResult(status="skipped" if run.dry_run else "done", summary=summary, facts=tuple(facts), data=data)
