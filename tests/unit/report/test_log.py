"""The structured log: entries, secrets, rotation, following."""

from __future__ import annotations

import itertools
import json
import logging
import threading
import time
from pathlib import Path

import pytest

from seachange.config import Settings
from seachange.errors import NotWritableError
from seachange.report.log import follow, open_log, read_log

log = logging.getLogger("seachange.unit")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(root=tmp_path, log_max_size=2000, log_keep=2)


def messages(settings: Settings, lines: int = 100) -> list[str]:
    return [entry["message"] for entry in read_log(settings, lines=lines)]


def test_an_entry_has_time_level_run_and_step(settings: Settings) -> None:
    with open_log(settings, run_id="r1") as problem:
        log.info("step %s: %s", "check", "done", extra={"step": {"name": "check"}})

    (entry,) = read_log(settings, lines=10)
    assert (problem, entry["level"], entry["run"], entry["message"]) == ("", "info", "r1", "step check: done")
    assert (entry["step"], entry["logger"], entry["time"][-6:]) == ({"name": "check"}, "seachange.unit", "+00:00")


def test_no_password_reaches_the_file_not_even_in_a_traceback(settings: Settings) -> None:
    with open_log(settings, run_id="r1"):
        try:
            raise ValueError("postgresql://u:canary-secret@h/d")
        except ValueError:
            log.exception("failed: password=canary-secret")

    text = (settings.root / "logs" / "migration.log").read_text()
    assert "canary" not in text
    assert json.loads(text)["traceback"].endswith("@h/d")


def test_nothing_is_written_outside_the_block(settings: Settings) -> None:
    with open_log(settings, run_id="r1"):
        log.info("inside")
    log.warning("outside")

    assert messages(settings) == ["inside"]


def test_the_log_is_rotated_and_read_across_rotations(settings: Settings) -> None:
    with open_log(settings, run_id="r1"):
        for number in range(40):
            log.info("entry %d", number)

    names = sorted(path.name for path in (settings.root / "logs").iterdir())
    assert names == ["migration.log", "migration.log.1", "migration.log.2"]
    assert messages(settings, 20) == [f"entry {number}" for number in range(20, 40)]
    assert {path.stat().st_mode & 0o777 for path in (settings.root / "logs").iterdir()} == {0o640}


def test_a_log_that_cannot_be_written_is_a_reason_not_an_error(settings: Settings) -> None:
    (settings.root / "logs").write_text("a file")

    with open_log(settings, run_id="r1") as problem:
        log.info("lost")

    assert problem == f"the log {settings.root}/logs/migration.log cannot be written: File exists"


def test_without_a_log_there_are_no_entries(settings: Settings) -> None:
    assert read_log(settings, lines=10) == []


def test_a_log_that_cannot_be_read_is_named(settings: Settings) -> None:
    (settings.root / "logs" / "migration.log").mkdir(parents=True)

    with pytest.raises(NotWritableError, match=r"migration\.log cannot be read"):
        read_log(settings, lines=10)


def test_following_survives_a_rotation(settings: Settings) -> None:
    seen: list[str] = []

    def watch() -> None:
        seen.extend(entry["message"] for entry in itertools.islice(follow(settings), 12))

    follower = threading.Thread(target=watch, daemon=True)
    follower.start()
    with open_log(settings, run_id="r1"):
        for number in range(12):
            time.sleep(0.05)
            log.info("entry %d", number)
    follower.join(timeout=10)

    assert seen == [f"entry {number}" for number in range(12)]
