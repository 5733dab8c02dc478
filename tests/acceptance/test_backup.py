"""Making backups as a user does it."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from seachange.backup.running import running_alone
from seachange.postgres.connection import Database, connect, describe
from tests.integration.backup.conftest import execute
from tests.project import Project


@pytest.fixture
def linear(scenario: Callable[[str], Project], database: Database) -> Project:
    """A project with a database of three tables."""
    copy = scenario("linear")
    execute(database, "CREATE TABLE pets (id int, name text)", "INSERT INTO pets SELECT n, 'pet' FROM generate_series(1, 1200) n")
    execute(database, "CREATE SCHEMA archive", "CREATE TABLE archive.pets (id int)")
    url = database.url().replace("postgresql://", "postgresql+psycopg://", 1)
    return dataclasses.replace(copy, environment={**copy.environment, "DATABASE_URL": url})


def _backups(project: Project) -> list[Path]:
    return sorted(path for path in (project.path / "backups").glob("*-*") if path.is_dir())


def test_a_backup_says_what_is_in_it_and_how_it_was_made(linear: Project, database: Database) -> None:
    done = linear.invoke("db.backup", "--dump-format", "directory")
    (made,) = _backups(linear)

    assert done.exit_code == 0, done
    assert f"  backups/{made.name}\n" in done.stdout
    assert re.search(r"\n  2 tables with 1,200 rows, directory format, isal:1, not encrypted\n", done.stdout)
    assert re.search(r"\n  made in \d+\.\d\d s; the database is \d+ times as large\n", done.stdout)
    assert (made / "database" / "toc.dat").is_file()
    assert made.name.partition("-")[2].startswith(database.name)


def test_a_dry_run_says_what_would_be_and_writes_nothing(linear: Project) -> None:
    planned = linear.invoke("db.backup", "--dry-run", "--dump-format", "directory", "--format", "json")
    data = json.loads(planned.stdout)["steps"][0]["data"]

    assert planned.exit_code == 0, planned
    assert data["format"] == "directory"
    assert 0 < data["estimated_bytes"] < data["needed_bytes"]
    assert not (linear.path / "backups").exists()


def test_a_part_of_a_database_is_backed_up_and_is_not_the_newest_backup(linear: Project) -> None:
    done = linear.invoke("db.backup", "--table", "pets", "--format", "json")
    data = json.loads(done.stdout)["steps"][0]["data"]
    restored = linear.invoke("db.restore", "--dry-run")

    assert done.exit_code == 0, done
    assert (data["scope"], data["tables"], data["rows"]) == ("selected", 1, 1200)
    assert data["notes"][0].startswith("only of table pets; ")
    assert restored.exit_code == 1
    assert "there is no complete backup" in restored.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(("--schema", "archive", "--table", "pets"), "schemas and tables were both selected", id="both"),
        pytest.param(("--table", "cats"), "there is no table 'cats'", id="no such table"),
        pytest.param(("--schema", "attic"), "there is no schema 'attic'", id="no such schema"),
        pytest.param(("--dump-format", "tar"), "'tar' is no format of a backup", id="no such format"),
    ],
)
def test_what_makes_no_sense_is_said_and_nothing_is_left(linear: Project, arguments: tuple[str, ...], message: str) -> None:
    refused = linear.invoke("db.backup", *arguments)

    assert refused.exit_code == 1, refused
    assert message in refused.stdout + refused.stderr
    assert "Traceback" not in refused.stdout + refused.stderr
    assert _backups(linear) == []


def test_a_second_backup_at_once_names_the_first_and_may_be_tried_again(linear: Project, database: Database) -> None:
    with connect(database) as session:
        server = describe(session).system_identifier or database.redacted
    folder = linear.path / "backups"
    folder.mkdir(mode=0o700)
    with running_alone(folder, database=database.name, server=server):
        refused = linear.invoke("db.backup")
    done = linear.invoke("db.backup")

    assert refused.exit_code == 6, refused
    assert re.search(rf"error: {database.name} is being backed up already, by pid \d+ \(.+ on .+\) since 20", refused.stdout)
    assert done.exit_code == 0, done
    assert list(folder.glob(".backup-*")) == []
