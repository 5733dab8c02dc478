"""Revisions that are applied while connections break, servers crash, others hold locks, and deployers are killed."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from seachange.config import Settings
from seachange.errors import SeachangeError
from seachange.postgres.connection import Database, connect, create_database
from seachange.postgres.server import throwaway
from seachange.revisions.runner import upgrade
from tests.faults.fault import Observed, fault
from tests.faults.seeing import ask, first_line, soon
from tests.integration.postgres.wire import Wire
from tests.integration.revisions.committing import BreaksAtCommit
from tests.integration.revisions.looking import at, body, tables, write_revision
from tests.project import Project

_SLEEP = body('op.execute("create table half ()")', 'op.execute("select pg_sleep(30)")')
_BUILD = body("with op.get_context().autocommit_block():", '    op.execute("create index concurrently i on clients (name)")')
_SLEEPING = "select count(*) from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()"
_LOCKS = """
    select count(*) from pg_locks join pg_database d on d.oid = database
    where locktype = 'advisory' and datname = current_database()
"""
_INVALID = "select indisvalid from pg_index where indexrelid = to_regclass('i')"


@contextlib.contextmanager
def _applying(project: Project, database: Database) -> Iterator[subprocess.Popen[str]]:
    with project.start("invoke", "migration.apply", env={"DATABASE_URL": database.url()}) as process:
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _after(seconds: float, act: Callable[[], object]) -> threading.Thread:
    thread = threading.Timer(seconds, act)
    thread.start()
    return thread


@fault(
    "the backend of a revision is killed in the middle (pg_terminate_backend)",
    expected="exit 4, rolled back: the database is as it was",
)
def test_a_killed_backend_leaves_the_database_as_it_was(
    open_settings: Callable[..., Settings], database: Database, observed: Observed
) -> None:
    settings = open_settings()
    upgrade(database, settings)
    write_revision(settings, "0004", down="0003", body=_SLEEP)

    def kill() -> None:
        soon(lambda: ask(database, _SLEEPING) == [(1,)])
        ask(database, "select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'PgSleep'")

    killer = _after(0, kill)
    with pytest.raises(SeachangeError) as caught:
        upgrade(database, settings)
    killer.join()

    assert (caught.value.exit_code, at(database, settings), "half" in tables(database)) == (4, ("0003",), False)
    observed.tell(
        f"exit {int(caught.value.exit_code)}; the database is at {at(database, settings)[0]}, nothing of the revision is there"
    )


@fault(
    "the server crashes in the middle of the second of two revisions, and starts again",
    catalogue=4,
    expected="exit 4, 5 or 6; the database is where the last commit left it, nothing of the second revision is there",
)
def test_a_server_that_crashes_in_an_apply(
    open_settings: Callable[..., Settings], settings: Settings, observed: Observed
) -> None:
    project = open_settings(migration_timeout=3000)
    # Throwaway servers answer a COMMIT before it is in the log; a real one does not.
    with throwaway(settings, options={"synchronous_commit": "on"}) as own:
        database = create_database(own.database().with_name("clinic"))
        upgrade(database, project)
        write_revision(project, "0004", down="0003", body=body('op.execute("create table whole ()")'))
        write_revision(project, "0005", down="0004", body=_SLEEP)

        def crash() -> None:
            soon(lambda: ask(database, _SLEEPING) == [(1,)])
            ((pid,),) = ask(database, "select pid from pg_stat_activity where backend_type = 'checkpointer'")
            os.kill(int(str(pid)), signal.SIGKILL)

        crasher = _after(0, crash)
        with pytest.raises(SeachangeError) as caught:
            upgrade(database, project)
        crasher.join()
        assert soon(lambda: _answers(database))
        place, found = at(database, project), tables(database)

    assert (place, "whole" in found, "half" in found) == (("0004",), True, False)
    assert caught.value.exit_code in (4, 5, 6)
    observed.tell(
        f"exit {int(caught.value.exit_code)}; after recovery the database is at {place[0]}, nothing of the next revision is there"
    )


def _answers(database: Database) -> bool:
    with contextlib.suppress(SeachangeError):
        return bool(ask(database, "select 1"))
    return False


@fault(
    "SIGKILL to the deployer during a long statement",
    expected="the server notices within seconds (client_connection_check_interval): rolled back, the migration lock is free",
)
def test_a_killed_deployer_frees_its_lock_while_its_statement_runs(
    linear: Project, open_settings: Callable[..., Settings], database: Database, observed: Observed
) -> None:
    settings = open_settings()
    upgrade(database, settings)
    write_revision(settings, "0004", down="0003", body=_SLEEP)
    with _applying(linear, database) as process:
        assert soon(lambda: ask(database, _SLEEPING) == [(1,)])
        os.killpg(process.pid, signal.SIGKILL)
        begin = time.monotonic()
        assert soon(lambda: ask(database, _LOCKS) == [(0,)])
        took = time.monotonic() - begin

    assert took < 10
    assert at(database, settings) == ("0003",)
    observed.tell(f"the lock was free within 10 seconds of a statement of 30; the database is at {at(database, settings)[0]}")


@fault(
    "SIGKILL to the deployer in the middle of CREATE INDEX CONCURRENTLY",
    expected="the INVALID index that is left is found by the next run, dropped and built again",
)
def test_a_killed_concurrent_build_is_healed_by_the_next_run(
    linear: Project, open_settings: Callable[..., Settings], database: Database, observed: Observed
) -> None:
    settings = open_settings()
    upgrade(database, settings)
    write_revision(settings, "0004", down="0003", body=_BUILD)
    with contextlib.closing(connect(database)) as older:
        older.execute("insert into clients (id, name) values (1, 'Ada')")
        with _applying(linear, database) as process:
            assert soon(lambda: ask(database, _INVALID) == [(False,)])
            os.killpg(process.pid, signal.SIGKILL)
        assert soon(lambda: ask(database, "select count(*) from pg_stat_progress_create_index") == [(0,)], timeout_s=30)
    left = ask(database, _INVALID)
    outcome = linear.invoke("migration.apply")

    assert (left, outcome.exit_code, ask(database, _INVALID)) == ([(False,)], 0, [(True,)]), outcome
    said = next(line.strip() for line in (outcome.stdout + outcome.stderr).splitlines() if "INVALID" in line)
    observed.tell(f'left: an INVALID index; the next run: exit {outcome.exit_code}, "{said}", and it is valid')


@fault(
    "CREATE INDEX CONCURRENTLY beside an old transaction and a lock_timeout",
    expected="it waits beyond lock_timeout, with a deadline of its own, and leaves no INVALID index",
)
def test_a_concurrent_build_waits_for_older_transactions(
    open_settings: Callable[..., Settings], database: Database, observed: Observed
) -> None:
    settings = open_settings(lock_timeout=200)
    upgrade(database, settings)
    write_revision(settings, "0004", down="0003", body=_BUILD)
    with contextlib.closing(connect(database)) as session:
        session.execute("insert into clients (id, name) values (1, 'Ada')")
        releaser = _after(1.0, session.rollback)
        upgrade(database, settings)
        releaser.join()

    assert ask(database, _INVALID) == [(True,)]
    observed.tell("lock_timeout = 200 ms, the other transaction open for 1 s: built, valid")


@fault(
    "the connection breaks at COMMIT: its answer, or COMMIT itself, is lost",
    expected="PostgreSQL is asked what became of the transaction (pg_xact_status); nobody guesses, nothing is applied twice",
)
@pytest.mark.parametrize("lost", ["answer", "question"])
def test_a_connection_that_breaks_at_commit(
    open_settings: Callable[..., Settings], database: Database, lost: str, observed: Observed
) -> None:
    settings = open_settings()
    upgrade(database, settings, target="0002")
    told: list[str] = []
    with BreaksAtCommit(database, marker="UNIQUE", lost=lost) as wire:
        try:
            upgrade(wire.database, settings, on_retry=told.append)
        except SeachangeError as exc:
            told.append(f"exit {int(exc.exit_code)}, ...{exc.message.partition('; the connection broke')[2]}")
    place = at(database, settings)

    assert place == ("0003",) if lost == "answer" else ("0002",)
    observed.tell(f"the {lost} is lost: {told[0]}; the database is at {place[0]}")


@fault(
    "an idle reader holds a lock that a revision wants, and readers queue behind the revision",
    expected="lock_timeout and retries: no reader waits longer than lock_timeout, the holder is named, exit 6",
)
def test_a_lock_in_the_way_is_given_up_for_the_sake_of_readers(
    open_settings: Callable[..., Settings], database: Database, observed: Observed
) -> None:
    settings = open_settings(lock_timeout=300, migration_retry_attempts=1)
    upgrade(database, settings, target="0001")
    over, worst = threading.Event(), [0.0]

    def read() -> None:
        with contextlib.closing(connect(database, autocommit=True)) as session:
            while not over.is_set():
                begin = time.monotonic()
                session.execute("select count(*) from clients")
                worst[0] = max(worst[0], time.monotonic() - begin)
                time.sleep(0.01)

    reader = _after(0, read)
    with contextlib.closing(connect(database, application_name="a long report")) as idle:
        idle.execute("select count(*) from clients")
        with pytest.raises(SeachangeError) as caught:
            upgrade(database, settings, target="0002")
    over.set()
    reader.join()

    assert (caught.value.exit_code, worst[0] < 2) == (6, True)
    assert "a long report" in caught.value.message
    observed.tell(f"exit {int(caught.value.exit_code)}, the holder is named; with lock_timeout = 300 ms no reader waited for 2 s")


@fault(
    "two deployers apply at once",
    expected="one waits for the lock and finds nothing to do; each revision runs once",
)
def test_two_deployers_at_once(
    linear: Project, open_settings: Callable[..., Settings], database: Database, observed: Observed
) -> None:
    write_revision(open_settings(), "0004", down="0003", body=body('op.execute("select pg_sleep(1)")'))
    with _applying(linear, database) as first, _applying(linear, database) as second:
        outputs = ["".join(process.communicate(timeout=60)) for process in (first, second)]
    lines = [line for text in outputs for line in text.splitlines() if line.startswith("ok: ") and " completed " not in line]
    summaries = sorted(line.removeprefix("ok: ").partition(" (")[0] for line in lines)
    assert (first.returncode, second.returncode) == (0, 0), outputs
    assert ask(database, "select count(*) from alembic_version") == [(1,)]
    observed.tell(f"exit 0 and 0; said: {'; '.join(summaries)}")


@fault(
    "a connection pooler in transaction mode stands between (another backend than the greeting said)",
    expected="refused with exit 3 before anything is done, with the direct URL asked for",
)
def test_a_pooler_is_refused(linear: Project, database: Database, observed: Observed) -> None:
    with Wire(database, pretend_pid=1) as wire:
        outcome = linear.invoke("migration.apply", env={"DATABASE_URL": wire.database.url()})

    assert outcome.exit_code == 3, outcome
    assert tables(database) == []
    observed.tell(f'exit {outcome.exit_code}, "{first_line(outcome.stdout + outcome.stderr)}"')


@fault(
    "a revision fails half way, outside of a transaction",
    expected="exit 5, with what is applied, what failed and what of it is in the database",
)
def test_a_failure_outside_of_a_transaction_needs_a_person(
    open_settings: Callable[..., Settings], database: Database, observed: Observed
) -> None:
    settings = open_settings()
    upgrade(database, settings)
    lines = body(
        "with op.get_context().autocommit_block():", '    op.execute("create table half ()")', '    op.execute("select 1 / 0")'
    )
    write_revision(settings, "0004", down="0003", body=lines)
    with pytest.raises(SeachangeError) as caught:
        upgrade(database, settings)

    assert (caught.value.exit_code, "half" in tables(database)) == (5, True)
    assert "with part of the failed revision in it" in caught.value.message
    observed.tell(f"exit {int(caught.value.exit_code)}, ...{caught.value.message.rpartition(';')[2]}")
