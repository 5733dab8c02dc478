"""Made-up rows: as many as the real tables have, like them, and nothing of a text of theirs."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Iterator

import pytest

from seachange.postgres.connection import Database, Session, connect
from seachange.postgres.server import Server
from seachange.safety.column_statistics import read_column_statistics
from seachange.safety.integrity import check_integrity
from seachange.safety.statistics import Statistics, TableStatistics, read_statistics
from seachange.testing.fixtures import fresh_database
from seachange.workflow._rehearsal.seeding import Seeded, fill_database, planned_rows
from tests.schemas import CLINIC, PORTABLE

_SHOP = """
create type state as enum ('new', 'paid', 'sent');
create domain percent as int check (value between 0 and 100);
create table people (id bigint generated always as identity primary key, email text not null unique,
    born date, worth numeric(8, 2), level text not null check (level in ('gold', 'silver')), boss bigint references people,
    shout text generated always as (upper(email)) stored);
create table roles (id uuid primary key default gen_random_uuid(), name varchar(3) not null unique);
create table people_roles (person bigint references people, role uuid references roles, primary key (person, role));
create table profiles (person bigint primary key references people on delete cascade, bio text, photo bytea,
    tags text[], extra jsonb not null);
create table orders (id serial, at timestamptz not null, state state not null, discount percent,
    person bigint not null references people,
    primary key (id, at)) partition by range (at);
create table orders_1 partition of orders for values from ('2024-01-01') to ('2025-01-01');
create table orders_2 partition of orders for values from ('2025-01-01') to ('2026-01-01');
create table lines (order_id int, order_at timestamptz, number smallint, amount int check (amount > 0),
    primary key (order_id, order_at, number),
    foreign key (order_id, order_at) references orders (id, at));
create table bookings (room int, during tsrange, exclude using gist (during with &&));
create table left_ (id int primary key, other int not null);
create table right_ (id int primary key, other int not null references left_);
alter table left_ add foreign key (other) references right_ deferrable initially deferred;
"""
_ROWS = """
insert into people (email, born, worth, level, boss)
    select 'secret' || n || '@example.com', date '1970-01-01' + n % 300, n % 1000, 'gold', null from generate_series(1, 3000) n;
update people set born = null where id % 4 = 0;
insert into roles (name) select 'r' || n from generate_series(1, 20) n;
insert into people_roles select p.id, r.id from people p, roles r where p.id <= 100;
insert into profiles select id, 'bio of ' || email, '\\x00', '{a}', '{}' from people where id <= 500;
insert into orders (at, state, discount, person) select timestamptz '2024-06-01' + n * interval '1 hour',
    case when n % 10 = 0 then 'new' else 'sent' end::state, n % 50, 1 + n % 3000 from generate_series(1, 5000) n;
insert into lines select id, at, 1, 1 + id % 9 from orders;
insert into bookings select n, tsrange(timestamp '2024-01-01' + n * interval '1 day',
    timestamp '2024-01-01' + n * interval '1 day' + '1 hour') from generate_series(1, 50) n;
set session_replication_role = replica;
insert into left_ select n, n from generate_series(1, 100) n;
insert into right_ select n, n from generate_series(1, 100) n;
set session_replication_role = origin;
analyze;
"""


@dataclasses.dataclass(frozen=True)
class _Pair:
    """A database with rows, one without, and what came of filling that."""

    real: Session
    made: Session
    seeded: Seeded


@pytest.fixture(scope="module")
def shop(each_server: Server) -> Iterator[_Pair]:
    with fresh_database(each_server) as real, fresh_database(each_server) as empty, contextlib.ExitStack() as stack:
        one, other = (stack.enter_context(contextlib.closing(connect(each, autocommit=True))) for each in (real, empty))
        one.execute(_SHOP.encode())
        one.execute(_ROWS.encode())
        other.execute(_SHOP.encode())
        known = dataclasses.replace(read_statistics(one), columns=read_column_statistics(one))
        text = Statistics.from_json(known.to_json())
        assert text.columns == known.columns
        yield _Pair(real=one, made=other, seeded=fill_database(empty, text, most=2_000))


def _value(session: Session, query: str) -> object:
    row = session.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def test_every_table_has_its_part_of_the_rows(shop: _Pair) -> None:
    rows = {name.removeprefix("public."): count for name, count in shop.seeded.rows.items()}
    assert rows == {
        "people": 1200,
        "roles": 20,
        "people_roles": 1000,
        "profiles": 500,
        "orders": 2000,
        "lines": 2000,
        "bookings": 50,
        "left_": 100,
        "right_": 100,
    }
    assert shop.seeded.notes == ()
    assert {name: _value(shop.made, f"select count(*) from {name}") for name in rows} == rows


def test_the_rows_keep_every_promise_of_the_schema(shop: _Pair) -> None:
    assert check_integrity(shop.made, every=True) == ()
    assert _value(shop.made, "select bool_and(shout = upper(email)) from people")


def test_values_are_like_the_real_ones(shop: _Pair) -> None:
    share = "select avg((born is null)::int)::float8 from people"
    assert _value(shop.made, share) == pytest.approx(_value(shop.real, share), abs=0.05)
    ranges = "select min(born) >= '1970-01-01' and max(born) <= '1970-10-28' and max(worth) <= 999 from people"
    assert _value(shop.made, ranges)
    states = "select avg((state = 'new')::int)::float8 from orders"
    assert _value(shop.made, states) == pytest.approx(_value(shop.real, states), abs=0.05)
    assert _value(shop.made, "select count(distinct tableoid) from orders") == 2
    width = "select avg(length(bio))::float8 from profiles"
    assert _value(shop.made, width) == pytest.approx(_value(shop.real, width), rel=0.2)
    assert _value(shop.made, "select count(*) from people where level = 'gold'") not in (0, 1200)


def test_values_that_are_all_distinct_stay_so(server: Server) -> None:
    with fresh_database(server) as real, fresh_database(server) as empty, contextlib.ExitStack() as stack:
        one, other = (stack.enter_context(contextlib.closing(connect(each, autocommit=True))) for each in (real, empty))
        for each in (one, other):
            each.execute("create table people (id int primary key, email text, phone bigint, code int)")
        one.execute(
            "insert into people select n, case when n % 3 > 0 then 'person' || n end, 5550000000 + n * 17, n"
            " from generate_series(1, 4000) n"
        )
        one.execute("analyze")
        known = dataclasses.replace(read_statistics(one), columns=read_column_statistics(one))
        fill_database(empty, known, most=2_000)
        for column, rows in (("email", 1333), ("phone", 2000), ("code", 2000)):
            assert _value(other, f"select count({column}) = count(distinct {column}) from people")
            assert _value(other, f"select count({column}) from people") == pytest.approx(rows, rel=0.1)
        assert _value(other, "select min(phone) >= 5550000000 and max(phone) > 5550040000 from people")


def test_no_text_of_the_real_rows_is_known(shop: _Pair) -> None:
    known = dataclasses.replace(read_statistics(shop.real), columns=read_column_statistics(shop.real))
    assert "secret" not in known.to_json()
    assert _value(shop.made, "select count(*) from people where email like '%secret%'") == 0
    assert known.columns["public.people"]["born"].bounds or known.columns["public.people"]["born"].common


def test_new_rows_come_behind_the_made_up_ones(shop: _Pair) -> None:
    shop.made.execute("insert into people (email, level) values ('new', 'gold')")
    shop.made.execute("insert into orders (at, state, person) values ('2024-05-05', 'new', 1)")
    shop.made.execute("delete from people where email = 'new'")
    shop.made.execute("delete from orders where at = '2024-05-05'")


def test_rows_of_the_history_stay_and_are_referred_to(database: Database) -> None:
    with contextlib.closing(connect(database, autocommit=True)) as session:
        session.execute("create table kinds (code text primary key)")
        session.execute("create table pets (id int primary key, kind text not null references kinds)")
        session.execute("insert into kinds values ('cat'), ('dog')")
        known = Statistics(
            tables={f"public.{name}": TableStatistics(rows=rows, bytes=8192) for name, rows in (("kinds", 2), ("pets", 300))}
        )
        found = fill_database(database, known, most=1000)
        assert (found.rows, found.notes) == ({"public.kinds": 0, "public.pets": 300}, ())
        assert session.execute("select kind, count(*) > 50 from pets group by 1 order by 1").fetchall() == [
            ("cat", True),
            ("dog", True),
        ]


def test_what_cannot_be_made_up_is_told(database: Database) -> None:
    with contextlib.closing(connect(database, autocommit=True)) as session:
        session.execute("create type pair as (a int, b int)")
        session.execute("create table strange (id int primary key, pair pair not null)")
        session.execute("create table picky (id int primary key, a int not null, b int not null, check (a % 7 = b % 7))")
        session.execute("create table followers (id int primary key, picky int not null references picky)")
        session.execute("create table never (id int primary key, check (id < 0))")
        tables = {f"public.{name}": TableStatistics(rows=700, bytes=8192) for name in ("strange", "picky", "followers", "never")}
        found = fill_database(database, Statistics(tables=tables), most=1000)
        assert 20 < found.rows["public.picky"] < 300
        assert 0 < found.rows["public.followers"] < 300
        assert found.rows["public.strange"] == found.rows["public.never"] == 0
        assert sorted(found.notes) == [
            "public.never has 0 made-up rows instead of 700: never_id_check refuses the others",
            f"public.picky has {found.rows['public.picky']} made-up rows instead of 700: picky_check refuses the others",
            "public.strange has no made-up rows: nothing can be made up for pair (public.pair)",
        ]
        assert check_integrity(session, every=True) == ()


@pytest.mark.parametrize("schema", [pytest.param(PORTABLE, id="nasty"), pytest.param(CLINIC, id="clinic")])
def test_schemas_of_all_kinds_are_filled_without_an_orphan(each_database: Database, schema: str) -> None:
    with contextlib.closing(connect(each_database, autocommit=True)) as session:
        session.execute(schema.encode())
        known = read_statistics(session)
        tables = {name: dataclasses.replace(each, rows=300) for name, each in known.tables.items()}
        found = fill_database(each_database, dataclasses.replace(known, tables=tables), most=1000)
        assert sum(rows > 0 for rows in found.rows.values()) >= len(found.rows) * 0.6
        wrong = [each.message for each in check_integrity(session, every=True)]
        assert [each for each in wrong if "NOT VALID" not in each] == []


def test_texts_take_the_shape_that_checks_ask_for(database: Database) -> None:
    with contextlib.closing(connect(database, autocommit=True)) as session:
        session.execute("create domain mail as text check (value ~ '^[^@]+@[^@]+[.][a-z]+$')")
        session.execute(
            "create table people (id int primary key, email text not null unique check (email like '%@%.%'), other mail,"
            " code text not null check (code = upper(code)), page text check (page ~ '^https://'),"
            " digits text check (digits !~ '[^0-9]'))"
        )
        known = Statistics(tables={"public.people": TableStatistics(rows=500, bytes=8192)})
        found = fill_database(database, known, most=1000)
        assert (found.rows, found.notes) == ({"public.people": 500}, ())
        assert session.execute("select count(page), count(other), count(distinct email) from people").fetchone() == (
            500,
            500,
            500,
        )


def test_large_tables_are_scaled_down_together() -> None:
    sizes = {"big": 10_000_000, "half": 5_000_000, "small": 700, "unknown": None}
    known = Statistics(tables={name: TableStatistics(rows=rows, bytes=500_000) for name, rows in sizes.items()})
    assert planned_rows(known, most=100_000) == {"big": 100_000, "half": 50_000, "small": 700, "unknown": 1_000}


def test_many_rows_take_seconds(database: Database) -> None:
    with contextlib.closing(connect(database, autocommit=True)) as session:
        for number in range(4):
            session.execute(f"create table t{number} (id int primary key, name text, at timestamptz, n int)".encode())
    tables = {f"public.t{number}": TableStatistics(rows=100_000, bytes=8_000_000) for number in range(4)}
    began = time.monotonic()
    found = fill_database(database, Statistics(tables=tables), most=100_000)
    assert sum(found.rows.values()) == 400_000
    assert time.monotonic() - began < 20
