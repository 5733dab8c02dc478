"""Fixtures of the tests of servers."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from seachange.config import Settings
from seachange.postgres._places import cache_folder
from tests.integration.postgres.processes import open_folder


@pytest.fixture
def own(settings: Settings) -> Iterator[Settings]:
    """Settings with an empty cache that every user can enter."""
    with open_folder() as folder:
        yield dataclasses.replace(settings, cache_dir=str(folder))


@pytest.fixture
def warm(settings: Settings, own: Settings) -> Settings:
    """Settings with a cache that is empty but for fresh data directories, which take longest to make."""
    (Path(own.cache_dir) / "initdb").symlink_to(cache_folder(settings, "initdb"))
    return own
