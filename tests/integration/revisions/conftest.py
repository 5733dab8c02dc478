"""Fixtures of the tests that run histories: each test imports the models of its own copy of a project."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import pytest

from seachange import config
from seachange.config import Settings
from tests.project import Project, clean_environment

Open = Callable[..., Settings]


@pytest.fixture(autouse=True)
def _own_modules() -> Iterator[None]:
    """Forget modules and search paths of a project after its test."""
    modules, paths = set(sys.modules), list(sys.path)
    yield
    sys.path[:] = paths
    for name in set(sys.modules) - modules:
        if not name.split(".")[0].startswith(("seachange", "alembic", "sqlalchemy", "psycopg", "mako", "markupsafe")):
            del sys.modules[name]


@pytest.fixture
def open_project(scenario: Callable[[str], Project]) -> Open:
    """Copy a scenario and return its settings; further arguments are settings as flags."""

    def opened(name: str, **flags: object) -> Settings:
        return config.load(scenario(name).path, flags=flags, environ=clean_environment())

    return opened
