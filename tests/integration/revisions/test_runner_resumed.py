"""Revisions that work outside of their transaction and fail half way: run again, they go on after what was committed."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from seachange.config import Settings
from seachange.errors import MigrationFailedError
from seachange.postgres.connection import Database, connect
from seachange.revisions.history import read_history
from seachange.revisions.ledger import Ledger, Origin
from seachange.revisions.runner import Applied, downgrade, upgrade
from tests.integration.revisions.conftest import Open
from tests.integration.revisions.looking import ask, at, body, write_revision
from tests.project import REPOSITORY, clean_environment

ORIGIN = Origin(run_id="run1", command="migration.apply", actor="ann@host", tool_version="1.2.3")
BLOCK = "with op.get_context().autocommit_block():"

HALF = body(
    "op.execute(\"INSERT INTO clients (id, name) VALUES (1, 'Ann')\")",
    BLOCK,
    '    op.execute("CREATE INDEX CONCURRENTLY clients_name_idx ON clients (name)")',
    "    op.execute(\"INSERT INTO clients (id, name) VALUES (2, 'Bob')\")",
    "    op.execute(\"UPDATE clients SET name = name || '!'\")",
    'op.execute("CREATE TABLE late (id int)")',
    'op.execute("SELECT 1 / (SELECT count(*) FROM clients WHERE id = 3)")',
)


def apply(database: Database, settings: Settings, **told: Any) -> Applied:
    return upgrade(database, settings, ledger=Ledger(read_history(settings), origin=ORIGIN), **told)


def run_sql(database: Database, *statements: str) -> None:
    with contextlib.closing(connect(database, autocommit=True)) as session:
        for statement in statements:
            session.execute(statement.encode())


def recorded(database: Database, column: str = "sql") -> list[Any]:
    return ask(database, f"select {column} from seachange.statements order by number")


def failing(settings: Settings, database: Database, *, name: str, down: str, text: str = HALF) -> MigrationFailedError:
    write_revision(settings, name, down=down, body=text)
    with pytest.raises(MigrationFailedError) as caught:
        apply(database, settings)
    return caught.value


@pytest.mark.parametrize(
    ("project", "down"),
    [
        pytest.param("linear", "0003", id="psycopg"),
        pytest.param("sync_psycopg2", "0002", id="psycopg2"),
        pytest.param("async_asyncpg", "0002", id="asyncpg"),
        pytest.param("async_psycopg", "0002", id="async psycopg"),
    ],
)
def test_what_was_committed_is_not_sent_again(open_project: Open, database: Database, project: str, down: str) -> None:
    settings = open_project(project)
    error = failing(settings, database, name="9000", down=down)
    assert error.left_behind
    assert [text.split()[0] for text in recorded(database)] == ["INSERT", "CREATE", "INSERT", "UPDATE"]
    run_sql(database, "insert into clients (id, name) values (3, 'Cay')")

    said: list[str] = []
    done = apply(database, settings, on_retry=said.append)

    assert done.current == ("9000",)
    assert ask(database, "select name from clients order by id") == ["Ann!", "Bob!", "Cay"]
    assert recorded(database) == []
    assert ask(database, "select to_regclass('late') is not null") == [True]
    assert sum("which is not sent again" in one for one in said) == 4


def test_a_run_that_fails_at_the_same_place_again_adds_nothing(linear: Settings, database: Database) -> None:
    failing(linear, database, name="0004", down="0003")
    before = recorded(database, "to_jsonb(statements)")

    with pytest.raises(MigrationFailedError) as caught:
        apply(database, linear)

    assert recorded(database, "to_jsonb(statements)") == before
    assert not caught.value.left_behind
    assert "with part of the failed revision in it" in caught.value.message
    assert ask(database, "select name from clients order by id") == ["Ann!", "Bob!"]


@pytest.mark.parametrize(
    ("old", "new", "now"),
    [
        pytest.param("'Bob'", "'Rob'", "Rob", id="another value"),
        pytest.param("CONCURRENTLY clients_name_idx", "CONCURRENTLY i", "CONCURRENTLY i ON", id="another name"),
    ],
)
def test_a_file_whose_committed_part_was_changed_is_refused(
    linear: Settings, database: Database, old: str, new: str, now: str
) -> None:
    failing(linear, database, name="0004", down="0003")
    path = linear.root / "migrations" / "versions" / "0004.py"
    path.write_text(path.read_text().replace(old, new).replace(old.replace("'", "\\'"), new.replace("'", "\\'")))
    # Python takes a compiled file for fresh as long as second and size are the same.
    os.utime(path, (0, 0))

    with pytest.raises(MigrationFailedError, match="part of it is in the database already, and its file was changed") as caught:
        apply(database, linear)

    assert now in caught.value.message
    assert len(recorded(database)) == 4
    assert at(database, linear) == ("0003",)


def test_what_comes_after_the_committed_part_may_be_mended(linear: Settings, database: Database) -> None:
    failing(linear, database, name="0004", down="0003")
    path = linear.root / "migrations" / "versions" / "0004.py"
    path.write_text(path.read_text().replace("SELECT 1 / (SELECT count(*) FROM clients WHERE id = 3)", "SELECT 1"))

    assert apply(database, linear).current == ("0004",)
    assert ask(database, "select name from clients order by id") == ["Ann!", "Bob!"]


def test_a_unique_index_that_could_not_be_built_is_dropped_and_built_when_the_rows_are_mended(
    linear: Settings, database: Database
) -> None:
    statement = 'op.execute("CREATE UNIQUE INDEX CONCURRENTLY one_name ON clients (name)")'
    text = body("op.execute(\"INSERT INTO clients (id, name) VALUES (1, 'Ann'), (2, 'Ann')\")", BLOCK, f"    {statement}")
    failing(linear, database, name="0004", down="0003", text=text)
    assert recorded(database, "state") == ["done", "begun"]
    run_sql(database, "update clients set name = 'Bob' where id = 2")

    apply(database, linear)

    assert ask(database, "select indisvalid from pg_index where indexrelid = 'one_name'::regclass") == [True]
    assert ask(database, "select count(*) from clients") == [2]


def test_a_loop_goes_by_the_rows_and_not_by_its_record(linear: Settings, database: Database) -> None:
    run = 'op.get_bind().execute(sa.text("UPDATE clients SET email = id WHERE id IN '
    run += '(SELECT id FROM clients WHERE email IS NULL ORDER BY id LIMIT 10)"))'
    text = body(
        "import sqlalchemy as sa",
        BLOCK,
        f"    while {run}.rowcount == 10:",
        '        op.execute("SELECT 1 / (SELECT count(*) FROM clients WHERE id = 999 OR email IS NULL AND id < 20)")',
    )
    apply(database, linear)
    run_sql(database, "insert into clients (id, name) select i, 'x' from generate_series(1, 35) i")
    failing(linear, database, name="0004", down="0003", text=text)
    assert ask(database, "select count(*) from clients where email is not null") == [20]
    run_sql(database, "insert into clients (id, name) values (999, 'x')")

    apply(database, linear)

    assert ask(database, "select count(*) from clients where email is null") == [0]


def test_a_downgrade_forgets_what_another_revision_has_committed(linear: Settings, database: Database) -> None:
    failing(linear, database, name="0004", down="0003")
    assert recorded(database)

    downgrade(database, linear, target="0002", ledger=Ledger(read_history(linear), origin=ORIGIN))

    assert recorded(database) == []


def test_passwords_are_not_recorded(linear: Settings, database: Database) -> None:
    text = body(
        "op.execute(\"CREATE ROLE half_way_role LOGIN PASSWORD 'hush-hush'\")",
        BLOCK,
        '    op.execute("SELECT 1")',
        'op.execute("SELECT 1 / 0")',
    )
    try:
        failing(linear, database, name="0004", down="0003", text=text)
        (found,) = recorded(database)
    finally:
        run_sql(database, "drop role if exists half_way_role")

    assert "CREATE ROLE half_way_role" in found
    assert "hush" not in found


def test_a_history_that_is_turned_off_records_nothing(linear: Settings, database: Database) -> None:
    write_revision(linear, "0004", down="0003", body=HALF)
    with pytest.raises(MigrationFailedError):
        upgrade(database, linear)

    assert ask(database, "select to_regclass('seachange.statements')") == [None]


def test_a_client_that_is_killed_in_the_middle_of_a_concurrent_build_is_gone_on_from(
    linear: Settings, database: Database
) -> None:
    apply(database, linear)
    run_sql(database, "insert into clients (id, name) values (7, 'Gus')")
    text = body(
        "op.execute(\"INSERT INTO clients (id, name) VALUES (1, 'Ann')\")",
        BLOCK,
        '    op.execute("CREATE INDEX CONCURRENTLY clients_name_idx ON clients (name)")',
    )
    write_revision(linear, "0004", down="0003", body=text)
    with contextlib.closing(connect(database)) as reader:
        # The build waits for this snapshot.
        reader.execute("begin isolation level repeatable read")
        reader.execute("select count(*) from clients")
        _kill_when(database, linear, lambda: ask(database, "select 1 from pg_stat_progress_create_index") == [1])
    assert recorded(database, "state") == ["done", "begun"]
    assert ask(database, "select count(*) from clients") == [2]

    apply(database, linear)

    assert ask(database, "select indisvalid from pg_index where indexrelid = 'clients_name_idx'::regclass") == [True]
    assert ask(database, "select count(*) from clients") == [2]
    assert at(database, linear) == ("0004",)


def _kill_when(database: Database, settings: Settings, seen: Callable[[], bool]) -> None:
    """Apply in a process of its own and kill it, with nothing that it could do about it, as soon as ``seen``."""
    process = subprocess.Popen(
        [sys.executable, "-m", "invoke", "migration.apply"],
        cwd=settings.root,
        env={**clean_environment(), "DATABASE_URL": database.url(), "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 60
        while not seen():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(0.3)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
