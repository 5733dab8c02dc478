"""clean: build output, stale tool caches and leftovers of runs that ended badly."""

from __future__ import annotations

from pathlib import Path

from seachange.plan import StepResult
from seachange.workflow.run import Run

__all__ = ["clean"]


def clean(run: Run) -> StepResult:
    """Remove what the project's rules name and git does not track."""
    from seachange.clean import find_stale, remove
    from seachange.postgres.server import sweep

    settings = run.settings
    stale = find_stale(settings.root, settings)
    gone = stale if run.dry_run else remove(stale)
    word = "would remove" if run.dry_run else "removed"
    facts = [f"{word} {_short(item.path, settings.root)}: {item.reason}" for item in gone]
    swept = () if run.dry_run else sweep(settings)
    facts += [f"removed what a crashed run left: {path}" for path in swept]
    size = sum(item.size_bytes for item in gone)
    summary = f"{word} {len(facts)}, {size / 1024**2:.1f} MB" if facts else "nothing to remove"
    data = {"removed": [item.path for item in gone], "size_bytes": size}
    return StepResult(status="skipped" if run.dry_run else "done", summary=summary, facts=tuple(facts), data=data)


def _short(path: Path, root: Path) -> Path:
    return path.relative_to(root) if path.is_relative_to(root) else path
