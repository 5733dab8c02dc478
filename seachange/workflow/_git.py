"""What git says of a project: the commit, whether files differ from it, its tags."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path

__all__ = ["commit", "tags"]

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


def tags(root: Path) -> tuple[str, ...]:
    """Return the tags of the commit that is checked out and of all before it; none without git."""
    return tuple((_git(root, "tag", "--merged", "HEAD") or "").splitlines())


def _git(root: Path, *arguments: str) -> str | None:
    command = ["git", "-C", str(root), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, timeout=_TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
