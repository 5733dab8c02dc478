"""Applying revisions while something is in the way: locks, timeouts, broken connections, interruptions."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from seachange.errors import (
    ExitCode,
    InterruptedRunError,
    MigrationFailedError,
)
from seachange.postgres import interrupt
from seachange.postgres.connection import Database, connect
from seachange.revisions.runner import upgrade
from tests.integration.revisions.conftest import Open
from tests.integration.revisions.looking import ask, at, body, tables, write_revision


@contextlib.contextmanager
def holding(database: Database, statement: str) -> Iterator[None]:
    with contextlib.closing(connect(database, application_name="a long report")) as session:
        session.execute(statement)
        yield
        session.rollback()


def test_a_lock_in_the_way_is_waited_for_with_its_holder_named(open_project: Open, database: Database) -> None:
    settings = open_project("linear", lock_timeout=700, migration_retry_attempts=1)
    upgrade(database, settings, target="0001")
    retries: list[str] = []

    with holding(database, "select count(*) from clients"), pytest.raises(MigrationFailedError) as caught:
        upgrade(database, settings, target="0002", on_retry=retries.append)

    assert len(retries) == 1
    assert "(a long report, idle in transaction, for" in retries[0]
    assert retries[0].split("; ")[-1].startswith("try 2 of 2 in 0.")
    assert caught.value.exit_code == ExitCode.TRY_AGAIN
    assert "canceling statement due to lock timeout [SQLSTATE 55P03]" in caught.value.message
    assert "blocked by pid" in caught.value.message
    assert at(database, settings) == ("0001",)


def test_a_lock_that_is_released_between_two_tries_costs_one_try(open_project: Open, database: Database) -> None:
    settings = open_project("linear", lock_timeout=300)
    upgrade(database, settings, target="0001")
    released = threading.Event()

    with holding(database, "lock table clients"):
        holder = threading.Thread(target=released.wait)
        holder.start()
        applied: list[Any] = []
        runner = threading.Thread(target=lambda: applied.append(upgrade(database, settings, on_retry=lambda _: released.set())))
        runner.start()
        assert released.wait(20)
        holder.join()
    runner.join()

    assert [outcome.attempts for outcome in applied[0].outcomes] in ([2, 1], [3, 1])


@pytest.mark.parametrize("condition", ["deadlock_detected", "serialization_failure"])
def test_what_the_server_asks_to_try_again_is_tried_again(open_project: Open, database: Database, condition: str) -> None:
    settings = open_project("linear")
    upgrade(database, settings)
    with contextlib.closing(connect(database, autocommit=True)) as session:
        session.execute("create sequence tries")
    statement = f"do $$ begin if nextval('tries') < 3 then raise exception using errcode = '{condition}'; end if; end $$"
    write_revision(settings, "0004", down="0003", body=body(f'op.execute("{statement}")'))

    (outcome,) = upgrade(database, settings).outcomes

    assert outcome.attempts == 3


def test_a_statement_that_takes_too_long_may_be_tried_again_later(open_project: Open, database: Database) -> None:
    settings = open_project("linear", statement_timeout=200)
    upgrade(database, settings)
    write_revision(settings, "0004", down="0003", body=body('op.execute("select pg_sleep(5)")'))

    with pytest.raises(MigrationFailedError, match="SQLSTATE 57014") as caught:
        upgrade(database, settings)

    assert caught.value.exit_code == ExitCode.TRY_AGAIN


def test_a_concurrent_build_waits_for_older_transactions_beyond_lock_timeout(open_project: Open, database: Database) -> None:
    settings = open_project("linear", lock_timeout=200)
    upgrade(database, settings)
    build = 'op.execute("CREATE INDEX CONCURRENTLY i ON clients (name)")'
    after = "op.execute(\"select set_config('seachange.lock_timeout', current_setting('lock_timeout'), false)\")"
    keep = "op.execute(\"create table kept as select current_setting('seachange.lock_timeout') as lock_timeout\")"
    write_revision(
        settings, "0004", down="0003", body=body("with op.get_context().autocommit_block():", f"    {build}", after, keep)
    )

    with contextlib.closing(connect(database)) as session:
        session.execute("insert into clients (id, name) values (1, 'Ada')")
        threading.Timer(0.8, session.rollback).start()
        began = time.monotonic()
        upgrade(database, settings)

    assert time.monotonic() - began > 0.5
    assert ask(database, "select indisvalid from pg_index where indexrelid = 'i'::regclass") == [True]
    assert ask(database, "select lock_timeout from kept") == ["200ms"]


def test_a_connection_that_is_ended_in_a_revision_leaves_the_database_as_it_was(open_project: Open, database: Database) -> None:
    settings = open_project("linear")
    upgrade(database, settings)
    lines = body('op.execute("create table half ()")', 'op.execute("select pg_terminate_backend(pg_backend_pid())")')
    write_revision(settings, "0004", down="0003", body=lines)

    with pytest.raises(MigrationFailedError, match="the database is at 0003") as caught:
        upgrade(database, settings)

    assert (caught.value.exit_code, at(database, settings)) == (ExitCode.FAILED_UNCHANGED, ("0003",))


def test_a_connection_that_breaks_after_the_commit_counts_as_applied(open_project: Open, database: Database) -> None:
    settings = open_project("linear")
    upgrade(database, settings)
    lines = body(
        "op.execute(\"update alembic_version set version_num = '0004'\")",
        'op.execute("commit")',
        'op.execute("select pg_terminate_backend(pg_backend_pid())")',
    )
    write_revision(settings, "0004", down="0003", body=lines)
    write_revision(settings, "0005", down="0004", body=body('op.execute("create table after ()")'))

    assert upgrade(database, settings).revisions == ("0004", "0005")
    assert at(database, settings) == ("0005",)


def test_an_interruption_rolls_back_and_says_the_state(open_project: Open, database: Database) -> None:
    settings = open_project("linear")
    write_revision(
        settings, "0004", down="0003", body=body('op.execute("create table half ()")', 'op.execute("select pg_sleep(60)")')
    )
    threading.Timer(0.7, interrupt.interrupt_all).start()

    try:
        with pytest.raises(InterruptedRunError) as caught:
            upgrade(database, settings)
    finally:
        interrupt.reset()

    assert caught.value.message == (
        "interrupted while revision 0004 was being applied; the database is at 0003; applied before it: 0001, 0002, 0003"
    )
    assert tables(database) == ["alembic_version", "clients"]
