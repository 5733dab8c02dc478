"""Nox faces: a project's whole history on throwaway PostgreSQL servers; imports only nox and the standard library."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import nox

if TYPE_CHECKING:
    from nox._decorators import Func

__all__ = ["POSTGRES", "migration_sessions", "migrations"]

POSTGRES = ("14", "15", "16", "17", "18")

# What an editable installation reads besides its arguments.
_METADATA = ("pyproject.toml", "setup.cfg", "setup.py")


def migrations(session: nox.Session, *, postgres: Sequence[str] = POSTGRES, install: Sequence[str] = ("-e", ".")) -> None:
    """Run the history up, down and up again, the seeds and the workflow on every major, in the session's own environment.

    Options after ``--`` reach every run: ``nox -s migrations -- --seed-scale 5``.

    :param session: the session.
    :param postgres: major versions, one after the other.
    :param install: what ``session.install`` gets; empty installs nothing.
    """
    if install:
        session.install(*install)
    for major in postgres:
        session.run("python", *_command(session, major))


def migration_sessions(
    *,
    postgres: Sequence[str] = POSTGRES,
    python: str | Sequence[str] | None = None,
    install: Sequence[str] = ("-e", "."),
    name: str = "migrations",
    tags: Sequence[str] = ("db",),
    default: bool = False,
    allow_parallel: bool = False,
    skip_missing: bool = False,
) -> Func:
    """Register a session for every major, ``migrations(pg18)``, all in one environment that ``migrations-env`` makes.

    Each has the tag ``pg18`` besides ``tags``; the first and the last of ``postgres`` have ``oldest`` and ``newest``.

    :param postgres: major versions, oldest first.
    :param python: interpreters, as ``nox.session`` takes them; several give ``migrations(py3.13-pg18)`` and an environment each.
    :param install: what ``session.install`` gets once for all; empty runs in the environment of nox itself.
    :param name: name of the sessions.
    :param tags: tags of all of them.
    :param default: whether a bare ``nox`` runs them.
    :param allow_parallel: whether ``nox -j`` may run them side by side.
    :param skip_missing: whether a major that is not on this machine is skipped, with the remedies, instead of failed.
    :returns: the registered session.
    """
    interpreters: Sequence[str | None] = [None] if python is None or isinstance(python, str) else list(python)
    if install:
        _register_environment(name, python, install)

    def run_history(session: nox.Session, interpreter: str | None, major: str) -> None:
        """Run the history up, down and up again, the seeds and the workflow on one PostgreSQL major."""
        program = _shared_python(session, name, interpreter) if install else sys.executable
        if skip_missing:
            _skip_without_server(session, program, major)
        session.run(program, *_command(session, major), external=True)

    parameters = [
        nox.param(interpreter, major, id=_label(interpreter, major), tags=_tags(major, postgres))
        for interpreter in interpreters
        for major in postgres
    ]
    register = nox.session(
        name=name,
        venv_backend="none",
        tags=list(tags),
        default=default,
        requires=[f"{name}-env"] if install else None,
        allow_parallel=allow_parallel,
    )
    return register(nox.parametrize(["interpreter", "major"], parameters)(run_history))


def _register_environment(name: str, python: str | Sequence[str] | None, install: Sequence[str]) -> None:
    @nox.session(name=f"{name}-env", python=python, reuse_venv=True, default=False)
    def environment(session: nox.Session) -> None:
        """Make the environment that the migration sessions share."""
        _install_once(session, install)
        interpreter = None if python is None or isinstance(python, str) else str(session.python)
        _note(session, name, interpreter).write_text(str(Path(session.bin, "python")))


def _command(session: nox.Session, major: str) -> tuple[str, ...]:
    return ("-m", "seachange.testing", "--pg", major, *session.posargs)


def _skip_without_server(session: nox.Session, program: str, major: str) -> None:
    probe = ("-m", "seachange.testing", "--pg", major, "--check-server")
    said = session.run(program, *probe, external=True, silent=True, success_codes=[0, 1], log=False)
    if isinstance(said, str) and said.startswith("error: PostgreSQL"):
        session.skip(said.removeprefix("error: ").strip().replace("\n", "; "))


def _label(interpreter: str | None, major: str) -> str:
    return f"pg{major}" if interpreter is None else f"py{interpreter}-pg{major}"


def _tags(major: str, postgres: Sequence[str]) -> list[str]:
    ends = [name for name, end in (("oldest", postgres[0]), ("newest", postgres[-1])) if end == major]
    return [f"pg{major}", *ends]


# Under `nox -j` every session is a process of its own, so a file tells where the environment is.
def _note(session: nox.Session, name: str, interpreter: str | None) -> Path:
    return session.cache_dir / f"seachange-{name}-{interpreter or 'default'}"


def _shared_python(session: nox.Session, name: str, interpreter: str | None) -> str:
    note = _note(session, name, interpreter)
    if not note.is_file() or not Path(note.read_text()).is_file():
        session.error(f"the environment {name}-env is missing; run `nox -s {name}-env`, or leave --no-dependencies out")
    return note.read_text()


def _install_once(session: nox.Session, install: Sequence[str]) -> None:
    """Install, unless the environment has exactly this already: an editable installation follows the code by itself."""
    stamp = session.env_dir / ".seachange-installed"
    wanted = _digest(install)
    if wanted and stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        session.log("the environment is up to date")
        return
    stamp.unlink(missing_ok=True)
    session.install(*install, env={"UV_COMPILE_BYTECODE": "1"})
    stamp.write_text(wanted, encoding="utf-8")


def _digest(install: Sequence[str]) -> str:
    """Return a digest of what is installed; empty where the code itself would be copied into the environment."""
    digest = hashlib.sha256()
    for before, argument in zip(("", *install), install, strict=False):
        path = Path(argument.split("[")[0])
        if before not in ("-e", "--editable") and (path.is_dir() or path.suffix in (".whl", ".gz")):
            return ""
        digest.update(argument.encode() + b"\0")
        if path.is_file():
            digest.update(path.read_bytes())
    for name in _METADATA:
        if Path(name).is_file():
            digest.update(Path(name).read_bytes())
    return digest.hexdigest()
