"""What a revision costs on a copy: time, WAL, size, rows, locks; and what is said when it fails there."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest

from seachange.config import Settings
from seachange.postgres.connection import Database, connect
from seachange.postgres.server import Server
from seachange.revisions.runner import upgrade
from seachange.workflow._rehearsal.running import Ran, run_revisions
from seachange.workflow._rehearsal.values import RevisionRehearsal
from seachange.workflow.run import Run
from seachange.workflow.trace import trace_pending
from tests.integration.revisions.conftest import linear, open_project
from tests.integration.revisions.looking import body, write_revision

__all__ = ["linear", "open_project"]

_MB = 1024**2


@pytest.fixture
def rehearsed(linear: Settings, server: Server, database: Database) -> Callable[..., Ran]:
    """Run a revision of some lines, the first of which is the 8th of its file, on a copy with rows."""

    def ran(*lines: str) -> Ran:
        upgrade(database, linear)
        with contextlib.closing(connect(database, autocommit=True)) as session:
            session.execute("insert into clients (name) select 'client ' || n from generate_series(1, 1000) n")
        write_revision(linear, "0004", down="0003", body=body(*lines))
        with Run(linear) as run:
            trace = trace_pending(run, current=("0003",), major=server.major)
            return run_revisions(run, database, trace=trace)

    return ran


def _one(ran: Ran) -> RevisionRehearsal:
    assert ran.error == ""
    (found,) = ran.revisions
    return found


def test_rows_locks_work_and_places_are_those_of_the_copy(rehearsed: Callable[..., Ran]) -> None:
    change = "op.execute(\"UPDATE clients SET name = 'nobody' WHERE id <= 40\")"

    found = _one(rehearsed(change, 'op.create_index("late", "clients", ["name"])'))

    update, index = found.statements
    assert (update.where, dict(update.changes), update.locks) == (
        "migrations/versions/0004.py:8",
        {"public.clients": 40},
        ("ROW EXCLUSIVE on public.clients",),
    )
    assert (index.locks, index.work) == (("SHARE on public.clients",), ("index build of public.clients",))
    assert found.changes == {"public.clients": 40}


def test_what_is_gone_at_the_end_counts_for_the_peak(rehearsed: Callable[..., Ran]) -> None:
    rows = "SELECT repeat('x', 1000) AS filler FROM generate_series(1, 8000)"

    found = _one(rehearsed(f'op.execute("CREATE TABLE big AS {rows}")', 'op.execute("SELECT pg_sleep(0.3); DROP TABLE big")'))

    assert 8 * _MB < found.growth_bytes < 20 * _MB
    assert found.size_after_bytes - found.size_before_bytes < _MB
    assert found.wal_bytes > 8 * _MB


def test_what_the_probes_write_is_not_counted_as_wal_of_the_revision(rehearsed: Callable[..., Ran]) -> None:
    found = _one(rehearsed('op.execute("ALTER TABLE clients ADD COLUMN note text"); op.execute("SELECT 1")'))

    assert found.wal_bytes < 64 * 1024


def test_a_loop_is_one_statement_however_often_it_turns(rehearsed: Callable[..., Ran]) -> None:
    turn = "    op.execute(f\"UPDATE clients SET name = 'x{n}' WHERE id = {n}\")"

    found = _one(rehearsed("for n in range(1, 31):", turn, 'op.execute("SELECT 1")'))

    assert [(each.line, each.count, dict(each.changes)) for each in found.statements] == [
        (9, 30, {"public.clients": 30}),
        (10, 1, {}),
    ]


def test_a_revision_that_fails_on_the_rows_is_named_with_its_reason(rehearsed: Callable[..., Ran]) -> None:
    ran = rehearsed('op.execute("ALTER TABLE clients ADD CHECK (id < 500)")')

    assert ran.failed == "0004"
    assert ran.error.startswith(
        "revision 0004 fails on the copy: at migrations/versions/0004.py:8: check constraint "
        '"clients_id_check" of relation "clients" is violated by some row [SQLSTATE 23514]'
    )
    assert ran.error.endswith("; your database was not touched")
    (found,) = ran.revisions
    assert found.statements[-1].error.startswith("check constraint")


def test_statements_outside_of_transactions_are_measured_too(rehearsed: Callable[..., Ran]) -> None:
    found = _one(
        rehearsed(
            "with op.get_context().autocommit_block():",
            '    op.create_index("late", "clients", ["name"], postgresql_concurrently=True)',
        )
    )

    (statement,) = found.statements
    assert (statement.transaction, statement.locks) == (0, ("SHARE UPDATE EXCLUSIVE on public.clients",))
    assert 0 < statement.duration_ms <= found.duration_ms
