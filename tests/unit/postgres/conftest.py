"""Fixtures of the tests of programs: a machine that has none, and settings with an empty cache."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from seachange.config import Settings
from seachange.postgres import _fetch, _scan


@pytest.fixture
def bare_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide what this machine has."""
    monkeypatch.setattr(_scan, "_SYSTEM_PATTERNS", ())
    monkeypatch.setattr(_scan, "_WHEELS", ())
    monkeypatch.setattr(_scan, "_EXTRA", "none/none")
    monkeypatch.setattr(_fetch, "_NPM_PLATFORMS", {(sys.platform, platform.machine()): "linux-x64"})


@pytest.fixture
def bare(bare_machine: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Settings]:
    """Settings with an empty cache and a search path that has nothing; variables by name."""
    monkeypatch.setattr("seachange.postgres._places.server_identity", lambda: None)

    def made(**environment: object) -> Settings:
        variables = {"PATH": str(tmp_path / "path"), **{name: str(value) for name, value in environment.items()}}
        major = int(variables.pop("major", 0))
        return Settings(root=tmp_path, environment=variables, cache_dir="cache", postgres_major=major)

    return made
