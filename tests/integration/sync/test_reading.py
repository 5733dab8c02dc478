"""The schema as targets read it, from real servers."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from seachange.postgres.connection import connect
from seachange.postgres.server import Server
from seachange.sync.model import Index, IndexPart, Schema, Table, Type, View
from seachange.sync.reading import read_schema
from seachange.sync.target import Request
from seachange.sync.targets import json as json_target
from seachange.testing.fixtures import fresh_database
from tests.project import REPOSITORY
from tests.schemas import NASTY, VIEWS

_MORE = """
CREATE TABLE keys (
    a integer, b text COLLATE "C", c integer, d jsonb,
    CONSTRAINT keys_pk PRIMARY KEY (a) INCLUDE (c),
    CONSTRAINT twice UNIQUE (b, a) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT again FOREIGN KEY (c) REFERENCES keys ON UPDATE CASCADE ON DELETE SET NULL,
    CHECK (a > 0 AND c > a)
);
CREATE INDEX parts ON keys (c DESC, b COLLATE "POSIX" text_pattern_ops, lower(b) DESC NULLS LAST) INCLUDE (a) WHERE c > 3;
CREATE INDEX paths ON keys USING gin (d jsonb_path_ops);
CREATE DOMAIN surely AS positive;
CREATE TABLE doubtful (a surely, b surely[], c positive NOT NULL);
"""


@pytest.fixture(scope="module")
def schema(each_server: Server) -> Iterator[Schema]:
    with fresh_database(each_server) as database, contextlib.closing(connect(database)) as connection:
        connection.execute((NASTY + VIEWS.replace("CREATE VIEW recent ", "CREATE VIEW lately ") + _MORE).encode())
        connection.commit()
        yield read_schema(connection, exclude_tables=("alembic_version",), revision="r1")[0]


def _table(schema: Schema, name: str) -> Table:
    found = schema.relations["public", name]
    assert isinstance(found, Table)
    return found


def test_columns_know_their_types_with_lengths_domains_and_extensions(schema: Schema) -> None:
    clients = _table(schema, "clients").by_name

    assert clients["name"].type == Type(text="varchar(200)", schema="pg_catalog", name="varchar", modifiers=("200",))
    assert (clients["name"].type.length, clients["score"].type.modifiers, clients["until"].type.modifiers) == (
        200,
        ("10", "2"),
        ("3",),
    )
    assert (clients["feelings"].type.kind, clients["feelings"].type.array) == ("enum", True)
    assert clients["mail2"].type.extension == "citext"
    assert schema.base_type(clients["email"].type).extension == "citext"
    assert schema.base_type(clients["mails"].type).array
    assert clients["stays"].type.kind == "multirange"
    assert [clients[name].dimensions for name in ("name", "tags", "matrix")] == [0, 1, 2]


def test_columns_know_who_fills_them(schema: Schema) -> None:
    clients, pets, events = (_table(schema, name).by_name for name in ("clients", "pets", "events"))

    assert (clients["id"].identity, clients["id"].insertable, clients["id"].filled) == ("always", False, True)
    assert (clients["search"].generated, clients["search"].default) == ("stored", "")
    assert clients["search"].expression.startswith("to_tsvector(")
    assert (pets["id"].serial, pets["id"].sequence) == (True, "public.pets_id_seq")
    assert (events["id"].identity, events["id"].insertable, events["id"].serial) == ("by default", True, False)


def test_a_domain_that_is_not_null_makes_its_columns_not_nullable(schema: Schema) -> None:
    doubtful = _table(schema, "doubtful").by_name

    assert {name: (column.not_null, column.nullable) for name, column in doubtful.items()} == {
        "a": (False, False),
        "b": (False, True),
        "c": (True, False),
    }
    assert [domain.name for domain in schema.domains_of(doubtful["a"].type)] == ["surely", "positive"]
    assert schema.base_type(doubtful["b"].type) == Type(text="integer[]", schema="pg_catalog", name="int4", array=True)


def test_constraints_know_their_columns_and_what_they_do(schema: Schema) -> None:
    keys = _table(schema, "keys")
    (again,), (twice,), (check,) = keys.foreign_keys, keys.unique_keys, keys.checks

    assert keys.primary_key is not None
    assert (keys.primary_key.columns, keys.primary_key.include) == (("a",), ("c",))
    assert (twice.columns, twice.deferrable, twice.initially_deferred) == (("b", "a"), True, True)
    assert (again.references, again.references_columns) == (("public", "keys"), ("a",))
    assert (again.on_update, again.on_delete, again.match) == ("cascade", "set null", "simple")
    assert check.expression == "((a > 0) AND (c > a))"
    assert keys.is_unique(("c", "a"))
    assert not keys.is_unique(("b", "c"))


def test_indexes_know_the_parts_of_their_keys(schema: Schema) -> None:
    by_name = {index.name: index for index in _table(schema, "keys").indexes}

    assert by_name["parts"].parts == (
        IndexPart(column="c", descending=True, nulls_first=True, default_operator_class="int4_ops"),
        IndexPart(column="b", operator_class="text_pattern_ops", collation='pg_catalog."POSIX"'),
        IndexPart(expression="lower(b)", descending=True, default_operator_class="text_ops", collation='pg_catalog."C"'),
    )
    assert (by_name["parts"].include, by_name["parts"].predicate, by_name["parts"].columns) == (("a",), "(c > 3)", ())
    assert (by_name["paths"].method, by_name["paths"].parts[0].operator_class) == ("gin", "jsonb_path_ops")
    assert by_name.keys() == {"parts", "paths"}


def test_partitions_and_views_know_what_they_belong_to(schema: Schema) -> None:
    recent = schema.relations["public", "recent_pets"]

    assert [table.name for table in schema.partitions["public", "events"]] == ["events_2024", "events_rest"]
    assert isinstance(recent, View)
    assert recent.uses == (("public", "clients"), ("public", "pets"))
    assert all(column.nullable for column in recent.columns)
    assert {table.name for table, _ in schema.referring["public", "clients"]} >= {"pets", "invoices", "events"}


def test_schema_json_is_the_document_with_a_line_for_each_column_and_constraint(schema: Schema) -> None:
    (text,) = (artefact.text for artefact in json_target._emit(schema, cast("Request", None)))
    lines = [line.strip().rstrip(",") for line in text.splitlines()]
    parts = [json.loads(line) for line in lines if line.startswith('{"name"')]
    tables = schema.to_dict()["tables"]

    assert text.endswith("}\n")
    assert json.loads(text) == json.loads(json.dumps(schema.to_dict()))
    assert all(json.loads(json.dumps(column)) in parts for table in tables for column in table["columns"])
    assert all(json.loads(json.dumps(check)) in parts for table in tables for check in table["checks"])


def test_the_document_is_what_its_json_schema_says_and_holds_nothing_else(schema: Schema) -> None:
    wanted = json.loads((REPOSITORY / "docs" / "schema.schema.json").read_text())
    for part in (wanted, *wanted["$defs"].values()):
        part["additionalProperties"] = False
    document = json.loads(json.dumps(schema.to_dict()))
    filled = [name for name, value in document.items() if value]

    Draft202012Validator(wanted).validate(document)
    assert set(filled) == set(document) - ({"comments"} if not document["comments"] else set())


def test_amounts_are_known_and_not_in_the_document(each_server: Server) -> None:
    with fresh_database(each_server) as database, contextlib.closing(connect(database, autocommit=True)) as connection:
        connection.execute("create table filled (a integer primary key, b integer); create index by_b on filled (b)")
        before = read_schema(connection)[0]
        connection.execute("insert into filled select n, n from generate_series(1, 5000) n")
        connection.execute("analyze filled")
        after = read_schema(connection)[0]

    (table,) = after.tables
    (index,) = table.indexes
    assert table.estimated_rows == 5000
    assert table.estimated_bytes > 100_000
    assert index.estimated_bytes > 50_000
    assert isinstance(index, Index)
    assert after.to_dict() == before.to_dict()


def test_reading_leaves_the_session_as_it_was(each_server: Server, tmp_path: Path) -> None:
    with fresh_database(each_server) as database, contextlib.closing(connect(database)) as connection:
        connection.execute("set search_path to pg_catalog")
        connection.execute("create table public.kept (id integer)")
        read = read_schema(connection)[0]

        assert [table.name for table in read.tables] == ["kept"]
        assert connection.execute("show search_path").fetchone() == ("pg_catalog",)
        assert connection.execute("select count(*) from public.kept").fetchone() == (0,)
