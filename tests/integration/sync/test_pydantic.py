"""pydantic_models.py against real rows, refusals of a real server and a real type checker."""

from __future__ import annotations

import datetime
import decimal
import ipaddress
import json
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg
import pydantic
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.rows import class_row, dict_row
from psycopg.types.multirange import Multirange
from psycopg.types.range import Range

from seachange.config import Settings
from seachange.postgres.connection import Session
from seachange.postgres.server import Server
from tests.integration.sync.generated import Described, described
from tests.schemas import DRIVER, NASTY, SYNC


@pytest.fixture(scope="module")
def nasty(each_server: Server, settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Described]:
    with described(each_server, settings, SYNC, tmp_path_factory.mktemp("nasty")) as found:
        yield found


def _insert(connection: Session, table: str, values: Mapping[str, Any]) -> dict[str, Any]:
    names = sql.SQL(", ").join(map(sql.Identifier, values))
    places = sql.SQL(", ").join(sql.Placeholder() for _ in values)
    statement = sql.SQL("INSERT INTO {} ({}) VALUES ({}) RETURNING *").format(sql.Identifier(*table.split(".")), names, places)
    found = connection.cursor(row_factory=dict_row).execute(statement, list(values.values())).fetchone()
    assert found is not None
    return found


_DAY, _NOON = datetime.date(2024, 2, 29), datetime.datetime(2024, 2, 29, 12, tzinfo=datetime.UTC)
_EVERYTHING: dict[str, Any] = {
    "small": -32768,
    "whole": 2147483647,
    "big": 9223372036854775807,
    "exact": decimal.Decimal("NaN"),
    "price": "12345678.90",
    "digits": 99999,
    "single": 0.5,
    "ratio": float("inf"),
    "cash": "$1.50",
    "flag": False,
    "code": "abc",
    "letter": "x",
    "byte": "y",
    "word": "ñ" * 20,
    "words": "",
    "body": 'it\'s "text" \\ %s {x}',
    "nick": "Nick",
    "raw": b"\x00\xff",
    "born": _DAY,
    "opens": datetime.time(8, 30, 0, 1),
    "opens_exactly": datetime.time(8, 30),
    "opens_there": datetime.time(8, 30, tzinfo=datetime.UTC),
    "happened": _NOON.replace(tzinfo=None),
    "happened_exactly": _NOON.replace(tzinfo=None),
    "since": _NOON,
    "since_second": _NOON,
    "lasting": datetime.timedelta(days=-1, microseconds=5),
    "lasting_exactly": datetime.timedelta(days=3),
    "token": uuid.UUID(int=1),
    "data": [1, "a", None, {"b": {}}],
    "document": {"a": [1.5, None]},
    "markup": None,  # not every build of a server reads XML
    "net": "10.0.0.1/8",
    "block": "10.0.0.0/8",
    "hardware": "08:00:2b:01:02:03",
    "hardware8": "08:00:2b:01:02:03:04:05",
    "bit_one": "1",
    "bits": "10101010",
    "more_bits": "101",
    "place": "(1,2)",
    "way": "((0,0),(1,1))",
    "area": "((0,0),(1,1),(1,0))",
    "round": "<(1,2),3>",
    "room": "(1,1),(0,0)",
    "search": "'a':1",
    "wanted": "'a' & 'b'",
    "object": 4294967295,
    "lsn": "16/B374D848",
    "span": Range(1, 3),
    "big_span": Range(None, 3, "()"),
    "exact_span": Range(decimal.Decimal("1.5"), None, "()"),
    "stay": Range(_NOON, None),
    "local_stay": Range(None, _NOON.replace(tzinfo=None), "(]"),
    "days": Range(empty=True),
    "own_span": Range(0.5, 1.5, "[]"),
    "spans": Multirange([Range(1, 3), Range(5, None)]),
    "stays": Multirange([]),
    "feeling": "",
    "strictness": "strict",
    "contact": "Ana@example.org",
    "office": "ana@example.org",
    "count_": 1,
    "owed": "0.50",
    "marks": ["a", None],
    "called": "Ana",
    "home": ('Street, "1"', None, "PT", _DAY),
    "tags": ["a,b", '"', "", None],
    "matrix": [[1, None], [3, 4]],
    "prices": ["1.50"],
    "codes": [["abcde"], ["f"]],
    "tokens": [uuid.UUID(int=2)],
    "moments": [_NOON],
    "feelings": ['it\'s "complicated"', "sad\\", "ñandú"],
    "contacts": ["a@b", None],
    "homes": [("Street", None, None, None), None],
    "documents": [{"a": 1}, [1, 2], "x", None],
    "flags": [],
}


def test_a_row_comes_back_as_it_was_given_and_can_be_given_again(nasty: Described) -> None:
    given = nasty.models.EverythingInsert(**_EVERYTHING)
    found = _insert(nasty.connection, "everything", given.model_dump(exclude_unset=True))
    row = nasty.models.EverythingRow(**found)
    again = nasty.models.EverythingInsert(**row.model_dump(exclude={"id"}))
    second = nasty.models.EverythingRow(**_insert(nasty.connection, "everything", again.model_dump(exclude_unset=True)))

    assert list(_EVERYTHING) == [name for name in nasty.models.EverythingRow.model_fields if name != "id"]
    assert _comparable(second, exclude={"id"}) == _comparable(row, exclude={"id"})
    assert _comparable(row, exclude={"id"}) == _comparable(given)
    assert row.home == nasty.models.Address('Street, "1"', None, "PT", _DAY)
    assert [row.net, row.feeling] == [ipaddress.ip_interface("10.0.0.1/8"), nasty.models.Mood.EMPTY]


def _comparable(model: pydantic.BaseModel, *, exclude: set[str] = frozenset()) -> dict[str, str]:  # type: ignore[assignment]
    # NaN is no other NaN; wrappers of the driver are no other wrappers.
    values = {name: getattr(model, name) for name in type(model).model_fields if name not in exclude}
    return {
        name: repr(value).replace("zoneinfo.ZoneInfo(key='Etc/UTC')", "datetime.timezone.utc") for name, value in values.items()
    }


def test_a_row_comes_back_from_json_as_it_went(nasty: Described) -> None:
    row = nasty.models.EverythingRow(id=1, **{**_EVERYTHING, "exact": "1.5", "ratio": 1.0})

    assert nasty.models.EverythingRow.model_validate_json(row.model_dump_json()) == row
    assert json.loads(row.model_dump_json())["stay"] == {"lower": "2024-02-29T12:00:00Z", "upper": None, "bounds": "[)"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("small", 32768, id="smallint too large"),
        pytest.param("whole", -2147483649, id="integer too small"),
        pytest.param("big", 9223372036854775808, id="bigint too large"),
        pytest.param("object", -4294967296, id="oid too small"),
        pytest.param("price", decimal.Decimal("123456789"), id="numeric with too many digits"),
        pytest.param("digits", decimal.Decimal(100000), id="numeric without places with too many digits"),
        pytest.param("digits", decimal.Decimal("Infinity"), id="numeric that is infinite"),
        pytest.param("prices", [decimal.Decimal(1), decimal.Decimal("123456789")], id="numeric in an array"),
        pytest.param("word", "x" * 21, id="text too long"),
        pytest.param("codes", ["abcdef"], id="text too long in an array"),
        pytest.param("codes", [["a"], ["abcdef"]], id="text too long in an array in an array"),
        pytest.param("code", "abcd", id="char too long"),
        pytest.param("bits", "101", id="too few bits"),
        pytest.param("bit_one", "2", id="no bit"),
        pytest.param("more_bits", "101010101", id="too many bits"),
        pytest.param("feeling", "lost", id="no label"),
        pytest.param("feelings", ["happy", "lost"], id="no label in an array"),
        pytest.param("born", "2023-02-29", id="no day"),
        pytest.param("opens", "25:00", id="no time"),
        pytest.param("token", "00000000", id="no uuid"),
        pytest.param("net", "10.0.0.256", id="no address"),
        pytest.param("block", "10.0.0.1/8", id="network with bits of a host"),
        pytest.param("flag", "perhaps", id="no truth"),
        pytest.param("ratio", "much", id="no number"),
        pytest.param("span", Range(3, 1), id="range upside down"),
        pytest.param("span", Range(1, 2147483648), id="range with a bound too large"),
        pytest.param("matrix", [[1], [2, 3]], id="ragged array"),
        pytest.param("count_", 0, id="check of a domain"),
        pytest.param("count_", None, id="domain without null"),
        pytest.param("owed", decimal.Decimal("-0.01"), id="check of a domain over numeric"),
        pytest.param("called", "x" * 21, id="domain over text too long"),
        pytest.param("home", ("Street", "12345678901", None, None), id="attribute too long"),
        pytest.param("id", 1, id="identity always"),
        pytest.param("unknown", 1, id="no such column"),
    ],
)
def test_what_the_database_refuses_the_model_refuses_too(nasty: Described, name: str, value: object) -> None:
    with pytest.raises(psycopg.Error), nasty.connection.transaction():
        _insert(nasty.connection, "everything", {name: value})
    for model in (nasty.models.EverythingInsert, nasty.models.EverythingUpdate):
        with pytest.raises(pydantic.ValidationError):
            model(**{name: value})


def test_null_and_missing_values_are_refused_where_the_database_refuses_them(nasty: Described) -> None:
    tables = {"EmployeesInsert": "employees", "BillingCustomersInsert": "billing.customers", "UserInsert": "user"}
    for model, table in tables.items():
        with pytest.raises(psycopg.errors.NotNullViolation), nasty.connection.transaction():
            nasty.connection.execute(sql.SQL("INSERT INTO {} DEFAULT VALUES").format(sql.Identifier(*table.split("."))))
        with pytest.raises(pydantic.ValidationError):
            getattr(nasty.models, model)()


def test_defaults_apply_to_what_is_not_given(nasty: Described) -> None:
    nothing = nasty.models.DefaultsInsert()
    statement = b"INSERT INTO defaults DEFAULT VALUES RETURNING *"
    with nasty.connection.cursor(row_factory=class_row(nasty.models.DefaultsRow)) as cursor:
        row: Any = cursor.execute(statement).fetchone()
    given = row.model_dump(exclude={"full_name", "search"})
    again = nasty.models.DefaultsRow(
        **_insert(nasty.connection, "defaults", nasty.models.DefaultsInsert(**given).model_dump() | {"id": 100})
    )

    assert nothing.model_dump(exclude_unset=True) == {}
    assert again == row.model_copy(update={"id": 100})
    assert row.feelings == []
    assert row.document == {"a": [1, "x'y", None]}


def test_an_update_has_what_was_given_by_the_names_of_the_columns(nasty: Described) -> None:
    model = nasty.models.NamesMixedCaseUpdate
    by_field = {field: "x" for field, about in model.model_fields.items() if about.annotation == (str | None)}

    changed = model(**by_field).model_dump(exclude_unset=True)

    columns = {column.name for column in nasty.connection.execute(b'SELECT * FROM names."Mixed Case"').description or ()}
    assert set(changed) < columns
    assert len(changed) == len(by_field) > 10
    assert model(**changed).model_dump(exclude_unset=True) == changed
    assert model(id=None).model_dump(exclude_unset=True) == {"id": None}


def test_names_of_all_kinds_take_and_give_rows(nasty: Described) -> None:
    values = {"ID": 7, "1st": 1, "größe": 1.5, 'a"b': "q", "back`tick": "b", "🐶": "dog", "Mood": "happy", "labels": ["", "*/"]}
    inserted = _insert(
        nasty.connection, "names.Mixed Case", nasty.models.NamesMixedCaseInsert(**values).model_dump(exclude_unset=True)
    )
    row = nasty.models.NamesMixedCaseRow(**inserted)

    assert row.model_dump() == inserted
    assert {name: inserted[name] for name in values} == values | {"größe": decimal.Decimal("1.5")}
    assert row.labels == [nasty.models.NamesLabel.EMPTY, nasty.models.NamesLabel.LABEL]


def test_rows_of_a_driver_that_was_told_of_the_types_fit(each_server: Server, settings: Settings, tmp_path: Path) -> None:
    with described(each_server, settings, NASTY + DRIVER, tmp_path) as nasty:
        counts = {}
        tables = {"driver": "DriverRow", "clients": "ClientsRow", "pets": "PetsRow", "counts": "CountsRow", "recent": "RecentRow"}
        for table, model in tables.items():
            with nasty.connection.cursor(row_factory=class_row(getattr(nasty.models, model))) as cursor:
                counts[table] = len(cursor.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(table))).fetchall())
        row: Any = (
            nasty.connection.cursor(row_factory=class_row(nasty.models.DriverRow)).execute(b"SELECT * FROM driver").fetchone()
        )

    assert counts == {"driver": 2, "clients": 2, "pets": 1, "counts": 1, "recent": 2}
    assert row.positives == [1]
    assert row.homes == [nasty.models.Address("a", "1")]


def test_an_asynchronous_connection_learns_the_types(nasty: Described) -> None:
    import asyncio

    async def loaded() -> object:
        place = make_conninfo(**dict(nasty.connection.info.get_parameters()))
        async with await psycopg.AsyncConnection.connect(place) as connection:
            await nasty.models.register_types_async(connection)
            cursor = await connection.execute("SELECT ARRAY['happy']::mood[], ROW('a', 'b', 'PT', NULL)::address")
            return await cursor.fetchone()

    assert asyncio.run(loaded()) == (["happy"], nasty.models.Address("a", "b", "PT", None))
