"""Sums over rows: equal for equal rows, whatever else differs."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest

from seachange.errors import StatementFailedError, TimeoutExceededError
from seachange.postgres.catalog import read_catalog
from seachange.postgres.connection import Database, Session, connect
from seachange.postgres.row_sums import ColumnSum, RowSum, row_sums, summable
from seachange.postgres.server import Server
from seachange.testing.fixtures import fresh_database
from tests.schemas import PORTABLE


@pytest.fixture
def session(each_database: Database) -> Iterator[Session]:
    with contextlib.closing(connect(each_database, autocommit=True)) as opened:
        yield opened


def test_the_order_of_rows_and_columns_does_not_count(session: Session) -> None:
    session.execute("create table a (id int, name text)")
    session.execute("create table b (name text, gone int, id int)")
    session.execute("alter table b drop column gone")
    session.execute("insert into a select n, 'x' || n from generate_series(1, 100) n")
    session.execute("insert into b select 'x' || n, n from generate_series(100, 1, -1) n")
    found = row_sums(session, {"public.a": (), "public.b": ()}, by_column=True)
    assert found["public.a"] == found["public.b"]
    assert found["public.a"].rows == 100
    assert set(found["public.a"].columns) == {"id", "name"}


@pytest.mark.parametrize(
    "change",
    [
        pytest.param("update a set name = 'other' where id = 7", id="one value"),
        pytest.param("update a set name = null where id = 7", id="null instead of a value"),
        pytest.param("update a set name = '' where id = 8", id="empty text instead of null"),
        pytest.param("update a set id = 9 - id where id in (4, 5)", id="values that changed places"),
        pytest.param("insert into a select * from a where id = 1", id="a row twice"),
        pytest.param("delete from a where id = 3", id="a row less"),
    ],
)
def test_every_change_of_a_row_changes_the_sum(session: Session, change: str) -> None:
    session.execute("create table a (id int, name text)")
    session.execute("insert into a select n, case when n <> 8 then 'x' || n end from generate_series(1, 10) n")
    before = row_sums(session, {"public.a": ()})
    session.execute(change)
    assert row_sums(session, {"public.a": ()})["public.a"].total != before["public.a"].total


def test_named_columns_count_alone(session: Session) -> None:
    session.execute('create table a (id int, "odd ""name" text)')
    session.execute("insert into a values (1, 'x')")
    before = row_sums(session, {"public.a": ("id",)}), row_sums(session, {"public.a": ('odd "name',)})
    session.execute("update a set id = 2")
    after = row_sums(session, {"public.a": ("id",)}), row_sums(session, {"public.a": ('odd "name',)})
    assert before[0] != after[0]
    assert before[1] == after[1]


def test_settings_of_the_session_do_not_count(session: Session) -> None:
    session.execute("create table a (f float8, t timestamptz, i interval, b bytea, m money, r regclass)")
    session.execute("insert into a values (0.1, '2026-01-02 03:04+01', '1 day 2 hours', '\\x00ff', 12.5, 'a')")
    before = row_sums(session, {"public.a": ()})
    for setting in (
        "extra_float_digits = -15",
        "timezone = 'Asia/Tokyo'",
        "datestyle = 'German'",
        "intervalstyle = sql_standard",
        "bytea_output = escape",
        "search_path = ''",
    ):
        session.execute(f"set {setting}".encode())
    assert row_sums(session, {"public.a": ()}) == before
    assert session.execute("show timezone").fetchone() == ("Asia/Tokyo",)


def test_partitions_count_once_and_children_by_themselves(session: Session) -> None:
    session.execute("create table p (id int) partition by range (id)")
    session.execute("create table p1 partition of p for values from (0) to (10)")
    session.execute("create table p2 partition of p default")
    session.execute("insert into p select generate_series(1, 15)")
    session.execute("create table parent (id int)")
    session.execute("create table child () inherits (parent)")
    session.execute("insert into parent values (1)")
    session.execute("insert into child values (2), (3)")
    wanted = summable(read_catalog(session))
    assert set(wanted) == {"public.p", "public.parent", "public.child"}
    assert {name: found.rows for name, found in row_sums(session, wanted).items()} == {
        "public.child": 2,
        "public.p": 15,
        "public.parent": 1,
    }


def test_a_table_without_rows_and_one_without_columns_have_sums(session: Session) -> None:
    session.execute("create table empty (id int)")
    session.execute("create table bare ()")
    session.execute("insert into bare default values")
    found = row_sums(session, {"public.empty": (), "public.bare": ()}, by_column=True)
    assert found["public.empty"] == RowSum(rows=0, total=0, columns={"id": ColumnSum(values=0, total=0)})
    assert found["public.bare"].rows == 1


def test_every_table_of_a_nasty_schema_can_be_summed(session: Session) -> None:
    session.execute(PORTABLE.encode())
    wanted = summable(read_catalog(session))
    assert set(row_sums(session, wanted, by_column=True)) == set(wanted)


def test_more_tables_than_go_into_one_query_come_in_their_order(session: Session) -> None:
    names = [f"public.t{number}" for number in range(120)]
    for number, name in enumerate(names):
        session.execute(f"create table {name} as select generate_series(1, {number}) as id".encode())
    found = row_sums(session, dict.fromkeys(names, ()))
    assert [found[name].rows for name in names] == list(range(120))


def test_a_table_under_row_security_is_refused_to_who_sees_a_part(session: Session) -> None:
    session.execute("create table a (id int)")
    session.execute("alter table a enable row level security")
    session.execute("create role partly")
    try:
        session.execute("grant select on a to partly")
        session.execute("set role partly")
        with pytest.raises(StatementFailedError, match="row-level security") as caught:
            row_sums(session, {"public.a": ()})
        assert "BYPASSRLS" in caught.value.hint
    finally:
        session.execute("reset role")
        session.execute("drop owned by partly")
        session.execute("drop role partly")


def test_a_missing_table_is_named(session: Session) -> None:
    with pytest.raises(StatementFailedError, match=r"public\.nothing"):
        row_sums(session, {"public.nothing": ()})


def test_a_time_limit_is_kept(session: Session) -> None:
    session.execute("create table a as select generate_series(1, 300000) as id")
    with pytest.raises(TimeoutExceededError):
        row_sums(session, {"public.a": ()}, statement_timeout_ms=1)


def test_majors_agree(server_of: Callable[[int], Server]) -> None:
    sums = []
    for major in (14, 18):
        with fresh_database(server_of(major)) as database, contextlib.closing(connect(database, autocommit=True)) as session:
            session.execute("create table a (f float8, n numeric, j jsonb, x xid, p point, z text[])")
            session.execute("insert into a values (1e-300, 1.10, '{\"b\": 1, \"a\": 2}', '7', '(1,2)', '{a,NULL,\"\"}')")
            sums.append(row_sums(session, {"public.a": ()}, by_column=True))
    assert sums[0] == sums[1]
