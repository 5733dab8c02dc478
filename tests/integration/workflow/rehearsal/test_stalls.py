"""Readers and writers beside a revision: who waits, how long, and for which statement."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable

import pytest

from seachange.config import Settings
from seachange.errors import InterruptedRunError
from seachange.postgres import interrupt
from seachange.postgres.connection import Database, connect
from seachange.revisions.runner import upgrade
from seachange.safety.facts import LockMode, RelationLock, RevisionFacts, StatementFacts, Trace
from seachange.workflow._rehearsal.probes import Probes
from seachange.workflow._rehearsal.running import Ran, run_revisions
from seachange.workflow._rehearsal.values import RevisionRehearsal
from seachange.workflow.run import Run
from tests.integration.revisions.conftest import linear, open_project
from tests.integration.revisions.looking import ask, body, write_revision

__all__ = ["linear", "open_project"]

# Ten rows of 40 ms each, whatever the machine: what computes the function for every row takes 400 ms.
_SLOW = """
create function slow(text) returns text immutable language plpgsql as $$ begin perform pg_sleep(0.04); return $1; end $$;
insert into clients (name) select 'client ' || n from generate_series(1, 10) n;
create table bystanders (id int primary key);
insert into bystanders values (1);
"""
_WORK_MS = 400.0
# What a busy machine adds to a probe that waits for nobody.
_NOISE_MS = 150.0
_LINE = "migrations/versions/0004.py:8"


@pytest.fixture
def rehearsed(linear: Settings, database: Database) -> Callable[..., Ran]:
    """Run a revision of some lines, the first of which is the 8th of its file, on a copy of ten rows."""

    def ran(*lines: str, tables: tuple[str, ...] = ("public.clients", "public.bystanders")) -> Ran:
        upgrade(database, linear)
        with contextlib.closing(connect(database, autocommit=True)) as session:
            session.execute(_SLOW)
        write_revision(linear, "0004", down="0003", body=body(*lines))
        with Run(linear) as run:
            return run_revisions(run, database, trace=_touching(*tables))

    return ran


def _touching(*tables: str) -> Trace:
    locks = tuple(RelationLock(relation=table, mode=LockMode.ACCESS_EXCLUSIVE) for table in tables)
    facts = RevisionFacts(revision="0004", statements=(StatementFacts(sql="", new_locks=locks),))
    return Trace(major=18, revisions=(facts,))


def _one(ran: Ran) -> RevisionRehearsal:
    assert ran.error == ""
    (found,) = ran.revisions
    return found


@pytest.mark.parametrize(
    ("lines", "reader", "writer"),
    [
        pytest.param(['op.execute("ALTER TABLE clients ALTER name TYPE varchar USING slow(name)")'], True, True, id="rewrite"),
        pytest.param(['op.execute("CREATE INDEX late ON clients (slow(name))")'], False, True, id="index"),
        pytest.param(
            [
                "with op.get_context().autocommit_block():",
                '    op.execute("CREATE INDEX CONCURRENTLY late ON clients (slow(name))")',
            ],
            False,
            False,
            id="index built concurrently",
        ),
        pytest.param(['op.execute("ALTER TABLE clients ADD COLUMN note text")'], False, False, id="column"),
        pytest.param(
            ["op.execute(\"UPDATE clients SET name = name || '!'\")", 'op.execute("SELECT pg_sleep(0.4)")'],
            False,
            True,
            id="rows that are written and not yet committed",
        ),
        pytest.param(
            ['op.execute("ALTER TABLE clients ADD COLUMN note text")', 'op.execute("SELECT pg_sleep(0.4)")'],
            True,
            True,
            id="a short lock held to the end of a long transaction",
        ),
    ],
)
def test_who_waits_for_what(rehearsed: Callable[..., Ran], lines: list[str], *, reader: bool, writer: bool) -> None:
    found = _one(rehearsed(*lines))

    clients, bystanders = found.tables
    assert (clients.table, bystanders.table) == ("public.clients", "public.bystanders")
    for stall, waits in ((clients.reader, reader), (clients.writer, writer)):
        low, high = (_WORK_MS - _NOISE_MS, found.duration_ms) if waits else (0.0, _NOISE_MS)
        assert low <= stall.wait_ms <= high
    assert max(bystanders.reader.wait_ms, bystanders.writer.wait_ms) <= _NOISE_MS
    assert (clients.errors, clients.deadlocks) == ((), 0)


def test_a_wait_names_the_lock_and_what_went_on_meanwhile(rehearsed: Callable[..., Ran]) -> None:
    found = _one(rehearsed('op.execute("ALTER TABLE clients ADD COLUMN note text")', 'op.execute("SELECT pg_sleep(0.4)")'))

    assert (found.reader.locked_at, found.reader.where) == (_LINE, "migrations/versions/0004.py:9")
    assert (found.reader.number, found.reader.sql, found.reader.cause) == (2, "SELECT pg_sleep(0.4)", _LINE)
    assert found.locks == ("ACCESS EXCLUSIVE on public.clients",)


def test_a_wait_for_rows_names_no_lock_of_the_table(rehearsed: Callable[..., Ran]) -> None:
    found = _one(rehearsed('op.execute("UPDATE clients SET name = slow(name)")'))

    assert (found.writer.locked_at, found.writer.where) == ("", _LINE)
    assert found.writer_table is not None
    assert found.writer_table.table == "public.clients"
    assert dict(found.changes) == {"public.clients": 10}


def test_writers_that_stand_in_the_way_cost_the_revision_no_deadlock(rehearsed: Callable[..., Ran]) -> None:
    # A writer has the table and waits for the row; the revision has the row and waits for the table.
    lines = ("op.execute(\"UPDATE clients SET name = name || '!'\")", 'op.execute("SELECT pg_sleep(0.3)")')
    began = time.monotonic()

    found = _one(rehearsed(*lines, 'op.execute("ALTER TABLE clients ADD COLUMN note text")'))

    assert [each.error for each in found.statements] == ["", "", ""]
    assert found.tables[0].deadlocks == 0
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    "line",
    [
        pytest.param('op.rename_table("clients", "customers")', id="another name"),
        pytest.param('op.drop_column("clients", "name")', id="a column less"),
        pytest.param('op.drop_table("clients")', id="dropped"),
    ],
)
def test_tables_may_change_and_go_under_the_probes(rehearsed: Callable[..., Ran], line: str) -> None:
    found = _one(rehearsed(line, 'op.execute("SELECT pg_sleep(0.1)")'))

    assert [each.errors for each in found.tables] == [(), ()]


def test_a_trigger_that_refuses_writes_is_told(rehearsed: Callable[..., Ran], database: Database) -> None:
    refuse = "create function refuse() returns trigger language plpgsql as $$ begin raise 'closed'; end $$"
    with contextlib.closing(connect(database, autocommit=True)) as session:
        session.execute(refuse)
        session.execute("create table ledger (id int); insert into ledger values (1)")
        session.execute("create trigger refuse before update on ledger for each row execute function refuse()")

    ran = rehearsed('op.execute("LOCK ledger")', 'op.execute("SELECT pg_sleep(0.3)")', tables=("public.ledger",))

    (ledger,) = _one(ran).tables
    assert ledger.errors == ("closed",)
    assert ledger.writer.wait_ms > _NOISE_MS


@pytest.mark.parametrize(
    "ddl",
    [
        pytest.param("create table kept (id int)", id="without rows"),
        pytest.param("create table kept ()", id="without columns"),
        pytest.param("create table kept (id int generated always as identity); insert into kept default values", id="identity"),
        pytest.param("create table kept (id int) partition by range (id)", id="partitioned, without partitions"),
        pytest.param(
            "create table kept (id int) partition by range (id); create table one partition of kept for values from (1) to (9); "
            "insert into kept values (1)",
            id="partitioned",
        ),
        pytest.param('create table "Kept""Rows" (id int); insert into "Kept""Rows" values (1)', id="quoted"),
        pytest.param("create materialized view kept as select 1 as id", id="materialized view"),
        pytest.param("create view kept as select 1 as id", id="view"),
    ],
)
def test_every_kind_of_table_is_asked_for_without_an_error(database: Database, ddl: str) -> None:
    name = 'public."Kept""Rows"' if "Rows" in ddl else "public.kept"
    with contextlib.closing(connect(database, autocommit=True)) as session, Probes(database) as probes:
        session.execute(ddl.encode())
        probes.begin(session, (name, "public.nowhere"))
        interrupt.sleep(0.05)
        found = probes.end()

    views = "create view" in ddl
    assert [(each.table, each.errors) for each in found] == ([] if views else [(name, ())])
    assert all(each.reads and (each.writes or "materialized" in ddl) for each in found)


def test_threads_and_connections_stay_few_however_many_tables(database: Database) -> None:
    names = [f"t{number}" for number in range(70)]
    with contextlib.closing(connect(database, autocommit=True)) as session, Probes(database) as probes:
        session.execute("; ".join(f"create table {name} (id int)" for name in names).encode())
        left = probes.begin(session, (f"public.{name}" for name in names))
        busy = ask(database, "select count(*) from pg_stat_activity where application_name like 'seachange rehearsal %'")
        interrupt.sleep(0.3)
        found = probes.end()

    assert (len(found), left, busy) == (64, tuple(f"public.{name}" for name in names[64:]), [16])
    assert _threads() == []


def test_what_the_probes_write_is_gone_and_not_in_the_way_afterwards(rehearsed: Callable[..., Ran], database: Database) -> None:
    rehearsed('op.execute("SELECT pg_sleep(0.2)")')

    assert ask(database, "select count(distinct name) from clients") == [10]
    assert ask(database, "select count(*) from pg_stat_activity where application_name like 'seachange rehearsal%'") == [0]


def test_ctrl_c_ends_probes_and_revision(rehearsed: Callable[..., Ran]) -> None:
    stop = threading.Timer(2.0, interrupt.interrupt_all)
    stop.start()
    try:
        with pytest.raises(InterruptedRunError, match="stopped while revisions were rehearsed on a copy; your database was not"):
            rehearsed('op.execute("SELECT pg_sleep(60)")')
    finally:
        stop.join()
        interrupt.reset()

    assert _threads() == []


def _threads() -> list[str]:
    deadline = time.monotonic() + 5
    while (found := [each.name for each in threading.enumerate() if each.name.startswith("rehearsal")]) and (
        time.monotonic() < deadline
    ):
        time.sleep(0.05)
    return found
