"""How long a relation is held in a transaction, and what is done meanwhile."""

from __future__ import annotations

import pytest

from seachange.safety.facts import LockMode, RelationLock, StatementFacts, Window, windows


def statement(number: int, *, transaction: int = 1, changes: str = "", **locks: LockMode) -> StatementFacts:
    taken = tuple(RelationLock(relation=f"public.{table}", mode=mode) for table, mode in locks.items())
    changed = {f"public.{changes}": 5} if changes else {}
    return StatementFacts(sql="", number=number, transaction=transaction, new_locks=taken, changes=changed)


def of(relation: str, *statements: StatementFacts) -> Window:
    (found,) = [each for each in windows(statements) if each.relation == f"public.{relation}"]
    return found


def test_a_window_is_open_from_where_others_wait_to_the_end_of_the_transaction() -> None:
    found = of(
        "t",
        statement(1, t=LockMode.ROW_EXCLUSIVE, changes="t"),
        statement(2, t=LockMode.SHARE),
        statement(3, u=LockMode.ROW_EXCLUSIVE, changes="u"),
        statement(4, t=LockMode.ACCESS_EXCLUSIVE),
        statement(5, transaction=2, v=LockMode.ROW_EXCLUSIVE, changes="v"),
    )

    assert (found.mode, found.first, found.strongest_at) == (LockMode.ACCESS_EXCLUSIVE, 1, 4)
    assert found.stages == ((1, LockMode.ROW_EXCLUSIVE), (2, LockMode.SHARE), (4, LockMode.ACCESS_EXCLUSIVE))
    assert [each.number for each in found.statements] == [2, 3, 4]
    assert found.long_work() == {3: {"public.u": ("change",)}}


def test_a_lock_that_nobody_waits_for_is_a_window_of_its_own_mode() -> None:
    found = of("t", statement(1, t=LockMode.ROW_EXCLUSIVE, changes="t"), statement(2))

    assert (found.mode, [each.number for each in found.statements]) == (LockMode.ROW_EXCLUSIVE, [1, 2])


def test_a_weaker_lock_that_follows_changes_nothing() -> None:
    found = of("t", statement(1, t=LockMode.ACCESS_EXCLUSIVE), statement(2, t=LockMode.SHARE))

    assert found.stages == ((1, LockMode.ACCESS_EXCLUSIVE),)


def test_of_two_modes_that_one_statement_takes_the_stronger_counts() -> None:
    both = tuple(RelationLock(relation="public.t", mode=mode) for mode in (LockMode.ROW_SHARE, LockMode.ACCESS_EXCLUSIVE))

    assert of("t", StatementFacts(sql="", new_locks=both)).stages == ((1, LockMode.ACCESS_EXCLUSIVE),)


@pytest.mark.parametrize("count", [1, 2])
def test_statements_outside_of_any_transaction_share_no_window(count: int) -> None:
    alone = [statement(number, transaction=0, t=LockMode.ACCESS_EXCLUSIVE) for number in range(1, count + 1)]

    assert [[each.number for each in found.statements] for found in windows(alone)] == [[one] for one in range(1, count + 1)]
