"""build, start.deploy and start.prod on the reference application."""

from __future__ import annotations

import contextlib
import json
import socket
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from seachange.postgres.connection import Database, connect
from tests.project import Project, copy_repository

HEAD = "1750200000000"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def served(project: Project, *command: str, env: dict[str, str]) -> Iterator[str]:
    """Start the service and yield its address once it answers."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    with project.start(*command, "--port", str(port), env=env) as process:
        try:
            deadline = time.monotonic() + 60
            while not answers(address):
                assert process.poll() is None, process.communicate()
                assert time.monotonic() < deadline, "the service did not answer"
                time.sleep(0.05)
            yield address
        finally:
            process.terminate()
            process.communicate(timeout=20)


def answers(address: str) -> bool:
    with contextlib.suppress(OSError):
        get(f"{address}/health")
        return True
    return False


def get(address: str) -> tuple[int, Any]:
    try:
        with urllib.request.urlopen(address, timeout=10) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as exc:
        with exc:
            return exc.code, json.load(exc)


@pytest.fixture
def production(database: Database) -> dict[str, str]:
    return {"DATABASE_URL": database.url(), "APP_ENV": "production"}


def test_a_first_deploy_makes_the_database_and_serves(project: Project, production: dict[str, str], database: Database) -> None:
    fresh = database.with_name(f"{database.name}_first")
    env = {**production, "DATABASE_URL": fresh.url(), "IS_FIRST_DEPLOY": "true", "RUN_SEEDS": "false"}
    try:
        with served(project, "invoke", "start.deploy", env=env) as address:
            status, health = get(f"{address}/health")

        assert (status, health["status"]) == (200, "ok"), health
        assert version(fresh) == [HEAD]
    finally:
        with contextlib.closing(connect(database, autocommit=True)) as connection:
            connection.execute(f'drop database if exists "{fresh.name}" with (force)'.encode())


def test_a_first_deploy_is_refused_on_a_database_that_is_used(
    project: Project, production: dict[str, str], database: Database
) -> None:
    with contextlib.closing(connect(database, autocommit=True)) as connection:
        connection.execute("create table somebody_elses (id int)")

    outcome = project.invoke("start.deploy", env={**production, "IS_FIRST_DEPLOY": "true"})

    assert outcome.exit_code == 3, outcome
    assert f"IS_FIRST_DEPLOY is set, and database {database.name} has 1 tables already" in outcome.stdout
    assert "hint: unset IS_FIRST_DEPLOY" in outcome.stdout


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        pytest.param({}, {"apply": "skipped", "seed": "skipped", "verify": "failed"}, id="nothing asked: pending is found"),
        pytest.param({"RUN_MIGRATIONS": "true"}, {"apply": "done", "seed": "skipped", "verify": "done"}, id="RUN_MIGRATIONS"),
        pytest.param(
            {"RUN_MIGRATIONS": "true", "RUN_SEEDS": "true", "APP_ENV": "staging"},
            {"apply": "done", "seed": "done", "verify": "done"},
            id="RUN_MIGRATIONS and RUN_SEEDS",
        ),
    ],
)
def test_a_deploy_does_what_its_variables_say(
    project: Project, production: dict[str, str], variables: dict[str, str], expected: dict[str, str]
) -> None:
    outcome = project.invoke("start.deploy", "--no-serve", "--format", "json", env={**production, **variables})

    steps = {step["name"]: step["status"] for step in json.loads(outcome.stdout)["steps"]}
    assert {name: steps[name] for name in expected} == expected
    assert (outcome.exit_code == 0) == (expected["verify"] == "done")


def test_the_service_says_when_the_database_is_behind(project: Project, production: dict[str, str], database: Database) -> None:
    assert project.invoke("migration.apply", "--to", "1750120000000", env=production).exit_code == 0

    with served(project, "invoke", "start.prod", env=production) as address:
        behind = get(f"{address}/health")
        assert project.invoke("migration.apply", env=production).exit_code == 0
        ready = get(f"{address}/health")
        appointments = get(f"{address}/appointments")

    assert (behind[0], ready[0], appointments[0]) == (503, 200, 200)


def test_build_makes_a_wheel_and_a_context_that_deploys(tmp_path: Path, production: dict[str, str]) -> None:
    project = copy_repository(tmp_path / "project", without=("tests",))

    outcome = project.invoke("build", "--format", "json", timeout_s=180)

    built = json.loads(outcome.stdout)
    context = Project(path=project.path / "dist" / "image" / "project")
    assert (outcome.exit_code, zipfile.is_zipfile(built["wheel"])) == (0, True), outcome
    assert {"Containerfile", "project/pyproject.toml", "project/app/service.py"} <= set(built["files"])
    assert not [name for name in built["files"] if name.startswith(("project/tests", "project/.git/", "project/.env"))]
    deployed = context.invoke("start.deploy", "--no-serve", env={**production, "RUN_MIGRATIONS": "true"})
    assert deployed.exit_code == 0, deployed
    assert project.invoke("check.dist").exit_code == 2
    assert project.invoke("clean.unnecessary-dist").exit_code == 0
    assert project.invoke("check.dist").exit_code == 0


def version(database: Database) -> list[str]:
    with contextlib.closing(connect(database)) as connection:
        return [row[0] for row in connection.execute("select version_num from alembic_version")]
