"""Revisions that wait for a release, and revisions of one service that need those of another."""

from __future__ import annotations

import dataclasses
import json
import subprocess
from collections.abc import Callable

import pytest

from seachange.postgres.connection import Database
from tests.project import Project


@pytest.fixture
def services(scenario: Callable[[str], Project], database: Database) -> Project:
    """Two services in one database, in production, where 2.3.0 is the newest tag."""
    copy = scenario("services")
    url = database.url().replace("postgresql://", "postgresql+psycopg://", 1)
    project = dataclasses.replace(copy, environment={**copy.environment, "DATABASE_URL": url, "APP_ENV": "production"})
    project.commit()
    tag(project, "v2.3.0")
    return project


def tag(project: Project, name: str) -> None:
    subprocess.run(["git", "tag", name], cwd=project.path, check=True, timeout=60)


def current(project: Project) -> list[str]:
    outcome = project.invoke("migration.status", "--format", "json")
    return list(json.loads(outcome.stdout)["status"]["current"])


def test_a_revision_waits_for_its_release_and_nothing_is_begun(services: Project) -> None:
    refused = services.invoke("migration.apply")

    assert refused.exit_code == 3
    assert (
        "revision z1 (Drop the legacy name of accounts) requires release 2.4.0, and v2.3.0 is deployed; nothing was applied"
        in refused.stdout
    )
    assert "hint: `invoke migration.apply --to m1` applies what comes before it; SEACHANGE_RELEASE says" in refused.stdout
    assert services.invoke("migration.apply", "--dry-run").exit_code == 3
    assert current(services) == []


def test_what_comes_before_it_can_be_applied_and_the_rest_is_shown_as_waiting(services: Project) -> None:
    assert services.invoke("migration.apply", "--to", "m1").exit_code == 0

    assert current(services) == ["m1"]
    reason = "requires release 2.4.0, and v2.3.0 is deployed"
    assert f"pending: z1 Drop the legacy name of accounts: {reason}\n" in services.invoke("migration.status").stdout
    assert "pending (requires 2.4.0)  z1" in services.invoke("migration.show").stdout
    assert "requires release 2.4.0: apply refuses it in staging and production" in services.invoke("migration.plan").stdout


@pytest.mark.parametrize("by", ["a setting", "a tag"])
def test_the_gate_opens_when_the_release_is_deployed(services: Project, by: str) -> None:
    if by == "a tag":
        tag(services, "v2.4.0")

    applied = services.invoke("migration.apply", env={"SEACHANGE_RELEASE": "2.4.0"} if by == "a setting" else {})

    assert applied.exit_code == 0, applied
    assert current(services) == ["z1"]


def test_in_development_a_gate_is_only_noted(services: Project) -> None:
    applied = services.invoke("migration.apply", env={"APP_ENV": "development"})

    assert applied.exit_code == 0, applied
    assert "requires release 2.4.0, and v2.3.0 is deployed; development does not wait" in applied.stdout


def test_a_setting_that_is_no_release_is_said(services: Project) -> None:
    outcome = services.invoke("migration.apply", env={"SEACHANGE_RELEASE": "newest"})

    assert (outcome.exit_code, "setting release is 'newest', which is no release" in outcome.stdout) == (1, True)


def test_a_revision_brings_what_it_needs_of_another_service_and_no_more(services: Project) -> None:
    assert services.invoke("migration.apply", "--to", "b1").exit_code == 0

    shown = json.loads(services.invoke("migration.show", "--format", "json").stdout)["revisions"]
    assert {one["revision"]: one["applied"] for one in shown} == {"a1": True, "a2": False, "b1": True, "m1": False, "z1": False}
    # Plain Alembic goes on from there.
    assert services.run("alembic", "upgrade", "heads").exit_code == 0
    assert current(services) == ["z1"]
