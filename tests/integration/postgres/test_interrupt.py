"""Ctrl-C ends every statement and every program at once, in whichever thread it runs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from seachange.config import Settings
from seachange.errors import ExitCode, InterruptedRunError
from seachange.postgres import binaries, interrupt, programs
from seachange.postgres.connection import (
    Database,
    connect,
    create_database,
    drop_database,
    engine,
    exists_database,
    interrupt_all,
    parse,
    wait_until_reachable,
)
from seachange.postgres.lock import migration_lock
from seachange.postgres.server import Server
from tests.integration.postgres.wire import Wire, silent_port


@pytest.fixture(autouse=True)
def _reset() -> Iterator[None]:
    yield
    interrupt.reset()


@pytest.fixture
def psql(settings: Settings, server: Server) -> Path:
    return binaries.client(settings, "psql", major=server.major)


class _Worker:
    """A thread whose work is to be interrupted."""

    def __init__(self, work: Callable[[], object]) -> None:
        self._work = work
        self.raised: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as exc:  # noqa: BLE001 - shown by the test
            self.raised = exc

    def ended(self, within_s: float) -> bool:
        self._thread.join(within_s)
        return not self._thread.is_alive()


def _running(database: Database, query: str, *, count: int = 1, seconds: float = 10.0) -> bool:
    """Whether soon exactly ``count`` sessions run ``query``."""
    deadline = time.monotonic() + seconds
    with interrupt.shielded(), connect(database, autocommit=True) as session:
        while time.monotonic() < deadline:
            row = session.execute(
                "select count(*) from pg_stat_activity where pid <> pg_backend_pid() and state = 'active' and query like %s",
                [f"%{query}%"],
            ).fetchone()
            if row and row[0] == count:
                return True
            time.sleep(0.01)
    return False


def _sleep_in(database: Database) -> None:
    with connect(database) as session:
        session.execute("select pg_sleep(60)")


def test_statement_and_program_end_within_a_second(database: Database, psql: Path) -> None:
    statement = _Worker(lambda: _sleep_in(database))
    program = _Worker(lambda: programs.run(psql, ["-c", "select pg_sleep(60)"], database=database))
    assert _running(database, "pg_sleep", count=2)

    begin = time.monotonic()
    interrupt_all()

    assert statement.ended(1)
    assert program.ended(1)
    assert time.monotonic() - begin < 1
    assert [InterruptedRunError, InterruptedRunError] == [type(statement.raised), type(program.raised)]
    assert _running(database, "pg_sleep", count=0)


def test_dump_that_waits_for_a_lock_ends_within_a_second(database: Database, settings: Settings, server: Server) -> None:
    pg_dump = binaries.client(settings, "pg_dump", major=server.major)
    with connect(database) as session:
        session.execute("create table t ()")
        session.commit()
        session.execute("lock table t")
        dump = _Worker(lambda: programs.run(pg_dump, [], database=database))
        assert _running(database, "LOCK TABLE")

        begin = time.monotonic()
        interrupt_all()

        assert dump.ended(1)
        assert time.monotonic() - begin < 1
        assert isinstance(dump.raised, InterruptedRunError)


def test_interruption_has_the_exit_code_of_a_shell() -> None:
    interrupt_all()

    with pytest.raises(InterruptedRunError, match="the run was interrupted") as caught:
        interrupt.check()
    assert caught.value.exit_code == ExitCode.INTERRUPTED


def test_nothing_new_begins_until_reset(database: Database, psql: Path) -> None:
    interrupt_all()

    for begin in (
        lambda: connect(database),
        lambda: engine(database).connect(),
        lambda: programs.run(psql, ["-c", "select 1"], database=database),
        lambda: wait_until_reachable(database, timeout_s=5),
        lambda: create_database(database.with_name("new")),
        lambda: migration_lock(database).__enter__(),
        lambda: interrupt.sleep(5),
    ):
        with pytest.raises(InterruptedRunError):
            begin()

    interrupt.reset()
    with connect(database) as session:
        session.execute("select 1")
    assert programs.run(psql, ["-Atc", "select 1"], database=database).stdout == b"1\n"


def test_open_session_begins_no_further_statement_but_can_roll_back(database: Database) -> None:
    with connect(database) as session:
        session.execute("create table t ()")
        interrupt_all()

        with pytest.raises(InterruptedRunError):
            session.execute("insert into t default values")
        with pytest.raises(InterruptedRunError), session.cursor() as cursor:
            cursor.executemany("insert into t select %s", [[1]])
        session.rollback()
        with interrupt.shielded():
            found = session.execute("select to_regclass('t')").fetchone()

    assert found == (None,)


def test_statements_one_after_the_other_end_too(database: Database) -> None:
    def work() -> None:
        with connect(database, autocommit=True) as session:
            while True:
                session.execute("select 1")

    worker = _Worker(work)
    time.sleep(0.2)
    interrupt_all()

    assert worker.ended(1)
    assert isinstance(worker.raised, InterruptedRunError)


def test_copy_ends_too(database: Database) -> None:
    def work() -> None:
        with connect(database) as session, session.cursor() as cursor:
            cursor.execute("create table t (x text)")
            with cursor.copy("copy t from stdin") as copy:
                while True:
                    copy.write_row(["x" * 1000])

    worker = _Worker(work)
    assert _running(database, "copy t")
    interrupt_all()

    assert worker.ended(2)
    assert isinstance(worker.raised, InterruptedRunError)


def test_interruption_through_sqlalchemy_is_told_as_one(database: Database) -> None:
    def work() -> None:
        with engine(database).begin() as connection:
            connection.exec_driver_sql("create table t ()")
            connection.exec_driver_sql("select pg_sleep(60)")

    worker = _Worker(work)
    assert _running(database, "pg_sleep")
    interrupt_all()

    assert worker.ended(1)
    assert isinstance(worker.raised, InterruptedRunError)
    interrupt.reset()
    with connect(database) as session:
        assert session.execute("select to_regclass('t')").fetchone() == (None,)


def test_statement_on_a_dead_line_ends_all_the_same(database: Database) -> None:
    with Wire(database) as wire:
        worker = _Worker(lambda: _sleep_in(wire.database))
        assert _running(database, "pg_sleep")
        wire.swallow()
        begin = time.monotonic()
        interrupt_all()

        assert worker.ended(1)
        assert time.monotonic() - begin < 2
        assert isinstance(worker.raised, InterruptedRunError)


def test_connecting_to_a_server_that_says_nothing_ends_too() -> None:
    with silent_port() as port:
        worker = _Worker(lambda: connect(parse(f"postgresql://127.0.0.1:{port}/d?sslmode=disable"), connect_timeout_s=60))
        time.sleep(0.3)
        interrupt_all()

        assert worker.ended(1)
        assert isinstance(worker.raised, InterruptedRunError)


def test_waiting_for_the_migration_lock_ends_too(database: Database) -> None:
    with migration_lock(database) as lock:
        worker = _Worker(lambda: migration_lock(database, timeout_s=60).__enter__())
        time.sleep(0.3)
        interrupt_all()

        assert worker.ended(1)
        assert isinstance(worker.raised, InterruptedRunError)
        assert lock.held()


def test_timeout_is_no_interruption(database: Database) -> None:
    with connect(database, statement_timeout_ms=50) as session, pytest.raises(psycopg.errors.QueryCanceled):
        session.execute("select pg_sleep(60)")


def test_cleaning_up_is_allowed(database: Database) -> None:
    other = create_database(database.with_name(f"{database.name}_other"))
    interrupt_all()

    drop_database(other)

    with interrupt.shielded():
        assert not exists_database(other)
        with connect(database) as session:
            session.execute(sql.SQL("select 1"))


def test_interrupting_with_nothing_under_way_is_quick_and_can_be_repeated() -> None:
    begin = time.monotonic()
    interrupt_all()
    interrupt_all()

    assert time.monotonic() - begin < 0.5


_SCRIPT = """
import sys, threading, time
from pathlib import Path
from seachange.postgres import programs
from seachange.postgres.connection import connect, interrupt_all, parse

database = parse(sys.argv[1])

def statement():
    with connect(database, application_name="interrupted statement") as session:
        session.execute("select pg_sleep(60)")

def program():
    programs.run(Path(sys.argv[2]), ["-c", "select pg_sleep(60)"], database=database)

def quiet(work):
    try:
        work()
    except BaseException as exc:
        print(type(exc).__name__, flush=True)

workers = [threading.Thread(target=quiet, args=(work,)) for work in (statement, program)]
for worker in workers:
    worker.start()
try:
    if sys.argv[3] == "main":
        statement()
    while True:
        time.sleep(0.1)
except KeyboardInterrupt:
    interrupt_all()
for worker in workers:
    worker.join()
print("ended", flush=True)
"""


@pytest.mark.parametrize(
    ("where", "count"),
    [
        pytest.param("threads", 2, id="only threads at work"),
        pytest.param("main", 3, id="main thread in a statement"),
    ],
)
def test_ctrl_c_in_a_process_leaves_nothing_running(database: Database, psql: Path, where: str, count: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _SCRIPT, database.url(), str(psql), where],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            assert _running(database, "pg_sleep", count=count)
            begin = time.monotonic()
            os.kill(process.pid, signal.SIGINT)
            stdout, _ = process.communicate(timeout=10)
        finally:
            process.kill()

    assert stdout.split() == ["InterruptedRunError", "InterruptedRunError", "ended"]
    assert time.monotonic() - begin < 2
    assert _running(database, "pg_sleep", count=0)
