"""The npm packages that judge artefacts are pinned exactly and come from wherever npm is configured to look."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from seachange.config import Settings
from seachange.postgres._places import cache_folder, cache_root
from tests.oracles import OracleMissingError, install, node_modules
from tests.project import REPOSITORY

_FOLDER = REPOSITORY / "tests" / "oracles"
_PACKAGES = json.loads((_FOLDER / "package.json").read_text(encoding="utf-8"))["dependencies"]
_LOCK = json.loads((_FOLDER / "package-lock.json").read_text(encoding="utf-8"))["packages"]


def test_every_package_is_pinned_exactly_and_locked_at_that_version() -> None:
    assert [name for name, version in _PACKAGES.items() if not re.fullmatch(r"\d+\.\d+\.\d+(-[\w.-]+)?", version)] == []
    assert {name: _LOCK[f"node_modules/{name}"]["version"] for name in _PACKAGES} == _PACKAGES
    assert _LOCK[""]["dependencies"] == _PACKAGES


def test_the_lock_names_no_place_and_carries_a_digest_of_each_package() -> None:
    assert [name for name, entry in _LOCK.items() if "resolved" in entry] == []
    assert [name for name, entry in _LOCK.items() if name and not entry.get("integrity", "").startswith("sha512-")] == []


def test_without_node_the_reason_names_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(OracleMissingError, match=r"node is not on PATH; Node 20\.19 or later with npm is needed"):
        node_modules()


def test_without_the_packages_the_reason_names_the_script(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "node").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(OracleMissingError, match="not installed; scripts/oracles installs them"):
        node_modules(_elsewhere(tmp_path))


def test_a_failing_npm_is_told_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "node").touch(mode=0o755)
    (tmp_path / "npm").write_text("#!/bin/sh\necho registry is on fire >&2\nexit 7\n", encoding="utf-8")
    (tmp_path / "npm").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    elsewhere = _elsewhere(tmp_path)
    with pytest.raises(OracleMissingError, match="npm ci failed: registry is on fire"):
        install(elsewhere)

    assert list(cache_folder(elsewhere, "oracles").iterdir()) == []
    shutil.rmtree(cache_root(elsewhere))


def _elsewhere(folder: Path) -> Settings:
    return Settings(root=folder, cache_dir=str(folder / "cache"))
