"""The catalogue of real servers: one fingerprint for one schema, and every change seen."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

import pytest
from psycopg.pq import TransactionStatus
from psycopg.rows import dict_row

from seachange.errors import StatementFailedError, TimeoutExceededError
from seachange.postgres.catalog import Catalog, Table, View, diff, exported_snapshot, read_catalog
from seachange.postgres.connection import Database, Session, connect
from seachange.postgres.server import Server
from seachange.testing.fixtures import fresh_database
from tests.schemas import CLINIC, NASTY, PORTABLE, VIEWS


@contextlib.contextmanager
def _filled(database: Database, script: str) -> Iterator[Session]:
    with contextlib.closing(connect(database)) as connection:
        connection.execute(script.encode())
        connection.commit()
        yield connection


def _status(connection: Session) -> TransactionStatus:
    return connection.info.transaction_status


def _table(catalog: Catalog, name: str) -> Table:
    return next(table for table in catalog.tables if table.name == name)


def _view(catalog: Catalog, name: str) -> View:
    return next(view for view in catalog.views if view.name == name)


@pytest.mark.parametrize("script", [pytest.param(PORTABLE, id="nasty"), pytest.param(VIEWS, id="views")])
def test_the_same_schema_has_one_fingerprint_on_all_majors(server_of: Callable[[int], Server], script: str) -> None:
    catalogs = {}
    for major in (14, 15, 16, 17, 18):
        with fresh_database(server_of(major)) as database, _filled(database, script) as connection:
            catalogs[major] = read_catalog(connection)

    assert [catalog.major for catalog in catalogs.values()] == [14, 15, 16, 17, 18]
    assert {major: [one.sentence for one in diff(catalogs[14], catalog)] for major, catalog in catalogs.items()} == {
        major: [] for major in catalogs
    }
    assert len({catalog.fingerprint for catalog in catalogs.values()}) == 1


def test_settings_of_the_session_and_the_database_do_not_reach_the_fingerprint(each_database: Database) -> None:
    with _filled(each_database, NASTY) as connection:
        plain = read_catalog(connection)
        connection.execute("set search_path to billing, public")
        connection.execute("set timezone to 'Asia/Tokyo'")
        connection.execute("set datestyle to 'SQL, DMY'")
        connection.execute("set intervalstyle to 'iso_8601'")
        connection.execute("set bytea_output to escape")
        connection.execute("set quote_all_identifiers to on")
        connection.commit()
        odd = read_catalog(connection)

        assert diff(plain, odd) == ()
        row = connection.execute("select current_setting('search_path'), current_setting('timezone')").fetchone()
        assert row == ("billing, public", "Asia/Tokyo")


def test_a_transaction_that_is_open_stays_open_and_keeps_its_settings(database: Database) -> None:
    with _filled(database, CLINIC) as connection:
        connection.execute("set local search_path to pg_temp")
        connection.execute("create temporary table mine ()")
        connection.execute("create table public.not_yet_committed ()")
        catalog = read_catalog(connection)

        assert _status(connection) == TransactionStatus.INTRANS
        assert connection.execute("show search_path").fetchone() == ("pg_temp",)
        assert [table.name for table in catalog.tables] == ["appointments", "clients", "not_yet_committed", "pets"]
        connection.rollback()
        assert [table.name for table in read_catalog(connection).tables] == ["appointments", "clients", "pets"]
        assert _status(connection) == TransactionStatus.IDLE


def test_autocommit_and_another_row_factory_are_no_matter(database: Database) -> None:
    with _filled(database, CLINIC) as connection:
        expected = read_catalog(connection)
        connection.autocommit = True
        connection.row_factory = dict_row

        assert read_catalog(connection) == expected


def test_the_nasty_schema_is_read_whole(each_database: Database) -> None:
    with _filled(each_database, NASTY) as connection:
        catalog = read_catalog(connection)

    assert [table.qualified for table in catalog.tables] == [
        '"Odd Schema"."Order ""line"" | %"',
        "billing.empty",
        "billing.invoices",
        "billing.order_",
        'public."Order"',
        "public.base",
        "public.clients",
        "public.derived",
        "public.events",
        "public.events_2024",
        "public.events_rest",
        'public."order"',
        "public.pets",
        "public.scratch",
    ]
    assert [view.qualified for view in catalog.views] == ["public.counts", "public.recent", "public.recent_pets"]
    assert [(sequence.name, sequence.owned_by, sequence.identity) for sequence in catalog.sequences] == [
        ("numbers", "", False),
        ("clients_id_seq", "public.clients.id", True),
        ("events_id_seq", "public.events.id", True),
        ("pets_id_seq", "public.pets.id", False),
    ]
    assert [function.qualified for function in catalog.functions] == [
        "billing.nothing()",
        "public.product(integer)",
        "public.shout(text)",
        "public.shout(text, integer)",
        "public.touch()",
    ]
    assert [extension.name for extension in catalog.extensions] == ["btree_gist", "citext"]
    assert [schema.name for schema in catalog.schemas] == ["Odd Schema", "billing", "public"]


def test_types_are_read(each_database: Database) -> None:
    with _filled(each_database, NASTY) as connection:
        catalog = read_catalog(connection)

    assert [(enum.name, enum.labels) for enum in catalog.enums] == [
        ("select", ("from",)),
        ("mood", ("happy", 'it\'s "complicated"', "sad\\", "ñandú", "")),
    ]
    assert [(domain.name, domain.type, domain.not_null, domain.default) for domain in catalog.domains] == [
        ("email", "public.citext", False, ""),
        ("positive", "integer", True, "1"),
    ]
    assert catalog.domains[1].constraints[0].definition == "CHECK ((VALUE > 0))"
    assert catalog.composites[0].attributes == ("street text", '"zip code" character varying(10) COLLATE pg_catalog."C"')
    assert [(one.name, one.subtype) for one in catalog.ranges] == [("moments", "timestamp with time zone")]


def test_columns_are_read(each_database: Database) -> None:
    with _filled(each_database, NASTY) as connection:
        clients = _table(read_catalog(connection), "clients")
    columns = {column.name: column for column in clients.columns}

    assert list(columns)[:3] == ["id", "email", "name"]
    assert columns["id"].identity == "always"
    assert columns["feelings"].type_ref.kind == "enum"
    assert columns["feelings"].type_ref.array
    assert columns["email"].type_ref.kind == "domain"
    assert columns["home"].type_ref.kind == "composite"
    assert columns["stays"].type_ref.kind == "multirange"
    assert columns["search"].generated == "stored"
    assert columns["raw"].storage == "external"
    assert columns["code"].collation == 'pg_catalog."C"'
    assert columns["until"].default == "'2020-06-01 10:00:00+00'::timestamp with time zone"
    assert columns["name"].comment == 'as they say it | or "write" it\n"""\\'


def test_tables_know_their_keys_partitions_and_policies(each_database: Database) -> None:
    with _filled(each_database, NASTY) as connection:
        catalog = read_catalog(connection)
    invoices, pets, events = _table(catalog, "invoices"), _table(catalog, "pets"), _table(catalog, "events")
    partition = _table(catalog, "events_2024")

    assert invoices.primary_key is not None
    assert invoices.primary_key.columns == ("year", "number")
    line = next(key for key in invoices.foreign_keys if key.name == "line")
    assert (line.columns, line.references_columns) == (("line_a", "line_b"), ("a b", "class"))
    assert (line.references_schema, line.references_table) == ("Odd Schema", 'Order "line" | %')
    assert events.kind == "partitioned table"
    assert events.partition_key == "RANGE (at)"
    assert partition.inherits == ("public.events",)
    assert partition.partition_bound == "FOR VALUES FROM ('2024-01-01 00:00:00+00') TO ('2025-01-01 00:00:00+00')"
    assert partition.foreign_keys == ()
    assert pets.row_security
    assert pets.replica_identity == "full"
    assert pets.policies[0].using == "(\"Quoted\" = ANY (ARRAY['a'::text, 'b'::text]))"
    assert [constraint.name for constraint in pets.constraints if not constraint.validated] == ["later"]
    assert _table(catalog, "clients").triggers[0].enabled == "disabled"
    assert _table(catalog, "order").rules[0].name == "no_delete"
    assert _table(catalog, "scratch").unlogged
    assert _view(catalog, "counts").kind == "materialized view"


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        pytest.param(
            "alter table pets add phone varchar(20)",
            "table public.pets: column phone varchar(20) is in the database, but not expected",
            id="column",
        ),
        pytest.param(
            "alter table pets alter name type text",
            "table public.pets: column name: type is text in the database, expected varchar(100)",
            id="type",
        ),
        pytest.param(
            "alter table pets alter weight_kg set default 1",
            "table public.pets: column weight_kg: default is 1 in the database, expected not set",
            id="default",
        ),
        pytest.param(
            "alter table pets alter name drop not null",
            "table public.pets: column name is nullable in the database, expected not null",
            id="null",
        ),
        pytest.param(
            "alter table pets drop constraint ck_pets_weight",
            "table public.pets: constraint ck_pets_weight CHECK ((weight_kg > (0)::numeric)) is missing in the database",
            id="check",
        ),
        pytest.param(
            "drop index ix_pets_client_id",
            "table public.pets: index ix_pets_client_id CREATE INDEX ix_pets_client_id ON public.pets USING btree (client_id)"
            " is missing in the database",
            id="index",
        ),
        pytest.param(
            "update pg_index set indisvalid = false where indexrelid = 'ix_pets_client_id'::regclass",
            "table public.pets: index ix_pets_client_id is INVALID in the database, expected valid",
            id="invalid index",
        ),
        pytest.param(
            "alter type appointment_state add value 'late'",
            "enum public.appointment_state: labels is planned, done, cancelled, late in the database,"
            " expected planned, done, cancelled",
            id="enum value",
        ),
        pytest.param(
            "comment on table clients is null",
            "table public.clients: comment is not set in the database, expected Who pays.",
            id="comment",
        ),
        pytest.param(
            "alter table clients enable row level security",
            "table public.clients is under row security in the database, expected not under row security",
            id="row security",
        ),
        pytest.param(
            "alter sequence pets_id_seq increment 2",
            "sequence public.pets_id_seq: increment is 2 in the database, expected 1",
            id="sequence",
        ),
        pytest.param("create view v as select 1 as one", "view public.v is in the database, but not expected", id="view"),
        pytest.param("create schema extra", "schema extra is in the database, but not expected", id="schema"),
        pytest.param("drop table appointments", "table public.appointments is missing in the database", id="table"),
        pytest.param(
            "alter table pets alter name set statistics 500, set (fillfactor = 50)",
            "table public.pets: options is fillfactor=50 in the database, expected not set",
            id="storage option",
        ),
    ],
)
def test_a_change_by_hand_is_seen(database: Database, statement: str, sentence: str) -> None:
    with _filled(database, CLINIC) as connection:
        before = read_catalog(connection)
        connection.execute(statement.encode())
        connection.commit()
        after = read_catalog(connection)

    assert sentence in [difference.sentence for difference in diff(before, after)]
    assert before.fingerprint != after.fingerprint


def test_a_column_added_later_is_the_same_schema_as_one_declared_in_its_place(server: Server) -> None:
    with fresh_database(server) as one, _filled(one, "create table t (a integer, b text)") as connection:
        declared = read_catalog(connection)
    with fresh_database(server) as two, _filled(two, "create table t (b text); alter table t add a integer") as connection:
        added = read_catalog(connection)

    assert declared.fingerprint == added.fingerprint
    assert [column.position for column in _table(declared, "t").columns] == [1, 2]
    assert [column.name for column in _table(added, "t").columns] == ["b", "a"]


def test_tables_can_be_passed_over_by_name_and_pattern(database: Database) -> None:
    script = CLINIC + "create schema s; create table s.events_1 (); create table s.events_2 (id serial); create table s.kept ();"
    with _filled(database, script) as connection:
        catalog = read_catalog(connection, exclude_tables=("s.events_*", "pets"))
        only = read_catalog(connection, schemas=("s",))

    assert [table.name for table in catalog.tables] == ["appointments", "clients", "kept"]
    assert "events_2_id_seq" not in {sequence.name for sequence in catalog.sequences}
    assert [table.name for table in only.tables] == ["events_1", "events_2", "kept"]
    assert [schema.name for schema in only.schemas] == ["s"]


def test_a_locked_view_is_waited_for_within_lock_timeout(database: Database) -> None:
    with _filled(database, CLINIC + "create view v as select id from pets") as holder:
        holder.execute("alter table pets add extra integer")
        with contextlib.closing(connect(database, lock_timeout_ms=100)) as connection:
            with pytest.raises(TimeoutExceededError, match="catalogue of the database") as caught:
                read_catalog(connection)
            assert _status(connection) == TransactionStatus.IDLE

    assert caught.value.exit_code == 6


def test_an_exported_snapshot_shows_another_session_the_same_moment(database: Database) -> None:
    with _filled(database, CLINIC) as connection, contextlib.closing(connect(database)) as other:
        with exported_snapshot(connection) as name:
            other.execute("create table later ()")
            other.commit()
            other.execute("set transaction isolation level repeatable read")
            other.execute(f"set transaction snapshot '{name}'".encode())
            seen = other.execute("select count(*) from pg_catalog.pg_class where relname = 'later'").fetchone()
            assert "later" not in {table.name for table in read_catalog(connection).tables}
        assert seen == (0,)
        assert "later" in {table.name for table in read_catalog(connection).tables}


def test_a_schema_that_changes_meanwhile_can_be_read_or_says_so(database: Database) -> None:
    statements = [
        "create table other (id serial primary key, n integer check (n > 0), unique (n)); create index other_n on other (n)",
        "create view seen as select id from other; create function f() returns integer language sql as 'select 1'",
        "drop view seen; drop function f(); drop table other",
    ]
    stop = threading.Event()
    with _filled(database, CLINIC) as reader, contextlib.closing(connect(database, autocommit=True)) as writer:

        def change() -> None:
            while not stop.is_set():
                for statement in statements:
                    writer.execute(statement.encode())

        thread = threading.Thread(target=change)
        thread.start()
        try:
            outcomes = {_outcome(reader) for _ in range(60)}
        finally:
            stop.set()
            thread.join(timeout=30)

    assert "read" in outcomes
    assert outcomes <= {"read", "the schema changed while it was read; try again"}


def _outcome(connection: Session) -> str:
    try:
        return (
            "read" if {table.name for table in read_catalog(connection).tables} >= {"appointments", "clients", "pets"} else "part"
        )
    except StatementFailedError as exc:
        return exc.hint
