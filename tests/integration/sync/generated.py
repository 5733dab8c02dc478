"""Modules that targets wrote, imported and checked."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from seachange.config import Settings
from seachange.postgres.connection import Session, connect
from seachange.postgres.server import Server
from seachange.sync import sync
from tests.integration.sync.databases import filled_database

__all__ = ["Described", "checked", "described", "imported"]


def imported(path: Path, name: str) -> types.ModuleType:
    """Import a file as a module of this name."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def checked(folder: Path, *names: str) -> subprocess.CompletedProcess[str]:
    """Run mypy --strict over files of a folder; the stubs and caches of this repository play no part."""
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir=.cache", *names]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Described:
    """A database with the models of its schema, imported from their folder."""

    connection: Session
    models: Any
    folder: Path


@contextlib.contextmanager
def described(server: Server, settings: Settings, script: str, folder: Path) -> Iterator[Described]:
    """Make a database by a script, and the models of pydantic of it; its connection knows their types."""
    with filled_database(server, script) as database, contextlib.closing(connect(database, autocommit=True)) as connection:
        result = sync(database, settings=dataclasses.replace(settings, root=folder), targets=("pydantic",))
        assert [file.status for file in result.files] == ["written"]
        models = imported(result.files[0].path, f"models_{folder.name.replace('-', '_')}")
        if hasattr(models, "register_types"):
            models.register_types(connection)
        yield Described(connection=connection, models=models, folder=result.files[0].path.parent)
