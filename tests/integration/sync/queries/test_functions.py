"""Generated functions on real rows: each operator, either style, and the types that they promise."""

from __future__ import annotations

import asyncio
import datetime
import subprocess
import sys
import typing
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.types.multirange import Int4Multirange
from psycopg.types.range import Int4Range, Int8Range, TimestamptzRange

from seachange.postgres.connection import Session
from tests.integration.sync.queries.conftest import Generator

_CLIENTS = """
-- name: get_client(id)^
-- One client.
select id, name, feeling, feelings, mails, data, stay from clients where id = :id;

-- name: list-clients
select * from clients where :state::text is null or state = :state order by id;

-- name: client_pets
select c.id, c.name, p.id as pet_id, p."class" as pet_class, count(*) over () as "of all"
from clients c left join pets p on p.client_id = c.id where c.name like '%%o%%' or c.name like :pattern order by 1, 3;

-- name: count_clients$
select count(*) from clients;

-- name: name_of$
select name from clients where id = :id;

-- name: feelings_of$
select feelings from clients where id = :id;

-- name: add_client<!
insert into clients (email, name, born, data, feelings, stay) values (:email, :name, :born, :data, :feelings, :stay)
returning id, data, born;

-- name: add_pet<!
insert into pets (client_id, "from") values (:client_id, :origin) returning id;

-- name: rename!
update clients set name = :name, tags = :tags where id = any(:ids);

-- name: add_pets*!
insert into pets (client_id, "from", "int") values (:client_id, :origin, :n);

-- name: add_data*!
insert into clients (email, name, data) values (:email, :name, :data);

-- name: reset#
-- Both at once, with a sign: 100 %.
delete from pets;
delete from clients where name like '%o%';
"""
_BORN = datetime.date(2001, 2, 3)
_STAY = TimestamptzRange(datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC), None)


def _story(call: Callable[..., Any]) -> None:
    """Call every function once, the way that a connection of either style does."""
    assert call("count_clients") == 2
    assert call("get_client", id=-1) is None
    assert call("get_client", id=1).feelings == ["happy", ""]
    assert [client.name for client in call("list_clients", state=None)] == ["Ana", "Bo"]
    assert call("list_clients", state="old") == []
    assert [(one.name, one.pet_id, one.of_all) for one in call("client_pets", pattern="Ana")] == [
        ("Ana", 1, 3),
        ("Ana", 2, 3),
        ("Bo", None, 3),
    ]
    assert (call("name_of", id=2), call("name_of", id=-1)) == ("Bo", None)
    assert (call("feelings_of", id=1), call("feelings_of", id=-1)) == (["happy", ""], None)
    made = call("add_client", email="c@d", name="Cy", born=_BORN, data=[None, {"a": 1}], feelings=["sad\\", ""], stay=_STAY)
    assert (made.data, made.born) == ([None, {"a": 1}], _BORN)
    assert isinstance(call("add_pet", client_id=made.id, origin=None), int)
    assert call("rename", name="X", tags=["a", 'b"'], ids=[1, 2]) == 2
    assert call("add_pets", [{"client_id": 1, "origin": "a", "n": 3}, {"client_id": 2, "origin": None, "n": None}]) == 2
    assert call("add_data", ({"email": f"{name}@d", "name": name, "data": {"n": name}} for name in "pqr")) == 3
    assert call("reset") is None


def test_every_operator_does_what_it_promises(generator: Generator, session: Session) -> None:
    module = generator.package({"clients.sql": _CLIENTS})("clients")

    _story(lambda function, /, *args, **values: getattr(module, function)(session, *args, **values))


def test_functions_for_asynchronous_connections_do_the_same(generator: Generator) -> None:
    module = generator.package({"people/clients.sql": _CLIENTS}, style=["sync", "async"])("people.clients_async")

    async def run() -> None:
        loop = asyncio.get_running_loop()
        async with await psycopg.AsyncConnection.connect(make_conninfo("", **generator.database.parameters)) as connection:

            def call(function: str, /, *args: Any, **values: Any) -> Any:
                made: Awaitable[Any] = getattr(module, function)(connection, *args, **values)
                return asyncio.run_coroutine_threadsafe(_result(made), loop).result(30)

            await asyncio.to_thread(_story, call)
            await connection.rollback()

    asyncio.run(run())


async def _result(made: Awaitable[Any]) -> Any:
    return await made


def _fits(value: object, hint: Any) -> bool:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return value in arguments
    if origin is list:
        return isinstance(value, list) and all(isinstance(one, list) or _fits(one, arguments[0]) for one in value)
    if arguments and origin is not None and not isinstance(origin, type):
        return any(_fits(value, one) for one in arguments)
    if isinstance(hint, str):
        return isinstance(value, (dict, list, str, int, float, type(None)))
    if "UnionType" in type(hint).__name__:
        return any(_fits(value, one) for one in arguments)
    return type(value) is (origin or hint)


_EVERYTHING = """
-- name: everything
select * from clients order by id;
-- name: beside
select c.*, p.* from pets p
right join (select id as other, feelings, mails, stays, visits from clients) c on c.other = p.client_id;
-- name: invoices
select i.*, c.email from billing.invoices i full join clients c on c.id = i.client_id;
-- name: expressions
select row(id, name) as "row", array[id] as ids, array(select name::text from clients) as names, now() - since as age,
    extract(epoch from since) as epoch, to_jsonb(name) as js, id::text, id::numeric / 3 as third, feeling::text as felt,
    (select max(born) from clients) as latest, home as "class", score is null as unscored, c as whole, visits,
    '1'::"char" as letter,
    array_agg(id) over () as everybody, null as nothing, array[coalesce(feeling, 'sad\\')] as feels, array[visits] as counted
from clients c order by id;
"""


def test_values_are_of_the_types_that_the_rows_say(generator: Generator, session: Session) -> None:
    module = generator.package({"all.sql": _EVERYTHING})("all")
    wrong, seen = [], 0
    for name in ("everything", "beside", "invoices", "expressions"):
        for row in getattr(module, name)(session):
            for field, hint in typing.get_type_hints(type(row)).items():
                seen += 1
                value = getattr(row, field)
                wrong += [] if _fits(value, hint) else [f"{name}.{field}: {value!r} is no {hint}"]

    assert wrong == []
    assert seen > 100


_STARS = """
-- name: star
select * from pets where id > :number;
-- name: stars
select p.*, :number::integer as "one * more", i . * from pets p
left join (select line_a, during from billing.invoices) i on true;
-- name: inside
with x as (select * from pets) select x.* from x where client_id = :number;
-- name: written^
insert into base values (:number, 'a') returning *;
-- name: both
select * from base union select * from base;
"""


def test_a_column_that_is_added_later_changes_no_row(generator: Generator, session: Session) -> None:
    module = generator.package({"stars.sql": _STARS})("stars")
    session.execute("alter table pets add later text; alter table base add later text")

    assert "select id, client_id, " in module.STAR_SQL
    assert 'p."two words", ' in module.STARS_SQL
    assert ", i . during from pets" in module.STARS_SQL
    assert [row.id for row in module.star(session, number=1)] == [2]
    assert [row.one___more for row in module.stars(session, number=7)] == [7, 7]
    assert [row.id for row in module.inside(session, number=1)] == [1, 2]
    assert module.written(session, number=5).note == "a"
    assert "*" in module.BOTH_SQL


_RANGES = """
-- name: within$
select count(*) from clients where stay && :stay and stays && :stays
    and :number::bigint <@ :numbers::int8range and matrix = :matrix;
"""


def test_ranges_and_arrays_are_sent_as_what_they_are(generator: Generator, session: Session) -> None:
    module = generator.package({"ranges.sql": _RANGES})("ranges")
    hints = typing.get_type_hints(module.within)

    assert (hints["stays"], hints["numbers"], hints["matrix"]) == (Int4Multirange, Int8Range, list[int])
    values = {"stays": Int4Multirange([Int4Range(1, 2)]), "number": 3, "numbers": Int8Range(1, 5), "matrix": [[1, 2], [3, 4]]}
    assert module.within(session, stay=_STAY, **values) == 1


_TYPES = """
-- name: totals(client)^
-- types: total!, first?, :client?
select sum(id) as total, min(client_id) as last, name as first
from pets, (select name from clients where id = 1) as named where client_id = :client group by name;
"""


@pytest.mark.parametrize("each_server", [18], ids=["pg18"], indirect=True)
def test_a_line_of_types_knows_better(generator: Generator) -> None:
    module = generator.package({"totals.sql": _TYPES})("totals")

    assert typing.get_type_hints(module.TotalsRow) == {"total": int, "last": int, "first": str | None}
    assert typing.get_type_hints(module.totals)["client"] == int | None


_CONSUMER = """
from __future__ import annotations

import datetime
from typing import Any

import psycopg
from queries import clients, clients_async
from queries.clients import ClientsRow, GetClientRow


def names(connection: psycopg.Connection[Any]) -> list[str]:
    rows: list[ClientsRow] = clients.list_clients(connection, state=None)
    return [row.name for row in rows]


async def one(connection: psycopg.AsyncConnection[Any]) -> GetClientRow | None:
    return await clients_async.get_client(connection, id=1)


def add(connection: psycopg.Connection[Any]) -> int:
    clients.add_pets(connection, [{"client_id": 1, "origin": None, "n": 2}])
    return clients.count_clients(connection)
"""
_WRONG = """
from typing import Any

import psycopg
from queries import clients


def wrong(connection: psycopg.Connection[Any]) -> None:
    clients.get_client(connection, id="1")
    clients.get_client(connection, id=1).name
    clients.rename(connection, name=None, tags=None, ids=[1])
    clients.add_pets(connection, [{"client_id": 1}])
    clients.client_pets(connection, pattern="x")[0].pet_id + 1
"""


def _run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", *command], cwd=folder, capture_output=True, text=True, check=False, timeout=300)


@pytest.mark.parametrize("each_server", [18], ids=["pg18"], indirect=True)
def test_type_checkers_and_linters_have_nothing_to_say(generator: Generator) -> None:
    generator.package({"clients.sql": _CLIENTS, "all.sql": _EVERYTHING}, style=["sync", "async"])
    made = generator.folder / "made"
    (made / "consumer.py").write_text(_CONSUMER)
    (made / "wrong.py").write_text(_WRONG)
    checked = _run(made, "mypy", "--strict", "--config-file=", "--cache-dir=.cache", "queries", "consumer.py", "wrong.py")
    linted = _run(made, "ruff", "check", "--isolated", "--ignore-noqa", "--no-cache", "--select=E4,E7,E9,F,I,B,UP,W", "queries")

    assert [line.split(": ")[0] for line in checked.stdout.splitlines() if "error:" in line] == [
        f"wrong.py:{n}" for n in range(9, 14)
    ]
    assert linted.stdout == "All checks passed!\n"
