"""Half a revision, a backup put back, a run that was killed, a check that fails: what becomes of the database."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from seachange.postgres.connection import Database, connect
from tests.acceptance.rolling_back import apply, ask, columns, opened, rehearsed, run
from tests.project import Outcome, Project


@pytest.fixture
def project(scenario: Callable[[str], Project], database: Database) -> Project:
    """A database at 0001 with rows on which 0003 fails, after 0002 went well."""
    return opened(scenario, database)


HALF = '''"""Index the names, then fail."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("ALTER TABLE visits ADD COLUMN price int")
    with op.get_context().autocommit_block():
        op.execute("CREATE INDEX CONCURRENTLY clients_name_idx ON clients (name)")
        op.execute("CREATE INDEX CONCURRENTLY visits_odd_idx ON visits ((1 / (id - 7)))")


def downgrade() -> None:
    op.execute("DROP INDEX visits_odd_idx")
    op.execute("DROP INDEX clients_name_idx")
    op.execute("ALTER TABLE visits DROP COLUMN price")
'''


@pytest.fixture
def half(project: Project) -> Project:
    """The same, where the third revision builds two indexes concurrently, the second of which fails on a row."""
    (project.path / "migrations" / "versions" / "0003_count_visits.py").write_text(HALF)
    return project


def test_half_a_revision_is_taken_back_from_its_record(half: Project, database: Database) -> None:
    assert half.invoke("migration.apply", "--to", "0002").exit_code == 0

    outcome, document = apply(half, "--on-failure", "downgrade")

    assert outcome.exit_code == 4, document
    assert [fact for fact in document["facts"] if fact.startswith("taken back: ")] == [
        'taken back: DROP INDEX CONCURRENTLY IF EXISTS "visits_odd_idx"',
        'taken back: DROP INDEX CONCURRENTLY IF EXISTS "clients_name_idx"',
        'taken back: ALTER TABLE "visits" DROP COLUMN "price"',
    ]
    assert "is as before: at 0002, its catalogue with the same fingerprint" in document["state"]
    assert ask(database, "select count(*) from seachange.statements") == [0]


def test_half_a_revision_is_gone_on_from(half: Project, database: Database) -> None:
    outcome, document = apply(half, "--on-failure", "stop")
    assert outcome.exit_code == 5
    assert "and does not send again what is committed of 0003" in " ".join(document["facts"])
    run(database, "delete from visits where id = 7")

    again = half.invoke("migration.apply", "--on-failure", "stop")

    assert again.exit_code == 0, again
    assert (again.stdout + again.stderr).count("which is not sent again") == 2
    valid = (
        "select bool_and(indisvalid) from pg_index where indexrelid in ('visits_odd_idx'::regclass, 'clients_name_idx'::regclass)"
    )
    assert ask(database, valid) == [True]


def workflow(project: Project, *arguments: str) -> tuple[Outcome, dict[str, Any]]:
    steps = ("--only", "check,backup,apply", "--on-failure", "restore")
    outcome = project.invoke("migration.workflow", "--format", "json", *steps, *arguments)
    document: dict[str, Any] = json.loads(outcome.stdout)
    return outcome, {**document, **{step["name"]: step for step in document["steps"]}["apply"]}


def test_the_backup_of_the_run_is_put_back_where_nothing_was_written_since(project: Project, database: Database) -> None:
    with contextlib.closing(connect(database, autocommit=True)) as idle:
        outcome, document = workflow(project)

        assert outcome.exit_code == 4, document
        kept = next(
            fact.rpartition(" ")[2] for fact in document["facts"] if fact.startswith("the database that failed is kept as ")
        )
        assert kept.startswith(f"{database.name}_failed_2")
        assert "is as before: at 0001, its catalogue with the same fingerprint" in document["state"]
        with pytest.raises(psycopg.OperationalError):
            idle.execute("select 1")
    assert columns(database, "clients") == {"id", "name"}
    assert ask(database, "select count(*) from clients") == [50]
    # What failed is there with all that it had.
    assert columns(database.with_name(kept), "clients") == {"id", "name", "email"}
    assert "restored" in project.invoke("migration.history").stdout


WRITING = '''"""Somebody writes while the second revision runs, and it fails."""

import os

import psycopg
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    with psycopg.connect(os.environ["DATABASE_URL"]) as other:
        other.execute("insert into visits select i, 1, 'since' from generate_series(101, 103) i on conflict do nothing")
        other.execute("update clients set name = 'renamed since' where id = 1")
    op.execute("SELECT 1 / 0")


def downgrade() -> None:
    pass
'''


def test_a_restore_that_would_lose_rows_is_refused_and_says_which(project: Project, database: Database) -> None:
    (project.path / "migrations" / "versions" / "0003_count_visits.py").write_text(WRITING)

    outcome, document = workflow(project)

    assert outcome.exit_code == 5, document
    said = " ".join(document["facts"])
    assert "would lose what was written since: public.clients: 1 row differs; public.visits: 3 rows differ" in said
    assert ask(database, "select count(*) from visits") == [53]
    assert "email" in columns(database, "clients")
    names = ask(database, f"select datname from pg_database where datname like '{database.name}%'")
    assert names == [database.name]
    assert "was moved from 0001 to 0002" in document["state"]


def test_what_a_run_left_is_shown_and_undone_by_hand(half: Project, database: Database) -> None:
    assert apply(half, "--on-failure", "stop")[0].exit_code == 5

    asked = half.invoke("migration.rollback")
    done = half.invoke("migration.rollback", "--yes")
    again = half.invoke("migration.rollback")

    assert asked.exit_code == 3
    for said in (
        'DROP INDEX CONCURRENTLY IF EXISTS "visits_odd_idx"\n',
        'ALTER TABLE "visits" DROP COLUMN "price", unless column "price" of "visits" has values\n',
        "undo 0002, not proven to be without loss: no rehearsal of this plan is younger than 24 hours\n",
        "goes: column public.clients.email: no rows with a value",
    ):
        assert said in asked.stderr, asked.stderr
    assert done.exit_code == 0, done
    assert "the database is at 0001, with the catalogue that it had before" in done.stdout
    assert columns(database, "clients") == {"id", "name"}
    assert (again.exit_code, again.stdout.startswith("nothing to roll back")) == (0, True)


def test_another_machine_learns_from_the_database_what_is_left(half: Project, database: Database) -> None:
    assert half.invoke("migration.apply", "--to", "0002").exit_code == 0
    assert apply(half, "--on-failure", "stop")[0].exit_code == 5
    (half.path / ".seachange" / "left.json").unlink()

    done = half.invoke("migration.rollback", "--yes")

    assert done.exit_code == 0, done
    assert "the database is at 0002, with the catalogue that the history makes there" in done.stdout
    assert columns(database, "visits") == {"id", "client_id", "note"}


def test_a_database_that_was_moved_since_is_not_rolled_back(project: Project, database: Database) -> None:
    assert apply(project, "--on-failure", "stop")[0].exit_code == 5
    run(database, "update alembic_version set version_num = '0001'")

    outcome = project.invoke("migration.rollback", "--yes")

    assert outcome.exit_code == 3
    assert "somebody went on from there" in outcome.stderr


@pytest.fixture
def checked(project: Project, database: Database) -> Project:
    """A database where all revisions go well, and the last of them makes another column than the models declare."""
    run(database, "update clients set name = 'client 7' where id = 7")
    project.replace("migrations/versions/0004_add_city.py", old="ADD COLUMN city text", new="ADD COLUMN city varchar(10)")
    return project


def verified(project: Project, *arguments: str) -> tuple[Outcome, dict[str, Any]]:
    steps = ("--only", "check,apply,verify", "--format", "json")
    outcome = project.invoke("migration.workflow", *steps, *arguments)
    document: dict[str, Any] = json.loads(outcome.stdout)
    return outcome, {**document, **{step["name"]: step for step in document["steps"]}["verify"]}


def test_what_a_check_after_the_apply_finds_follows_the_same_policy(checked: Project, database: Database) -> None:
    rehearsed(checked)

    outcome, document = verified(checked)

    assert outcome.exit_code == 4, document
    assert document["data"]["undone"] == ["0004", "0003", "0002"]
    assert [finding["code"] for finding in document["findings"]] == ["model-difference"]
    assert "is as before: at 0001, its catalogue with the same fingerprint" in document["state"]
    assert columns(database, "clients") == {"id", "name"}


def test_a_check_that_finds_something_new_stops_where_nothing_else_is_proven(checked: Project, database: Database) -> None:
    outcome, document = verified(checked)

    assert outcome.exit_code == 5
    assert "1 of them came with this run" in document["facts"]
    assert "next, 1: write a revision that mends what verify found, from 0004 on" in " ".join(document["facts"])
    assert "city" in columns(database, "clients")


def test_what_was_wrong_before_undoes_nothing(checked: Project, database: Database) -> None:
    checked.replace("migrations/versions/0004_add_city.py", old="ADD COLUMN city varchar(10)", new="ADD COLUMN city text")
    run(database, "alter table visits add column by_hand int")
    rehearsed(checked)

    outcome, document = verified(checked)

    assert outcome.exit_code == 2, document
    assert {finding["code"] for finding in document["findings"]} == {"model-difference", "drift"}
    assert "nothing was undone: all of them were there before this run" in document["facts"]
    assert "city" in columns(database, "clients")


@pytest.mark.parametrize("policy", ["downgrade", "stop"])
def test_a_backend_that_is_killed_undoes_its_own_revision_and_the_policy_the_rest(
    project: Project, database: Database, policy: str
) -> None:
    project.replace(
        "migrations/versions/0003_count_visits.py",
        old="THEN RAISE EXCEPTION 'a client named poison'; END IF;",
        new="THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;",
    )
    rehearsed(project)

    outcome, document = apply(project, "--on-failure", policy)

    assert outcome.exit_code == (4 if policy == "downgrade" else 5), document
    assert ask(database, "select to_regclass('totals')") == [None]
    assert ("email" in columns(database, "clients")) == (policy == "stop")
    expected = "is as before: at 0001" if policy == "downgrade" else "was moved from 0001 to 0002"
    assert expected in document["state"]


KILLING = '''"""Kill the process that runs it, where a client has the name poison."""

import os
import signal

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    if op.get_bind().exec_driver_sql("SELECT count(*) FROM clients WHERE name = 'poison'").scalar():
        os.kill(os.getpid(), signal.SIGKILL)


def downgrade() -> None:
    pass
'''


def test_what_a_run_did_that_was_killed_can_be_undone(project: Project, database: Database) -> None:
    (project.path / "migrations" / "versions" / "0003_count_visits.py").write_text(KILLING)
    assert project.invoke("migration.apply").exit_code == -9
    assert "email" in columns(database, "clients")

    asked = project.invoke("migration.rollback")
    done = project.invoke("migration.rollback", "--yes")

    assert asked.exit_code == 3
    assert "undo 0002, not proven to be without loss" in asked.stderr
    assert done.exit_code == 0, done
    assert "the database is at 0001, with the catalogue that it had before" in done.stdout
    assert columns(database, "clients") == {"id", "name"}
