"""What git says of a project: the commit, whether files differ from it, its tags."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from seachange.workflow._repository import Git

__all__ = ["commit", "tags"]


def commit(root: Path, locations: Iterable[Path]) -> tuple[str | None, bool | None]:
    """Return the commit that is checked out, and whether a tracked file differs from it or a revision is not tracked.

    :param root: the project.
    :param locations: the folders of its revisions.
    :returns: two times None without git, outside a repository and before the first commit.
    """
    git = Git(top=root)
    head = git.commit("HEAD")
    if not head:
        return None, None
    changed = git.ask("status", "--porcelain", "--untracked-files=no")
    folders = [str(path) for path in locations if path.is_relative_to(root)]
    untracked = git.ask("ls-files", "--others", "--exclude-standard", "--", *folders) if folders else ""
    return head, bool(changed) or bool(untracked)


def tags(root: Path) -> tuple[str, ...]:
    """Return the tags of the commit that is checked out and of all before it; none without git."""
    return tuple((Git(top=root).ask("tag", "--merged", "HEAD") or "").splitlines())
