"""What of the data is gone after a change of the schema, and how many rows that concerns."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import psycopg
import pytest

from seachange.plan import Statement
from seachange.postgres.connection import Database, connect
from seachange.workflow._counting import Count, Counting, effect_of
from seachange.workflow._stored import Gone, gone, read_stored

SCHEMA = """
create type mood as enum ('calm', 'shy', 'wild');
create table owners (id int primary key, name text, code varchar(20), born timestamptz, worth bigint, moods mood[], mood mood,
  loud text generated always as (upper(name)) stored);
create table visits (id int, at date not null) partition by range (at);
create table visits_2024 partition of visits for values from ('2024-01-01') to ('2025-01-01');
create table visits_2025 partition of visits for values from ('2025-01-01') to ('2026-01-01');
insert into owners (id, name, code, worth, mood, moods) values
  (1, 'Ada', 'long enough', 1, 'shy', '{wild,shy}'), (2, null, 'short', 3000000000, 'calm', '{calm}'),
  (3, 'Bea', null, null, null, null);
insert into visits values (1, '2024-05-01'), (2, '2024-06-01'), (3, '2025-05-01');
"""


@pytest.fixture
def session(each_database: Database) -> Iterator[psycopg.Connection]:
    with contextlib.closing(connect(each_database, autocommit=True)) as opened:
        opened.execute(SCHEMA)
        yield opened


def lost(session: psycopg.Connection, change: str) -> list[tuple[str, str, str, int | None]]:
    """Return what a change would take, counted before it is made."""
    before = read_stored(session)
    with session.transaction(force_rollback=True):
        session.execute(change.encode())
        found = gone(before, read_stored(session))
    counting = Counting(session)
    return [(each.table, each.column, each.change, counting.of(each).rows) for each in found]


SHRINK = (
    "alter type mood rename to old; create type mood as enum ('calm', 'wild');"
    "update owners set mood = null, moods = '{}'; alter table owners alter mood type mood using mood::text::mood;"
    "alter table owners alter moods type mood[] using moods::text[]::mood[]; drop type old"
)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param("drop table owners", [("owners", "", "", 3)], id="a table"),
        pytest.param("drop table visits", [("visits", "", "", 3)], id="a partitioned table, once"),
        pytest.param("drop table visits_2024", [("visits_2024", "", "", 2)], id="one partition"),
        pytest.param("alter table visits detach partition visits_2024", [], id="a partition that stays as a table"),
        pytest.param("alter table owners drop name cascade", [("owners", "name", "", 2)], id="a column"),
        pytest.param("alter table owners drop loud", [], id="a column that others compute"),
        pytest.param("alter table owners rename name to title", [], id="a column by another name"),
        pytest.param(
            "alter table owners rename to people; alter table people set schema public", [], id="a table by another name"
        ),
        pytest.param("create table more (id int); alter table owners add note text", [], id="what is new"),
        pytest.param(
            "alter table owners alter code type varchar(8) using left(code, 8)",
            [("owners", "code", "turns from character varying(20) into character varying(8)", 1)],
            id="a text that is cut",
        ),
        pytest.param("alter table owners alter code type text", [], id="a text without limit"),
        pytest.param("alter table owners alter code type varchar(40)", [], id="a longer text"),
        pytest.param(
            "alter table owners alter worth type int using 0",
            [("owners", "worth", "turns from bigint into integer", 1)],
            id="int",
        ),
        pytest.param("alter table owners alter worth type numeric", [], id="a wider number"),
        pytest.param(
            "alter table owners alter born type date",
            [("owners", "born", "turns from timestamp with time zone into date", 0)],
            id="another type",
        ),
        pytest.param(
            SHRINK,
            [("owners", "moods", "loses the label shy", 1), ("owners", "mood", "loses the label shy", 1)],
            id="labels of an enum",
        ),
    ],
)
def test_what_goes_is_named_and_counted(
    session: psycopg.Connection, change: str, expected: list[tuple[str, str, str, int | None]]
) -> None:
    assert lost(session, change) == expected


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        pytest.param("DELETE FROM owners WHERE name IS NULL", Count(rows=1), id="delete"),
        pytest.param("UPDATE owners AS o SET name = '' WHERE o.id > 1", Count(rows=2), id="update"),
        pytest.param("TRUNCATE visits", Count(rows=3), id="truncate"),
        pytest.param(
            "DELETE FROM nothing", Count(rows=None, exact=False, reason='relation "nothing" does not exist'), id="no such table"
        ),
        pytest.param(
            "DELETE FROM owners; DELETE FROM visits",
            Count(rows=None, exact=False, reason="several statements in one text"),
            id="two statements",
        ),
    ],
)
def test_rows_that_a_statement_changes_are_counted_without_running_it(
    session: psycopg.Connection, sql: str, expected: Count
) -> None:
    statement = Statement(sql=sql)

    assert Counting(session).by(statement) == expected
    assert session.execute("select (select count(*) from owners), (select count(*) from visits)").fetchone() == (3, 3)


def test_a_condition_that_writes_is_not_carried_out(session: psycopg.Connection) -> None:
    session.execute("create function note() returns bool language sql as 'delete from visits returning true'")

    found = Counting(session).by(Statement(sql="DELETE FROM owners WHERE note()"))

    assert (found.rows is not None, found.exact) == (True, False)
    assert session.execute("select count(*) from visits").fetchone() == (3,)


def test_a_join_is_estimated_by_the_planner(session: psycopg.Connection) -> None:
    session.execute("analyze owners, visits")

    found = Counting(session).by(Statement(sql="DELETE FROM owners USING visits WHERE visits.id = owners.id"))

    assert (found.rows is not None, found.exact) == (True, False)


@pytest.mark.parametrize(
    ("sql", "effect"),
    [
        pytest.param("DELETE FROM owners", "deleted", id="delete"),
        pytest.param("TRUNCATE more, public.visits", "deleted", id="truncate"),
        pytest.param("MERGE INTO owners USING visits v ON v.id = owners.id WHEN MATCHED THEN DELETE", "deleted", id="merge"),
        pytest.param("UPDATE owners SET name = 'x'", "overwritten", id="update"),
        pytest.param(
            "WITH d AS (DELETE FROM visits RETURNING *) INSERT INTO b SELECT * FROM d", "deleted", id="inside of another"
        ),
        pytest.param("UPDATE owners SET first_name = split_part(name, ' ', 1)", "", id="a column that comes back"),
        pytest.param("DELETE FROM former", "", id="a table that comes back"),
        pytest.param("INSERT INTO owners (id) VALUES (9)", "", id="new rows"),
        pytest.param("SELECT 1", "", id="reading"),
        pytest.param("DROP TABLE owners", "", id="the schema"),
        pytest.param("this is no SQL", "", id="no SQL"),
    ],
)
def test_what_a_statement_does_to_rows_that_are_there(session: psycopg.Connection, sql: str, effect: str) -> None:
    assert effect_of(Statement(sql=sql), read_stored(session).values()) == effect


def test_a_table_that_another_session_locks_is_estimated(session: psycopg.Connection, each_database: Database) -> None:
    session.execute("insert into owners (id, name) select n, case when n % 2 = 0 then 'x' end from generate_series(10, 1009) n")
    session.execute("analyze owners")
    with contextlib.closing(connect(each_database)) as other:
        other.execute("lock table owners in access exclusive mode")
        counting = Counting(session)
        table = counting.of(Gone(schema="public", table="owners"))
        never = counting.of(Gone(schema="public", table="visits"))

    assert table == Count(rows=1003, exact=False)
    assert never == Count(rows=3)
