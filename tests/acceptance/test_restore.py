"""Restoring, swapping and dropping as a user does it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator

import pytest

from seachange.postgres.connection import Database, drop_database
from seachange.postgres.server import Server
from tests.integration.backup.conftest import databases_of, execute
from tests.project import Project


@pytest.fixture
def linear(scenario: Callable[[str], Project], database: Database, server: Server) -> Iterator[Project]:
    """A project with a database at its head and a backup of it."""
    copy = scenario("linear")
    url = database.url().replace("postgresql://", "postgresql+psycopg://", 1)
    project = dataclasses.replace(copy, environment={**copy.environment, "DATABASE_URL": url})
    assert project.invoke("migration.apply").exit_code == 0
    assert project.invoke("db.backup").exit_code == 0
    yield project
    for name in databases_of(server):
        if name.startswith(f"{database.name}_"):
            drop_database(database.with_name(name), force=True)


def test_a_backup_is_restored_beside_looked_at_swapped_in_swapped_back_and_dropped(linear: Project, database: Database) -> None:
    execute(database, "CREATE TABLE made_later (x int)")
    restored = linear.invoke("db.restore", "--format", "json")
    assert restored.exit_code == 0, restored
    name = json.loads(restored.stdout)["steps"][0]["data"]["database"]

    asked = linear.invoke("db.swap", name)
    swapped = linear.invoke("db.swap", name, "--yes", "--format", "json")
    assert swapped.exit_code == 0, swapped
    old_name = json.loads(swapped.stdout)["replaced"]
    without = linear.invoke("db.tables")
    back = linear.invoke("db.swap", old_name, "--yes")
    with_it = linear.invoke("db.tables")
    listed = linear.invoke("db.kept").stdout
    (left,) = (line.split()[0] for line in listed.splitlines() if line.startswith(f"{database.name}_"))
    dropped = linear.invoke("db.kept", "--drop", left, "--yes")

    assert (asked.exit_code, "pass --yes" in asked.stderr) == (3, True)
    assert "made_later" not in without.stdout
    assert back.exit_code == 0, back
    assert "made_later" in with_it.stdout
    assert left not in dropped.stdout
    assert f"{left} is dropped" in dropped.stderr


def test_swapping_while_restoring_asks_for_the_name_and_keeps_the_old_one(linear: Project, database: Database) -> None:
    execute(database, "CREATE TABLE made_later (x int)")
    unasked = linear.invoke("db.restore", "--swap")
    done = linear.invoke("db.restore", "--swap", "--yes")

    assert (unasked.exit_code, unasked.stderr.splitlines()[0].split(":")[0]) == (3, "error")
    assert database.name in unasked.stderr
    assert done.exit_code == 0, done
    assert f"the database that was there is kept as {database.name}_before_" in done.stdout
    assert "made_later" not in linear.invoke("db.tables").stdout


def test_a_dry_run_says_what_would_differ_and_makes_nothing(linear: Project, server: Server) -> None:
    before = databases_of(server)
    dry = linear.invoke("db.restore", "--dry-run", "--no-owner")

    assert dry.exit_code == 0, dry
    assert "everything belongs to the user that restores, postgres" in dry.stdout
    assert databases_of(server) == before


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        pytest.param(("db.restore", "--role", "x"), 1, "error: --role x: it is not OLD=NEW", id="no pair"),
        pytest.param(("db.restore", "--role", "a=b"), 4, "--role a=b: the backup names no role a", id="unknown role"),
        pytest.param(("db.restore", "1999"), 1, "there is no backup '1999'", id="unknown backup"),
        pytest.param(("db.swap",), 1, "error: db.swap needs the name of a database", id="swap nothing"),
        pytest.param(("db.swap", "postgres"), 3, "error: 'postgres' is no database that a restore left", id="swap another"),
        pytest.param(("db.kept", "--drop", "postgres", "--yes"), 3, "error: 'postgres' is no database", id="drop another"),
    ],
)
def test_what_makes_no_sense_is_refused(linear: Project, arguments: tuple[str, ...], code: int, message: str) -> None:
    outcome = linear.invoke(*arguments)

    assert (outcome.exit_code, message in outcome.stdout + outcome.stderr) == (code, True), outcome
