"""Questions to git: they are few, read only, and end with the answer, or with why there is none."""

from __future__ import annotations

import dataclasses
import os
import subprocess
from collections.abc import Iterable
from pathlib import Path

__all__ = ["Git", "open_repository"]

_TIMEOUT_S = 60


@dataclasses.dataclass(frozen=True, kw_only=True)
class Git:
    """A repository; paths are relative to ``top``."""

    top: Path

    def ask(self, *arguments: str) -> str | None:
        """Return what git prints, or None when it fails."""
        return _run(self.top, *arguments)

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


def open_repository(folder: Path) -> Git | None:
    """Return the repository that ``folder`` is in; None when there is none, or no git."""
    top = _run(folder, "rev-parse", "--show-toplevel")
    return Git(top=Path(top.rstrip("\n"))) if top else None


def _run(folder: Path, *arguments: str) -> str | None:
    command = ["git", "-C", str(folder), "-c", "core.quotePath=false", *arguments]
    try:
        done = subprocess.run(command, env=_environment(), capture_output=True, check=False, timeout=_TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode(errors="surrogateescape") if done.returncode == 0 else None


def _environment() -> dict[str, str]:
    return {**os.environ, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"}
