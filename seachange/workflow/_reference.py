"""Which commit a check against running code is about: the one that is named, the last release, or where the branch began."""

from __future__ import annotations

import dataclasses

from seachange.errors import ConfigError
from seachange.workflow._git import tags
from seachange.workflow._repository import Git, open_repository
from seachange.workflow.run import Run

__all__ = ["AUTO", "Reference", "find_reference"]

AUTO = "auto"

_HINT = "name a commit, a tag or a branch: --compatible-with REF"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reference:
    """A commit: the name that it goes by, its hash, and the revisions that it has and the working tree has too.

    ``missing`` are revisions that only the commit has.
    """

    git: Git
    name: str
    commit: str
    revisions: frozenset[str]
    missing: tuple[str, ...] = ()


def find_reference(run: Run, name: str) -> Reference:
    """Return the commit whose code has to go on working.

    :param run: the run.
    :param name: a commit, tag or branch; ``auto`` is the release that is deployed, else where the branch left the base branch.
    :raises ConfigError: there is no such commit, or nothing says which one is meant.
    """
    from seachange.workflow.branch import revisions_at

    git = open_repository(run.settings.root)
    if git is None:
        raise ConfigError(f"--compatible-with {name}: {run.settings.root} is in no git repository", hint="leave it out")
    chosen = _chosen(run, git) if name == AUTO else name
    commit = git.commit(chosen)
    if commit is None:
        shallow = "; this clone is shallow: fetch the whole history (`fetch-depth: 0`)" if git.shallow else ""
        raise ConfigError(f"--compatible-with {name}: there is no commit {chosen}{shallow}", hint=_HINT)
    there = revisions_at(git, run.history, commit=commit)
    known = there & set(run.history.by_id)
    return Reference(git=git, name=chosen, commit=commit, revisions=known, missing=tuple(sorted(there - known)))


def _chosen(run: Run, git: Git) -> str:
    release = _release(run)
    if release:
        return release
    from seachange.workflow.branch import find_base

    found = find_base(run.settings, run.history).base
    if found is None or git.commit(found.merge_base) is None:
        raise ConfigError(f"--compatible-with {AUTO}: there is neither a release tag nor a base branch", hint=_HINT)
    return found.merge_base[:12]


def _release(run: Run) -> str:
    """Return the tag of the release that is deployed, the newest one of HEAD by default; empty when there is none."""
    from seachange.revisions.release import newest, parse
    from seachange.workflow.gates import deployed_release

    known = tags(run.settings.root)
    deployed = parse(deployed_release(run))
    return newest(tag for tag in known if parse(tag) == deployed)
