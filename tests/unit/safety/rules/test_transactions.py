"""E5 to E12 over facts made by hand: what a transaction does while it holds locks."""

from __future__ import annotations

import dataclasses

import pytest

from seachange.postgres.catalog import Constraint
from seachange.safety.facts import IndexBuild, StatementFacts
from tests.unit.safety.rules.facts import catalog, found, locks, statement, table

ADD = statement("ALTER TABLE t ADD COLUMN a int", new="t=AX")
BUILD = statement(
    "CREATE INDEX i ON u (b)",
    new="u=S",
    held="t=AX",
    index_builds=(IndexBuild(index="public.i", table="public.u"),),
    scans={"public.u": 9},
)


def test_a_build_while_another_table_is_locked_is_found() -> None:
    actual = found("SC505", ADD, BUILD)

    assert actual == [
        "2: index build of public.u while the transaction holds ACCESS EXCLUSIVE on public.t: its readers and writers wait"
    ]


@pytest.mark.parametrize(
    "second",
    [
        pytest.param(
            statement("ALTER TABLE t ALTER b TYPE bigint", held="t=AX", rewrites=("public.t",)), id="what needs the lock itself"
        ),
        pytest.param(statement("SELECT * FROM t WHERE id = 1", held="t=AX", scans={"public.t": 3}), id="a look at one row"),
        pytest.param(statement("ALTER TABLE u VALIDATE CONSTRAINT c", held="t=AX", scans={"public.u": 3}), id="a validation"),
        pytest.param(statement("ALTER TABLE u ALTER b TYPE bigint", new="u=AX", rewrites=("public.u",)), id="nothing held"),
        pytest.param(
            statement(
                "CREATE INDEX i ON t (b)",
                new="t=S",
                held="t=AX",
                index_builds=(IndexBuild(index="public.i", table="public.t"),),
            ),
            id="a build on the locked table, whose rule says under which lock",
        ),
    ],
)
def test_what_is_said_elsewhere_or_harmless_is_not_found(second: StatementFacts) -> None:
    assert found("SC505", ADD, second) == []


def test_a_build_on_a_partition_of_the_locked_table_is_said_elsewhere() -> None:
    part = table("p", "a int", partition_bound="DEFAULT", inherits=("public.t",))
    before = catalog(table("t", "a int", kind="partitioned table"), part)
    build = statement("CREATE INDEX i ON t (a)", held="t=AX", new="p=S", index_builds=(IndexBuild(index="j", table="public.p"),))

    assert found("SC505", ADD, build, before=before) == []
    assert (
        len(found("SC505", ADD, dataclasses.replace(build, held_locks=locks("u=AX")), before=catalog(*before.tables, table("u"))))
        == 1
    )


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        pytest.param("UPDATE t SET a = 1", True, id="all rows"),
        pytest.param("UPDATE t SET a = 1 WHERE a IS NULL", True, id="rows by a condition"),
        pytest.param("UPDATE t SET a = 1 WHERE id = 7", False, id="one row"),
        pytest.param("UPDATE t SET a = 1 WHERE id IN (7, 8)", False, id="two rows"),
        pytest.param("DELETE FROM t WHERE b = (SELECT max(b) FROM u)", True, id="compared with a query"),
        pytest.param("INSERT INTO t VALUES (1), (2)", False, id="two new rows"),
        pytest.param("INSERT INTO t SELECT * FROM u", True, id="rows of another table"),
        pytest.param("COPY u TO STDOUT", False, id="rows read"),
    ],
)
def test_rows_changed_under_a_lock_are_found_where_they_are_many(sql: str, says: bool) -> None:  # noqa: FBT001
    assert bool(found("SC510", ADD, statement(sql, held="t=AX"))) is says


def test_rows_of_a_table_of_the_same_revision_are_no_finding() -> None:
    assert found("SC510", statement("UPDATE t SET a = 1", held="t=AX"), before=catalog()) == []


def test_three_tables_in_one_transaction_are_many_and_partitions_are_one() -> None:
    partition = table("t1", inherits=("public.t",), partition_bound="DEFAULT")
    before = catalog(table("t"), partition, table("u"), table("v"))
    statements = [statement(f"ALTER TABLE {name} ADD COLUMN a int", new=f"{name}=AX") for name in ("t", "t1", "u")]

    assert found("SC506", *statements, before=before) == []
    assert found("SC506", *statements, statement("ALTER TABLE v ADD COLUMN a int", new="v=AX"), before=before) == [
        "4: with public.v the transaction holds blocking locks on 3 tables: public.t, public.u, public.v"
    ]


def test_two_tables_of_a_foreign_key_are_locked_in_some_order() -> None:
    key = Constraint(
        name="k", kind="foreign key", definition="", columns=("t_id",), references_schema="public", references_table="t"
    )
    before = catalog(table("t"), table("u", "id bigint, t_id bigint", constraints=(key,)))
    second = statement("ALTER TABLE u ADD COLUMN a int", new="u=AX", held="t=AX")

    assert found("SC507", ADD, second, before=before) == [
        "2: public.u is locked while public.t is: public.u refers to public.t, whose writers lock both as well"
    ]
    assert found("SC507", ADD, second, before=catalog(table("t"), table("u"))) == []


def test_what_commits_half_way_and_cannot_be_run_again_is_found() -> None:
    build = statement("CREATE INDEX CONCURRENTLY i ON t (a)", transaction=0)
    check = statement("ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID", transaction=2)

    assert found("SC508", build, check) == [
        "1: CREATE INDEX CONCURRENTLY i ON t (a) is committed before 1 more statement, and cannot be run again"
    ]
    assert found("SC508", build) == []
    assert found("SC508", statement("CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a)", transaction=0), check) == []


def test_a_second_pass_over_a_table_is_found() -> None:
    passes = [
        statement(f"ALTER TABLE t ALTER {name} TYPE bigint", rewrites=("public.t",), new="t=AX" if name == "a" else "")
        for name in "ab"
    ]

    assert found("SC512", *passes) == ["2: 2 passes over public.t in one transaction, by the lines 1 and 2: one would do"]


@pytest.mark.parametrize(
    ("rule", "sql", "expected"),
    [
        pytest.param("SC509", "COMMIT", "COMMIT in the text ends or begins a transaction behind Alembic's back", id="commit"),
        pytest.param(
            "SC514",
            "SELECT pg_advisory_xact_lock(1)",
            "pg_advisory_xact_lock() waits, with a snapshot that concurrent builds wait for in turn",
            id="advisory lock",
        ),
        pytest.param(
            "SC511",
            "LOCK TABLE t",
            "LOCK TABLE takes ACCESS EXCLUSIVE on public.t: readers and writers wait until the transaction ends",
            id="lock table",
        ),
        pytest.param(
            "SC520",
            "COPY t FROM '/tmp/t'",
            "COPY with a file or a program of the server is for superusers, or for roles that were given that right",
            id="superuser",
        ),
    ],
)
def test_the_text_alone_says_it(rule: str, sql: str, expected: str) -> None:
    assert found(rule, statement(sql)) == [f"1: {expected}"]


@pytest.mark.parametrize(
    ("rule", "sql"),
    [
        pytest.param("SC509", "SAVEPOINT a", id="a savepoint"),
        pytest.param("SC514", "SELECT pg_try_advisory_lock(1)", id="a lock that is tried"),
        pytest.param("SC511", "LOCK TABLE t IN SHARE UPDATE EXCLUSIVE MODE", id="a weak lock"),
        pytest.param("SC520", "COPY t FROM STDIN", id="data of the client"),
    ],
)
def test_the_harmless_kin_is_not_found(rule: str, sql: str) -> None:
    assert found(rule, statement(sql)) == []


def test_many_savepoints_of_a_loop_are_said_once() -> None:
    assert found("SC520", *[statement("SAVEPOINT s", count=40)] * 3) == ["2: 80 savepoints or more in one transaction"]
