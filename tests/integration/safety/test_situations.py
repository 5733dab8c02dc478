"""What the trace says of a change beside what happens to real sessions while the change runs."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

import psycopg
import pytest

from seachange.config import Settings
from seachange.postgres.catalog import Catalog
from seachange.postgres.connection import Database, Session, connect
from seachange.postgres.server import throwaway
from seachange.safety.facts import LockMode, RevisionFacts
from seachange.safety.trace import trace_sql
from tests.conftest import NEWEST, OLDEST

_SETUP = "create table t (id bigint primary key, a int); insert into t select n, n from generate_series(1, 1000) n"
_ADD = "alter table t add constraint k check (a > 0) not valid"
_VALIDATE = "alter table t validate constraint k"
_READ = "select count(*) from t"
_WRITE = "update t set a = a where id = 1"
_DEADLINE_S = 30


@pytest.fixture
def table(each_database: Database) -> Database:
    """A database with a table of a thousand rows."""
    run(each_database, _SETUP)
    return each_database


def run(database: Database, statement: str) -> None:
    with contextlib.closing(connect(database, autocommit=True)) as session:
        session.execute(statement.encode())


def ask(database: Database, query: str) -> object:
    with contextlib.closing(connect(database, autocommit=True)) as session:
        row = session.execute(query.encode()).fetchone()
    return row[0] if row else None


def wait_until(database: Database, query: str) -> None:
    deadline = time.monotonic() + _DEADLINE_S
    while not ask(database, query):
        assert time.monotonic() < deadline, query
        time.sleep(0.02)


@contextlib.contextmanager
def transaction(database: Database, *statements: str) -> Iterator[Session]:
    """A deployer who has run these statements and has not committed yet."""
    with contextlib.closing(connect(database, application_name="deployer")) as session:
        for statement in statements:
            session.execute(statement.encode())
        yield session
        session.rollback()


def waits(database: Database, deployer: Session, statement: str) -> bool:
    """Say whether a statement of another session has to wait for the deployer, as the server itself tells it."""
    with contextlib.closing(connect(database, autocommit=True, lock_timeout_ms=0)) as session:
        pid, ended = session.info.backend_pid, threading.Event()

        def work() -> None:
            with contextlib.suppress(psycopg.errors.QueryCanceled):
                session.execute(statement.encode())
            ended.set()

        worker = threading.Thread(target=work)
        worker.start()
        with contextlib.closing(connect(database, autocommit=True)) as looker:
            blocked = False
            while not ended.is_set() and not blocked:
                row = looker.execute("select %s = any (pg_blocking_pids(%s))", [deployer.info.backend_pid, pid]).fetchone()
                blocked = bool(row and row[0])
        session.cancel_safe()
        worker.join()
    return blocked


def window(facts: RevisionFacts, transaction: int) -> tuple[LockMode, list[tuple[str, ...]]]:
    (found,) = [each for each in facts.windows if each.relation == "public.t" and each.transaction == transaction]
    return found.mode, [kinds for work in found.long_work().values() for kinds in work.values()]


def test_not_valid_and_validate_in_one_transaction_keep_everybody_out_for_the_scan(table: Database) -> None:
    with transaction(table, _ADD, _VALIDATE) as deployer:
        found = (waits(table, deployer, _READ), waits(table, deployer, _WRITE))

    facts = trace_sql(table, f"begin; {_ADD}; {_VALIDATE}; commit;", file="one.sql")

    assert found == (True, True)
    assert window(facts, 1) == (LockMode.ACCESS_EXCLUSIVE, [("scan",)])


def test_not_valid_and_validate_in_two_transactions_let_everybody_pass_during_the_scan(table: Database) -> None:
    run(table, _ADD)
    with transaction(table, _VALIDATE) as deployer:
        found = (waits(table, deployer, _READ), waits(table, deployer, _WRITE))
    run(table, "alter table t drop constraint k")

    facts = trace_sql(table, f"begin; {_ADD}; commit; begin; {_VALIDATE}; commit;", file="two.sql")

    assert found == (False, False)
    assert window(facts, 1) == (LockMode.ACCESS_EXCLUSIVE, [])
    assert window(facts, 2) == (LockMode.SHARE_UPDATE_EXCLUSIVE, [("scan",)])


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        pytest.param("alter table t add column c serial", (True, True), id="rewrite"),
        pytest.param("create index i on t (a)", (False, True), id="index"),
        pytest.param("create trigger g before insert on t for each row execute function f()", (False, True), id="trigger"),
        pytest.param("comment on table t is 'x'", (False, False), id="comment"),
    ],
)
def test_who_waits_is_who_the_mode_says(table: Database, statement: str, expected: tuple[bool, bool]) -> None:
    run(table, "create function f() returns trigger language plpgsql as 'begin return new; end'")
    with transaction(table, statement) as deployer:
        found = (waits(table, deployer, _READ), waits(table, deployer, _WRITE))

    (facts,) = trace_sql(table, statement, file="a.sql").statements

    (mode,) = [lock.mode for lock in facts.new_locks if lock.relation == "public.t"]
    assert found == expected == (mode.blocks_readers, mode.blocks_writers)


def test_the_index_that_a_killed_client_has_left_is_accepted_by_if_not_exists(table: Database) -> None:
    build = "create index concurrently if not exists i on t (a)"
    with transaction(table, "update t set a = a where id = 1"):
        client = connect(table, autocommit=True)

        def work() -> None:
            with contextlib.suppress(psycopg.Error):
                client.execute(build.encode())

        worker = threading.Thread(target=work)
        worker.start()
        wait_until(table, "select count(*) = 1 from pg_index where indexrelid = to_regclass('i') and not indisvalid")
        run(table, f"select pg_terminate_backend({client.info.backend_pid})")
        worker.join()
        client.close()
    wait_until(table, "select not exists (select from pg_stat_progress_create_index)")

    left = trace_sql(table, build, file="again.sql")
    mended = trace_sql(table, f"drop index concurrently i; {build}", file="mended.sql")

    assert [(each.error, each.index_builds, each.created) for each in left.statements] == [(None, (), ())]
    assert [valid(left.before), valid(left.after)] == [[False], [False]]
    assert [build.index for build in mended.statements[1].index_builds] == ["public.i"]
    assert [valid(mended.before), valid(mended.after)] == [[False], [True]]


def valid(catalog: Catalog | None) -> list[bool]:
    assert catalog is not None
    return [index.valid for table in catalog.tables for index in table.indexes]


@pytest.mark.parametrize("major", [pytest.param(OLDEST, id="pg14"), pytest.param(NEWEST, id="pg18")])
def test_a_lock_timeout_below_deadlock_timeout_never_wins_against_autovacuum(settings: Settings, major: int) -> None:
    slowly = "autovacuum_vacuum_threshold = 1, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_cost_delay = 100"
    alter = "alter table t add column c int"
    with throwaway(settings, major=major, options={"autovacuum": "on", "autovacuum_naptime": "1s"}) as server:
        database = server.database()
        run(database, "create table t (id int, v text)")
        run(database, "insert into t select n, repeat('x', 80) from generate_series(1, 60000) n")
        run(database, f"alter table t set ({slowly}, autovacuum_vacuum_cost_limit = 1)")
        run(database, "delete from t where id % 2 = 0")
        wait_until(database, "select count(*) > 0 from pg_stat_progress_vacuum where relid = 't'::regclass")

        short = [trace_sql(database, f"set lock_timeout = '900ms'; {alter}", file="a.sql").statements[1] for _ in range(2)]
        (_, long) = trace_sql(database, f"set lock_timeout = '4s'; {alter}", file="a.sql").statements

    assert [each.error and each.error.sqlstate for each in short] == ["55P03", "55P03"]
    assert (short[0].settings["lock_timeout"], short[0].settings["deadlock_timeout"]) == ("900ms", "1s")
    assert long.error is None
