"""Indexes and constraints that do not do their work."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable

import psycopg
import pytest

from seachange.postgres.connection import Database, connect
from seachange.postgres.server import Server
from seachange.safety.integrity import check_integrity
from seachange.testing.fixtures import fresh_database
from tests.integration.safety.damaged import PETS, filled, said


@pytest.mark.parametrize(
    "silence",
    [
        pytest.param("alter table pets disable trigger all", id="on the child"),
        pytest.param("alter table clients disable trigger all", id="on the parent"),
        pytest.param(
            "do $$ begin execute (select format('alter table pets enable replica trigger %I', tgname) from pg_trigger"
            " where tgrelid = 'pets'::regclass and tgtype & 4 = 4 limit 1); end $$",
            id="on replicas only",
        ),
    ],
)
def test_a_key_with_disabled_triggers_is_reported_and_its_rows_are_looked_at(each_database: Database, silence: str) -> None:
    script = (
        PETS
        + f"""
        delete from pets where client_id > 1;
        alter table pets add constraint fk foreign key (client_id) references clients;
        {silence};
    """
    )
    with filled(each_database, script) as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute("delete from clients")
        connection.execute("set session_replication_role = origin")
        connection.commit()
        disabled, orphan = check_integrity(connection)

        assert (disabled.code, orphan.code) == ("foreign-key-disabled", "orphan")
        connection.execute("delete from pets")
        connection.execute(disabled.hint.encode())
        connection.commit()
        assert check_integrity(connection) == ()


def test_a_key_of_a_partitioned_table_with_one_silent_partition_is_reported(each_database: Database) -> None:
    script = """
        create table parents (id integer primary key);
        create table children (parent_id integer references parents) partition by list (parent_id);
        create table children_1 partition of children for values in (1);
        create table children_2 partition of children default;
        alter table children_2 disable trigger all;
    """
    with filled(each_database, script) as connection:
        assert said(check_integrity(connection)) == [
            (
                "foreign-key-disabled",
                (
                    "public.children: foreign key children_parent_id_fkey checks nothing,"
                    " its triggers are disabled on public.children_2"
                ),
            )
        ]


def test_not_null_that_is_not_validated_is_reported(server_of: Callable[[int], Server]) -> None:
    script = PETS + "alter table pets add constraint present not null client_id not valid"
    with fresh_database(server_of(18)) as database, filled(database, script) as connection:
        assert said(check_integrity(connection)) == [
            ("unvalidated-constraint", "public.pets: not-null constraint present is NOT VALID: older rows were never checked")
        ]


def test_unvalidated_checks_of_tables_and_domains_are_reported(each_database: Database) -> None:
    script = """
        create domain positive as integer;
        create table t (n positive);
        insert into t values (-1);
        alter domain positive add constraint above_zero check (value > 0) not valid;
        alter table t add constraint small check (n < 0) not valid;
    """
    with filled(each_database, script) as connection:
        findings = check_integrity(connection)

    assert [finding.hint for finding in findings] == [
        "ALTER DOMAIN public.positive VALIDATE CONSTRAINT above_zero;",
        "ALTER TABLE public.t VALIDATE CONSTRAINT small;",
    ]


def test_an_invalid_index_is_reported_with_its_remedy(each_database: Database) -> None:
    with filled(each_database, "create table t (id integer); insert into t values (1), (1)") as connection:
        connection.autocommit = True
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("create unique index concurrently twice on t (id)")
        (finding,) = check_integrity(connection)
        assert (finding.code, finding.message) == (
            "invalid-index",
            "index public.twice on public.t is INVALID: it serves no query",
        )

        connection.execute("delete from t")
        connection.execute("reindex index concurrently twice")
        assert check_integrity(connection) == ()


def test_an_index_that_is_being_built_is_no_error(database: Database) -> None:
    with (
        filled(database, "create table t (id integer)") as reader,
        contextlib.closing(connect(database, autocommit=True, lock_timeout_ms=0)) as builder,
        contextlib.closing(connect(database, autocommit=True)) as connection,
    ):
        reader.execute("insert into t values (1)")
        thread = threading.Thread(target=builder.execute, args=["create index concurrently slowly on t (id)"])
        thread.start()
        try:
            for _ in range(200):
                findings = check_integrity(connection)
                if findings:
                    break
                connection.execute("select pg_sleep(0.02)")
        finally:
            reader.rollback()
            thread.join(timeout=10)

        assert [(one.code, one.severity) for one in findings] == [("invalid-index", "warning")]
        assert findings[0].message == f"index public.slowly on public.t is being built by pid {builder.info.backend_pid}"
        assert check_integrity(connection) == ()


def test_an_index_of_a_partitioned_table_that_lacks_partitions_is_reported(each_database: Database) -> None:
    script = """
        create table events (id integer) partition by list (id);
        create table events_1 partition of events for values in (1);
        create index events_id on only events (id);
    """
    with filled(each_database, script) as connection:
        (finding,) = check_integrity(connection)

    assert finding.message == "index public.events_id on public.events is INVALID: it serves no query"
    assert "ATTACH PARTITION" in finding.hint
