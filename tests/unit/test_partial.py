"""Folders under a temporary name, and whose they are."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from seachange.partial import abandoned, partial_folder, remove_abandoned, remove_later, remove_published, shared

_HOLD = """
import pathlib, sys, time
from seachange.partial import partial_folder
with partial_folder(pathlib.Path(sys.argv[1])) as path:
    (path / "file").write_text("half")
    print(path, flush=True)
    time.sleep(60)
"""


def _start_holder(folder: Path) -> tuple[subprocess.Popen[str], Path]:
    holder = subprocess.Popen([sys.executable, "-c", _HOLD, str(folder)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    return holder, Path(holder.stdout.readline().strip())


def _kill(holder: subprocess.Popen[str]) -> None:
    with holder:
        holder.kill()


def test_a_partial_folder_is_private_and_gone_afterwards(tmp_path: Path) -> None:
    with partial_folder(tmp_path) as path:
        (path / "file").write_text("x")

        assert path.stat().st_mode & 0o777 == 0o700
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_partial_folder_is_gone_after_an_error(tmp_path: Path, error: type[BaseException]) -> None:
    def work() -> None:
        with partial_folder(tmp_path) as path:
            (path / "file").write_text("x")
            raise error

    with pytest.raises(error):
        work()

    assert list(tmp_path.iterdir()) == []


def test_a_renamed_partial_folder_stays(tmp_path: Path) -> None:
    with partial_folder(tmp_path) as path:
        path.rename(tmp_path / "final")

    assert [entry.name for entry in tmp_path.iterdir()] == ["final"]


def test_the_folder_of_a_live_process_is_not_abandoned(tmp_path: Path) -> None:
    holder, path = _start_holder(tmp_path)
    try:
        assert abandoned(tmp_path) == ()
        assert not remove_abandoned(path)
        assert (path / "file").read_text() == "half"
    finally:
        _kill(holder)


def test_the_folder_of_a_killed_process_is_abandoned_and_removed(tmp_path: Path) -> None:
    holder, path = _start_holder(tmp_path)
    _kill(holder)

    assert abandoned(tmp_path) == (path,)
    assert remove_abandoned(path)
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_was_told_to_end_by_ctrl_c_leaves_nothing(tmp_path: Path) -> None:
    holder, _ = _start_holder(tmp_path)
    with holder:
        holder.send_signal(signal.SIGINT)

    assert list(tmp_path.iterdir()) == []


def test_a_reused_process_number_does_not_protect_a_folder_without_a_lock(tmp_path: Path) -> None:
    left = tmp_path / f".partial-{os.getpid()}-0123abcd"
    left.mkdir()

    assert abandoned(tmp_path) == (left,)


@pytest.mark.parametrize(
    "name", [".partial-x-0123abcd", ".partial-12-0123abcde", "partial-12-0123abcd", "20250601T120100Z-vetai"]
)
def test_folders_of_other_names_are_never_abandoned(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()

    assert abandoned(tmp_path) == ()
    assert not remove_abandoned(tmp_path / name)


def test_a_link_with_the_name_of_a_partial_folder_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    (tmp_path / ".partial-1-0123abcd").symlink_to(target)

    assert abandoned(tmp_path) == ()


def test_a_folder_that_is_missing_has_no_abandoned_ones(tmp_path: Path) -> None:
    assert abandoned(tmp_path / "missing") == ()


def test_a_published_folder_that_somebody_reads_is_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "final"
    path.mkdir()
    with shared(path), shared(path):
        assert not remove_published(path)
    assert remove_published(path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_gone_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), shared(tmp_path / "gone"):
        pass


def test_many_makers_and_sweepers_do_not_hurt_each_other(tmp_path: Path) -> None:
    over = threading.Event()
    swept: list[Path] = []

    def sweep() -> None:
        while not over.is_set():
            swept.extend(path for path in abandoned(tmp_path) if remove_abandoned(path))

    sweepers = [threading.Thread(target=sweep) for _ in range(2)]
    for sweeper in sweepers:
        sweeper.start()
    try:
        for number in range(200):
            with partial_folder(tmp_path) as path:
                (path / "file").write_text("x")
                path.rename(tmp_path / f"final-{number}")
    finally:
        over.set()
        for sweeper in sweepers:
            sweeper.join()

    assert len(list(tmp_path.glob("final-*/file"))) == 200
    assert list(tmp_path.glob(".partial-*")) == []


def test_folder_that_is_removed_later_has_a_temporary_name_at_once(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.mkdir()
    (path / "file").write_text("x")

    remove_later(path, parent=tmp_path)

    assert not path.exists()
    deadline = time.monotonic() + 10
    while list(tmp_path.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert list(tmp_path.iterdir()) == []
