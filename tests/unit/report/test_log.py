"""The structured log: what is written, what never is, and reading it while it is rotated."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from seachange.config import Settings
from seachange.postgres.connection import parse
from seachange.report.log import follow, open_log, read_log

log = logging.getLogger("seachange.tests")


@pytest.fixture
def here(tmp_path: Path) -> Settings:
    return Settings(root=tmp_path)


def _lines(settings: Settings) -> list[dict[str, Any]]:
    return [json.loads(line) for line in settings.path(settings.log_file).read_text().splitlines()]


def _small(root: Path, *, keep: int) -> Settings:
    return Settings(root=root, log_max_size=2_000, log_keep=keep)


def test_an_entry_is_one_line_of_json_with_time_level_logger_run_and_message(here: Settings) -> None:
    with open_log(here, "run1") as problem:
        log.info("applied %s\nand more", "1750200000000")
    (entry,) = _lines(here)

    assert problem == ""
    assert entry.pop("time")[:2] == "20"
    assert entry == {"level": "info", "logger": "seachange.tests", "run": "run1", "message": "applied 1750200000000\nand more"}


def test_an_entry_carries_the_step_and_what_the_caller_adds(here: Settings) -> None:
    with open_log(here, "run1", step=lambda: "backup"):
        log.warning("slow", extra={"duration_s": 3.5, "path": Path("/x")})
    (entry,) = _lines(here)

    assert (entry["step"], entry["duration_s"], entry["path"]) == ("backup", 3.5, "/x")


def test_debug_messages_and_other_packages_are_left_out(here: Settings) -> None:
    with open_log(here, "run1"):
        log.debug("detail")
        logging.getLogger("another").warning("not ours")

    assert _lines(here) == []


def test_the_root_logger_and_the_level_of_the_package_stay_as_they_were(here: Settings) -> None:
    package, root = logging.getLogger("seachange"), logging.getLogger()
    before = (package.level, list(package.handlers), root.level, list(root.handlers))
    with open_log(here, "run1"):
        assert (root.level, root.handlers) == (before[2], before[3])

    assert (package.level, package.handlers, root.level, root.handlers) == before


def test_a_password_is_in_no_entry_in_no_form(here: Settings) -> None:
    secret = "p@ss:w\"ör\\d/#%?'canary"
    database = parse("postgresql://clinic@db.example.org/vetai").with_parameters(password=secret)
    with open_log(here, "run1"):
        log.info("connecting to %s", database.url())
        log.info("connecting", extra={"url": database.url(), "deep": [{"dsn": f"host=x password={secret}"}]})
        try:
            raise ValueError(f"cannot connect with {secret}")
        except ValueError:
            log.exception("failed")
    text = here.path(here.log_file).read_text()

    assert len(_lines(here)) == 3
    assert "canary" not in text
    assert "ValueError: cannot connect with ***" in _lines(here)[2]["exception"]


def test_the_file_is_readable_by_owner_and_group_only(here: Settings) -> None:
    before = os.umask(0)
    try:
        with open_log(here, "run1"):
            log.info("x")
    finally:
        os.umask(before)
    path = here.path(here.log_file)

    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o640, 0o750)


def test_without_a_writable_folder_the_reason_is_returned_and_nothing_fails(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file")
    with open_log(Settings(root=tmp_path), "run1") as problem:
        log.info("x")

    assert problem == f"{tmp_path}/logs/migration.log cannot be written, so this run is not logged: File exists"


def test_a_disk_that_fills_up_stops_nothing(here: Settings, capfd: pytest.CaptureFixture[str]) -> None:
    path = here.path(here.log_file)
    path.parent.mkdir()
    path.symlink_to("/dev/full")
    with open_log(here, "run1"):
        log.info("x")

    assert capfd.readouterr() == ("", "")


def test_the_log_is_rotated_by_size_and_old_files_go(tmp_path: Path) -> None:
    settings = _small(tmp_path, keep=2)
    with open_log(settings, "run1"):
        for number in range(100):
            log.info("entry %03d", number)
    files = sorted((tmp_path / "logs").iterdir())

    assert [file.name for file in files] == ["migration.log", "migration.log.1", "migration.log.2"]
    assert all(file.stat().st_size <= 2_000 for file in files)
    assert _lines(settings)[-1]["message"] == "entry 099"


def test_with_no_old_files_to_keep_the_log_still_stays_small(tmp_path: Path) -> None:
    settings = _small(tmp_path, keep=0)
    with open_log(settings, "run1"):
        for number in range(100):
            log.info("entry %03d", number)

    assert [file.name for file in (tmp_path / "logs").iterdir()] == ["migration.log"]
    assert settings.path(settings.log_file).stat().st_size <= 2_000


_WRITER = """
import logging, pathlib, sys
from seachange.config import Settings
from seachange.report.log import open_log
settings = Settings(root=pathlib.Path(sys.argv[1]), log_max_size=20_000, log_keep=50)
with open_log(settings, sys.argv[2]):
    for number in range(1000):
        logging.getLogger("seachange.x").info("entry %d", number)
"""


def test_processes_that_write_at_once_lose_nothing_across_rotations(tmp_path: Path) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", _WRITER, str(tmp_path), name]) for name in "abc"]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    entries = read_log(Settings(root=tmp_path), lines=0)

    assert len(entries) == 3000
    for name in "abc":
        expected = [f"entry {number}" for number in range(1000)]
        assert expected == [entry["message"] for entry in entries if entry["run"] == name]


def _write(settings: Settings, run: str, *messages: str) -> None:
    with open_log(settings, run):
        for message in messages:
            log.info(message)


def test_the_last_entries_are_read_oldest_first(here: Settings) -> None:
    _write(here, "one", "a", "b", "c")

    assert [entry["message"] for entry in read_log(here, lines=2)] == ["b", "c"]


def test_entries_are_read_from_rotated_files_too(tmp_path: Path) -> None:
    settings = _small(tmp_path, keep=9)
    _write(settings, "one", *(f"entry {number}" for number in range(60)))

    assert [entry["message"] for entry in read_log(settings, lines=50)] == [f"entry {number}" for number in range(10, 60)]
    assert len(read_log(settings, lines=0)) == 60


def test_entries_since_a_run_are_read(here: Settings) -> None:
    for run in ("one", "two", "three"):
        _write(here, run, f"a of {run}", f"b of {run}")

    assert [entry["run"] for entry in read_log(here, lines=0, since_run="two")] == ["two", "two", "three", "three"]
    assert [entry["run"] for entry in read_log(here, lines=3, since_run="two")] == ["two", "three", "three"]
    assert read_log(here, since_run="none") == ()


def test_half_a_line_that_a_crash_left_is_shown_as_it_is(here: Settings) -> None:
    _write(here, "one", "a")
    with here.path(here.log_file).open("a") as file:
        file.write('{"time": "2025-')

    assert [entry["message"] for entry in read_log(here)] == ["a", '{"time": "2025-']


def test_without_a_log_there_are_no_entries(here: Settings) -> None:
    assert read_log(here) == ()


class _Follower:
    """Collects what follow() yields, in a thread."""

    def __init__(self, settings: Settings, *, lines: int = 0) -> None:
        self.messages: list[str] = []
        self._entries: Iterator[dict[str, Any]] = follow(settings, lines=lines, timeout_s=1.5)
        self._thread = threading.Thread(target=self._collect)
        self._thread.start()
        time.sleep(0.1)

    def _collect(self) -> None:
        self.messages.extend(entry["message"] for entry in self._entries)

    def wait(self) -> list[str]:
        self._thread.join(30)
        assert not self._thread.is_alive()
        return self.messages


def test_following_shows_what_is_written_from_now_on(here: Settings) -> None:
    _write(here, "one", "before")
    follower = _Follower(here)
    _write(here, "two", "after", "and more")

    assert follower.wait() == ["after", "and more"]


def test_following_can_begin_with_the_last_entries(tmp_path: Path) -> None:
    settings = _small(tmp_path, keep=9)
    _write(settings, "one", *(f"entry {number}" for number in range(60)))
    follower = _Follower(settings, lines=40)
    _write(settings, "two", "after")

    assert follower.wait() == [*(f"entry {number}" for number in range(20, 60)), "after"]


def test_following_begins_before_there_is_a_log(here: Settings) -> None:
    follower = _Follower(here)
    _write(here, "one", "first")

    assert follower.wait() == ["first"]


def test_following_misses_nothing_when_the_log_is_rotated_many_times_at_once(tmp_path: Path) -> None:
    settings = _small(tmp_path, keep=90)
    _write(settings, "one", "before")
    follower = _Follower(settings)
    _write(settings, "two", *(f"entry {number}" for number in range(300)))

    assert follower.wait() == [f"entry {number}" for number in range(300)]


def test_following_goes_on_when_the_log_was_emptied_or_removed(here: Settings) -> None:
    path = here.path(here.log_file)
    _write(here, "one", "before, and long enough to be longer than what follows")
    follower = _Follower(here)
    path.write_text("")
    _write(here, "two", "emptied")
    time.sleep(0.5)
    path.unlink()
    _write(here, "three", "removed")

    assert follower.wait() == ["emptied", "removed"]


def test_half_a_line_is_shown_when_it_is_whole(here: Settings) -> None:
    _write(here, "one", "before")
    follower = _Follower(here)
    with here.path(here.log_file).open("a") as file:
        file.write('{"message": ')
        file.flush()
        time.sleep(0.5)
        file.write('"whole"}\n')

    assert follower.wait() == ["whole"]
