"""Verifying and pruning backups as a user does it."""

from __future__ import annotations

import dataclasses
import json
import signal
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from seachange.postgres._places import run_roots
from seachange.postgres.connection import Database
from tests.acceptance.test_interrupt import processes
from tests.integration.backup.conftest import execute
from tests.project import Outcome, Project


@pytest.fixture
def linear(scenario: Callable[[str], Project], database: Database) -> Project:
    """A project with a database at its head."""
    copy = scenario("linear")
    url = database.url().replace("postgresql://", "postgresql+psycopg://", 1)
    project = dataclasses.replace(copy, environment={**copy.environment, "DATABASE_URL": url})
    assert project.invoke("migration.apply").exit_code == 0
    return project


def _back_up(project: Project, **settings: str) -> Outcome:
    made = project.invoke("db.backup", env={f"SEACHANGE_BACKUP_{name.upper()}": value for name, value in settings.items()})
    assert made.exit_code == 0, made
    return made


def _names(project: Project) -> list[str]:
    """Return the backups, newest first."""
    return [backup["name"] for backup in json.loads(project.invoke("db.backups", "--format", "json").stdout)["backups"]]


def test_a_backup_is_verified_damaged_and_found_out(linear: Project) -> None:
    _back_up(linear)
    (name,) = _names(linear)
    dry = linear.invoke("db.verify-backup", "--dry-run")
    good = linear.invoke("db.verify-backup")
    listed = linear.invoke("db.backups").stdout
    dump = next((linear.path / "backups" / name).glob("*.dump"))
    data = bytearray(dump.read_bytes())
    data[len(data) // 2] ^= 1
    dump.write_bytes(data)
    bad = linear.invoke("db.verify-backup", name, "--fast")
    again = linear.invoke("db.verify-backup", name, "--format", "json")

    assert (dry.exit_code, f"would restore and compare {name}" in dry.stdout) == (0, True)
    assert good.exit_code == 0, good
    assert f"{name}: restored on PostgreSQL " in good.stdout
    assert "with " in good.stdout
    assert "as the manifest says" in good.stdout
    assert "verified less than a minute ago" in listed
    assert (bad.exit_code, f"{name}: {dump} does not match its digest [backup-damaged]" in bad.stdout) == (2, True)
    step = json.loads(again.stdout)["steps"][0]
    assert (again.exit_code, step["data"]["verifications"][0]["ok"]) == (2, False)
    assert "damaged, found less than a minute ago" in linear.invoke("db.backups").stdout


def test_all_backups_are_verified_and_the_bad_ones_told(linear: Project) -> None:
    for _ in range(2):
        _back_up(linear)
    newest, older = _names(linear)
    next((linear.path / "backups" / older).glob("*.dump")).unlink()
    done = linear.invoke("db.verify-backup", "--all")

    assert done.exit_code == 2, done
    assert f"{newest}: restored on PostgreSQL " in done.stdout
    assert f"{older}: " in done.stdout
    assert "database.dump is missing [backup-damaged]" in done.stdout
    assert "1 verified, 1 damaged" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(("db.verify-backup", "2031"), "there is no backup '2031'", id="unknown"),
        pytest.param(("db.verify-backup", "2031", "--all"), "--all and 2031 contradict each other", id="contradiction"),
        pytest.param(("db.verify-backup",), "there is no complete backup", id="none"),
    ],
)
def test_what_cannot_be_meant_is_said_in_one_sentence(linear: Project, arguments: tuple[str, ...], message: str) -> None:
    told = linear.invoke(*arguments)

    assert (told.exit_code, message in told.stdout + told.stderr, "Traceback" in told.stderr) == (1, True, False)


def test_a_backup_is_verified_with_the_setting(linear: Project) -> None:
    made = _back_up(linear, verify="true")

    assert "verified: restored on PostgreSQL " in made.stdout
    assert "verified" in linear.invoke("db.backups").stdout


def test_what_retention_waits_for_is_verified_where_the_database_is_small(linear: Project) -> None:
    first = _back_up(linear, keep_last="1")
    second = _back_up(linear, keep_last="1")

    assert "verified:" not in first.stdout
    assert "verified: restored on PostgreSQL " in second.stdout
    assert "removed by retention: " in second.stdout
    assert len(_names(linear)) == 1


def test_what_retention_waits_for_is_said_where_the_database_is_large(linear: Project) -> None:
    _back_up(linear)
    held = _back_up(linear, keep_last="1", directory_from="1")

    assert "1 backup is kept only because no newer one is verified; `invoke db.verify-backup` lets go of it" in held.stdout
    assert len(_names(linear)) == 2


def test_pruning_lists_asks_and_removes(linear: Project) -> None:
    for _ in range(3):
        _back_up(linear)
    newest, *others = _names(linear)
    keep_one = {"SEACHANGE_BACKUP_KEEP_LAST": "1"}
    waiting = linear.invoke("db.prune", "--yes", env=keep_one)
    assert linear.invoke("db.verify-backup").exit_code == 0
    dry = linear.invoke("db.prune", "--dry-run", "--format", "json", env=keep_one)
    unasked = linear.invoke("db.prune", env=keep_one)
    assert _names(linear) == [newest, *others]
    done = linear.invoke("db.prune", "--yes", env=keep_one)

    assert (waiting.exit_code, "nothing to remove\n2 backups are kept only because" in waiting.stdout) == (0, True)
    assert (dry.exit_code, [one["keep"] for one in json.loads(dry.stdout)["backups"]]) == (0, [True, False, False])
    assert (unasked.exit_code, "2 backups would be removed for good" in unasked.stderr) == (3, True)
    assert (done.exit_code, "removed 2" in done.stderr, _names(linear)) == (0, True, [newest])


@pytest.mark.parametrize(
    ("number", "code"), [pytest.param(signal.SIGINT, 130, id="Ctrl-C"), pytest.param(signal.SIGKILL, -9, id="SIGKILL")]
)
def test_a_verification_that_is_stopped_leaves_nothing(linear: Project, database: Database, number: int, code: int) -> None:
    # The constraint is held against each row while it is restored, and takes its time only then.
    body = "BEGIN IF current_database() LIKE 'seachange_restoring%' THEN PERFORM pg_sleep(0.02); END IF; RETURN true; END"
    execute(
        database,
        f"CREATE FUNCTION slow(int) RETURNS bool LANGUAGE plpgsql AS $${body}$$",
        "CREATE TABLE slowly (n int CHECK (slow(n)))",
        "INSERT INTO slowly SELECT generate_series(1, 3000)",
    )
    _back_up(linear)
    mark = uuid.uuid4().hex
    with linear.start("invoke", "db.verify-backup", env={"ACCEPTANCE_MARK": mark}) as process:
        deadline = time.monotonic() + 20
        while not any("COPY" in line or "pg_restore" in line for line in processes_now(mark)) and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.5)
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=30)

    assert process.returncode == code, stdout + stderr
    assert "Traceback" not in stderr
    assert processes(mark) == []
    deadline = time.monotonic() + 10
    while _left_by(process.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert _left_by(process.pid) == []
    assert "complete" in linear.invoke("db.backups").stdout


def processes_now(mark: str) -> list[str]:
    """Return the commands of processes that carry the mark."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and mark.encode() in (folder / "environ").read_bytes():
                found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


def _left_by(pid: int) -> list[Path]:
    return [folder for root in run_roots() for folder in root.glob(f".partial-{pid}-*")]
