"""Revisions to be filled in: an empty one without a database, and one that changes rows in batches and can be killed."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from seachange.config import Settings
from seachange.postgres import embedded
from seachange.postgres.connection import connect
from tests.project import Project

_ROWS = "insert into clients (name) select 'client ' || n from generate_series(1, 4000) n"


def query(project: Project, sql: str) -> list[tuple[Any, ...]]:
    database = embedded.database(Settings(root=project.path, project=project.path.name, environment=project.environment))
    with contextlib.closing(connect(database, autocommit=True)) as session:
        cursor = session.execute(sql.encode())
        return cursor.fetchall() if cursor.description else []


def newest(project: Project) -> Path:
    return max((project.path / "migrations" / "versions").glob("*.py"))


@pytest.fixture
def linear(scenario: Callable[[str], Project]) -> Project:
    return scenario("linear")


@pytest.fixture
def with_rows(linear: Project) -> Project:
    """Four thousand clients without an address."""
    assert linear.invoke("migration.apply").exit_code == 0
    query(linear, _ROWS)
    return linear


def test_an_empty_revision_needs_neither_database_nor_models(linear: Project) -> None:
    (linear.path / "linear_models.py").unlink()

    outcome = linear.invoke("migration.generate", "--empty", "--name", "Look around", env={"APP_ENV": "production"})
    validated = linear.invoke("migration.validate")

    assert (outcome.exit_code, newest(linear).name) == (0, "0004_look_around.py"), outcome
    assert (validated.exit_code, "upgrade() of 0004 does nothing" in validated.stdout) == (0, True), validated


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["--empty"], "a revision to be filled in has no name", id="without a name"),
        pytest.param(["--empty", "--table", "clients", "--name", "x"], "without operations", id="both"),
        pytest.param(["--data", "--name", "x"], "is about one table", id="no table"),
        pytest.param(["--table", "clients", "--name", "x"], "is about one table", id="a table for nothing"),
        pytest.param(["--data", "--table", "nothing", "--name", "x"], "no revision makes a table", id="no such table"),
        pytest.param(["--data", "--fill", "clients.fax=''"], "has no such column", id="no such column"),
        pytest.param(["--data", "--fill", "clients.email=nonsense"], "it fails on the shadow", id="no expression"),
    ],
)
def test_what_contradicts_itself_or_the_schema_is_refused(linear: Project, arguments: list[str], message: str) -> None:
    outcome = linear.invoke("migration.generate", *arguments)

    assert outcome.exit_code in (1, 4)
    assert message in outcome.stderr
    assert newest(linear).name.startswith("0003")


def test_a_data_migration_that_says_nothing_yet_refuses_to_run(with_rows: Project) -> None:
    assert with_rows.invoke("migration.generate", "--data", "--table", "public.clients", "--name", "Clean up").exit_code == 0

    outcome = with_rows.invoke("migration.apply")

    assert outcome.exit_code == 4, outcome
    assert "CHANGE says nothing yet" in outcome.stdout


def test_a_fill_in_batches_is_complete_and_takes_its_record_with_it(with_rows: Project) -> None:
    fill = "clients.email=replace(name, ' ', ':') || '@example.org'"
    made = with_rows.invoke("migration.generate", "--data", "--fill", fill)
    assert with_rows.invoke("migration.validate").exit_code == 0

    outcome = with_rows.invoke("migration.workflow", "--skip", "backup")

    assert (made.exit_code, outcome.exit_code) == (0, 0), (made, outcome)
    assert newest(with_rows).name == "0004_fill_email_of_clients.py"
    assert query(with_rows, "select count(*), min(email) from clients where email is not null") == [
        (4000, "client:1000@example.org")
    ]
    assert query(with_rows, "select to_regclass('progress_0004')") == [(None,)]
    assert with_rows.invoke("migration.revert", "--yes").exit_code == 0


def test_a_client_killed_in_the_middle_is_resumed_and_no_row_is_changed_twice(with_rows: Project) -> None:
    assert with_rows.invoke("migration.generate", "--data", "--table", "clients", "--name", "Shout").exit_code == 0
    path = newest(with_rows)
    text = path.read_text().replace('CHANGE = ""', "CHANGE = \"name = name || '!'\"").replace("BATCH = 1000", "BATCH = 50")
    path.write_text(text)

    with with_rows.start("invoke", "migration.apply") as process:
        done, deadline = 0, time.monotonic() + 60
        while not 500 <= done < 4000 and time.monotonic() < deadline:
            time.sleep(0.02)
            with contextlib.suppress(psycopg.errors.UndefinedTable):
                done = (query(with_rows, "select done from progress_0004") or [(0,)])[0][0]
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    assert process.returncode == -signal.SIGKILL
    ((half,),) = query(with_rows, "select count(*) from clients where name like '%!'")
    assert 0 < half < 4000

    outcome = with_rows.invoke("migration.apply")

    assert outcome.exit_code == 0, outcome
    assert query(
        with_rows, "select count(*), max(length(name) - length(replace(name, '!', ''))) from clients where name like '%!'"
    ) == [(4000, 1)]
    assert query(with_rows, "select to_regclass('progress_0004')") == [(None,)]
