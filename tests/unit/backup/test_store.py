"""The folder of the backups: publish, list, find, check."""

from __future__ import annotations

import datetime
import logging
import os
from pathlib import Path

import pytest

from seachange.backup.store import fetched, find_backup, list_backups
from seachange.backup.stores import open_store
from seachange.backup.verify import read_backup, verify_digests
from seachange.config import Settings
from seachange.errors import BackupInvalidError, BackupNotFoundError, NotWritableError
from tests.backups import START, make_backup


@pytest.fixture
def here(tmp_path: Path) -> Settings:
    return Settings(root=tmp_path)


def test_backups_are_listed_newest_first(here: Settings) -> None:
    for number in (2, 3, 1):
        make_backup(here.root / "backups", number=number)

    expected = [f"20250601T120{number}00Z-vetai-1750200000000" for number in (3, 2, 1)]

    assert expected == [backup.name for backup in list_backups(here)]


def test_a_backup_says_what_a_list_shows(here: Settings) -> None:
    path = make_backup(here.root / "backups")

    expected = {
        "name": "20250601T120100Z-vetai-1750200000000",
        "path": str(path),
        "started": "2025-06-01T12:01:00+00:00",
        "database": "vetai",
        "revision": "1750200000000",
        "size_bytes": 13,
        "scope": "database",
        "status": "complete",
        "problems": [],
        "verification": None,
    }

    assert expected == list_backups(here)[0].to_dict()


@pytest.mark.parametrize(("minutes", "age"), [pytest.param(11, 600.0, id="later"), pytest.param(-5, 0.0, id="clock went back")])
def test_the_age_of_a_backup_is_never_negative(here: Settings, minutes: int, age: float) -> None:
    make_backup(here.root / "backups")

    assert list_backups(here)[0].age_s(START + datetime.timedelta(minutes=minutes)) == age


def test_a_clock_that_went_back_does_not_change_the_order(here: Settings) -> None:
    first = make_backup(here.root / "backups", number=1)
    second = make_backup(here.root / "backups", number=2)
    first.rename(first.with_name("20270101T000000Z-vetai-x"))

    assert [b.name for b in list_backups(here)] == ["20250601T120200Z-vetai-1750200000000", "20270101T000000Z-vetai-x"]
    assert find_backup(here).path == second


def test_what_is_not_ours_is_not_listed(here: Settings) -> None:
    folder = here.root / "backups"
    real = make_backup(folder)
    (folder / "somebody's").mkdir()
    (folder / ".partial-1-0123abcd").mkdir()
    (folder / "20250601T120100Z-file").write_text("a file")
    (folder / "20250601T120100Z-link").symlink_to(real)

    assert [backup.path for backup in list_backups(here)] == [real]


def test_a_missing_folder_has_no_backups(here: Settings) -> None:
    assert list_backups(here) == ()


def _truncate(path: Path) -> None:
    (path / "database.dump").write_text("short")


def _flip(path: Path) -> None:
    (path / "database.dump").write_text("dump numbeR 1")


def _lose(path: Path) -> None:
    (path / "database.dump").unlink()


def _link(path: Path) -> None:
    (path / "database.dump").rename(path / "other")
    (path / "database.dump").symlink_to("other")


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        pytest.param(_truncate, "{path}/database.dump has 5 bytes instead of 13", id="truncated"),
        pytest.param(_lose, "{path}/database.dump is missing", id="missing file"),
        pytest.param(lambda path: (path / "manifest.json").unlink(), "{path}/manifest.json is missing", id="missing manifest"),
    ],
)
def test_a_damaged_backup_is_listed_as_such(here: Settings, damage: object, problem: str) -> None:
    path = make_backup(here.root / "backups")
    assert callable(damage)
    damage(path)

    found = list_backups(here)[0]

    assert found.status == "damaged"
    assert found.problems == (problem.format(path=path),)


def test_a_flipped_byte_is_found_by_digests_only(here: Settings) -> None:
    path = make_backup(here.root / "backups")
    _flip(path)

    assert list_backups(here)[0].status == "complete"
    assert list_backups(here, digests=True)[0].problems == (f"{path}/database.dump does not match its digest",)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        pytest.param(_flip, "database.dump does not match its digest", id="flipped byte"),
        pytest.param(_truncate, "database.dump has 5 bytes instead of 13", id="truncated"),
        pytest.param(_lose, "database.dump is missing", id="missing"),
        pytest.param(_link, "database.dump has 5 bytes instead of 13", id="link"),
    ],
)
def test_verification_names_the_damaged_file(here: Settings, damage: object, message: str) -> None:
    path = make_backup(here.root / "backups")
    assert callable(damage)
    damage(path)

    with pytest.raises(BackupInvalidError, match=message):
        verify_digests(read_backup(path))


def test_an_intact_backup_verifies(here: Settings) -> None:
    verify_digests(read_backup(make_backup(here.root / "backups")))


@pytest.mark.parametrize("which", ["latest", "20250601T120200Z-vetai-1750200000000", "20250601T1202"])
def test_a_backup_is_found_by_name_beginning_and_as_the_latest(here: Settings, which: str) -> None:
    make_backup(here.root / "backups", number=1)
    expected = make_backup(here.root / "backups", number=2)

    assert find_backup(here, which).path == expected


def test_a_backup_is_found_by_its_path_anywhere(here: Settings, tmp_path: Path) -> None:
    elsewhere = make_backup(tmp_path / "elsewhere")

    assert find_backup(here, str(elsewhere)).path == elsewhere
    assert find_backup(here, "elsewhere/20250601T120100Z-vetai-1750200000000").path == elsewhere


def test_the_latest_backup_can_be_asked_for_one_database(here: Settings) -> None:
    expected = make_backup(here.root / "backups", number=1, database="vetai")
    make_backup(here.root / "backups", number=2, database="other")

    assert find_backup(here, database="vetai").path == expected


def test_the_latest_backup_is_the_latest_complete_one_and_the_damaged_is_said(
    here: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    expected = make_backup(here.root / "backups", number=1)
    _truncate(make_backup(here.root / "backups", number=2))

    with caplog.at_level(logging.WARNING, logger="seachange"):
        found = find_backup(here)

    assert found.path == expected
    assert "20250601T120200Z-vetai-1750200000000 is newer than the latest complete one, and damaged" in caplog.text


def test_a_name_that_is_not_there_lists_near_ones(here: Settings) -> None:
    make_backup(here.root / "backups", number=1)

    with pytest.raises(BackupNotFoundError, match=r"there is no backup '20250601T120100Z-vetia' in .*/backups") as caught:
        find_backup(here, "20250601T120100Z-vetia")
    assert caught.value.hint == "near: 20250601T120100Z-vetai-1750200000000"


def test_a_beginning_of_several_names_is_refused(here: Settings) -> None:
    make_backup(here.root / "backups", number=1)
    make_backup(here.root / "backups", number=2)

    with pytest.raises(BackupNotFoundError, match="2 backups begin with '2025'"):
        find_backup(here, "2025")


def test_without_backups_there_is_no_latest(here: Settings) -> None:
    with pytest.raises(BackupNotFoundError, match="there is no complete backup of vetai"):
        find_backup(here, database="vetai")


def test_a_new_folder_is_private_and_ignored_by_git(here: Settings) -> None:
    folder = open_store(here).staging()

    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / ".gitignore").read_text() == "*\n"


def test_the_mode_of_an_existing_folder_stays(here: Settings) -> None:
    (here.root / "backups").mkdir(mode=0o750)

    assert open_store(here).staging().stat().st_mode & 0o777 == 0o750
    assert list((here.root / "backups").iterdir()) == []


@pytest.mark.parametrize("backup_dir", ["link", "link/below"])
def test_a_folder_behind_a_link_is_refused(tmp_path: Path, backup_dir: str) -> None:
    victim = tmp_path / "victim"
    (victim / "below").mkdir(parents=True)
    root = tmp_path / "project"
    root.mkdir()
    (root / "link").symlink_to(victim)

    with pytest.raises(NotWritableError, match=f"{root}/link is a symbolic link") as caught:
        open_store(Settings(root=root, backup_dir=backup_dir)).staging()
    assert str(victim) in caught.value.hint


def test_a_project_that_is_reached_through_a_link_is_fine(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")

    assert open_store(Settings(root=tmp_path / "link")).staging().is_dir()


@pytest.mark.parametrize("backup_dir", ["file", "file/below"])
def test_a_file_in_the_way_is_named(tmp_path: Path, backup_dir: str) -> None:
    (tmp_path / "file").write_text("x")

    with pytest.raises(NotWritableError, match=f"{tmp_path}/file"):
        open_store(Settings(root=tmp_path, backup_dir=backup_dir)).staging()


def test_a_published_backup_replaces_nothing(here: Settings) -> None:
    store, names = open_store(here), []
    for number in range(3):
        with store.staged() as partial:
            (partial / "file").write_text(str(number))
            names.append(store.publish(partial, "20250601T120000Z-vetai").name)

    assert names == ["20250601T120000Z-vetai", "20250601T120000Z-vetai-2", "20250601T120000Z-vetai-3"]
    assert [(here.root / "backups" / name / "file").read_text() for name in names] == ["0", "1", "2"]


def test_leftovers_of_crashed_runs_are_swept_before_a_new_backup(here: Settings) -> None:
    left = here.root / "backups" / f".partial-{os.getpid()}-0123abcd"
    left.mkdir(parents=True)
    (left / "database.dump").write_text("half")

    with open_store(here).staged():
        assert not left.exists()


def test_a_backup_that_is_fetched_is_its_own_folder_and_not_removed_meanwhile(here: Settings) -> None:
    path = make_backup(here.root / "backups")
    store, backup = open_store(here), list_backups(here)[0]
    with fetched(backup, here) as local:
        assert local.path == path
        assert not store.remove(backup)

    assert store.remove(backup)
    assert list_backups(here) == ()


def test_a_backup_that_is_gone_cannot_be_fetched(here: Settings) -> None:
    path = make_backup(here.root / "backups")
    backup = list_backups(here)[0]
    path.rename(here.root / "elsewhere")

    with pytest.raises(BackupInvalidError, match=f"backup {path.name} cannot be opened"), fetched(backup, here):
        pass


def test_the_result_of_a_verification_is_replaced_beside_the_manifest(here: Settings) -> None:
    path = make_backup(here.root / "backups")
    store, backup = open_store(here), list_backups(here)[0]
    store.write_verification(backup, "first")
    store.write_verification(backup, "second")

    assert (path / "verification.json").read_text() == "second"
    assert (path / "verification.json").stat().st_mode & 0o777 == 0o600
    assert sorted(file.name for file in path.iterdir()) == ["database.dump", "manifest.json", "verification.json"]
