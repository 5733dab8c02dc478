"""What is projected from a tenth of the rows, against what all of them take."""

from __future__ import annotations

import contextlib
import time

import pytest

from seachange.postgres.connection import Database, Session, connect
from seachange.postgres.server import Server
from seachange.safety.statistics import read_statistics
from seachange.testing.fixtures import fresh_database
from seachange.workflow._rehearsal.extrapolation import project
from seachange.workflow._rehearsal.likeness import compare_sizes, scale_of
from seachange.workflow._rehearsal.values import RevisionRehearsal, StatementRehearsal

_ROWS = 300_000
# On a machine where others work, the same statement takes twice as long at times.
_GENEROUS = 4.0


def _fill(session: Session, rows: int) -> None:
    session.execute("create table t (id int, name text, n int)")
    values = f"insert into t select n, md5(n::text), (n::bigint * 7919) % 100003 from generate_series(1, {rows}) n"
    session.execute(values.encode())
    session.execute("vacuum analyze t")


def _timed(session: Session, statement: str, *, undo: str) -> float:
    took = []
    for _ in range(3):
        began = time.monotonic()
        session.execute(statement.encode())
        took.append((time.monotonic() - began) * 1000)
        session.execute(undo.encode())
    return sorted(took)[1]


@pytest.mark.parametrize(
    ("statement", "undo", "work"),
    [
        pytest.param("alter table t alter n type bigint", "alter table t alter n type int", "rewrite of public.t", id="rewrite"),
        pytest.param("create index i on t (name)", "drop index i", "index build of public.t", id="index build"),
        pytest.param("update t set n = n + 1", "vacuum full t", "change of public.t", id="change of rows"),
    ],
)
def test_a_tenth_tells_how_long_all_of_it_takes(server: Server, database: Database, statement: str, undo: str, work: str) -> None:
    with (
        fresh_database(server) as small,
        contextlib.closing(connect(database, autocommit=True)) as whole,
        contextlib.closing(connect(small, autocommit=True)) as part,
    ):
        _fill(whole, _ROWS)
        _fill(part, _ROWS // 10)
        sizes = compare_sizes(small, read_statistics(whole))
        assert scale_of(sizes) == pytest.approx(0.1, abs=0.01)
        measured = _timed(part, statement, undo=undo)
        here = StatementRehearsal(number=1, sql=statement, duration_ms=measured, work=(work,))
        revision = RevisionRehearsal(revision="0002", duration_ms=measured, statements=(here,))
        (found,) = (each for each in project([revision], sizes) if each.measure == "duration_ms")
        real = _timed(whole, statement, undo=undo)
        assert real / _GENEROUS < found.projected < real * _GENEROUS
