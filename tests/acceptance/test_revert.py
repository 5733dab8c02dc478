"""`invoke migration.revert` and `reset`: what they take is shown before they ask, how far they came when they fail."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from typing import Any

import pytest

from seachange.postgres.connection import Database, connect
from tests.project import Outcome, Project

LOST = (
    "goes: column public.pets.name turns from character varying(80) into character varying(40): "
    "1 row with a value too large for that\n"
    "goes: column public.pets.mood loses the label shy: 1 row with it\n"
    "goes: UPDATE pets SET mood = NULL WHERE mood = 'shy' (migrations/versions/0005_shy_pets.py:18): 1 row overwritten\n"
)


@pytest.fixture
def url(database: Database) -> dict[str, str]:
    return {"DATABASE_URL": database.url()}


@pytest.fixture
def pets(scenario: Callable[[str], Project], url: dict[str, str], database: Database) -> Project:
    """A database at the fifth revision with 2,000 clients and three pets in it."""
    project = scenario("data_migrations")
    assert project.invoke("migration.apply", "--to", "0005", env=url).exit_code == 0
    run(
        database,
        "update clients set city = 'Kiel' where id <= 49",
        "insert into pets values (1, 'Rex', 'shy'), (2, repeat('x', 50), null), (3, 'Io', 'wild')",
    )
    return project


def run(database: Database, *statements: str) -> None:
    with contextlib.closing(connect(database, autocommit=True)) as session:
        for statement in statements:
            session.execute(statement.encode())


def ask(database: Database, query: str) -> list[Any]:
    with contextlib.closing(connect(database, autocommit=True)) as session:
        return [row[0] for row in session.execute(query.encode()).fetchall()]


def step(outcome: Outcome, name: str) -> dict[str, Any]:
    document = json.loads(outcome.stdout)
    found: dict[str, Any] = next(one for one in document["steps"] if one["name"] == name)
    return found


def test_what_a_revert_takes_is_shown_before_it_asks(pets: Project, url: dict[str, str], database: Database) -> None:
    outcome = pets.invoke("migration.revert", env=url)

    assert outcome.exit_code == 3, outcome
    assert outcome.stderr.endswith(
        f": 0005 Let pets be shy and have longer names\n{LOST}hint: pass --yes to confirm without a terminal\n"
    )
    assert ask(database, "select version_num from alembic_version") == ["0005"]


def test_a_dry_run_shows_the_same_and_changes_nothing(pets: Project, url: dict[str, str], database: Database) -> None:
    text = pets.invoke("migration.revert", "--dry-run", env=url)
    found = step(pets.invoke("migration.revert", "--dry-run", "--format", "json", env=url), "revert")

    assert "".join(f"{line.strip()}\n" for line in text.stdout.splitlines() if "goes: " in line) == LOST
    assert found["status"] == "skipped"
    assert [(loss["rows"], loss["exact"]) for loss in found["data"]["losses"]] == [(1, True)] * 3
    assert found["data"]["plan"]["revisions"][0]["statements"][0]["sql"] == "ALTER TYPE mood RENAME TO mood_with_shy"
    assert ask(database, "select version_num from alembic_version") == ["0005"]


def test_a_reset_says_what_went(pets: Project, url: dict[str, str], database: Database) -> None:
    outcome = pets.invoke("migration.reset", "--to", "0001", "--yes", "--format", "json", env=url)

    found = step(outcome, "revert")
    assert (outcome.exit_code, found["data"]["reverted"]) == (0, ["0005", "0004", "0003", "0002"])
    assert found["facts"][:4] == [
        "gone: column public.clients.city: 49 rows with a value",
        "gone: table public.pets: 3 rows",
        "gone: UPDATE pets SET mood = NULL WHERE mood = 'shy' (migrations/versions/0005_shy_pets.py:18): 1 row overwritten",
        "gone: DELETE FROM clients WHERE id <= 2000 (migrations/versions/0002_first_clients.py:20): 2000 rows deleted",
    ]
    assert ask(database, "select count(*) from clients") == [0]


def test_a_revision_that_cannot_be_undone_is_refused_before_it_asks(
    pets: Project, url: dict[str, str], database: Database
) -> None:
    assert pets.invoke("migration.apply", env=url).exit_code == 0

    outcome = pets.invoke("migration.reset", "--yes", env=url)

    assert (outcome.exit_code, "revision 0006 (Remove clients without a name) cannot be undone" in outcome.stderr) == (3, True)
    assert ask(database, "select version_num from alembic_version") == ["0006"]


def test_without_a_throwaway_server_the_losses_are_said_to_be_unknown(pets: Project, url: dict[str, str]) -> None:
    outcome = pets.invoke(
        "migration.revert",
        env={**url, "SEACHANGE_ADMIN_URL": "postgresql://nobody@127.0.0.1:1/postgres", "MIGRATION_TIMEOUT": "1s"},
    )

    assert outcome.exit_code == 3, outcome
    assert "what data goes is not known: " in outcome.stderr


def test_a_failure_in_the_third_of_five_reverts_leaves_two_reverted(
    pets: Project, url: dict[str, str], database: Database
) -> None:
    run(database, "create view cities as select city from clients")

    outcome = pets.invoke("migration.reset", "--yes", "--format", "json", env=url)

    found = step(outcome, "revert")
    assert (outcome.exit_code, found["status"]) == (5, "failed"), outcome
    assert found["data"] == {"applied": ["0005", "0004"], "failed": "0003", "not_tried": ["0002", "0001"]}
    assert "the database is at 0003; reverted before it: 0005, 0004; not tried: 0002, 0001" in found["summary"]
    assert "cannot drop column city of table clients because other objects depend on it" in found["summary"]
    assert ask(database, "select version_num from alembic_version") == ["0003"]
    assert ask(database, "select count(*) from clients where city = 'Kiel'") == [49]


@pytest.mark.parametrize("command", [pytest.param("migration.revert", id="revert"), pytest.param("migration.reset", id="reset")])
def test_a_failure_in_the_first_leaves_the_database_as_it_was(
    pets: Project, url: dict[str, str], database: Database, command: str
) -> None:
    run(database, "create view names as select name from pets")

    outcome = pets.invoke(command, "--yes", "--format", "json", env=url)

    found = step(outcome, "revert")
    assert (outcome.exit_code, found["data"]["applied"], found["data"]["failed"]) == (4, [], "0005"), outcome
    assert json.loads(outcome.stdout)["state"].endswith("is at 0005, as before")
    assert ask(database, "select name from pets where id = 1 and mood = 'shy'") == ["Rex"]


def test_a_failure_in_the_third_of_five_leaves_two_applied(
    scenario: Callable[[str], Project], url: dict[str, str], database: Database
) -> None:
    outcome = scenario("failing_half_way").invoke("migration.apply", "--format", "json", env=url)

    found = step(outcome, "apply")
    assert (outcome.exit_code, found["status"]) == (5, "failed"), outcome
    left = {"applied": ["0001", "0002"], "failed": "0003", "not_tried": ["0004", "0005"], "undone": []}
    assert {name: found["data"][name] for name in left} == left
    assert "the database is at 0002; applied before it: 0001, 0002; not tried: 0004, 0005" in found["summary"]
    assert ask(database, "select version_num from alembic_version") == ["0002"]


def test_a_failure_in_the_first_to_apply_leaves_the_database_as_it_was(
    scenario: Callable[[str], Project], url: dict[str, str], database: Database
) -> None:
    project = scenario("failing_half_way")
    assert project.invoke("migration.apply", "--to", "0002", env=url).exit_code == 0

    outcome = project.invoke("migration.apply", "--format", "json", env=url)

    found = step(outcome, "apply")
    assert (outcome.exit_code, found["data"]["applied"], found["data"]["failed"]) == (4, [], "0003"), outcome
    assert " is as before: at 0002, its catalogue with the same fingerprint " in json.loads(outcome.stdout)["state"]
    assert ask(database, "select version_num from alembic_version") == ["0002"]


def test_a_revision_that_says_that_it_cannot_be_undone_is_refused_with_its_reason(
    scenario: Callable[[str], Project], url: dict[str, str]
) -> None:
    project = scenario("irreversible")
    assert project.invoke("migration.apply", env=url).exit_code == 0

    outcome = project.invoke("migration.reset", "--yes", env=url)
    planned = project.invoke("migration.plan", "--to", "base", env=url)

    assert (outcome.exit_code, planned.exit_code) == (3, 3)
    assert "revision 0002 (Add email to clients) cannot be undone: the addresses are gone" in outcome.stderr
    assert "cannot be undone: the addresses are gone" in planned.stderr
