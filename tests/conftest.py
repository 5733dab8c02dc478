"""Fixtures of all tests: settings, servers, fresh databases and copies of projects."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from seachange import config
from seachange.config import Settings
from tests.project import Project, clean_environment, copy_repository, copy_scenario

if TYPE_CHECKING:  # tests without a server need no driver
    from seachange.postgres.connection import Database
    from seachange.postgres.server import Server

OLDEST, NEWEST = 14, 18


def pytest_configure() -> None:
    """Make Ctrl-C mean something: a shell starts what runs in the background with SIGINT ignored, and children inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _environment() -> Iterator[None]:
    """Hide the settings of the developer's own shell, a DATABASE_URL above all, from every test."""
    before = dict(os.environ)
    wanted = clean_environment(before)
    for name in set(before) - set(wanted) - {"PYTEST_CURRENT_TEST", "PYTEST_XDIST_WORKER"}:
        os.environ.pop(name, None)
    yield
    os.environ.update(before)


@pytest.fixture(autouse=True)
def _own_modules(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Forget modules and search paths of copied projects after each test: the next one has its own of the same names."""
    paths = list(sys.path)
    yield
    sys.path[:] = paths
    copies = str(tmp_path_factory.getbasetemp())
    for name, module in list(sys.modules.items()):
        if (getattr(module, "__file__", None) or "").startswith(copies):
            del sys.modules[name]


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of an empty project; downloads, prepared clusters and shadow databases are shared with the developer's."""
    return config.load(tmp_path_factory.mktemp("settings"), environ=clean_environment())


@pytest.fixture(scope="session")
def oracles() -> Path:
    """The npm packages that judge what sync writes; without them a test is skipped with the reason, under CI it fails."""
    from tests.oracles import OracleMissingError, node_modules

    try:
        return node_modules()
    except OracleMissingError as exc:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(exc))


@pytest.fixture(scope="session")
def server_of(settings: Settings) -> Iterator[Callable[[int], Server]]:
    """Throwaway servers by major version, each started once."""
    from seachange.testing.fixtures import open_server

    servers: dict[int, Server] = {}
    with contextlib.ExitStack() as stack:

        def running(major: int) -> Server:
            if major not in servers:
                servers[major] = stack.enter_context(open_server(settings, major=major or None))
            return servers[major]

        yield running


@pytest.fixture(scope="session")
def server(server_of: Callable[[int], Server]) -> Server:
    """A throwaway server of the newest major at hand."""
    return server_of(0)


@pytest.fixture
def database(server: Server) -> Iterator[Database]:
    """An empty database on the newest server, dropped after the test."""
    from seachange.testing.fixtures import fresh_database

    with fresh_database(server) as fresh:
        yield fresh


@pytest.fixture(scope="session", params=[pytest.param(OLDEST, id="pg14"), pytest.param(NEWEST, id="pg18")])
def each_server(request: pytest.FixtureRequest, server_of: Callable[[int], Server]) -> Server:
    """The oldest and the newest supported major, one after the other."""
    return server_of(request.param)


@pytest.fixture
def each_database(each_server: Server) -> Iterator[Database]:
    """An empty database on the oldest and on the newest supported major."""
    from seachange.testing.fixtures import fresh_database

    with fresh_database(each_server) as fresh:
        yield fresh


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A copy of this repository with the reference application and its history, as a git repository."""
    copy = copy_repository(tmp_path / "project")
    with _stopped_afterwards(copy):
        yield copy


@pytest.fixture
def scenario(tmp_path: Path) -> Iterator[Callable[[str], Project]]:
    """Copies of the small projects in tests/projects/ by name."""
    with contextlib.ExitStack() as stack:

        def copied(name: str) -> Project:
            return stack.enter_context(_stopped_afterwards(copy_scenario(name, tmp_path / name)))

        yield copied


@contextlib.contextmanager
def _stopped_afterwards(project: Project) -> Iterator[Project]:
    try:
        yield project
    finally:
        if (project.path / ".seachange").is_dir():
            from seachange.postgres import embedded

            embedded.discard(Settings(root=project.path, environment=project.environment))
