"""Migrations through a real pgbouncer: refused before anything happens, and sent past it by DIRECT_URL."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from seachange.postgres.connection import Database
from tests.integration.postgres.pgbouncer import pooled
from tests.integration.revisions.looking import tables
from tests.project import Project


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(["migration.apply"], id="apply"),
        pytest.param(["migration.workflow"], id="workflow"),
        pytest.param(["migration.revert", "--yes"], id="revert"),
    ],
)
def test_migrations_through_a_pooler_are_refused_with_the_direct_url_named(
    scenario: Callable[[str], Project], database: Database, command: list[str]
) -> None:
    project = scenario("linear")
    project.invoke("migration.apply", "--to", "0001", env={"DATABASE_URL": database.url()})

    with pooled(database, "transaction") as behind:
        outcome = project.invoke(*command, env={"DATABASE_URL": behind.url()})

    text = outcome.stdout + outcome.stderr
    assert outcome.exit_code == 3, outcome
    assert "is behind a connection pooler" in text
    assert "set DIRECT_URL to the server itself" in text
    assert "done  backup" not in text
    assert "email" not in str(tables(database))


def test_the_direct_url_is_used_instead_and_a_flag_overrides_both(scenario: Callable[[str], Project], database: Database) -> None:
    project = scenario("linear")

    with pooled(database, "transaction") as behind:
        variables = {"DATABASE_URL": behind.url(), "DIRECT_URL": database.url()}
        applied = project.invoke("migration.apply", "--to", "0001", env=variables)
        refused = project.invoke("migration.apply", "--url", behind.url(), env=variables)
        status = project.invoke("migration.status", "--format", "json", env=variables)

    assert (applied.exit_code, refused.exit_code) == (0, 3), (applied, refused)
    assert json.loads(status.stdout)["status"]["current"] == ["0001"], status
