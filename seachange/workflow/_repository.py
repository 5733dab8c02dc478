"""Questions to git: they are few, end with the answer or with why there is none, and change no file of the user's."""

from __future__ import annotations

import dataclasses
import os
import subprocess
from collections.abc import Iterable
from pathlib import Path

from seachange.errors import ConfigError

__all__ = ["Git", "open_repository"]

_TIMEOUT_S = 60
_FROM_HOOKS = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Git:
    """A repository; paths are relative to ``top``."""

    top: Path

    def ask(self, *arguments: str) -> str | None:
        """Return what git prints, or None when it fails."""
        try:
            done = _run(self.top, *arguments)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return _text(done) if done.returncode == 0 else None

    def commit(self, name: str) -> str | None:
        """Return the hash of the commit that a name means, or None."""
        found = self.ask("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
        return found.strip() if found else None

    @property
    def shallow(self) -> bool:
        """Whether the clone has only the newest commits."""
        return (self.ask("rev-parse", "--is-shallow-repository") or "").strip() == "true"

    def files(self, commit: str, folders: Iterable[str]) -> dict[str, str]:
        """Return path and hash of every file below ``folders`` in a commit."""
        listed = self.ask("ls-tree", "-r", "-z", "--full-tree", commit, "--", *folders) or ""
        rows = (row.partition("\t") for row in listed.split("\0") if row)
        return {path: facts.split()[2] for facts, _, path in rows}

    def changed(self, commit: str, folders: Iterable[str]) -> frozenset[str]:
        """Return the tracked files below ``folders`` that the working tree has otherwise than a commit, or not at all."""
        listed = self.ask("diff", "--name-only", "--no-renames", "--no-ext-diff", "-z", commit, "--", *folders) or ""
        return frozenset(listed.split("\0")) - {""}

    def contents(self, hashes: Iterable[str]) -> list[bytes]:
        """Return the files with these hashes."""
        wanted = list(hashes)
        if not wanted:
            return []
        done = subprocess.run(
            ["git", "-C", str(self.top), "cat-file", "--batch"],
            input="".join(f"{name}\n" for name in wanted).encode(),
            env=_environment(),
            capture_output=True,
            check=True,
            timeout=_TIMEOUT_S,
        )
        found, rest = [], done.stdout
        for _ in wanted:
            heading, _, rest = rest.partition(b"\n")
            size = int(heading.split()[2])
            found.append(rest[:size])
            rest = rest[size + 1 :]
        return found

    def add_worktree(self, folder: Path, commit: str) -> str:
        """Check out a commit into a new folder, without hooks and downloads, and return what is wrong; nothing when it worked."""
        quiet = ("-c", f"core.hooksPath={os.devnull}", "-c", "submodule.recurse=false", "-c", "advice.detachedHead=false")
        try:
            done = _run(self.top, *quiet, "worktree", "add", "--detach", "--force", str(folder), commit)
        except (OSError, subprocess.TimeoutExpired) as exc:
            return str(exc)
        return "" if done.returncode == 0 else _last_line(done)

    def remove_worktree(self, folder: Path) -> None:
        """Remove what :meth:`add_worktree` made."""
        self.ask("worktree", "remove", "--force", str(folder))


def open_repository(folder: Path) -> Git | None:
    """Return the repository that ``folder`` is in; None when there is none, or no git.

    :raises ConfigError: there is one, and git does not trust it.
    """
    try:
        done = _run(folder, "rev-parse", "--show-toplevel")
    except (OSError, subprocess.TimeoutExpired):
        return None
    # In a container the files often belong to somebody else; taken for "no repository", a check would pass that never looked.
    if b"dubious ownership" in done.stderr:
        raise ConfigError(
            f"git does not trust the repository of {folder}: its files belong to another user",
            hint=f"git config --global --add safe.directory {folder}",
        )
    return Git(top=Path(_text(done).rstrip("\n"))) if done.returncode == 0 else None


def _run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    command = ["git", "-C", str(folder), "-c", "core.quotePath=false", *arguments]
    return subprocess.run(command, env=_environment(), capture_output=True, check=False, timeout=_TIMEOUT_S)


def _text(done: subprocess.CompletedProcess[bytes]) -> str:
    return done.stdout.decode(errors="surrogateescape")


def _environment() -> dict[str, str]:
    # A hook sets where the repository is as seen from its top, which is wrong in a folder below.
    kept = {name: value for name, value in os.environ.items() if name not in _FROM_HOOKS}
    return {**kept, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "GIT_LFS_SKIP_SMUDGE": "1"}


def _last_line(done: subprocess.CompletedProcess[bytes]) -> str:
    lines = [line.strip() for line in done.stderr.decode(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else f"it ended with status {done.returncode}"
