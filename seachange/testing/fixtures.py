"""Pytest fixtures for a project's own tests: a throwaway server and a fresh database on it.

A conftest.py takes them with ``pytest_plugins = ["seachange.testing.fixtures"]``.
"""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterator, Mapping
from typing import NoReturn

import pytest

from seachange import config
from seachange.config import Settings
from seachange.errors import BinaryNotFoundError, ServerStartError
from seachange.postgres.connection import Database, create_database, drop_database
from seachange.postgres.server import Server, throwaway

__all__ = ["fresh_database", "missing_server", "open_server", "seachange_database", "seachange_server", "seachange_settings"]

pytest.register_assert_rewrite("seachange.testing.tests")


@pytest.fixture(scope="session")
def seachange_settings(pytestconfig: pytest.Config) -> Settings:
    """The settings of the project that is tested."""
    return config.load(config.find_root(pytestconfig.rootpath))


@pytest.fixture(scope="session")
def seachange_server(seachange_settings: Settings) -> Iterator[Server]:
    """A throwaway server of the major that SEACHANGE_POSTGRES_MAJOR asks for, else of the newest at hand."""
    with open_server(seachange_settings) as server:
        yield server


@pytest.fixture
def seachange_database(seachange_server: Server) -> Iterator[Database]:
    """An empty database of its own for every test."""
    with fresh_database(seachange_server) as database:
        yield database


@contextlib.contextmanager
def open_server(settings: Settings, *, major: int | None = None) -> Iterator[Server]:
    """Run a throwaway server; without programs for it the test is skipped, or fails where CI is set.

    :param settings: the settings of the project.
    :param major: major version; that of the settings by default.
    """
    with contextlib.ExitStack() as stack:
        try:
            server = stack.enter_context(throwaway(settings, major=major))
        except BinaryNotFoundError as exc:
            missing_server(exc, environ=settings.environment)
        except ServerStartError as exc:
            pytest.fail(f"{exc}\nhint: {exc.hint}", pytrace=False)
        yield server


@contextlib.contextmanager
def fresh_database(server: Server) -> Iterator[Database]:
    """Create an empty database on ``server`` and drop it afterwards, whoever is still connected.

    :param server: a running server.
    """
    database = server.database(f"test_{uuid.uuid4().hex[:12]}")
    create_database(database)
    try:
        yield database
    finally:
        drop_database(database, force=True)


def missing_server(error: BinaryNotFoundError, *, environ: Mapping[str, str] = os.environ) -> NoReturn:
    """Skip the running test because of a missing server; under CI nothing is skipped silently, so fail there.

    :param error: what was looked for, with the remedies in its hint.
    :param environ: where CI is looked up.
    """
    reason = f"{error}; {error.hint}"
    if environ.get("CI", "").lower() not in ("", "0", "false"):
        pytest.fail(f"under CI a missing server is a failure: {reason}", pytrace=False)
    pytest.skip(reason)
