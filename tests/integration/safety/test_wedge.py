"""Locks of statements that commit by themselves, read while these wait for sessions of ours."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

import psycopg
import pytest

from seachange.errors import InterruptedRunError
from seachange.postgres import interrupt
from seachange.postgres.connection import Database, Session, connect, parse
from seachange.safety._tracing._wedge import Reading, Wedge, wedge_for
from seachange.safety.facts import LockMode

_SETUP = """
create table t (id bigint primary key, a int); create index t_a on t (a);
insert into t select n, n from generate_series(1, 100) n;
create table p (id int not null, k int) partition by range (id);
create table p1 partition of p for values from (0) to (1000); create table p2 partition of p for values from (1000) to (2000);
create index p_k on p (k); create materialized view m as select * from t; create index m_a on m (a)
"""
_SUX, _AX, _S = LockMode.SHARE_UPDATE_EXCLUSIVE, LockMode.ACCESS_EXCLUSIVE, LockMode.SHARE


@pytest.fixture
def session(each_database: Database) -> Iterator[Session]:
    """A session outside of any transaction, in a database with a few tables."""
    with contextlib.closing(connect(each_database, autocommit=True)) as opened:
        opened.execute(_SETUP.encode())
        yield opened


def begun(session: Session, database: Database, sql: str) -> Wedge:
    def query(text: str) -> list[tuple[object, ...]]:
        return session.execute(text.encode()).fetchall()

    wedge = wedge_for(sql, database, pid=session.info.backend_pid, query=query)
    assert wedge is not None
    wedge.start()
    return wedge


def run(session: Session, database: Database, sql: str) -> Reading:
    wedge = begun(session, database, sql)
    try:
        session.execute(sql.encode())
    finally:
        reading = wedge.stop()
    return reading


def named(session: Session, reading: Reading) -> dict[str, LockMode]:
    rows = session.execute("select relname, oid::bigint from pg_class where relnamespace = 'public'::regnamespace").fetchall()
    return {name: reading.modes[oid] for name, oid in rows if oid in reading.modes}


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        pytest.param("create index concurrently if not exists t_a on t (a)", {"t": _SUX}, id="an index that is there"),
        pytest.param("create index concurrently m_id on m (id)", {"m": _SUX}, id="a materialized view"),
        pytest.param("drop index concurrently t_a", {"t": _SUX}, id="an index that goes"),
        pytest.param(
            "alter table p detach partition p2 concurrently", {"p": _SUX, "p2": _AX}, id="a partition, in the second transaction"
        ),
        pytest.param("vacuum full t", {"t": _AX}, id="a table that is copied"),
        pytest.param("vacuum t, m", {"t": _SUX, "m": _SUX}, id="two tables"),
        pytest.param("reindex table p", {"p": _S, "p1": _S, "p2": _S}, id="partitions"),
    ],
)
def test_every_lock_is_read_for_certain(
    session: Session, each_database: Database, sql: str, expected: dict[str, LockMode]
) -> None:
    reading = run(session, each_database, sql)

    assert (named(session, reading), reading.certain) == (expected, True)


def test_all_phases_of_a_concurrent_rebuild_are_held_back(session: Session, each_database: Database) -> None:
    before = dict(session.execute("select oid::bigint, relname from pg_class").fetchall())

    reading = run(session, each_database, "reindex index concurrently t_a")

    assert {before[oid]: mode for oid, mode in reading.modes.items() if oid in before} == {"t": _SUX, "t_a": _SUX}
    # The copy that it builds has a lock of its own in the later phases.
    assert len(reading.modes) == 3
    assert reading.certain


def test_a_statement_that_waits_for_nobody_is_said_to_be_polled(session: Session, each_database: Database) -> None:
    assert not run(session, each_database, "vacuum (skip_locked) t").certain


def test_a_table_that_our_sessions_may_not_lock_is_polled(session: Session, each_database: Database) -> None:
    session.execute("create role wedge_reader login; grant pg_monitor to wedge_reader")
    try:
        stranger = parse(each_database.url().replace("postgres@", "wedge_reader@"))
        reading = run(session, stranger, "vacuum t")
    finally:
        session.execute("drop role wedge_reader")

    assert not reading.certain


def test_a_short_lock_timeout_of_the_statement_is_kept(session: Session, each_database: Database) -> None:
    session.execute("set lock_timeout = '250ms'")

    reading = run(session, each_database, "create index concurrently i on t (a)")

    assert (named(session, reading), reading.certain) == ({"t": _SUX}, True)
    assert session.execute("select indisvalid from pg_index where indexrelid = 'i'::regclass").fetchone() == (True,)


def test_a_statement_that_fails_is_let_go(session: Session, each_database: Database) -> None:
    session.execute("insert into t values (1000, 1)")

    with pytest.raises(psycopg.errors.UniqueViolation):
        run(session, each_database, "create unique index concurrently u on t (a)")


def test_a_statement_that_waits_for_somebody_else_is_not_kept_longer(session: Session, each_database: Database) -> None:
    with contextlib.closing(connect(each_database)) as older:
        older.execute("insert into t values (1000, 1)")
        threading.Timer(0.5, older.rollback).start()

        reading = run(session, each_database, "create index concurrently i on t (a)")

    assert (named(session, reading), reading.certain) == ({"t": _SUX}, True)


def test_a_wedge_whose_statement_never_comes_can_be_stopped(session: Session, each_database: Database) -> None:
    wedge = begun(session, each_database, "vacuum t")

    reading = wedge.stop()

    assert reading.modes == {}
    session.execute("set lock_timeout = '100ms'; lock table t")


def test_an_interrupted_run_leaves_nothing_in_the_way(session: Session, each_database: Database) -> None:
    begun(session, each_database, "vacuum t")
    began = time.monotonic()

    interrupt.interrupt_all()
    try:
        with pytest.raises(InterruptedRunError):
            session.execute("select 1")
    finally:
        interrupt.reset()
    with contextlib.closing(connect(each_database, lock_timeout_ms=2_000)) as other:
        other.execute("lock table t")

    assert time.monotonic() - began < 3
