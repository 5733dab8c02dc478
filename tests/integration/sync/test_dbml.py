"""schema.dbml as DBML's own parser reads it."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis import given

from seachange.config import Settings
from seachange.postgres.connection import connect
from seachange.postgres.server import Server
from seachange.sync import sync
from seachange.sync.model import Schema
from seachange.sync.reading import read_schema
from seachange.sync.targets.dbml import dbml
from tests.integration.sync.databases import filled_database
from tests.oracles import Conversation, converse
from tests.schemas import CLINIC, NASTY, SYNC
from tests.unit.sync.made import schemas


@pytest.fixture(scope="module")
def parser(oracles: Path) -> Iterator[Conversation]:
    del oracles
    with converse("dbml.mjs") as conversation:
        yield conversation


@dataclasses.dataclass(frozen=True, kw_only=True)
class Read:
    schema: Schema
    text: str
    parsed: Any


@pytest.fixture(
    scope="module", params=[pytest.param(NASTY, id="nasty"), pytest.param(SYNC, id="sync"), pytest.param(CLINIC, id="clinic")]
)
def read(
    request: pytest.FixtureRequest,
    server: Server,
    settings: Settings,
    parser: Conversation,
    tmp_path_factory: pytest.TempPathFactory,
) -> Read:
    """The schema as Seachange and as the parser read it."""
    changed = dataclasses.replace(settings, root=tmp_path_factory.mktemp("dbml"), sync_targets=("dbml",))
    with filled_database(server, request.param) as database, contextlib.closing(connect(database)) as session:
        (file,) = sync(database, settings=changed).files
        schema, _ = read_schema(session, exclude_tables=("alembic_version",))
    assert file.status == "written", file.reason
    text = file.path.read_text()
    return Read(schema=schema, text=text, parsed=parser.ask(text=text))


def test_every_table_and_column_is_there(read: Read) -> None:
    expected = {
        (table.schema, table.name): [
            (column.name, column.not_null or None, bool(column.identity or column.serial)) for column in table.columns
        ]
        for table in read.schema.tables
        if table.columns and not table.is_partition
    }
    actual = {
        (table["schema"], table["name"]): [
            (column["name"], column["not_null"] or column["pk"] or None, column["increment"]) for column in table["columns"]
        ]
        for table in read.parsed["tables"]
    }

    assert expected == actual


def test_columns_of_enums_have_the_enums_as_types(read: Read) -> None:
    expected = {
        (column.name, column.type.schema, column.type.name)
        for table in read.schema.tables
        for column in table.columns
        if column.type.kind == "enum" and not column.type.array and not table.is_partition
    }
    enums = {(schema, name) for schema, name, _ in read.parsed["enums"]}
    actual = {
        (column["name"], column["type"][0] or "public", column["type"][1].rpartition(".")[2])
        for table in read.parsed["tables"]
        for column in table["columns"]
        if (column["type"][0] or "public", column["type"][1].rpartition(".")[2]) in enums
    }

    assert expected == actual


def test_every_foreign_key_is_a_reference_with_its_actions(read: Read) -> None:
    expected = {
        (
            key.name,
            (table.schema, table.name, key.columns),
            (*key.references, key.references_columns),
            key.on_delete,
            key.on_update,
        )
        for table in read.schema.tables
        for key in table.foreign_keys
        if not table.is_partition
    }
    actual = {
        (name, (*child[:2], tuple(child[2])), (*parent[:2], tuple(parent[2])), delete or "no action", update or "no action")
        for name, (child, parent), delete, update in read.parsed["refs"]
    }

    assert expected == actual
    assert {parent[3] for _, (_, parent), *_ in read.parsed["refs"]} == {"1"}


def test_primary_keys_are_those_of_the_database(read: Read) -> None:
    expected = {
        (*table.key, table.primary_key.columns) for table in read.schema.tables if table.primary_key and not table.is_partition
    }
    actual = {
        (table["schema"], table["name"], columns)
        for table in read.parsed["tables"]
        for columns in (
            *((column["name"],) for column in table["columns"] if column["pk"]),
            *(tuple(name for _, name in index["columns"]) for index in table["indexes"] if index["pk"]),
        )
    }

    assert expected == actual


def test_every_index_has_its_columns_expressions_and_method(read: Read) -> None:
    expected = {
        (
            index.name,
            index.method,
            index.unique,
            tuple(("column", part.column) if part.column else ("expression", part.expression) for part in index.parts),
        )
        for table in read.schema.tables
        for index in table.indexes
        if not table.is_partition
    }
    actual = {
        (index["name"], index["type"], index["unique"], tuple(map(tuple, index["columns"])))
        for table in read.parsed["tables"]
        for index in table["indexes"]
        if index["type"]
    }

    assert expected == actual


def test_notes_are_the_comments(read: Read) -> None:
    expected = {
        (table.name, column.name): column.comment
        for table in read.schema.tables
        for column in table.columns
        if column.comment and not column.generated
    }
    actual = {
        (table["name"], column["name"]): column["note"]
        for table in read.parsed["tables"]
        for column in table["columns"]
        if column["note"] and not column["note"].startswith("generated always as")
    }

    assert expected == actual


def test_several_schemas_are_groups_of_tables(read: Read) -> None:
    schemas = sorted({table.schema for table in read.schema.tables})

    assert [name for name, _ in read.parsed["groups"]] == (schemas if len(schemas) > 1 else [])


@given(schemas())
@hypothesis.settings(max_examples=60, deadline=None)
def test_whatever_the_names_the_parser_reads_them(parser: Conversation, schema: Schema) -> None:
    parsed = parser.ask(text=dbml(schema))
    # DBML has no table without columns.
    expected = {
        (_lines(*table.key), tuple((*_lines(one.name), *_notes(one.comment)) for one in table.columns))
        for table in schema.tables
        if table.columns
    }

    assert expected == {
        ((table["schema"], table["name"]), tuple((one["name"], (one["note"] or "").strip()) for one in table["columns"]))
        for table in parsed["tables"]
    }


def _lines(*texts: str) -> tuple[str, ...]:
    # The parser reads every kind of line break as one.
    return tuple(text.replace("\r\n", "\n").replace("\r", "\n") for text in texts)


def _notes(text: str) -> tuple[str, ...]:
    # Notes lose their outer lines there.
    return _lines(text.strip())
