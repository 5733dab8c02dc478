"""Copies of projects in temporary folders, and commands run in them as a user would."""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

__all__ = ["REPOSITORY", "Outcome", "Project", "clean_environment", "copy_repository", "copy_scenario", "tracked_files"]

REPOSITORY = Path(__file__).resolve().parent.parent

# What a developer's shell may hold and a test must not see; programs, caches and a service container are wanted.
_FOREIGN = re.compile(
    r"ALEMBIC_CONFIG|DATABASE_URL|DIRECT_URL|APP_ENV|NODE_ENV|PG[A-Z]+|MIGRATION_\w+|RUN_MIGRATIONS|RUN_SEEDS|IS_FIRST_DEPLOY|INVOKE_\w+|NOX\w*|"
    r"SEACHANGE_(?!CACHE_DIR$|PG\d+_BIN$|ADMIN_URL$|PGBOUNCER$)\w+|PYTEST_\w+|PYTHONDONTWRITEBYTECODE|PYTHONPATH|VIRTUAL_ENV|"
    r"NO_COLOR|FORCE_COLOR|COLUMNS|LINES"
)


def clean_environment(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment without settings of the developer's own shell, this environment's programs first on PATH."""
    kept = {name: value for name, value in (os.environ if environ is None else environ).items() if not _FOREIGN.fullmatch(name)}
    programs = str(Path(sys.executable).parent)
    return {**kept, "PATH": os.pathsep.join([programs, kept.get("PATH", os.defpath)]), "LC_ALL": "C.UTF-8"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a command did."""

    exit_code: int
    stdout: str
    stderr: str
    duration_s: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Project:
    """A project in a folder of its own, with the environment that its commands get."""

    path: Path
    environment: Mapping[str, str] = dataclasses.field(default_factory=clean_environment)

    def invoke(self, *arguments: str, env: Mapping[str, str] | None = None, cwd: str = ".", timeout_s: float = 120) -> Outcome:
        """Run ``invoke`` in the project."""
        return self.run("invoke", *arguments, env=env, cwd=cwd, timeout_s=timeout_s)

    def run(self, *argv: str, env: Mapping[str, str] | None = None, cwd: str = ".", timeout_s: float = 120) -> Outcome:
        """Run a command in the project, its whole process group ended at the deadline."""
        begin = time.monotonic()
        with self.start(*argv, env=env, cwd=cwd) as process:
            try:
                stdout, stderr = process.communicate(timeout=timeout_s)
            except BaseException:
                os.killpg(process.pid, signal.SIGKILL)
                raise
        return Outcome(exit_code=process.returncode, stdout=stdout, stderr=stderr, duration_s=time.monotonic() - begin)

    def start(self, *argv: str, env: Mapping[str, str] | None = None, cwd: str = ".") -> subprocess.Popen[str]:
        """Start a command in the project in a process group of its own, without a terminal and without input."""
        return subprocess.Popen(
            argv,
            cwd=self.path / cwd,
            env={**self.environment, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            start_new_session=True,
        )

    def replace(self, name: str, *, old: str, new: str) -> None:
        """Replace the only occurrence of ``old`` in a file."""
        path = self.path / name
        text = path.read_text(encoding="utf-8")
        if text.count(old) != 1:
            raise ValueError(f"{name} has {text.count(old)} times {old!r}, not once")
        path.write_text(text.replace(old, new), encoding="utf-8")

    def commit(self) -> None:
        """Make the folder a git repository in which everything is committed."""
        identity = {f"GIT_{role}_{part}": "test@example.org" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
        for command in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "Begin"]):
            subprocess.run(["git", *command], cwd=self.path, env={**self.environment, **identity}, check=True, timeout=60)


def tracked_files(root: Path = REPOSITORY, *, untracked: bool = True) -> tuple[str, ...]:
    """Return the files of a git repository as paths from its root; new ones that git does not ignore are counted in."""
    options = ["--cached", "--others", "--exclude-standard"] if untracked else ["--cached"]
    listed = subprocess.run(["git", "ls-files", "-z", *options], cwd=root, check=True, capture_output=True, timeout=60)
    names = sorted(set(listed.stdout.decode().split("\0")) - {""})
    return tuple(name for name in names if (root / name).is_file())


def copy_repository(target: Path, *, without: Iterable[str] = ("seachange", "tests")) -> Project:
    """Copy this repository's files into ``target``, as a git repository.

    :param target: a folder that does not exist yet.
    :param without: top folders to leave out. Without its own ``seachange`` the copy runs the installed one, which is compiled.
    """
    left_out = set(without)
    for name in tracked_files():
        if name.split("/")[0] not in left_out:
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, target / name)
    project = Project(path=target)
    project.commit()
    return project


def copy_scenario(name: str, target: Path) -> Project:
    """Copy a project of tests/projects/ into ``target``.

    :param name: its folder there.
    :param target: a folder that does not exist yet.
    """
    ignore = shutil.ignore_patterns("__pycache__", ".seachange", ".nox", "logs", "backups")
    shutil.copytree(REPOSITORY / "tests" / "projects" / name, target, ignore=ignore)
    return Project(path=target)
