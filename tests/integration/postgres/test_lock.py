"""Two deployers never migrate one database at once, and the one that waits is told for whom and blocks nothing."""

from __future__ import annotations

import datetime
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from seachange.errors import ExitCode, LockNotAcquiredError, RefusedError
from seachange.postgres.connection import Database, connect, create_database, drop_database
from seachange.postgres.lock import Holder, lock_key, migration_lock
from tests.integration.postgres.wire import Wire

_HOLDER = """
import sys, time
from seachange.postgres.connection import connect, parse
from seachange.postgres.lock import migration_lock

database = parse(sys.argv[1])
with migration_lock(database), connect(database, autocommit=True) as session:
    print("held", flush=True)
    session.execute("select pg_sleep(60)")
"""


def test_lock_is_held_by_one_and_free_afterwards(database: Database) -> None:
    with migration_lock(database) as first:
        assert first.held()
        with pytest.raises(LockNotAcquiredError), migration_lock(database, timeout_s=0):
            pytest.fail("two sessions hold one lock")

    assert not first.held()
    with migration_lock(database, timeout_s=0) as second:
        assert second.held()


def test_lock_is_free_after_an_error(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), migration_lock(database):
        raise ZeroDivisionError

    with migration_lock(database, timeout_s=0):
        pass


def test_holder_is_named(database: Database) -> None:
    seen: list[Holder] = []
    deployer = database.with_parameters(application_name="deploy-42")
    with migration_lock(deployer), connect(database, autocommit=True) as session:
        row = session.execute("select pid from pg_locks where locktype = 'advisory'").fetchone()
        with pytest.raises(LockNotAcquiredError) as caught, migration_lock(database, timeout_s=0.3, on_wait=seen.append):
            pytest.fail("two sessions hold one lock")

    assert row
    (holder,) = seen
    assert (row[0], "deploy-42") == (holder.pid, holder.application_name)
    age = datetime.datetime.now(datetime.UTC) - datetime.datetime.fromisoformat(holder.since)
    assert datetime.timedelta(seconds=-2) < age < datetime.timedelta(seconds=30)
    assert (
        f"the migration lock of database {database.name!r} is held by pid {holder.pid} (deploy-42) since {holder.since}; "
        "gave up after 0.3 s"
    ) == caught.value.message
    assert f"select pg_terminate_backend({holder.pid})" in caught.value.hint
    assert caught.value.exit_code == ExitCode.TRY_AGAIN


def test_address_of_the_holder_is_shown(database: Database) -> None:
    text = str(Holder(pid=7, application_name="deploy", since="2026-01-02T03:04:05+00:00", client="192.0.2.7", query=""))

    assert text == "pid 7 (deploy) from 192.0.2.7 since 2026-01-02T03:04:05+00:00"


def test_waiting_ends_at_the_deadline_and_not_before(database: Database) -> None:
    with migration_lock(database):
        begin = time.monotonic()
        with pytest.raises(LockNotAcquiredError), migration_lock(database, timeout_s=1):
            pytest.fail("two sessions hold one lock")

    assert 1 <= time.monotonic() - begin < 2.5


def test_lock_is_taken_soon_after_it_is_free(database: Database) -> None:
    seen: list[Holder] = []
    taken = threading.Event()

    def wait() -> None:
        with migration_lock(database, timeout_s=20, on_wait=seen.append):
            taken.set()

    thread = threading.Thread(target=wait)
    with migration_lock(database):
        thread.start()
        time.sleep(1)
        assert not taken.is_set()
    assert taken.wait(2)
    thread.join()

    assert len(seen) == 1


def test_new_holder_is_told_while_waiting(database: Database) -> None:
    seen: list[int] = []
    with connect(database, autocommit=True) as first, connect(database, autocommit=True, lock_timeout_ms=0) as second:
        key = lock_key(database.name, "alembic_version")
        first.execute("select pg_advisory_lock(%s)", [key])
        successor = threading.Thread(target=second.execute, args=("select pg_advisory_lock(%s)", [key]))
        successor.start()
        threading.Timer(0.4, first.close).start()
        expected = [first.info.backend_pid, second.info.backend_pid]
        with (
            pytest.raises(LockNotAcquiredError),
            migration_lock(database, timeout_s=2, on_wait=lambda holder: seen.append(holder.pid)),
        ):
            pytest.fail("two sessions hold one lock")
        successor.join()

    assert expected == seen


def test_another_version_table_has_its_own_lock(database: Database) -> None:
    with migration_lock(database), migration_lock(database, version_table="other.alembic_version", timeout_s=0) as lock:
        assert lock.held()


def test_another_database_has_its_own_lock(database: Database) -> None:
    other = create_database(database.with_name(f"{database.name}_other"))
    try:
        with migration_lock(database), migration_lock(other, timeout_s=0) as lock:
            assert lock.held()
    finally:
        drop_database(other, force=True)


def test_key_is_stable() -> None:
    assert lock_key("clinic", "alembic_version") == lock_key("clinic", "alembic_version")
    assert -(2**63) <= lock_key("clinic", "alembic_version") < 2**63
    keys = {lock_key(name, table) for name in ("a", "ab", "clinic") for table in ("bc", "c", "alembic_version")}
    assert len(keys) == 9
    # Two versions of Seachange must agree on it.
    assert lock_key("clinic", "alembic_version") == 7591328536229965981


@pytest.mark.parametrize("name", ["a", "b", "c", "d", "e", "f", "g", "h"])
def test_holder_is_found_whatever_the_sign_of_the_key(database: Database, name: str) -> None:
    with migration_lock(database, version_table=name) as lock:
        assert lock.held()


def test_killed_holder_frees_the_lock_while_its_statement_runs(database: Database) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _HOLDER, database.url()], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        os.kill(holder.pid, signal.SIGKILL)
        begin = time.monotonic()
        with migration_lock(database, timeout_s=10), connect(database, autocommit=True) as session:
            taken_after = time.monotonic() - begin
            query = "select count(*) from pg_stat_activity where query like '%%pg_sleep(60)%%' and pid <> pg_backend_pid()"
            while session.execute(query).fetchone() != (0,) and time.monotonic() - begin < 5:
                time.sleep(0.05)
            ended_after = time.monotonic() - begin

    assert taken_after < 2
    # The server looks for its client every second.
    assert ended_after < 3


def test_waiter_does_not_deadlock_with_a_concurrent_index_build(database: Database) -> None:
    """A waiter that blocks in pg_advisory_lock made DeadlockDetected and an INVALID index after 1.6 s."""
    with connect(database) as session:
        session.execute("create table t as select x from generate_series(1, 200000) as x")
    waited = threading.Event()
    raised: list[BaseException] = []

    def wait() -> None:
        try:
            with migration_lock(database, timeout_s=4, on_wait=lambda _: waited.set()):
                pass
        except LockNotAcquiredError as exc:
            raised.append(exc)

    waiter = threading.Thread(target=wait)
    with migration_lock(database), connect(database, autocommit=True, lock_timeout_ms=0) as session:
        waiter.start()
        assert waited.wait(10)
        begin = time.monotonic()
        session.execute("create index concurrently i on t (x)")
        took = time.monotonic() - begin
        valid = session.execute("select indisvalid from pg_index where indexrelid = 'i'::regclass").fetchone()
        waiter.join()

    assert valid == (True,)
    assert took < 3.5
    assert len(raised) == 1


def test_lock_that_was_taken_away_is_noticed(database: Database) -> None:
    with migration_lock(database) as lock, connect(database, autocommit=True) as session:
        assert lock.held()
        session.execute("select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory'")

        assert not lock.held()
        with migration_lock(database, timeout_s=5) as second:
            assert second.held()
            assert not lock.held()


def test_lock_survives_the_idle_timeout_of_the_role(database: Database) -> None:
    with connect(database, autocommit=True) as session:
        if session.info.server_version < 140_000:
            return
        session.execute(f"alter database {database.name} set idle_session_timeout = '200ms'")

    with migration_lock(database) as lock:
        time.sleep(0.6)
        assert lock.held()


def test_connection_pooler_is_refused(database: Database) -> None:
    with (
        Wire(database, pretend_pid=1) as wire,
        pytest.raises(RefusedError, match="is behind a connection pooler") as caught,
        migration_lock(wire.database),
    ):
        pytest.fail("a lock behind a pooler is none")

    assert caught.value.exit_code == ExitCode.REFUSED
    assert "DATABASE_URL" in caught.value.hint


def test_user_without_rights_sees_at_least_the_pid(database: Database) -> None:
    name = f"role_{database.name}"
    with connect(database, autocommit=True) as session:
        session.execute(f"create role {name} login")
        try:
            with migration_lock(database), pytest.raises(LockNotAcquiredError, match=r"is held by pid \d+"):
                migration_lock(database.with_parameters(user=name), timeout_s=0).__enter__()
        finally:
            session.execute(f"drop role {name}")


def test_waiter_keeps_no_transaction_open(database: Database) -> None:
    with migration_lock(database), connect(database, autocommit=True) as session:
        waiting = threading.Event()

        def wait() -> None:
            with pytest.raises(LockNotAcquiredError), migration_lock(database, timeout_s=1.5, on_wait=lambda _: waiting.set()):
                pass

        waiter = threading.Thread(target=wait)
        waiter.start()
        assert waiting.wait(5)
        query = "select count(*) from pg_stat_activity where datname = current_database() and state like 'idle in transaction%%'"
        found = []
        while waiter.is_alive():
            found.append(session.execute(query).fetchone())
            time.sleep(0.05)

    assert {(0,)} == set(found)


def test_lost_server_is_no_held_lock(database: Database) -> None:
    with Wire(database) as wire, migration_lock(wire.database) as lock:
        assert lock.held()
        wire.__exit__(None, None, None)
        assert not lock.held()
