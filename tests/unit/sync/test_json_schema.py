"""JSON Schema for names, types and limits of all kinds."""

from __future__ import annotations

import json
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from hypothesis import given, settings

from seachange.sync.model import Check, Column, Composite, Domain, Enum, Schema, Type, View
from seachange.sync.targets.json_schema._document import describe_json
from tests.unit.sync.made import INTEGER, TEXT, array, column, schemas, system, table


def _document(schema: Schema) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(describe_json(schema))
    jsonschema.Draft202012Validator.check_schema(document)
    return document


def _fits(document: dict[str, Any], name: str, value: object) -> bool:
    # A name needs other escapes in a reference than in JSON.
    reference = {"$ref": "#/$defs/found", "$defs": {**document["$defs"], "found": document["$defs"][name]}}
    return bool(jsonschema.Draft202012Validator(reference).is_valid(value))


@settings(max_examples=40, deadline=None)
@given(schemas())
def test_whatever_the_names_rows_fit(schema: Schema) -> None:
    document = _document(schema)
    labels = schema.enums[0].labels

    for one in schema.tables:
        row = {column.name: _value(column, labels) for column in one.columns}
        if None not in [
            row[column.name] for column in one.columns if not column.nullable
        ]:  # no value is of an enum without labels
            assert _fits(document, f"{one.qualified}.row", row)
        assert not _fits(document, f"{one.qualified}.row", {**row, "\x00": 1})
        assert _fits(document, f"{one.qualified}.update", {})


def _value(column: Column, labels: tuple[str, ...]) -> object:
    if column.type.kind == "enum":
        return labels[0] if labels else None
    return 1 if column.type == INTEGER else "x"


_FIRST = "Written by Seachange from the database; `invoke db.sync --target jsonschema` writes it anew."
_SMALL = """\
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "$comment": "%s\\nrevision: r1\\ncatalogue: f",
  "$defs": {
    "public.pets.row": {
      "type": "object",
      "description": "Who is treated.",
      "properties": {
        "id": {"type": "integer", "minimum": -2147483648, "maximum": 2147483647, "readOnly": true},
        "name": {"type": "string", "maxLength": 20, "description": "As the client says it."},
        "mood": {"anyOf": [{"$ref": "#/$defs/public.mood"}, {"type": "null"}]},
        "tags": {"$ref": "#/$defs/text%5B%5D"}
      },
      "required": ["id", "name", "mood", "tags"],
      "additionalProperties": false
    },
    "public.pets.insert": {
      "type": "object",
      "description": "Who is treated.",
      "properties": {
        "name": {"type": "string", "maxLength": 20, "description": "As the client says it."},
        "mood": {"anyOf": [{"$ref": "#/$defs/public.mood"}, {"type": "null"}]},
        "tags": {"$ref": "#/$defs/text%5B%5D"}
      },
      "required": ["name"],
      "additionalProperties": false
    },
    "public.pets.update": {
      "type": "object",
      "description": "Who is treated.",
      "properties": {
        "name": {"type": "string", "maxLength": 20, "description": "As the client says it."},
        "mood": {"anyOf": [{"$ref": "#/$defs/public.mood"}, {"type": "null"}]},
        "tags": {"$ref": "#/$defs/text%5B%5D"}
      },
      "additionalProperties": false
    },
    "public.mood": {"enum": ["happy", ""], "description": "How they feel."},
    "text[]": {"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "null"}, {"$ref": "#/$defs/text%5B%5D"}]}}
  }
}
"""


def test_a_small_schema_is_written_whole() -> None:
    mood = Enum(schema="public", name="mood", labels=("happy", ""), comment="How they feel.")
    pets = table(
        "pets",
        column("id", identity="always"),
        column("name", comment="As the client says it.", type=system("varchar(20)")),
        column("mood", type=Type(text="mood", schema="public", name="mood", kind="enum"), not_null=False),
        column("tags", type=array(TEXT), default="'{}'::text[]"),
        comment="Who is treated.",
    )

    assert describe_json(Schema(fingerprint="f", revision="r1", tables=(pets,), enums=(mood,))) == _SMALL.replace("%s", _FIRST)


def test_an_empty_schema_is_a_document() -> None:
    assert _document(Schema(fingerprint="f"))["$defs"] == {}


@pytest.mark.parametrize(
    ("pg_type", "fits", "too_much"),
    [
        pytest.param("numeric(4,2)", 99.99, 100, id="numeric"),
        pytest.param("numeric(2,4)", 0.0099, 0.01, id="more places than digits"),
        pytest.param("numeric", "NaN", "much", id="no number at all"),
        pytest.param("bit(3)", "101", "10", id="bits"),
        pytest.param("varbit(3)", "", "1010", id="bits up to"),
        pytest.param("bytea", "\\x00ff", "00ff", id="bytes"),
        pytest.param("time", "08:30:00.5", "8:30", id="time"),
        pytest.param("timetz", "08:30:00+05:30", "08:30:00", id="time with time zone"),
        pytest.param("timestamp", "infinity", "2024-02-29", id="timestamp"),
        pytest.param("oid", "4294967295", 4294967295, id="oid, which PostgreSQL makes a text"),
    ],
)
def test_values_are_those_that_postgresql_makes(pg_type: str, fits: object, too_much: object) -> None:
    document = _document(Schema(fingerprint="f", tables=(table("t", column("x", type=system(pg_type))),)))

    assert _fits(document, "public.t.row", {"x": fits})
    assert not _fits(document, "public.t.row", {"x": too_much})


def test_arrays_have_any_number_of_dimensions() -> None:
    document = _document(Schema(fingerprint="f", tables=(table("t", column("x", type=array(system("varchar(2)")))),)))

    assert all(_fits(document, "public.t.row", {"x": value}) for value in ([], ["a", None], [["a"], ["b"]]))
    assert not any(_fits(document, "public.t.row", {"x": value}) for value in (["abc"], [["abc"]], "a", None))


def test_domains_bring_their_limits_and_those_below() -> None:
    inner = Domain(schema="public", name="inner", type=INTEGER, checks=(Check(name="a", expression="(VALUE > 0)"),))
    below = Type(text="inner", schema="public", name="inner", kind="domain")
    outer = Domain(schema="public", name="outer", type=below, checks=(Check(name="b", expression="(VALUE <= 9)"),))
    known = Domain(
        schema="public",
        name="known",
        type=system("varchar(5)"),
        checks=(Check(name="c", expression="((char_length((VALUE)::text) >= 2) AND ((VALUE)::text ~ '^a'::text))"),),
    )
    pg_type = Type(text="outer", schema="public", name="outer", kind="domain")
    text = Type(text="known", schema="public", name="known", kind="domain")
    document = _document(
        Schema(
            fingerprint="f",
            tables=(table("t", column("x", type=pg_type), column("y", type=text)),),
            domains=(inner, outer, known),
        )
    )

    assert _fits(document, "public.t.row", {"x": 9, "y": "ab"})
    wrong = [(0, "ab"), (10, "ab"), (1, "a"), (1, "ba"), (1, "abcdef")]
    assert not any(_fits(document, "public.t.row", {"x": x, "y": y}) for x, y in wrong)


def test_what_is_not_described_may_be_anything() -> None:
    types = [
        Type(text="geometry", schema="public", name="geometry", extension="postgis"),
        Type(text="far", schema="far", name="far", kind="domain"),
        Type(text="far", schema="far", name="far", kind="composite"),
    ]
    for pg_type in types:
        document = _document(Schema(fingerprint="f", tables=(table("t", column("x", type=pg_type, not_null=False)),)))

        assert _fits(document, "public.t.row", {"x": {"a": 1}})
        assert _fits(document, "public.t.row", {"x": None})


def test_a_composite_type_is_an_object() -> None:
    address = Composite(schema="public", name="address", columns=(column("zip code", type=TEXT, not_null=False),))
    pg_type = Type(text="address", schema="public", name="address", kind="composite")
    document = _document(Schema(fingerprint="f", tables=(table("t", column("x", type=pg_type)),), composites=(address,)))

    assert _fits(document, "public.t.row", {"x": {"zip code": None}})
    assert not _fits(document, "public.t.row", {"x": {"zip": None}})


def test_generated_columns_are_read_only_and_not_given() -> None:
    one = table("t", column("id", identity="always"), column("x", generated="stored", expression="1"))
    definitions = _document(Schema(fingerprint="f", tables=(one,)))["$defs"]

    assert [value["readOnly"] for value in definitions["public.t.row"]["properties"].values()] == [True, True]
    assert definitions["public.t.insert"]["properties"] == definitions["public.t.update"]["properties"] == {}


def test_views_have_rows_only_and_partitions_none() -> None:
    part = table("p1", column("x"), partition_of=("public", "p"))
    view = View(schema="public", name="v", columns=(column("x", not_null=False),))
    document = _document(Schema(fingerprint="f", tables=(table("p", column("x")), part), views=(view,)))

    assert list(document["$defs"]) == ["public.p.row", "public.p.insert", "public.p.update", "public.v.row"]
