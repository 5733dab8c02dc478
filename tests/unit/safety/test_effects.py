"""What facts mean to others, in words."""

from __future__ import annotations

import pytest

from seachange.plan import Effect
from seachange.safety.effects import effect_of
from seachange.safety.facts import Dropped, IndexBuild, LockMode, RelationLock, StatementFacts
from seachange.safety.statistics import Statistics, TableStatistics


def lock(mode: LockMode, table: str = "public.t", kind: str = "table") -> RelationLock:
    return RelationLock(relation=table, mode=mode, kind=kind)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param(
            StatementFacts(sql="", new_locks=(lock(LockMode.ACCESS_EXCLUSIVE),)),
            Effect(locks=("ACCESS EXCLUSIVE on public.t",), wait="readers and writers wait briefly"),
            id="a strong lock without work",
        ),
        pytest.param(
            StatementFacts(sql="", new_locks=(lock(LockMode.SHARE),), index_builds=(IndexBuild(index="i", table="public.t"),)),
            Effect(locks=("SHARE on public.t",), work=("builds indexes of public.t",), wait="writers wait while it works"),
            id="an index build",
        ),
        pytest.param(
            StatementFacts(
                sql="", new_locks=(lock(LockMode.SHARE_UPDATE_EXCLUSIVE),), scans={"public.t": 5}, verified=("public.t",)
            ),
            Effect(locks=("SHARE UPDATE EXCLUSIVE on public.t",), work=("scans public.t",), wait="nobody waits"),
            id="a validation",
        ),
        pytest.param(
            StatementFacts(sql="", held_locks=(lock(LockMode.ACCESS_EXCLUSIVE),), changes={"public.u": 3}),
            Effect(
                held=("ACCESS EXCLUSIVE on public.t",),
                work=("changes rows of public.u",),
                wait="readers and writers wait while it works",
            ),
            id="work while a lock is held",
        ),
        pytest.param(
            StatementFacts(sql="", new_locks=(lock(LockMode.ACCESS_EXCLUSIVE, "public.i", "index"),)),
            Effect(wait="nobody waits"),
            id="a lock on an index alone",
        ),
        pytest.param(
            StatementFacts(
                sql="",
                dropped=(
                    Dropped(name="public.t.a", kind="table column", cascaded=True),
                    Dropped(name="public.i", kind="index"),
                ),
            ),
            Effect(losses=("table column public.t.a (cascade)",), wait="nobody waits"),
            id="what is lost",
        ),
    ],
)
def test_a_statement_is_described_by_its_locks_and_its_work(facts: StatementFacts, expected: Effect) -> None:
    assert effect_of([facts]) == expected


def test_sizes_are_told_of_tables_that_are_blocked_or_worked_on() -> None:
    facts = StatementFacts(sql="", new_locks=(lock(LockMode.SHARE), lock(LockMode.ACCESS_SHARE, "public.u")))
    known = {name: TableStatistics(rows=1_200_000, bytes=223_000_000) for name in ("public.t", "public.u")}

    assert effect_of([facts], statistics=Statistics(tables=known)).sizes == ("public.t: about 1,200,000 rows, 213 MB",)


def test_the_turns_of_a_loop_are_taken_together() -> None:
    first = StatementFacts(sql="", new_locks=(lock(LockMode.ROW_EXCLUSIVE),), changes={"public.t": 1})
    second = StatementFacts(sql="", new_locks=(lock(LockMode.SHARE),), held_locks=(lock(LockMode.ROW_EXCLUSIVE),))

    assert effect_of([first, second]) == Effect(
        locks=("SHARE on public.t",), work=("changes rows of public.t",), wait="writers wait while it works"
    )
