"""migration.rehearse as its user runs it, and what production asks of it."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from seachange.postgres.connection import Database, connect
from tests.project import Project

_ROWS = "insert into clients (name, email) select 'client ' || n, n || '@example.org' from generate_series(1, 2000) n"


@pytest.fixture
def pending(scenario: Callable[[str], Project], database: Database) -> Project:
    """A database with rows and one revision pending, which makes their addresses unique."""
    copy = scenario("linear")
    project = dataclasses.replace(copy, environment={**copy.environment, "DATABASE_URL": database.url()})
    assert project.invoke("migration.apply", "--to", "0002").exit_code == 0
    _execute(database, _ROWS)
    return project


def _execute(database: Database, statement: str) -> None:
    with contextlib.closing(connect(database, autocommit=True)) as session:
        session.execute(statement.encode())


def _asked(database: Database, query: str) -> object:
    with contextlib.closing(connect(database, autocommit=True)) as session:
        return session.execute(query.encode()).fetchone()


def test_production_applies_what_was_rehearsed_on_its_backup_and_nothing_else(
    pending: Project, database: Database, tmp_path: Path
) -> None:
    production = {"APP_ENV": "production", "SEACHANGE_REQUIRE_REHEARSAL": "1h"}
    refused = pending.invoke("migration.apply", env=production)
    assert refused.exit_code == 3
    assert "require_rehearsal asks for a rehearsal of what is pending, plan" in refused.stdout
    assert _asked(database, "select version_num from alembic_version") == ("0002",)

    assert pending.invoke("db.backup").exit_code == 0
    out = tmp_path / "rehearsal.json"
    rehearsed = pending.invoke("migration.rehearse", "--source", "backup", "--out", str(out), "--format", "json")
    assert rehearsed.exit_code == 0, rehearsed.stdout + rehearsed.stderr
    document = json.loads(rehearsed.stdout)
    assert json.loads(out.read_text()) == document
    assert (document["schema"], document["verdict"], document["source"]["kind"]) == ("seachange.rehearsal/1", "passed", "backup")
    (revision,) = document["revisions"]
    assert (revision["revision"], revision["locks"]) == ("0003", ["ACCESS EXCLUSIVE on public.clients"])
    assert [(each["revision"], each["verdict"]) for each in document["downgrades"]] == [("0003", "lossless")]
    assert {each["name"]: each["status"] for each in document["checks"]} == {
        "data checks": "done",
        "constraints and orphans": "done",
        "queries of N-1": "skipped",
    }
    assert _asked(database, "select version_num from alembic_version") == ("0002",)

    applied = pending.invoke("migration.apply", "--rehearsal", str(out), env=production)
    assert applied.exit_code == 0, applied.stdout
    assert f"plan {document['plan_hash'][:12]}" in applied.stdout
    assert _asked(database, "select version_num from alembic_version") == ("0003",)
    assert pending.invoke("migration.rehearse").stdout == "nothing to rehearse: no revision is pending\n"


def test_over_budget_is_exit_code_2_with_limit_and_value(pending: Project) -> None:
    outcome = pending.invoke("migration.rehearse", "--source", "copy", "--max-duration", "1ms")

    assert outcome.exit_code == 2, outcome.stdout + outcome.stderr
    assert "rehearsal.max_duration is 1 ms" in outcome.stdout
    assert outcome.stdout.splitlines()[-1].startswith("error: over budget in ")


def test_the_workflow_applies_nothing_that_fails_on_the_rows_of_its_backup(pending: Project, database: Database) -> None:
    _execute(database, "insert into clients (name, email) values ('twice', '7@example.org')")

    outcome = pending.invoke("migration.workflow", "--allow", "SC205=few rows", "--format", "json")

    steps = {step["name"]: step for step in json.loads(outcome.stdout)["steps"]}
    assert outcome.exit_code == 4, outcome.stdout
    assert (steps["rehearse"]["status"], steps["apply"]["status"]) == ("failed", "not tried")
    assert "revision 0003 fails on the copy: at migrations/versions/0003_unique_email.py:10: " in steps["rehearse"]["summary"]
    assert [finding["code"] for finding in steps["rehearse"]["findings"]] == ["SC801"]
    assert _asked(database, "select version_num from alembic_version") == ("0002",)


@pytest.mark.parametrize(
    ("flag", "value", "said"),
    [
        pytest.param("--source", "nonsense", "error: --source: 'nonsense' is not one of auto, backup,", id="source"),
        pytest.param("--max-reader-stall", "12parsec", "error: --max-reader-stall: '12parsec' is not ", id="budget"),
        pytest.param("--out", "none/out.json", "error: the rehearsal cannot be written to none/out.json: ", id="file"),
    ],
)
def test_a_wrong_argument_is_told_by_its_name_before_anything_is_copied(
    pending: Project, flag: str, value: str, said: str
) -> None:
    outcome = pending.invoke("migration.rehearse", flag, value)

    assert (outcome.exit_code, outcome.stdout) == (1, "")
    assert outcome.stderr.startswith(said)
    assert not (pending.path / ".seachange" / "rehearsals").exists()


def test_a_dry_run_makes_no_copy(pending: Project) -> None:
    outcome = pending.invoke("migration.rehearse", "--dry-run")

    assert (outcome.exit_code, outcome.stdout) == (
        0,
        "would rehearse 1 pending on a copy (rehearsal.source is auto):\n  0003 Make the email of clients unique\n",
    )
    assert not (pending.path / ".seachange" / "rehearsals").exists()


@pytest.mark.parametrize(
    ("number", "code"), [pytest.param(signal.SIGINT, 130, id="Ctrl-C"), pytest.param(signal.SIGTERM, 143, id="SIGTERM")]
)
def test_a_signal_ends_a_rehearsal_and_leaves_the_database_alone(
    pending: Project, database: Database, number: int, code: int
) -> None:
    path = next((pending.path / "migrations" / "versions").glob("0003*.py"))
    text = path.read_text()
    path.write_text(text.replace("def upgrade() -> None:\n", "def upgrade() -> None:\n    op.execute('select pg_sleep(4)')\n"))
    count = "select count(*) from pg_stat_activity where application_name like 'seachange rehearsal %'"

    with pending.start("invoke", "migration.rehearse", "--source", "copy") as process:
        deadline = time.monotonic() + 60
        while _asked(database, count) == (0,) and time.monotonic() < deadline:
            time.sleep(0.05)
        began = time.monotonic()
        process.send_signal(number)
        _, stderr = process.communicate(timeout=30)

    assert (process.returncode, time.monotonic() - began < 15) == (code, True), stderr
    assert _asked(database, count) == (0,)
    assert _asked(database, "select version_num from alembic_version") == ("0002",)
    assert _asked(database, f"select count(*) from pg_database where datname like '{database.name}%'") == (1,)
