"""Fixtures of the tests of servers."""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from seachange.config import Settings


@pytest.fixture
def own(settings: Settings) -> Iterator[Settings]:
    """Settings with an empty cache that every user can enter."""
    folder = Path(tempfile.mkdtemp(prefix="seachange-test-"))
    folder.chmod(0o755)
    yield dataclasses.replace(settings, cache_dir=str(folder))
    shutil.rmtree(folder)
