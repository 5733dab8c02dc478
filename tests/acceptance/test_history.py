"""`invoke migration.history`, `repair`, and what `status` and `check` say of a database that others moved."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Callable
from typing import Any

import pytest

from seachange.postgres.connection import Database, connect, drop_database
from tests.project import Outcome, Project


@pytest.fixture
def services(scenario: Callable[[str], Project], database: Database) -> Project:
    """Two services with a location each, in one database, committed."""
    copy = scenario("services")
    url = database.url().replace("postgresql://", "postgresql+psycopg://", 1)
    project = dataclasses.replace(copy, environment={**copy.environment, "DATABASE_URL": url, "GITHUB_ACTOR": "ann"})
    project.commit()
    return project


def document(outcome: Outcome) -> dict[str, Any]:
    assert outcome.stdout.startswith("{"), outcome
    return dict(json.loads(outcome.stdout))


def codes(outcome: Outcome) -> list[str]:
    found = [finding["code"] for finding in document(outcome)["status"]["findings"]]
    return [code for code in found if code != "model-difference"]


def test_the_history_says_who_ran_what(services: Project) -> None:
    assert services.invoke("migration.apply").exit_code == 0
    assert services.invoke("migration.revert", "--yes").exit_code == 0

    back, there = document(services.invoke("migration.history", "--format", "json"))["runs"]
    assert [(entry["revision"], entry["outcome"]) for entry in there["entries"]] == [
        ("a1", "applied"),
        ("a2", "applied"),
        ("b1", "applied"),
        ("m1", "applied"),
        ("z1", "applied"),
    ]
    assert [(entry["revision"], entry["outcome"]) for entry in back["entries"]] == [("z1", "reverted")]
    assert (there["command"], back["command"]) == ("migration.apply", "migration.revert")
    assert there["actor"].startswith("ann@")
    assert (len(there["git_commit"]), there["git_dirty"]) == (40, False)
    shown = services.invoke("migration.history", "--revision", "a1").stdout
    assert "ok: applied a1 Create accounts in" in shown
    assert "reverted" not in shown


def test_a_database_that_plain_alembic_moved_is_reported_and_repaired(services: Project) -> None:
    services.invoke("migration.apply", "--to", "a2")
    services.run("alembic", "upgrade", "heads")

    assert codes(services.invoke("migration.status", "--format", "json")) == ["applied-elsewhere"]
    checked = services.invoke("migration.check")
    assert (checked.exit_code, "warning: b1, m1, z1: applied, but not by Seachange" in checked.stdout) == (0, True)
    refused = services.invoke("migration.repair")
    assert (refused.exit_code, refused.stdout) == (3, "")
    assert "note as applied: b1 Create invoices: applied, but not by Seachange" in refused.stderr
    dry = services.invoke("migration.repair", "--dry-run")
    assert (dry.exit_code, "would note as applied: z1 " in dry.stdout) == (0, True)

    repaired = services.invoke("migration.repair", "--yes")

    assert (repaired.exit_code, "3 repaired" in repaired.stdout) == (0, True)
    assert codes(services.invoke("migration.status", "--format", "json")) == []
    assert services.invoke("migration.repair").stdout == "nothing to repair: history, version table and files agree\n"
    newest = document(services.invoke("migration.history", "--limit", "1", "--format", "json"))["runs"][0]
    assert (newest["command"], {entry["outcome"] for entry in newest["entries"]}) == ("migration.repair", {"adopted"})


def test_plain_alembic_going_back_is_reported(services: Project) -> None:
    services.invoke("migration.apply")
    services.run("alembic", "downgrade", "m1")

    said = services.invoke("migration.status").stdout

    assert "warning: z1: recorded as applied, but the version table is not at it [reverted-elsewhere]" in said
    assert services.invoke("migration.repair", "--yes").exit_code == 0
    assert codes(services.invoke("migration.status", "--format", "json")) == []


def test_a_file_that_changed_after_it_was_applied_is_reported_until_it_is_accepted(services: Project) -> None:
    services.invoke("migration.apply")
    services.replace("migrations/billing/b1_invoices.py", old="Create invoices.", new="Create the invoices.")

    said = services.invoke("migration.status").stdout

    assert "migrations/billing/b1_invoices.py: b1 Create the invoices: applied, and its file was changed after that" in said
    assert services.invoke("migration.repair", "--yes", "--only", "applied-elsewhere").stdout.startswith("nothing to repair")
    assert services.invoke("migration.repair", "--yes", "--only", "changed-after-apply").exit_code == 0
    assert codes(services.invoke("migration.status", "--format", "json")) == []


def test_a_project_that_begins_with_seachange_has_nothing_to_repair(services: Project) -> None:
    services.run("alembic", "upgrade", "m1")

    assert codes(services.invoke("migration.status", "--format", "json")) == []
    assert services.invoke("migration.apply").exit_code == 0
    assert codes(services.invoke("migration.status", "--format", "json")) == []
    (run,) = document(services.invoke("migration.history", "--format", "json"))["runs"]
    assert [entry["outcome"] for entry in run["entries"]] == ["adopted"] * 4 + ["applied"]


def test_a_failure_in_the_third_of_five_is_in_the_history_and_in_the_status_of_other_machines(
    scenario: Callable[[str], Project], database: Database
) -> None:
    copy = scenario("failing_half_way")
    project = dataclasses.replace(copy, environment={**copy.environment, "DATABASE_URL": database.url()})

    applied = project.invoke("migration.apply")

    assert applied.exit_code == 5
    shown = project.invoke("migration.history").stdout
    assert "migration.apply: 2 applied, 1 failed in" in shown
    assert "error: failed 0003 Add the clinic of clients in" in shown
    assert '    at migrations/versions/0003_fails.py:11: relation "clinics" does not exist [SQLSTATE 42P01]' in shown


def test_a_failure_in_the_first_of_five_leaves_nothing_and_is_in_the_history(
    scenario: Callable[[str], Project], database: Database
) -> None:
    copy = scenario("failing_half_way")
    project = dataclasses.replace(copy, environment={**copy.environment, "DATABASE_URL": database.url()})
    project.replace(
        "migrations/versions/0001_create_clients.py",
        old="    op.create_table(",
        new='    op.execute("select 1 / 0")\n    op.create_table(',
    )

    applied = project.invoke("migration.apply")

    assert applied.exit_code == 4
    assert "migration.apply: 1 failed in" in project.invoke("migration.history").stdout


def test_a_history_that_is_turned_off_writes_nothing(services: Project) -> None:
    services.invoke("migration.apply", env={"SEACHANGE_HISTORY": "off"})

    assert services.invoke("migration.history").stdout.startswith("nothing is recorded")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(("history", "--limit", "0"), "error: --limit: 0 is less than 1", id="no run"),
        pytest.param(("repair", "--only", "drift"), "error: --only: drift is no kind of mismatch", id="unknown kind"),
    ],
)
def test_a_parameter_that_makes_no_sense_is_said(services: Project, arguments: tuple[str, ...], message: str) -> None:
    command, *rest = arguments
    outcome = services.invoke(f"migration.{command}", *rest)

    assert (outcome.exit_code, outcome.stderr.splitlines()[0]) == (1, message)


def test_a_backup_brings_the_history_along_and_says_that_it_was_restored(services: Project, database: Database) -> None:
    services.invoke("migration.apply", "--to", "m1")
    assert services.invoke("db.backup").exit_code == 0
    services.invoke("migration.apply")
    into = f"{database.name}_back"

    try:
        restored = services.invoke("db.restore", "--into", into)
        assert restored.exit_code == 0, restored
        url = database.with_name(into).url()
        newest, first = document(services.invoke("migration.history", "--format", "json", "--url", url))["runs"]
    finally:
        drop_database(database.with_name(into), force=True)

    assert [(entry["revision"], entry["outcome"]) for entry in newest["entries"]] == [("m1", "restored")]
    assert newest["command"] == "db.restore"
    assert [entry["revision"] for entry in first["entries"]] == ["a1", "a2", "b1", "m1"]


def test_the_history_is_in_no_artefact_of_the_schema(services: Project) -> None:
    services.invoke("migration.apply")

    assert services.invoke("db.sync").exit_code == 0
    written = {path.name: path.read_text() for path in (services.path / "schema").iterdir()}
    assert [name for name, text in written.items() if "seachange.history" in text or "CREATE SCHEMA seachange" in text] == []
    assert "structure.sql" in written


def test_a_role_that_may_not_create_the_schema_gets_one_warning(services: Project, database: Database) -> None:
    role = f"{database.name}_role"
    with contextlib.closing(connect(database, autocommit=True)) as session:
        session.execute(f"create role {role} login")
        session.execute(f"grant create, usage on schema public to {role}")
    url = database.with_parameters(user=role).url()

    applied = services.invoke("migration.apply", "--url", url)

    assert applied.exit_code == 0, applied
    assert applied.stdout.count(f"permission denied for database {database.name}") == 1
    assert "hint: docs/history.md has the SQL for an administrator" in applied.stdout
    assert "5 applied, the database is at z1" in applied.stdout


def test_the_last_run_of_another_machine_and_a_later_one_of_this_are_shown(services: Project) -> None:
    services.invoke("migration.apply")
    (services.path / ".seachange" / "last_run.json").unlink()

    elsewhere = services.invoke("migration.status").stdout
    assert "\nlast run  migration.apply by ann@" in elsewhere
    assert "\nhere      " not in elsewhere
    services.invoke("migration.check")
    lines = services.invoke("migration.status").stdout.splitlines()
    assert [line.split(",")[0] for line in lines if line.startswith("here ")] == ["here      migration.check completed"]


def test_a_role_that_may_not_read_the_history_still_gets_the_status(services: Project, database: Database) -> None:
    services.invoke("migration.apply")
    role = f"{database.name}_reader"
    with contextlib.closing(connect(database, autocommit=True)) as session:
        session.execute(f"create role {role} login")
        session.execute(f"grant select on all tables in schema public to {role}")
    url = database.with_parameters(user=role).url()

    status = services.invoke("migration.status", "--url", url)

    assert (status.exit_code, "table seachange.history cannot be read: permission denied" in status.stdout) == (0, True)
    refused = services.invoke("migration.history", "--url", url)
    assert (refused.exit_code, "hint: grant usage on schema seachange and select" in refused.stderr) == (1, True)
