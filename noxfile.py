"""This repository's sessions: bare ``nox`` runs all checks and tests in the environment that scripts/dev made."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nox

sys.path.insert(0, str(Path(__file__).parent))

from seachange import sessions

nox.needs_version = ">=2025.5.1"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"
nox.options.error_on_missing_interpreters = True

_PACKAGING = "tests/acceptance/test_packaging.py"


@nox.session(venv_backend="none")
def lint(session: nox.Session) -> None:
    """Check style, layers and generated documents."""
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports")
    session.run("scripts/docs", "--check")


@nox.session(venv_backend="none")
def types(session: nox.Session) -> None:
    """Check types strictly."""
    session.run("mypy", *session.posargs)


@nox.session(venv_backend="none")
def servers(session: nox.Session) -> None:
    """Fetch the PostgreSQL majors that this machine lacks."""
    # Where they cannot be had, the tests that need them are skipped and say so; under CI nothing may be missing.
    tolerated = [0] if os.environ.get("CI") else range(128)
    session.run("invoke", "db.servers", "--install", ",".join(sessions.POSTGRES), success_codes=tolerated)


@nox.session(venv_backend="none", requires=["servers"])
def tests(session: nox.Session) -> None:
    """Run unit, integration and acceptance tests, or those named: nox -s tests -- tests/unit -k lock."""
    session.run("pytest", "-n", "2", *(session.posargs or ["tests", f"--ignore={_PACKAGING}"]))


@nox.session(venv_backend="none", requires=["servers"])
def package(session: nox.Session) -> None:
    """Build the wheel, install it into a fresh environment beside another team's project, and work there."""
    session.run("pytest", _PACKAGING, *session.posargs)


sessions.migration_sessions(install=(), default=True)
