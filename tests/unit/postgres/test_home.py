"""The note of where an embedded server keeps its data leads to a folder of Seachange's own, or nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from seachange.config import Settings
from seachange.postgres import _home


@pytest.fixture
def durable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for the system's folder, with the data of one project and a link to somebody's folder."""
    folder = tmp_path / "lib" / "seachange"
    (folder / "clinic-1").mkdir(parents=True)
    (folder / "link").symlink_to(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setattr(_home, "DURABLE_ROOT", folder)
    monkeypatch.chdir(tmp_path)
    return folder


def _found(tmp_path: Path, pointed: str) -> Path:
    inside = tmp_path / "project" / ".seachange" / "postgres"
    inside.mkdir(parents=True)
    (inside / "location").write_text(f"{pointed}\n")
    home = _home.find_home(Settings(root=tmp_path / "project"))
    assert home
    return home.folder


def test_data_outside_the_checkout_is_found(tmp_path: Path, durable: Path) -> None:
    assert _found(tmp_path, str(durable / "clinic-1")) == durable / "clinic-1"


@pytest.mark.parametrize(
    "pointed", ["", ".", "..", "/", "elsewhere", "{durable}", "{durable}/..", "{durable}/link", "{durable}/gone"]
)
def test_any_other_folder_is_not(tmp_path: Path, durable: Path, monkeypatch: pytest.MonkeyPatch, pointed: str) -> None:
    monkeypatch.setattr(_home, "can_reach", lambda *_: True)

    assert _found(tmp_path, pointed.format(durable=durable)) == tmp_path / "project" / ".seachange" / "postgres"
