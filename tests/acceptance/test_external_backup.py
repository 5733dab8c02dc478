"""Backups that pgBackRest or WAL-G make, as the workflow's way back; programs that print what those print stand for them."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seachange.postgres.connection import Database, connect, describe
from tests.external import pgbackrest_backup, pgbackrest_stanza, stand_in
from tests.project import Project


@pytest.fixture
def linear(scenario: Callable[[str], Project], database: Database) -> Callable[..., Project]:
    """A project whose backups pgBackRest makes, of which the last is so many hours old."""

    def made(*, hours: float, **changes: Any) -> Project:
        project = scenario("linear")
        with contextlib.closing(connect(database)) as session:
            system = describe(session).system_identifier
        backup = pgbackrest_backup("20250601-100000F", stop=time.time() - hours * 3600, **changes)
        program = stand_in(project.path / "pgbackrest", [pgbackrest_stanza(backup, system=str(system))])
        settings = project.path / "pyproject.toml"
        table = f'\n[tool.seachange.backup]\nexternal = "./{program.name} --stanza=main info --output=json"\n'
        settings.write_text(settings.read_text() + table)
        return Project(path=project.path, environment={**project.environment, "DATABASE_URL": database.url()})

    return made


def tables(database: Database) -> list[str]:
    with contextlib.closing(connect(database)) as session:
        return [row[0] for row in session.execute("select relname from pg_class where relnamespace = 'public'::regnamespace")]


def own_backups(project: Project) -> list[Path]:
    return list((project.path / "backups").glob("2*"))


def test_the_workflow_relies_on_a_fresh_backup_of_another_tool_and_makes_none(linear: Callable[..., Project]) -> None:
    project = linear(hours=2.01)
    outcome = project.invoke("migration.workflow", "--format", "json")
    step = next(step for step in json.loads(outcome.stdout)["steps"] if step["name"] == "backup")

    assert (outcome.exit_code, step["status"]) == (0, "done"), outcome
    assert step["summary"] == "pgBackRest has 20250601-100000F (full), finished 2 h ago; no dump is made"
    assert step["facts"][0].startswith("it is of this server: system identifier ")
    assert step["data"]["external"]["source"] == "main"
    assert own_backups(project) == []


@pytest.mark.parametrize(
    ("backup", "message"),
    [
        pytest.param({"hours": 30}, "is 1 d 6 h old; no more than 1 d is allowed", id="too old"),
        pytest.param({"hours": 1, "error": True}, "cannot be relied on: pgBackRest found errors in it", id="failed"),
    ],
)
def test_a_backup_that_may_not_be_relied_on_stops_the_workflow_before_anything_is_changed(
    linear: Callable[..., Project], database: Database, backup: dict[str, Any], message: str
) -> None:
    outcome = linear(**backup).invoke("migration.workflow")

    assert outcome.exit_code == 3, outcome
    assert message in outcome.stdout + outcome.stderr
    assert "clients" not in tables(database)


def test_a_backup_that_is_asked_for_is_made_all_the_same_and_both_are_listed(linear: Callable[..., Project]) -> None:
    project = linear(hours=30)

    assert project.invoke("db.backup").exit_code == 0
    assert len(own_backups(project)) == 1
    listed = project.invoke("db.backups")
    assert f"{own_backups(project)[0].name} " in listed.stdout
    assert "20250601-100000F  pgBackRest main  full" in listed.stdout

    (project.path / "pgbackrest.json").unlink()
    broken = project.invoke("db.backups", "--format", "json")
    document = json.loads(broken.stdout)
    assert (broken.exit_code, len(document["backups"]), document["external"]) == (0, 1, [])
    assert document["external_problem"].startswith("pgbackrest ended with status 1")


def test_a_reset_in_production_asks_for_it_too(linear: Callable[..., Project]) -> None:
    project = linear(hours=30)
    assert project.invoke("migration.apply").exit_code == 0
    outcome = project.invoke("migration.reset", "--yes", env={"APP_ENV": "production"})

    assert outcome.exit_code == 3, outcome
    assert "the last backup of pgBackRest, 20250601-100000F, is 1 d 6 h old" in outcome.stderr
