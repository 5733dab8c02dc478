"""What git says of a project: the commit, whether files differ from it, the newest release."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path

__all__ = ["commit", "newest_tag"]

_TIMEOUT_S = 10.0


def commit(root: Path, locations: Iterable[Path]) -> tuple[str | None, bool | None]:
    """Return the commit that is checked out, and whether a tracked file differs from it or a revision is not tracked.

    :param root: the project.
    :param locations: the folders of its revisions.
    :returns: two times None without git, outside a repository and before the first commit.
    """
    head = _git(root, "rev-parse", "--verify", "--quiet", "HEAD")
    if not head:
        return None, None
    changed = _git(root, "status", "--porcelain", "--untracked-files=no")
    folders = [str(path) for path in locations if path.is_relative_to(root)]
    untracked = _git(root, "ls-files", "--others", "--exclude-standard", "--", *folders) if folders else ""
    return head, bool(changed) or bool(untracked)


def newest_tag(root: Path) -> str:
    """Return the newest tag that the commit which is checked out contains; empty when there is none, or no git."""
    return _git(root, "describe", "--tags", "--abbrev=0", "HEAD") or ""


def _git(root: Path, *arguments: str) -> str | None:
    command = ["git", "-C", str(root), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, timeout=_TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
