"""Modules that targets wrote, imported and checked."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import types
from pathlib import Path

__all__ = ["checked", "imported"]


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
