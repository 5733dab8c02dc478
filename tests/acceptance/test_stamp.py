"""`invoke migration.repair --stamp`: the version table follows the catalogue, never a wish."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Callable

import pytest

from seachange.postgres.connection import Database, connect
from tests.project import Project


@pytest.fixture
def services(scenario: Callable[[str], Project], database: Database) -> Project:
    """Two services in one database, applied up to the last revision but one."""
    copy = scenario("services")
    project = dataclasses.replace(copy, environment={**copy.environment, "DATABASE_URL": database.url()})
    assert project.invoke("migration.apply", "--to", "m1").exit_code == 0
    return project


def execute(database: Database, statement: str) -> None:
    with contextlib.closing(connect(database, autocommit=True)) as session:
        session.execute(statement)


def versions(database: Database) -> list[str]:
    with contextlib.closing(connect(database, autocommit=True)) as session:
        return [str(name) for (name,) in session.execute("select version_num from alembic_version order by 1").fetchall()]


def test_a_revision_that_was_finished_by_hand_is_stamped(services: Project, database: Database) -> None:
    execute(database, "alter table accounts drop column legacy_name")

    stamped = services.invoke("migration.repair", "--stamp", "z1", "--yes")

    assert (stamped.exit_code, versions(database)) == (0, ["z1"])
    assert "the version table was moved from m1 to z1; no revision was run" in stamped.stdout
    status = json.loads(services.invoke("migration.status", "--format", "json").stdout)["status"]
    assert (status["findings"], status["last_run"]["summary"]) == ([], "1 stamped")
    assert services.invoke("migration.apply").exit_code == 0


def test_a_catalogue_that_says_otherwise_is_shown_and_nothing_is_stamped(services: Project, database: Database) -> None:
    refused = services.invoke("migration.repair", "--stamp", "z1", "--yes")

    assert (refused.exit_code, versions(database)) == (3, ["m1"])
    assert "the database is not what the history makes at z1; its version table stays at m1" in refused.stdout
    assert "legacy_name" in refused.stdout


def test_a_database_at_a_revision_that_no_file_has_is_brought_back(services: Project, database: Database) -> None:
    execute(database, "update alembic_version set version_num = 'gone'")

    assert services.invoke("migration.status").exit_code == 2
    assert services.invoke("migration.repair", "--stamp", "m1", "--yes").exit_code == 0
    assert versions(database) == ["m1"]


def test_several_revisions_and_none_can_be_stamped(services: Project, database: Database) -> None:
    execute(database, "drop table alembic_version")

    assert services.invoke("migration.repair", "--stamp", "a2,b1", "--yes").exit_code == 0
    assert versions(database) == ["a2", "b1"]
    execute(database, "drop table invoices")
    execute(database, "drop table accounts")
    assert services.invoke("migration.repair", "--stamp", "base", "--yes").exit_code == 0
    assert versions(database) == []


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        pytest.param(("--stamp", "nowhere"), 2, "revision 'nowhere' is in no file of this project", id="an unknown revision"),
        pytest.param(("--stamp", "a1,m1"), 2, "a1 is below m1", id="one below the other"),
        pytest.param(("--stamp", "m1"), 3, "moving the version table of", id="nobody to ask"),
        pytest.param(("--stamp", "m1", "--only", "applied-elsewhere"), 1, "--only and --stamp contradict", id="two at once"),
    ],
)
def test_what_cannot_be_stamped_is_said(
    services: Project, database: Database, arguments: tuple[str, ...], exit_code: int, message: str
) -> None:
    outcome = services.invoke("migration.repair", *arguments)

    assert (outcome.exit_code, message in outcome.stderr, versions(database)) == (exit_code, True, ["m1"])


def test_a_dry_run_compares_and_stamps_nothing(services: Project, database: Database) -> None:
    execute(database, "alter table accounts drop column legacy_name")

    dry = services.invoke("migration.repair", "--stamp", "z1", "--dry-run")

    assert (dry.exit_code, versions(database)) == (0, ["m1"])
    assert "would move the version table from m1 to z1" in dry.stdout
