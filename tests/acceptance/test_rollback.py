"""What follows when `invoke migration.apply` fails half way: nothing, a report, the way back, the backup of before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from seachange.postgres.connection import Database
from tests.acceptance.rolling_back import apply, ask, columns, opened, rehearsed
from tests.project import Project


@pytest.fixture
def project(scenario: Callable[[str], Project], database: Database) -> Project:
    """A database at 0001 with rows on which 0003 fails, after 0002 went well."""
    return opened(scenario, database)


def test_a_first_revision_that_fails_leaves_the_database_as_it_was_and_that_is_proven(
    project: Project, database: Database
) -> None:
    assert project.invoke("migration.apply", "--to", "0002").exit_code == 0

    outcome, document = apply(project)

    assert outcome.exit_code == 4
    assert document["data"]["unchanged"] is True
    assert "is as before: at 0002, its catalogue with the same fingerprint" in document["state"]
    assert ask(database, "select to_regclass('totals')") == [None]


def test_the_default_in_production_is_to_stop_and_to_say_what_can_be_done(project: Project, database: Database) -> None:
    rehearsed(project)

    outcome = project.invoke("migration.apply", env={"APP_ENV": "production"})

    assert outcome.exit_code == 5
    assert "on_failure is stop: nothing was undone" in outcome.stdout
    mend = "next, 1: mend migrations/versions/0003_count_visits.py, then `invoke migration.apply`, which goes on from 0002"
    assert mend in outcome.stdout
    assert "next, 2: `invoke migration.rollback` undoes 0002" in outcome.stdout
    assert "was moved from 0001 to 0002" in outcome.stdout
    assert "email" in columns(database, "clients")


def test_what_a_rehearsal_proved_to_be_without_loss_is_undone(project: Project, database: Database) -> None:
    rehearsed(project, lossless=("0003", "0002"))

    planned = project.invoke("migration.plan").stdout
    outcome, document = apply(project)

    proven = "1 transaction; reversible, proven: its rehearsal gave back the schema and the rows"
    assert f"0002 Add the email of clients: {proven}" in planned
    assert "0004 Add the city of clients: 1 transaction; its downgrade loses rows, as its rehearsal showed" in planned
    assert outcome.exit_code == 4, document
    assert document["data"]["undone"] == ["0002"]
    assert document["summary"].startswith("revision 0003 was not applied: ")
    assert "is as before: at 0001, its catalogue with the same fingerprint" in document["state"]
    assert columns(database, "clients") == {"id", "name"}
    history = project.invoke("migration.history").stdout
    assert "ok: reverted 0002 Add the email of clients" in history


@pytest.mark.parametrize(
    ("given", "said"),
    [
        pytest.param(None, "no rehearsal of this plan is younger than 24 hours", id="no rehearsal"),
        pytest.param({"hours_ago": 30}, "no rehearsal of this plan is younger than 24 hours", id="an old one"),
        pytest.param({"lossless": ("0003",)}, "did not prove that undoing 0002 loses nothing: lossy", id="with losses"),
        pytest.param({"kind": "shadow"}, "was on an empty copy, which proves nothing about rows", id="without rows"),
    ],
)
def test_what_is_not_proven_is_not_undone(project: Project, database: Database, given: dict[str, Any] | None, said: str) -> None:
    if given is not None:
        rehearsed(project, **given)

    outcome, document = apply(project, "--on-failure", "downgrade")

    assert outcome.exit_code == 5
    assert any(said in fact for fact in document["facts"]), document["facts"]
    assert "email" in columns(database, "clients")
    assert "was moved from 0001 to 0002" in document["state"]


def test_a_downgrade_that_does_not_lead_back_is_found(project: Project, database: Database) -> None:
    project.replace("migrations/versions/0002_add_email.py", old="DROP COLUMN email", new="RENAME COLUMN email TO mail")
    rehearsed(project)

    outcome, document = apply(project)

    assert outcome.exit_code == 5
    assert "is at 0001, as before, but is not what it was: " in document["state"]
    assert "column mail" in document["state"]
    assert columns(database, "clients") == {"id", "name", "mail"}


@pytest.mark.parametrize(("task", "flag"), [("migration.apply", "--on-failure"), ("migration.rollback", "--policy")])
def test_a_policy_that_there_is_not_is_an_error(project: Project, task: str, flag: str) -> None:
    outcome = project.invoke(task, flag, "pray")

    assert outcome.exit_code == 1
    assert f"error: {flag}: 'pray' is n" in outcome.stderr
