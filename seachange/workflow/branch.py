"""The base branch: what it has of the project's revisions, by git, beside what the working tree has."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from seachange.config import Settings
from seachange.errors import ConfigError
from seachange.revisions.heads import Base, revision_of
from seachange.revisions.history import History, Revision
from seachange.workflow._repository import Git, open_repository

__all__ = ["Branch", "find_base", "revisions_at"]

_USUAL = ("origin/main", "main", "origin/master", "master")

# Where a pull request goes, as the two services say it.
_TARGETS = ("GITHUB_BASE_REF", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME")

_SHALLOW_HINT = (
    "fetch the whole history: `fetch-depth: 0` for actions/checkout, `GIT_DEPTH: 0` in GitLab CI, "
    "else `git fetch --unshallow origin` and `git fetch origin main:refs/remotes/origin/main`"
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Branch:
    """What is known of the base branch; ``note`` says why it is nothing."""

    base: Base | None = None
    note: str = ""


def find_base(settings: Settings, history: History, *, name: str = "", required: bool = False) -> Branch:
    """Compare the working tree with the base branch.

    :param settings: the project's settings; ``base_branch`` among them.
    :param history: the revisions in the working tree.
    :param name: the base branch; that of the settings by default, else whichever of the usual ones there is.
    :param required: whether a clone that is too shallow to tell is an error.
    :raises ConfigError: the branch that is named is not there, or has no commit in common with the working tree.
    """
    wanted = name or settings.base_branch
    git = open_repository(settings.root)
    if git is None:
        if name:
            raise ConfigError(f"--base {name}: {settings.root} is in no git repository", hint="leave --base out")
        return Branch(note="in no git repository, so nothing is known of what is published")
    if git.commit("HEAD") is None and not wanted:
        return Branch(note="nothing is committed yet, so nothing is known of what is published")
    base = _resolve(git, settings, wanted)
    if base is None:
        return _without_base(git, wanted, required=required)
    merge_base = (git.ask("merge-base", "HEAD", base) or "").strip()
    if not merge_base:
        shallow = git.shallow
        raise ConfigError(
            f"{base} and the working tree have no commit in common{' in this shallow clone' if shallow else ''}",
            hint=_SHALLOW_HINT if shallow else "name the branch that this one began from with --base",
        )
    return Branch(base=_compare(git, history, base=base, merge_base=merge_base))


def revisions_at(git: Git, history: History, *, commit: str) -> frozenset[str]:
    """Return the ids of the revisions that a commit has, in the folders where the working tree has them.

    :param git: the repository.
    :param history: the revisions in the working tree.
    :param commit: the commit.
    """
    return frozenset(_Places(git, history).revisions(commit))


def _resolve(git: Git, settings: Settings, wanted: str) -> str | None:
    if wanted:
        return wanted if git.commit(wanted) else None
    targets = [f"origin/{settings.environment[name]}" for name in _TARGETS if settings.environment.get(name)]
    remote = (git.ask("symbolic-ref", "--short", "--quiet", "refs/remotes/origin/HEAD") or "").strip()
    return next((name for name in (*targets, remote, *_USUAL) if name and git.commit(name)), None)


def _without_base(git: Git, wanted: str, *, required: bool) -> Branch:
    what = f"there is no branch {wanted}" if wanted else "there is no base branch (origin/HEAD, main or master)"
    shallow = git.shallow
    if wanted or (shallow and required):
        raise ConfigError(
            f"{what}{' in this shallow clone' if shallow else ''}",
            hint=_SHALLOW_HINT if shallow else "`git branch --all` lists the branches; `git fetch origin` brings those of others",
        )
    return Branch(note=f"{what}{' in this shallow clone' if shallow else ''}, so nothing is known of what is published")


def _compare(git: Git, history: History, *, base: str, merge_base: str) -> Base:
    places = _Places(git, history)
    tip, before = (places.revisions(commit) for commit in (base, merge_base))
    new = [each for each in tip.values() if each.revision not in before]
    missing = [each for each in new if each.revision not in history.by_id]
    taken = [each for each in new if each.revision in history.by_id and not places.has(each)]
    return Base(
        name=base,
        commit=git.commit(base) or base,
        merge_base=merge_base,
        published=frozenset((*tip, *before)),
        missing=tuple(missing),
        taken=tuple(taken),
    )


class _Places:
    """Reads revisions out of commits; what the working tree has unchanged is not read again."""

    def __init__(self, git: Git, history: History) -> None:
        self._git = git
        self._history = history
        self._top = git.top.resolve()
        folders = (Path(os.path.relpath(place.resolve(), self._top)).as_posix() for place in history.locations)
        self._folders = tuple(folder for folder in folders if not folder.startswith(".."))
        self._here: Mapping[str, Revision] = {
            self._relative(each.path): each for each in (*history.duplicates, *history.by_id.values())
        }

        self._nested = any(Path(path).parent.as_posix() not in self._folders for path in self._here)

    def revisions(self, commit: str) -> dict[str, Revision]:
        """Return the revisions of a commit by id."""
        if not self._folders:
            return {}
        files, changed = self._git.files(commit, self._folders), self._git.changed(commit, self._folders)
        found = [self._here[path] for path in files if path in self._here and path not in changed]
        return {each.revision: each for each in (*found, *self._read(files, changed))}

    def has(self, revision: Revision) -> bool:
        """Say whether the working tree has a revision under its id in the same file."""
        here = self._here.get(self._relative(revision.path))
        return here is not None and here.revision == revision.revision

    def _read(self, files: Mapping[str, str], changed: Iterable[str]) -> list[Revision]:
        paths = [path for path in files if path in changed and path.endswith(".py") and self._in_location(path)]
        contents = self._git.contents(files[path] for path in paths)
        read = (
            revision_of(source, path=self._top / path, location=self._location(path))
            for path, source in zip(paths, contents, strict=True)
        )
        return [each for each in read if each is not None]

    def _in_location(self, path: str) -> bool:
        return self._nested or Path(path).parent.as_posix() in self._folders

    def _location(self, path: str) -> str:
        folder = next((folder for folder in self._folders if path.startswith(f"{folder}/")), ".")
        return self._history.relative(self._top / folder)

    def _relative(self, path: Path) -> str:
        return Path(os.path.relpath(path, self._top)).as_posix()
