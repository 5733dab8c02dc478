"""A trace as text."""

from __future__ import annotations

from seachange.report.marks import Marks
from seachange.report.trace import trace_lines
from seachange.safety.facts import (
    Dropped,
    IndexBuild,
    LockMode,
    RelationLock,
    RevisionFacts,
    ServerError,
    StatementFacts,
    Trace,
)

LOCK = RelationLock(relation="public.t", mode=LockMode.ACCESS_EXCLUSIVE)


def text(*statements: StatementFacts, error: str = "") -> str:
    revision = RevisionFacts(revision="0001", title="Change t", file="v/0001.py", statements=statements)
    return "\n".join(
        trace_lines(
            Trace(major=18, server_version="18.1", revisions=(revision,), error=error), Marks(pictures=False, colour=False)
        )
    )


def test_each_fact_of_a_statement_is_a_line() -> None:
    shown = text(
        StatementFacts(
            sql="alter table t alter a type bigint",
            file="v/0001.py",
            line=9,
            op="alter_column",
            new_locks=(LOCK, RelationLock(relation="public.t_pkey", mode=LockMode.ACCESS_EXCLUSIVE, kind="index")),
            rewrites=("public.t",),
            index_builds=(IndexBuild(index="public.t_pkey", table="public.t"),),
            scans={"public.t": 5, "public.u": 1},
            changes={"public.u": 2000},
            dropped=(Dropped(name="public.v", kind="view", cascaded=True),),
            messages=('rewriting table "t"',),
            gaps=("something",),
            duration_ms=1.25,
            wal_bytes=2048,
        )
    )

    assert "1. v/0001.py:9  alter_column  transaction 1  1.2 ms, WAL 2.0 kB" in shown
    assert "takes ACCESS EXCLUSIVE on public.t: readers and writers wait" in shown
    assert "public.t_pkey: readers" not in shown
    assert "scans public.u: 1 row\n" in shown
    assert "scans public.t" not in shown
    assert "changes public.u: 2,000 rows" in shown
    assert "drops view public.v by cascade" in shown
    assert "not known: something" in shown


def test_a_window_says_what_is_done_while_others_wait() -> None:
    shown = text(
        StatementFacts(sql="a", number=1, new_locks=(LOCK,)),
        StatementFacts(sql="b", number=2, held_locks=(LOCK,), scans={"public.u": 3}),
    )

    assert "public.t ACCESS EXCLUSIVE, statements 1, 2; meanwhile scan of public.u (2)" in shown


def test_a_failure_is_told_with_its_statement_and_at_the_end() -> None:
    shown = text(StatementFacts(sql="a", error=ServerError(sqlstate="42P01", message="no such table")), error="it failed")

    assert "fails: no such table [SQLSTATE 42P01]" in shown
    assert shown.endswith("it failed")


def test_nothing_pending_is_said() -> None:
    assert trace_lines(Trace(major=18, revisions=()), Marks(pictures=False, colour=False)) == [
        "nothing to trace: no revision is pending"
    ]
