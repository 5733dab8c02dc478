"""What is asked of a connection that env.py made, whatever its driver: statements, failures, an end by Ctrl-C."""

from __future__ import annotations

import threading
import time

import pytest

from seachange.errors import ExitCode, InterruptedRunError, MigrationFailedError
from seachange.postgres import interrupt
from seachange.postgres.connection import Database, interrupt_all
from seachange.revisions.history import read_history
from seachange.revisions.planning import capture
from seachange.revisions.runner import upgrade
from tests.integration.revisions.conftest import Open
from tests.integration.revisions.looking import ask, at, body, write_revision

DRIVERS = [
    pytest.param("async_asyncpg", id="asyncpg"),
    pytest.param("async_psycopg", id="psycopg, asynchronous"),
    pytest.param("sync_psycopg2", id="psycopg2"),
    pytest.param("imports_application", id="psycopg"),
]


@pytest.mark.parametrize("name", DRIVERS)
def test_a_plan_shows_statements_with_their_values(open_project: Open, database: Database, name: str) -> None:
    settings = open_project(name)
    write_revision(
        settings,
        "0003",
        down="0002",
        body=body(
            "import sqlalchemy as sa",
            "clients = sa.table('clients', sa.column('id', sa.Integer), sa.column('name', sa.String))",
            """op.execute(clients.insert().values(id=7, name="O'Hara 100%"))""",
            """op.execute("update clients set name = name || '%' where id = 7")""",
        ),
    )
    plan = capture(settings, database, read_history(settings), target="heads")

    *_, insert, update = (statement.sql for statement in plan.revisions[-1].statements)
    casts = insert.replace("::INTEGER", "").replace("::VARCHAR", "")
    assert casts == "INSERT INTO clients (id, name) VALUES (7, 'O''Hara 100%')"
    assert update == "update clients set name = name || '%' where id = 7"
    assert ask(database, "select name from clients") == ["O'Hara 100%%"]


@pytest.mark.parametrize("name", DRIVERS)
def test_a_failure_is_told_in_the_words_of_the_server(open_project: Open, database: Database, name: str) -> None:
    settings = open_project(name)
    write_revision(settings, "0003", down="0002", body=body("op.execute('insert into clients values (1, null)')"))

    with pytest.raises(MigrationFailedError) as caught:
        upgrade(database, settings)

    words = (
        'null value in column "name" of relation "clients" violates not-null constraint (Failing row contains (1, null, null).) '
    )
    assert f"at migrations/versions/0003.py:8: {words}[SQLSTATE 23502]; statement: insert" in caught.value.message
    assert (caught.value.exit_code, caught.value.applied) == (ExitCode.FAILED_CHANGED, ("0001", "0002"))


@pytest.mark.parametrize("name", DRIVERS)
def test_a_concurrent_build_runs_outside_a_transaction(open_project: Open, database: Database, name: str) -> None:
    settings = open_project(name)
    build = "create index concurrently clients_name on clients (name)"
    write_revision(
        settings, "0003", down="0002", body=f"    with op.get_context().autocommit_block():\n        op.execute('{build}')"
    )
    write_revision(
        settings, "0004", down="0003", body=body("op.execute('create table seen as select current_setting($$lock_timeout$$)')")
    )

    plan = capture(settings, database, read_history(settings), target="heads")

    assert [statement.transaction for statement in plan.revisions[2].statements] == [0]
    assert ask(database, "select indisvalid from pg_index where indexrelid = 'clients_name'::regclass") == [True]
    assert ask(database, "select * from seen") == ["2s"]


@pytest.mark.parametrize("name", DRIVERS)
def test_a_statement_under_way_ends_with_the_run(open_project: Open, each_database: Database, name: str) -> None:
    settings = open_project(name)
    write_revision(settings, "0003", down="0002", body=body("op.execute('select pg_sleep(60)')"))
    stopper = threading.Thread(target=interrupt_sleep, args=(each_database,))
    began = time.monotonic()
    try:
        stopper.start()
        with pytest.raises(
            InterruptedRunError, match="interrupted while revision 0003 was being applied; the database is at 0002"
        ):
            upgrade(each_database, settings)
        stopper.join()
    finally:
        interrupt.reset()

    assert time.monotonic() - began < 20
    assert (at(each_database, settings), sleeping(each_database)) == (("0002",), [])


def interrupt_sleep(database: Database) -> None:
    while not sleeping(database):
        time.sleep(0.05)
    interrupt_all()


def sleeping(database: Database) -> list[int]:
    return ask(
        database,
        "select pid from pg_stat_activity where query like '%pg_sleep(60)%' and state = 'active' and pid <> pg_backend_pid()",
    )
