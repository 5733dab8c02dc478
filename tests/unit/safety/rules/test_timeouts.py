"""E1 to E4 over facts made by hand: who set which limit, and what is asked for under it."""

from __future__ import annotations

import pytest

from tests.unit.safety.rules.facts import catalog, found, statement, table

ADD = "ALTER TABLE t ADD COLUMN a int"


def test_a_blocking_lock_without_a_limit_is_said_once() -> None:
    unlimited = {"lock_timeout": "0"}

    actual = found("SC501", *[statement(ADD, new="t=AX", settings=unlimited)] * 2)

    assert actual == ["1: lock_timeout is 0 when ACCESS EXCLUSIVE on public.t is asked for"]


@pytest.mark.parametrize(
    ("new", "settings", "before"),
    [
        pytest.param("t=AX", {"lock_timeout": "300ms"}, catalog(table("t")), id="limited"),
        pytest.param("t=SUX", {"lock_timeout": "0"}, catalog(table("t")), id="lock stops nobody"),
        pytest.param("t=AX", {"lock_timeout": "0"}, catalog(), id="table of the same revision"),
        pytest.param("t=AX", {}, None, id="nobody knows"),
    ],
)
def test_no_limit_is_missed(new: str, settings: dict[str, str], before: object) -> None:
    assert found("SC501", statement(ADD, new=new, settings=settings), before=before) == []


@pytest.mark.parametrize(
    ("set_", "value", "expected"),
    [
        pytest.param("SET lock_timeout = 0", "0", "has no limit: the revision sets lock_timeout to 0 (line 1)", id="none"),
        pytest.param("SELECT set_config('lock_timeout', '5min', true)", "5min", "may last 5min (line 1)", id="minutes"),
    ],
)
def test_a_limit_of_the_revision_that_is_none_is_found(set_: str, value: str, expected: str) -> None:
    actual = found("SC502", statement(set_), statement(ADD, new="t=AX", settings={"lock_timeout": value}))

    assert actual == [f"2: the wait for ACCESS EXCLUSIVE on public.t {expected}"]


def test_without_a_server_the_text_says_what_the_limit_is() -> None:
    actual = found("SC502", statement("SET LOCAL lock_timeout = '60s'"), statement(ADD, new="t=AX"))

    assert actual == ["2: the wait for ACCESS EXCLUSIVE on public.t may last 60s (line 1)"]


def test_set_local_ends_with_its_transaction() -> None:
    actual = found("SC502", statement("SET LOCAL lock_timeout = 0"), statement(ADD, new="t=AX", transaction=2))

    assert actual == []


def test_a_limit_after_the_lock_comes_too_late() -> None:
    actual = found("SC502", statement(ADD, new="t=AX"), statement("SET lock_timeout = '2s'", held="t=AX"))

    assert actual == ["2: lock_timeout is set after ACCESS EXCLUSIVE on public.t was taken, and no other lock follows"]


@pytest.mark.parametrize(
    ("limit", "deadlock", "says"),
    [
        pytest.param("500ms", "1s", True, id="shorter"),
        pytest.param("1s", "1s", True, id="equal"),
        pytest.param("2s", "1s", False, id="longer"),
        pytest.param("2s", "5s", True, id="a server with another deadlock_timeout"),
    ],
)
def test_lock_timeout_is_compared_with_deadlock_timeout(limit: str, deadlock: str, says: bool) -> None:  # noqa: FBT001
    settings = {"lock_timeout": limit, "deadlock_timeout": deadlock}

    actual = found("SC503", statement(f"SET lock_timeout = '{limit}'"), statement(ADD, new="t=AX", settings=settings))

    assert bool(actual) is says


def test_the_first_try_of_the_runner_is_no_finding() -> None:
    assert found("SC503", statement(ADD, new="t=AX", settings={"lock_timeout": "300ms"})) == []


def test_a_short_statement_timeout_breaks_online_work_off() -> None:
    short = {"statement_timeout": "5s"}
    validation = statement("ALTER TABLE t VALIDATE CONSTRAINT c", new="t=SUX", settings=short)
    build = statement("CREATE INDEX CONCURRENTLY i ON t (a)", new="t=SUX", transaction=0, settings=short)

    actual = found("SC504", statement("SET statement_timeout = '5s'"), validation)

    assert actual == ["2: statement_timeout = 5s may break off online work"]
    # Concurrent builds have SC306.
    assert found("SC504", statement("SET statement_timeout = '5s'"), build) == []


def test_work_without_a_limit_under_a_lock_is_found() -> None:
    rewrite = statement(
        "ALTER TABLE t ALTER a TYPE bigint", new="t=AX", rewrites=("public.t",), settings={"statement_timeout": "0"}
    )

    assert found("SC504", rewrite) == [
        "1: statement_timeout is 0 for rewrite of public.t while ACCESS EXCLUSIVE on public.t is held"
    ]
