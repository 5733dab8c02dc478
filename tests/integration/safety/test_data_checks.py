"""Data checks against what the server says: an error where it refuses, none where it does not."""

from __future__ import annotations

import contextlib

import pytest

from seachange.postgres.connection import Database, connect
from seachange.safety.data_checks import derive, run_checks
from tests.integration.safety.asked import Case, ask, facts_of, fails, read_cases, said

USERS = """
create table users (id int primary key, email text, age int, code text, price numeric, made timestamptz, st text);
insert into users values
    (1, 'a', 5, '1', 1.25, '2026-01-05 10:00Z', 'open'),
    (2, 'a', null, 'x', 123456.5, '2026-02-05 00:00Z', 'draft'),
    (3, null, 70000, 'abcdef', 1, null, 'closed');
"""


@pytest.mark.parametrize("case", read_cases("every"))
def test_checks_find_what_the_server_refuses(each_database: Database, case: Case) -> None:
    findings, refused = ask(each_database, case.setup, case.statements)

    assert tuple(map(said, findings)) == case.says
    assert refused == any(finding.severity == "error" for finding in findings)
    assert {finding.provenance for finding in findings} <= {"data"}


@pytest.mark.parametrize("case", read_cases("newest"))
def test_checks_know_what_newer_servers_can(database: Database, case: Case) -> None:
    findings, refused = ask(database, case.setup, case.statements)

    assert tuple(map(said, findings)) == case.says
    assert refused == any(finding.severity == "error" for finding in findings)


def test_values_are_equal_by_the_collation_of_the_index(each_database: Database) -> None:
    collation = "create collation ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false)"
    with contextlib.closing(connect(each_database)) as connection:
        if fails(connection, [collation]):
            pytest.skip("this server was built without ICU")
    setup = f"create table t (id int primary key, a text); insert into t values (1, 'a'), (2, 'A'); {collation}"
    (finding,), refused = ask(each_database, setup, ["create unique index u on t (a collate ci)"])

    assert refused
    assert finding.message.startswith("public.t: 1 value of a COLLATE ci occurs more than once, in 2 rows (id = 1 and 2)")


@pytest.mark.parametrize(
    ("before", "reason"),
    [
        pytest.param("do $$ begin update users set age = 0; end $$", "a DO block runs before (0002.py:1)", id="a block"),
        pytest.param("select public.fill()", "public.fill() runs before (0002.py:1)", id="a function"),
        pytest.param(
            "update users set age = 0 where id in (select id from users where age is null limit 1)",
            "an UPDATE of public.users runs before (0002.py:1)",
            id="a batch",
        ),
        pytest.param(
            "with a as (select 1) update users set age = 0 where age is null",
            "an UPDATE of public.users runs before (0002.py:1)",
            id="WITH",
        ),
        pytest.param(
            "insert into users values (2) on conflict (id) do update set age = 0",
            "an INSERT of public.users runs before (0002.py:1)",
            id="ON CONFLICT",
        ),
    ],
)
def test_what_cannot_be_foreseen_is_no_alarm(each_database: Database, before: str, reason: str) -> None:
    setup = USERS + "create function fill() returns void language sql as 'update users set age = 0 where age is null'"
    (finding,), refused = ask(each_database, setup, [before, "alter table users alter age set not null"])

    assert not refused
    assert (finding.severity, finding.code) == ("info", "SC802")
    assert finding.message.endswith(f"fails, unless what runs before changes that: {reason}")


def test_triggers_may_write_something_else(each_database: Database) -> None:
    setup = f"""{USERS}
        create function fill() returns trigger language plpgsql as 'begin new.age := coalesce(new.age, 1); return new; end';
        create trigger t before update on users for each row execute function fill()"""
    (finding,), refused = ask(each_database, setup, ["update users set st = ''", "alter table users alter age set not null"])

    assert not refused
    assert finding.severity == "info"
    assert finding.message.endswith("unless what runs before changes that: triggers of public.users write as well")


def test_an_earlier_revision_is_taken_into_account(each_database: Database) -> None:
    first = ["alter table users rename to people", "alter table people add column n int", "update people set n = age"]
    second = ["alter table people alter n set not null"]
    with contextlib.closing(connect(each_database)) as connection:
        connection.execute(USERS.encode())
        connection.commit()
        checks = derive(facts_of(second, revision="0003"), earlier=[facts_of(first)])
        findings = run_checks(connection, checks)
        connection.rollback()
        refused = fails(connection, [*first, *second])

    assert [finding.message for finding in findings] == [
        "public.users: 1 row has no value in n (id = 2), on which SET NOT NULL of n fails"
    ]
    assert findings[0].where == "0003.py:1"
    assert refused


def test_a_table_that_an_earlier_revision_makes_and_fills_cannot_be_checked_yet(each_database: Database) -> None:
    first = ["create table copies as select id, age from users"]
    second = ["alter table copies alter age set not null", "alter table copies add check (id > 0)"]
    with contextlib.closing(connect(each_database)) as connection:
        connection.execute(USERS.encode())
        connection.commit()
        checks = derive(facts_of(second, revision="0003"), earlier=[facts_of(first)])
        findings = run_checks(connection, checks)

    assert {check.depends_on for check in checks} == {"0002"}
    assert [(finding.severity, finding.message) for finding in findings] == [
        (
            "info",
            "SET NOT NULL of age cannot be checked yet: public.copies is made by revision 0002 in the same run",
        ),
        ("info", "CHECK (id > 0) cannot be checked yet: public.copies is made by revision 0002 in the same run"),
    ]


def test_a_table_that_is_new_and_empty_needs_no_check(each_database: Database) -> None:
    first = ["create table t (id int, a int)", "insert into t values (1, 1)"]
    second = ["alter table t alter a set not null", "alter table t drop column id", "drop table t"]

    assert derive(facts_of(second, revision="0003"), earlier=[facts_of(first)]) == ()
    assert derive(facts_of([*first, *second])) == ()


def test_counts_and_samples_are_bounded(each_database: Database) -> None:
    setup = "create table t (id int primary key, a int); insert into t select n, null from generate_series(1, 1500) n"
    (finding,), _ = ask(each_database, setup, ["alter table t alter a set not null"])

    assert finding.message.startswith("public.t: at least 1000 rows have no value in a (id = 1, 2, 3, 4, 5 and more), on which")


def test_a_check_takes_no_longer_than_it_may(each_database: Database) -> None:
    with contextlib.closing(connect(each_database)) as connection:
        connection.execute("create table t (id int primary key); insert into t values (1)")
        connection.commit()
        checks = derive(facts_of(["alter table t add check (pg_sleep(id) is null)"]))
        (finding,) = run_checks(connection, checks, timeout_ms=100)

    assert (finding.severity, finding.code) == ("warning", "SC803")
    assert finding.message == "public.t: CHECK (pg_sleep(id) IS NULL): not checked within 0.1 s"


def test_a_check_writes_nothing(each_database: Database) -> None:
    setup = USERS + "create sequence s; create function f(int) returns bool language sql as 'select nextval(''s'') > 0'"
    with contextlib.closing(connect(each_database)) as connection:
        connection.execute(setup.encode())
        connection.commit()
        checks = derive(facts_of(["alter table users add check (f(id))"]))
        (finding,) = run_checks(connection, checks)
        called = connection.execute("select is_called from s").fetchone()

    assert called == (False,)
    assert finding.message.endswith("not checked: cannot execute nextval() in a read-only transaction")


def test_a_table_that_is_not_there_is_said(each_database: Database) -> None:
    (finding,), refused = ask(each_database, "", ["alter table nowhere alter a set not null"])

    assert refused
    assert (finding.severity, finding.message) == (
        "warning",
        "public.nowhere: SET NOT NULL of a: not checked: there is no table public.nowhere",
    )


def test_the_query_of_a_hint_shows_the_rows(each_database: Database) -> None:
    (finding,), _ = ask(each_database, USERS, ["alter table users alter age set not null"])

    query = finding.hint.removeprefix("see them: ").partition(";")[0]
    with contextlib.closing(connect(each_database)) as connection:
        rows = connection.execute(query.encode()).fetchall()
    assert [row[0] for row in rows] == [2]
