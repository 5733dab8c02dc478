"""client.py against real rows and a real type checker."""

from __future__ import annotations

import contextlib
import dataclasses
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from psycopg.rows import class_row
from psycopg.types import TypeInfo

from seachange.config import Settings
from seachange.postgres.connection import Database, connect
from seachange.sync import sync
from tests.integration.sync.generated import checked, imported
from tests.schemas import CLINIC, NASTY

_CONSUMER = """
from __future__ import annotations

from typing import Any

import psycopg
from psycopg.rows import class_row

from client import APPOINTMENTS_SELECT, AppointmentState, AppointmentsInsert, AppointmentsRow, ClientsInsert, PetsRow


def planned(connection: psycopg.Connection[Any]) -> list[AppointmentsRow]:
    with connection.cursor(row_factory=class_row(AppointmentsRow)) as cursor:
        return cursor.execute(APPOINTMENTS_SELECT + " WHERE state = %s", ["planned"]).fetchall()


def states(rows: list[AppointmentsRow]) -> list[AppointmentState]:
    return [row.state for row in rows]


def weight(pet: PetsRow) -> float:
    return float(pet.weight_kg) if pet.weight_kg is not None else 0.0


CLIENT: ClientsInsert = {"email": "ana@example.org", "name": "Ana"}
"""

_WRONG = """
from client import AppointmentsRow, ClientsInsert, PetsRow


def wrong(row: AppointmentsRow, pet: PetsRow) -> str:
    row.note = "frozen"
    print(pet.weight_kg + 1)
    if row.state == "lost":
        return "never"
    return row.note


CLIENT: ClientsInsert = {"name": "no address"}
"""


@pytest.fixture
def project(settings: Settings, tmp_path: Path) -> Settings:
    return dataclasses.replace(settings, root=tmp_path)


def test_a_consumer_of_the_client_is_checked_bychecked(database: Database, project: Settings) -> None:
    with contextlib.closing(connect(database, autocommit=True)) as connection:
        connection.execute(CLINIC.encode())
        folder = sync(database, settings=project, targets=("client",)).files[0].path.parent
    (folder / "consumer.py").write_text(_CONSUMER)
    (folder / "wrong.py").write_text(_WRONG)
    right, wrong = checked(folder, "client.py", "consumer.py"), checked(folder, "wrong.py")

    assert (right.returncode, right.stdout) == (0, "Success: no issues found in 2 source files\n")
    assert sorted(line.split(":")[1] for line in wrong.stdout.splitlines() if "error:" in line) == ["13", "6", "7", "8"]


def test_the_client_of_the_nasty_schema_is_clean_and_repeatable(each_database: Database, project: Settings) -> None:
    with contextlib.closing(connect(each_database, autocommit=True)) as connection:
        connection.execute(NASTY.encode())
        first = sync(each_database, settings=project, targets=("client",)).files[0]
        second = sync(each_database, settings=project, targets=("client",)).files[0]
        result = checked(first.path.parent, "client.py")
        connection.execute("drop table pets cascade")
        stale = sync(each_database, settings=project, check=True, targets=("client",)).files[0]

    assert (first.status, second.status, stale.status) == ("written", "unchanged", "stale")
    assert (result.returncode, result.stdout) == (0, "Success: no issues found in 1 source file\n")
    assert "-class PetsRow:" in stale.diff


_ROWS = """
insert into clients (email, name, born, length, score, raw, net, block, stay, stays, tags, matrix, feelings, mails, home, bits,
                     price, opens, ratio, code, place, mail2, away)
values ('a@b', 'Ana', '2000-01-02', '3 days', 1.50, '\\x00ff', '10.0.0.1', '10.0.0.0/8', '[2024-01-01,2025-01-01)', '{[1,3)}',
        '{a,b}', '{{1,2},{3,4}}', '{happy}', '{x@y}', '("Street 1",12345)', B'101', 12.5, '08:30', 0.5, 'abc', '(1,2)', 'c@d',
        '[2024-01-01,)');
insert into pets (client_id, "class", "from", "two words", "1st", "größe", __private, self, "int", "Mood", "_datetime", "-")
values (1, 'c', 'f', 't', null, 1.5, 'p', 's', 4, 'happy', '2024-02-03', 'd');
insert into "Odd Schema"."Order ""line"" | %" values (1, 1, 'from');
insert into billing.invoices (year, client_id) values (2024, 1);
insert into events (at) values ('2024-05-06');
insert into "order" values (1, 'me');
insert into billing.order_ values (1);
insert into "Order" values (1);
insert into base values (1);
insert into derived values (2);
insert into scratch values (null);
refresh materialized view counts;
"""


def test_real_rows_have_the_types_that_the_client_says(each_database: Database, project: Settings) -> None:
    with contextlib.closing(connect(each_database, autocommit=True)) as connection:
        connection.execute((NASTY + _ROWS).encode())
        client = imported(sync(each_database, settings=project, targets=("client",)).files[0].path, "generated_client")
        for name in client.TYPES_TO_REGISTER:
            info = TypeInfo.fetch(connection, name)
            assert info is not None
            info.register(connection)
        rows = {}
        for row_type, select in _queries(client):
            with connection.cursor(row_factory=class_row(row_type)) as cursor:
                rows[row_type] = cursor.execute(select).fetchall()

    assert all(rows.values())
    wrong = [
        f"{row_type.__name__}.{field.name}: {value!r} is no {field.type}"
        for row_type, found in rows.items()
        for row in found
        for field in dataclasses.fields(row_type)
        if not _fits(value := getattr(row, field.name), str(field.type), client)
    ]
    assert wrong == []


def _queries(client: types.ModuleType) -> list[tuple[type[Any], bytes]]:
    rows = {name.removesuffix("Row"): value for name, value in vars(client).items() if name.endswith("Row")}
    selects = {
        name.removesuffix("_SELECT").replace("_", ""): value for name, value in vars(client).items() if name.endswith("_SELECT")
    }
    return [(row, selects[name.upper()].encode()) for name, row in rows.items() if name.upper() in selects]


def _fits(value: object, annotation: str, client: types.ModuleType) -> bool:
    """Whether a value is of a generated annotation: the least of a type checker for runtime."""
    return any(_fits_one(value, part, client) for part in annotation.split(" | "))


def _fits_one(value: object, annotation: str, client: types.ModuleType) -> bool:
    if annotation == "None":
        return value is None
    if annotation.startswith("list["):
        inner = annotation.removeprefix("list[").removesuffix("]")
        return isinstance(value, list) and all(isinstance(one, list) or _fits(one, inner, client) for one in value)
    if annotation.startswith("_abc.Sequence["):
        return isinstance(value, Sequence) and all(_fits(one, annotation[len("_abc.Sequence[") : -1], client) for one in value)
    if annotation.startswith("RangeValue["):
        return all(hasattr(value, name) for name in ("lower", "upper", "lower_inc", "upper_inc", "isempty"))
    if annotation == "Json":
        return value is None or isinstance(value, (dict, list, str, int, float))
    meant = eval(annotation, vars(client))
    return value in meant.__args__ if hasattr(meant, "__args__") else type(value) is meant


def test_every_keyword_can_be_a_table_and_a_column(database: Database, project: Settings) -> None:
    with contextlib.closing(connect(database, autocommit=True)) as connection:
        words = [str(word) for (word,) in connection.execute("select word from pg_get_keywords() order by 1").fetchall()]
        columns = ", ".join(f'"{word}" integer' for word in words)
        tables = "".join(f'create table "{word}" ("{word}" integer); insert into "{word}" values (1);' for word in words)
        connection.execute(f"{tables} create table pets ({columns}); insert into pets default values".encode())
        client = imported(sync(database, settings=project, targets=("client",)).files[0].path, "generated_client")
        with connection.cursor(row_factory=class_row(client.PetsRow)) as cursor:
            row = cursor.execute(client.PETS_SELECT).fetchone()
            selects = [value for name, value in vars(client).items() if name.endswith("_SELECT") and name != "PETS_SELECT"]
            counts = [len(cursor.connection.execute(select).fetchall()) for select in selects]

    assert row == client.PetsRow(**{field.name: None for field in dataclasses.fields(client.PetsRow)})
    assert counts == [1] * len(words)
