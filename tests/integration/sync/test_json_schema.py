"""schema.schema.json against the rows, refusals and acceptances of a real server."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Iterator
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import psycopg
import pytest
from psycopg import sql
from psycopg.types.json import Jsonb

from seachange.config import Settings
from seachange.postgres.connection import Session, connect
from seachange.postgres.server import Server
from seachange.sync import sync
from tests.integration.sync.databases import filled_database
from tests.schemas import CLINIC, DRIVER, NASTY, SYNC

_ROWS = """
INSERT INTO defaults DEFAULT VALUES;
INSERT INTO departments (name) VALUES ('first');
INSERT INTO employees (department_id, name, email) VALUES (1, 'Ann', 'a@b');
INSERT INTO customers (email, name, home, feeling, credit) VALUES ('a@b', 'Ann', '("a street",1,PT,2024-02-29)', '', 0.1);
INSERT INTO "user" (id, "order", model_config) VALUES (1, 2, 'x');
INSERT INTO names."Mixed Case" ("ID", "1st", "größe", "🐶", "Date") VALUES (1, 1, 1.5, 'x', '2024-02-29');
INSERT INTO products (sku, name, price, available) VALUES ('12345678', 'A', 1.5, '[2024-01-01,)');
INSERT INTO events (at) VALUES ('2024-02-29'), ('2025-02-28'), ('1999-01-01');
INSERT INTO everything (small, exact, single, ratio, cash, code, byte, nick, raw, opens, opens_there, happened,
    since, lasting, token, document, net, hardware, bits, place, search, object, lsn, span, exact_span, stay,
    own_span, spans, feeling, contact, marks, home, tags, matrix, prices, codes, moments, feelings, contacts, homes,
    documents, born, digits, big, flags) VALUES (-32768, 'NaN', 'Infinity', 0.1, 1.5, 'a', 'b', 'Nick', '\\x00ff',
    '08:30', '08:30+05:30', '2024-02-29 12:00:00.5', '2024-02-29 12:00+02', '1 day', gen_random_uuid(),
    '{"a": [null]}', '10.0.0.1/8', '08:00:2b:01:02:03', B'10101010', '(1,2)', 'a', 4294967295, '16/B374D848',
    'empty', '[1.5,)', '[2024-01-01,)', '[0.5,1.5]', '{[1,3),[5,)}', 'it''s "complicated"', 'A@b', '{a,NULL}',
    '("a ""street",,PT,)', '{"a,b",NULL}', '{{1,2},{3,NULL}}', '{1.5}', '{{abcde},{f}}', '{2024-02-29 12:00+00}',
    '{"",happy}', '{a@b}', '{"(a,1,PT,2024-02-29)",NULL}', ARRAY['{"a": 1}', '[1]', 'null']::jsonb[], '2024-02-29',
    99999, 9223372036854775807, '{}');
INSERT INTO everything DEFAULT VALUES;
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Described:
    connection: Session
    definitions: dict[str, Any]

    def errors(self, name: str, value: object) -> list[str]:
        """What is wrong with a value."""
        schema = {"$ref": "#/$defs/found", "$defs": {**self.definitions, "found": self.definitions[name]}}
        checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
        found = jsonschema.Draft202012Validator(schema, format_checker=checker).iter_errors(value)
        return [error.message for error in found]


@contextlib.contextmanager
def _described(server: Server, settings: Settings, script: str, folder: Any) -> Iterator[_Described]:
    with filled_database(server, script) as database, contextlib.closing(connect(database, autocommit=True)) as connection:
        chosen = dataclasses.replace(settings, root=folder)
        first, second = (sync(database, settings=chosen, targets=("jsonschema",)).files[0] for _ in range(2))
        assert [first.status, second.status] == ["written", "unchanged"]
        document = json.loads(first.path.read_text())
        jsonschema.Draft202012Validator.check_schema(document)
        yield _Described(connection=connection, definitions=document["$defs"])


@pytest.fixture(scope="module")
def nasty(each_server: Server, settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Described]:
    with _described(each_server, settings, SYNC + _ROWS, tmp_path_factory.mktemp("nasty")) as described:
        yield described


def _rows(described: _Described) -> Iterator[tuple[str, Any]]:
    for name in described.definitions:
        if name.endswith(".row"):
            query = sql.SQL("SELECT to_jsonb(one) FROM {} AS one").format(sql.SQL(name.removesuffix(".row")))
            for (row,) in described.connection.execute(query).fetchall():
                yield name, row


def test_rows_as_json_fit(nasty: _Described) -> None:
    nasty.connection.execute(b"REFRESH MATERIALIZED VIEW order_counts; REFRESH MATERIALIZED VIEW billing.state_counts")
    rows = list(_rows(nasty))

    assert {name for name, _ in rows} >= {
        "public.everything.row",
        "public.defaults.row",
        'names."Mixed Case".row',
        'public."user".row',
    }
    assert [(name, errors) for name, row in rows if (errors := nasty.errors(name, row))] == []


@pytest.mark.parametrize("script", [pytest.param(NASTY + DRIVER, id="driver"), pytest.param(CLINIC, id="clinic")])
def test_rows_of_other_schemas_fit(server: Server, settings: Settings, tmp_path: Any, script: str) -> None:
    with _described(server, settings, script, tmp_path) as described:
        wrong = [(name, errors) for name, row in _rows(described) if (errors := described.errors(name, row))]

    assert wrong == []


@pytest.mark.parametrize(
    "value",
    [
        pytest.param({"small": 32768}, id="smallint too large"),
        pytest.param({"big": 9223372036854775808}, id="bigint too large"),
        pytest.param({"price": 123456789}, id="numeric with too many digits"),
        pytest.param({"prices": [123456789]}, id="numeric in an array"),
        pytest.param({"word": "x" * 21}, id="text too long"),
        pytest.param({"codes": [["abcdef"]]}, id="text too long in an array in an array"),
        pytest.param({"code": "abcd"}, id="char too long"),
        pytest.param({"bits": "101"}, id="too few bits"),
        pytest.param({"feeling": "lost"}, id="no label"),
        pytest.param({"feelings": ["lost"]}, id="no label in an array"),
        pytest.param({"born": "2023-02-29"}, id="no day"),
        pytest.param({"token": "00000000"}, id="no uuid"),
        pytest.param({"flag": "perhaps"}, id="no truth"),
        pytest.param({"ratio": "much"}, id="no number"),
        pytest.param({"span": "1 to 3"}, id="no range"),
        pytest.param({"tags": "a"}, id="no array"),
        pytest.param({"count_": 0}, id="check of a domain"),
        pytest.param({"count_": None}, id="domain without null"),
        pytest.param({"owed": -0.01}, id="check of a domain over numeric"),
        pytest.param(
            {"home": {"zip code": "12345678901", "street": None, "country": None, "since": None}}, id="attribute too long"
        ),
    ],
)
def test_what_the_database_refuses_does_not_fit(nasty: _Described, value: dict[str, Any]) -> None:
    statement = "INSERT INTO everything ({0}) SELECT {0} FROM jsonb_populate_record(NULL::everything, %s)"
    with pytest.raises(psycopg.Error), nasty.connection.transaction():
        nasty.connection.execute(sql.SQL(statement).format(sql.Identifier(*value)), [Jsonb(value)])

    assert nasty.errors("public.everything.insert", value) != []
    assert nasty.errors("public.everything.update", value) != []


def test_rows_that_lack_what_must_be_given_do_not_fit(nasty: _Described) -> None:
    assert nasty.errors("public.employees.insert", {"name": "Ann", "email": "a@b"}) == ["'department_id' is a required property"]
    assert nasty.errors("public.employees.insert", {"name": "Ann", "email": "a@b", "department_id": 1}) == []
    assert nasty.errors("public.employees.insert", {"id": 1, "name": "Ann", "email": "a@b", "department_id": 1}) != []
    assert nasty.errors("public.employees.update", {}) == []
