"""The files of another commit in a temporary folder, as git checks them out, and always removed."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from seachange.errors import ConfigError
from seachange.workflow._repository import Git

__all__ = ["Worktree", "checked_out"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Worktree:
    """The repository as it was in a commit; ``root`` is where the project is in it, ``original`` the top of the repository."""

    top: Path
    root: Path
    original: Path


@contextlib.contextmanager
def checked_out(git: Git, root: Path, *, commit: str) -> Iterator[Worktree]:
    """Check out a commit into a temporary folder for the length of the block.

    Nothing is fetched, no hook runs, submodules stay empty.

    :param git: the repository.
    :param root: the project, in a folder of the repository.
    :param commit: the hash of the commit.
    :raises ConfigError: git cannot, or the project is not in that commit.
    """
    folder = Path(tempfile.mkdtemp(prefix="seachange-")).resolve()
    top = folder / "tree"
    original = git.top.resolve()
    try:
        problem = git.add_worktree(top, commit)
        if problem:
            raise ConfigError(f"git cannot check out {commit[:12]}: {problem}", hint="`git worktree add` meets the same error")
        place = top / os.path.relpath(root.resolve(), original)
        if not place.is_dir():
            raise ConfigError(
                f"the commit {commit[:12]} has no folder {place.relative_to(top)}", hint="name a commit that has the project"
            )
        yield Worktree(top=top, root=place, original=original)
    finally:
        git.remove_worktree(top)
        shutil.rmtree(folder, ignore_errors=True)
