"""Which backups retention removes, and which never."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from seachange.backup.retention import prune_backups
from seachange.backup.store import list_backups
from seachange.config import Settings
from seachange.partial import shared
from tests.backups import make_backup


@pytest.fixture
def here(tmp_path: Path) -> Settings:
    return Settings(root=tmp_path, backup_keep_last=2)


@pytest.fixture
def folder(here: Settings) -> Path:
    return here.root / "backups"


def _damage(path: Path) -> None:
    (path / "database.dump").write_text("short")


def test_all_but_the_newest_are_removed_oldest_first(here: Settings, folder: Path) -> None:
    paths = [make_backup(folder, number=number) for number in range(5)]

    assert [backup.path for backup in prune_backups(here)] == paths[:3]
    assert sorted(folder.iterdir()) == paths[3:]


def test_a_dry_run_lists_and_removes_nothing(here: Settings, folder: Path) -> None:
    paths = [make_backup(folder, number=number) for number in range(3)]

    assert [backup.path for backup in prune_backups(here, dry_run=True)] == paths[:1]
    assert sorted(folder.iterdir()) == paths


@pytest.mark.parametrize(
    ("keep", "left"), [pytest.param(0, 4, id="all"), pytest.param(1, 1, id="one"), pytest.param(9, 4, id="more")]
)
def test_the_number_to_keep_can_be_given(here: Settings, folder: Path, keep: int, left: int) -> None:
    for number in range(4):
        make_backup(folder, number=number)
    prune_backups(here, keep=keep)

    assert len(list_backups(here)) == left


def test_damaged_backups_do_not_push_out_complete_ones(here: Settings, folder: Path) -> None:
    complete = [make_backup(folder, number=number) for number in (1, 2)]
    for number in (3, 4, 5):
        _damage(make_backup(folder, number=number))

    assert prune_backups(here) == ()
    assert all(path.exists() for path in complete)


def test_a_damaged_backup_goes_when_enough_complete_ones_are_newer(here: Settings, folder: Path) -> None:
    _damage(old := make_backup(folder, number=1))
    for number in (2, 3):
        make_backup(folder, number=number)

    assert [backup.path for backup in prune_backups(here)] == [old]


def test_the_order_is_that_of_the_sequence_and_not_of_names(here: Settings, folder: Path) -> None:
    first, second, third = (make_backup(folder, number=number) for number in (1, 2, 3))
    first.rename(renamed := folder / "20990101T000000Z-vetai")

    assert [backup.path for backup in prune_backups(here)] == [renamed]
    assert sorted(folder.iterdir()) == [second, third]


def test_each_database_of_each_server_keeps_its_own(here: Settings, folder: Path) -> None:
    make_backup(folder, number=1, database="other")
    make_backup(folder, number=2, server="another")
    for number in (3, 4):
        make_backup(folder, number=number)

    assert prune_backups(here) == ()


def test_what_is_not_ours_or_cannot_be_read_stays(here: Settings, folder: Path) -> None:
    (folder / "20000101T000000Z-vetai").mkdir(parents=True)
    (folder / "20000101T000000Z-vetai" / "database.dump").write_text("whose?")
    (folder / "notes").mkdir()
    (folder / f".partial-{os.getpid()}-0123abcd").mkdir()
    for number in range(3):
        make_backup(folder, number=number)
    prune_backups(here)

    assert [path.name for path in sorted(folder.iterdir())] == [
        f".partial-{os.getpid()}-0123abcd",
        "20000101T000000Z-vetai",
        "20250601T120100Z-vetai-1750200000000",
        "20250601T120200Z-vetai-1750200000000",
        "notes",
    ]


def test_a_backup_that_is_being_restored_stays(here: Settings, folder: Path) -> None:
    paths = [make_backup(folder, number=number) for number in range(4)]
    with shared(paths[0]):
        removed = prune_backups(here)

    assert [backup.path for backup in removed] == [paths[1]]
    assert paths[0].is_dir()
