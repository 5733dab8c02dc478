"""What is said of NULL, asked of the server: a column said to hold it does in some row, one said not to never does."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from seachange.postgres.connection import Database, connect
from seachange.postgres.server import Server
from seachange.sync.targets.queries._analysis import Known, analyse
from seachange.sync.targets.queries._catalog import Catalogue
from seachange.sync.targets.queries._describe import Described, describe
from seachange.sync.targets.queries._files import Query
from seachange.testing.fixtures import fresh_database

_SCHEMA = """
create domain filled as text not null;
create table a (id integer primary key, name text not null, nick text, word filled, data jsonb not null, span int4range not null,
    at timestamptz not null default '2024-01-01', kind text not null default 'k');
create table b (id integer primary key, a_id integer references a, label text not null, kind text not null default 'k');
create table base (id integer primary key, note text not null);
create table derived () inherits (base);
alter table base alter note drop not null;
alter table only base alter note set not null;
create table parts (id integer not null, label text not null, extra text) partition by range (id);
create table parts_1 partition of parts for values from (0) to (10);
create function lower(a) returns text language sql immutable as 'select null::text';
create function nothing(text) returns text language sql immutable as 'select null::text';
create view plain as select id, name, nick from a;
create view joined as select b.id, a.name, a.word from b left join a on a.id = b.a_id;
create materialized view kept as select id, name from a;
insert into a values (1, 'x', 'y', 'w', '{"k": 1, "n": null}', '[1,)'), (2, 'y', null, 'w', '{}', '[1,2)');
insert into b values (1, 1, 'one', 'k'), (2, null, 'two', 'other');
insert into base values (1, 'n'); insert into derived values (2, null);
insert into parts values (1, 'p', null);
refresh materialized view kept;
"""

_CASE = re.compile(r"^-- (?P<newer>18 )?(?P<name>[^:\n]+): (?P<marks>[!?~]+)\n(?P<sql>.+?)(?=\n\n|\Z)", re.MULTILINE | re.DOTALL)
_CASES = [
    pytest.param(match["sql"], match["marks"], bool(match["newer"]), id=match["name"])
    for match in _CASE.finditer(Path(__file__).with_name("nullability.sql").read_text())
]


@pytest.fixture(scope="module")
def rows(each_server: Server) -> Iterator[Database]:
    """A database with the tables of the cases."""
    with fresh_database(each_server) as database:
        with contextlib.closing(connect(database, autocommit=True)) as session:
            session.execute(_SCHEMA.encode())
        yield database


def _known(session: psycopg.Connection, sql: str) -> Known:
    # Of an operator that leaves columns without names and several of one name alone.
    query = Query(name="q", operation="affected", sql=sql, file="q.sql", line=1)
    described = describe(session, query)
    assert isinstance(described, Described), described
    (known,) = analyse([described], Catalogue(session))
    assert isinstance(known, Known), known
    return known


@pytest.mark.parametrize(("sql", "marks", "newer"), _CASES)
def test_null_is_where_it_is_said_to_be(rows: Database, sql: str, marks: str, *, newer: bool) -> None:
    with contextlib.closing(connect(rows)) as session:
        if newer and session.info.server_version < 180000:
            return
        columns = _known(session, sql).columns
        found = session.execute(sql.encode()).fetchall()
        session.rollback()

    assert "".join("?" if column.nullable else "!" for column in columns) == marks.replace("~", "?")
    nulls = {place for row in found for place, value in enumerate(row) if value is None}
    assert [place for place, mark in enumerate(marks) if mark != "~" and (mark == "?") != (place in nulls)] == []


@pytest.mark.parametrize("each_server", [18], ids=["pg18"], indirect=True)
def test_a_constraint_that_is_not_validated_promises_nothing(rows: Database) -> None:
    with contextlib.closing(connect(rows)) as session:
        session.execute("alter table a add constraint later not null nick not valid")

        assert [column.nullable for column in _known(session, "select nick, name from a").columns] == [True, False]


_ONE_ROW = {
    "select count(*) from a": True,
    "select count(*), max(id) from a where id > :id": True,
    "select exists (select from a where id = :id)": True,
    "select 1 as x": True,
    "values (1, 2)": True,
    "insert into b values (:id, null, 'l', 'k') returning id": True,
    "insert into b values (:id, null, 'l', 'k') on conflict (id) do update set label = 'x' returning id": True,
    "select id from a where id = :id": False,
    "select 1 as x where :x::boolean": False,
    "select count(*) from a limit 1 offset 1": False,
    "select count(*) from a group by id": False,
    "select count(*) from a having count(*) > 5": False,
    "select count(*) over () from a": False,
    "select (select count(*) from b) from a": False,
    "select generate_series(1, 0)": False,
    "select generate_series(1, count(*)) from a where false": False,
    "select count(*) from a union select 1": False,
    "insert into b values (:id, null, 'l', 'k') on conflict do nothing returning id": False,
    "insert into b values (:id, null, 'l', 'k') on conflict (id) do update set label = 'x' where false returning id": False,
    "insert into b values (:id, null, 'l', 'k'), (7, null, 'l', 'k') returning id": False,
    "insert into b select :id, null, 'l', 'k' returning id": False,
    "insert into plain (id, name) values (:id, 'x') returning id": False,
    "update b set label = 'x' returning id": False,
}


@pytest.mark.parametrize("sql", _ONE_ROW)
def test_one_row_is_promised_where_there_always_is_one(rows: Database, sql: str) -> None:
    with contextlib.closing(connect(rows)) as session:
        assert _known(session, sql).one_row is _ONE_ROW[sql]


def test_a_trigger_may_keep_a_row_from_being_inserted(rows: Database) -> None:
    with contextlib.closing(connect(rows)) as session:
        session.execute("create function keep() returns trigger language plpgsql as 'begin return null; end'")
        session.execute("create trigger keep before insert on b for each row execute function keep()")

        assert not _known(session, "insert into b values (:id, null, 'l', 'k') returning id").one_row


_PARAMETERS = {
    "select id from a where id = :p": "!",
    "select id from a where nick = :p": "!",
    "select id from a where :p::text is null or nick = :p": "?",
    "select id from a where nick is distinct from :p": "?",
    "select coalesce(:p, nick) from a": "?",
    "select coalesce(nick, :p) from a": "!",
    "insert into a (id, name, nick) values (:p, :q, :r)": "!!?",
    "insert into b values (:p, :q, :r)": "!?!",
    "insert into a (id, nick) select :p, :q": "!?",
    "insert into a (id, name, nick) values (1, :p, :p)": "!",
    "insert into a (id, word) values (1, :p)": "!",
    "insert into a (id, nick) values (1, :p::text) on conflict (id) do update set nick = :q, name = :r": "??!",
    "update a set nick = :p, (name, word) = (:q, :r) where id = :s": "?!!!",
    "update a set nick = lower(:p)": "!",
    "update a set nick = coalesce(:p, nick)": "?",
}


@pytest.mark.parametrize("sql", _PARAMETERS)
def test_none_is_accepted_where_null_means_something(rows: Database, sql: str) -> None:
    with contextlib.closing(connect(rows)) as session:
        assert "".join("?" if one.nullable else "!" for one in _known(session, sql).parameters) == _PARAMETERS[sql]
