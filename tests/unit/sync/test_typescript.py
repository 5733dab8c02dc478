"""Names, strings, comments and types of TypeScript for databases of all kinds."""

from __future__ import annotations

import dataclasses
import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seachange.sync._typescript import (
    Casing,
    Names,
    access,
    default_schema,
    is_identifier,
    jsdoc,
    key,
    line_comment,
    literal,
    pascal_case,
    template,
)
from seachange.sync._typescript_types import Types, union
from seachange.sync.model import Domain, Enum, Schema, Type, TypeKind
from seachange.sync.targets.typescript import describe
from tests.unit.sync.made import column, schema_of, table

_ANY = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=12)


@pytest.mark.parametrize(
    ("name", "camel", "preserved"),
    [
        pytest.param("client_id", "clientId", "client_id", id="plain"),
        pytest.param("clientId", "clientId", "clientId", id="capitals"),
        pytest.param("CLIENT_ID", "clientId", "CLIENT_ID", id="all capitals"),
        pytest.param("class", "class", "class", id="reserved words may be properties"),
        pytest.param("constructor", "constructor_", "constructor_", id="but no field of a class"),
        pytest.param("two words", "twoWords", "two_words", id="other characters"),
        pytest.param("1st", "_1st", "_1st", id="digit first"),
        pytest.param("_datetime", "datetime", "_datetime", id="underscore first"),
        pytest.param("größe", "größe", "größe", id="letters of other languages"),
        pytest.param("cafe\u0301_x", "cafe\u0301X", "cafe\u0301_x", id="combining accents"),
        pytest.param("a$b", "aB", "a$b", id="dollar"),
        pytest.param("%", "unnamed", "unnamed", id="nothing left"),
    ],
)
def test_a_column_is_a_property_of_nearly_its_name(name: str, camel: str, preserved: str) -> None:
    assert Names(exact=True).of_property(name, casing="camel") == camel
    assert Names(exact=True).of_property(name, casing="preserve") == preserved


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param(("ai_diagnoses",), "AiDiagnoses", id="underscore"),
        pytest.param(("billing", "orderLines"), "BillingOrderLines", id="schema and capitals"),
        pytest.param(("date",), "Date2", id="hides a global"),
        pytest.param(("1st",), "_1st", id="digit first"),
        pytest.param(("%", ""), "Unnamed", id="nothing left"),
    ],
)
def test_a_table_is_a_type_in_pascal_case(words: tuple[str, ...], expected: str) -> None:
    assert Names().of_type(*words) == expected


def test_names_that_would_be_the_same_are_numbered() -> None:
    names = Names()

    assert [names.of_type(name) for name in ("Order", "order", "ORDER", "order_1", "order1", "or der")] == [
        "Order",
        "Order2",
        "Order3",
        "Order1",
        "Order1_2",
        "OrDer4",
    ]


def test_a_name_and_what_is_made_of_it_are_taken_together() -> None:
    names = Names()
    suffixes = ("Row", "Insert")

    assert [names.of_type(name, suffixes=suffixes) for name in ("pets", "pets_row", "Pets")] == ["Pets", "PetsRow", "Pets2"]
    assert names.of_type("pets_insert") == "PetsInsert2"


def test_properties_are_told_apart_by_capitals() -> None:
    names = Names(exact=True)

    assert [names.of_property(name, casing="preserve") for name in ("a b", "a-b", "A b")] == ["a_b", "a_b2", "A_b"]


def test_a_constant_is_no_reserved_word() -> None:
    assert [Names().of_constant(name) for name in ("class", "import", "order_lines")] == ["class_", "import_", "orderLines"]


@settings(deadline=None)
@given(st.lists(_ANY, unique=True), st.sampled_from(["camel", "preserve"]))
def test_any_names_become_different_identifiers(texts: list[str], casing: Casing) -> None:
    names = Names(exact=True)
    made = [names.of_property(text, casing=casing) for text in texts]

    assert len(set(made)) == len(made)
    assert all(map(is_identifier, made))
    assert all(is_identifier(pascal_case(text)) for text in texts)


@pytest.mark.parametrize(
    ("name", "expected", "accessed"),
    [
        pytest.param("id", "id", "row.id", id="plain"),
        pytest.param("$x", "$x", "row.$x", id="dollar"),
        pytest.param("class", "class", "row.class", id="reserved"),
        pytest.param("two words", '"two words"', 'row["two words"]', id="space"),
        pytest.param('a"b', '"a\\"b"', 'row["a\\"b"]', id="quote"),
        pytest.param("1", '"1"', 'row["1"]', id="number"),
        pytest.param("__proto__", '["__proto__"]', "row.__proto__", id="prototype"),
    ],
)
def test_keys_are_quoted_where_needed(name: str, expected: str, accessed: str) -> None:
    assert key(name) == expected
    assert access("row", name) == accessed


@settings(deadline=None)
@given(_ANY)
def test_a_string_keeps_every_character(text: str) -> None:
    made = literal(text)

    assert json.loads(re.sub(r"(?<!\\)((?:\\\\)*)\\x", r"\1\\u00", made)) == text
    assert len(made.splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("a\nb", "`a\nb`", id="lines"),
        pytest.param("a\r\nb", "`a\\r\nb`", id="carriage return"),
        pytest.param("`${x}` $1 \\", "`\\`\\${x}\\` $1 \\\\`", id="what a template means"),
    ],
)
def test_a_template_keeps_every_character(text: str, expected: str) -> None:
    assert template(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", [], id="nothing"),
        pytest.param(" who pays \n", ["  /** who pays */"], id="one line"),
        pytest.param("a */ b", ["  /** a *\\/ b */"], id="end of a comment"),
        pytest.param("a\r\n\nb\u2028c\x07", ["  /**", "   * a", "   *", "   * b", "   * c", "   */"], id="lines of all kinds"),
    ],
)
def test_a_comment_can_hold_any_text(text: str, expected: list[str]) -> None:
    assert jsdoc(text, indent="  ") == expected


def test_a_line_comment_stays_one_for_every_line() -> None:
    assert line_comment("a\x85b\n\nc\x00") == ["// a", "// b", "//", "// c"]


def _type(name: str, *, kind: TypeKind = "base", schema: str = "pg_catalog", array: bool = False) -> Type:
    return Type(text=name, schema=schema, name=name, kind=kind, array=array)


_MOOD = Enum(schema="public", name="mood", labels=("happy", 'it\'s "so"', ""))
_SCHEMA = Schema(
    fingerprint="f",
    schemas=("public",),
    enums=(_MOOD,),
    domains=(
        Domain(schema="public", name="positive", type=_type("int4")),
        Domain(schema="public", name="age", type=_type("positive", schema="public", kind="domain")),
        Domain(schema="public", name="ages", type=_type("age", schema="public", kind="domain", array=True)),
        Domain(schema="public", name="words", type=_type("text", array=True)),
    ),
)


@pytest.mark.parametrize(
    ("type_", "row", "insert"),
    [
        pytest.param(_type("int4"), "number", "number", id="number"),
        pytest.param(_type("int8"), "string", "string | number | bigint", id="64 bits"),
        pytest.param(_type("numeric"), "string", "string | number", id="numeric"),
        pytest.param(_type("date"), "Date", "Date | string", id="date"),
        pytest.param(_type("bytea"), "Buffer", "Uint8Array", id="bytes"),
        pytest.param(_type("jsonb"), "unknown", "unknown", id="json"),
        pytest.param(_type("interval"), "Interval", "Interval | string", id="interval"),
        pytest.param(_type("point"), "{ x: number; y: number }", "string", id="point"),
        pytest.param(_type("tstzrange", kind="range"), "string", "string", id="range"),
        pytest.param(_type("address", kind="composite", schema="public"), "string", "string", id="composite"),
        pytest.param(_type("mood", kind="enum", schema="public"), "Mood", "Mood", id="enum"),
        pytest.param(_type("mood", kind="enum", schema="elsewhere"), "string", "string", id="enum outside of the selection"),
        pytest.param(_type("text", array=True), "string[]", "readonly string[]", id="array"),
        pytest.param(_type("int8", array=True), "string[]", "readonly (string | number | bigint)[]", id="array of 64 bits"),
        pytest.param(_type("numeric", array=True), "number[]", "readonly (string | number)[]", id="array of numeric"),
        pytest.param(_type("point", array=True), "{ x: number; y: number }[]", "readonly string[]", id="array of points"),
        pytest.param(
            _type("mood", kind="enum", schema="public", array=True), "string", "readonly Mood[] | string", id="array of an enum"
        ),
        pytest.param(_type("age", kind="domain", schema="public"), "number", "number", id="domain over a domain"),
        pytest.param(
            _type("age", kind="domain", schema="public", array=True),
            "string",
            "readonly number[] | string",
            id="array of a domain",
        ),
        pytest.param(_type("words", kind="domain", schema="public"), "string[]", "readonly string[]", id="domain over an array"),
        pytest.param(
            _type("ages", kind="domain", schema="public"),
            "string",
            "readonly number[] | string",
            id="domain over an array of one",
        ),
        pytest.param(
            _type("words", kind="domain", schema="public", array=True),
            "string",
            "readonly (readonly string[])[] | string",
            id="array of a domain over an array",
        ),
    ],
)
def test_types_are_what_the_driver_delivers_and_takes(type_: Type, row: str, insert: str) -> None:
    types = Types(schema=_SCHEMA, enums={_MOOD.key: "Mood"})

    assert (types.of_row(type_), types.of_insert(type_)) == (row, insert)


def test_types_follow_the_parsers_of_the_program() -> None:
    types = Types(schema=_SCHEMA, enums={_MOOD.key: "Mood"}, int8="bigint", dates="string", arrays="parsed")
    found = [types.of_row(_type(name, array=array)) for name in ("int8", "timestamptz", "bit") for array in (False, True)]

    assert found == ["bigint", "bigint[]", "string", "string[]", "string", "string[]"]
    assert types.of_row(_type("mood", kind="enum", schema="public", array=True)) == "Mood[]"


def test_labels_of_an_enum_are_a_union() -> None:
    assert union(_MOOD) == '"happy" | "it\'s \\"so\\"" | ""'
    assert union(Enum(schema="public", name="none")) == "never"


@pytest.mark.parametrize(
    ("schemas", "expected"),
    [
        pytest.param(("billing", "public"), "public", id="public among others"),
        pytest.param(("app",), "app", id="the only one"),
        pytest.param(("app", "billing"), "public", id="none"),
    ],
)
def test_tables_of_one_schema_are_named_without_it(schemas: tuple[str, ...], expected: str) -> None:
    assert default_schema(Schema(fingerprint="f", schemas=schemas)) == expected


def test_an_insert_may_leave_out_what_the_database_fills() -> None:
    positive = Type(text="positive", schema="public", name="positive", kind="domain")
    columns = [
        column("id"),
        column("note", not_null=False),
        column("at", default="now()"),
        column("count", type=positive),
        dataclasses.replace(column("number"), identity="always"),
        dataclasses.replace(column("twice"), generated="stored", expression="id * 2"),
    ]
    domain = Domain(schema="public", name="positive", type=_type("int4"), default="1")
    text = describe(dataclasses.replace(schema_of(table("pets", *columns)), domains=(domain,)))
    insert = text.partition("export interface PetsInsert {\n")[2].partition("}")[0]

    assert insert == "  id: number;\n  note?: number | null;\n  at?: number;\n  count?: number;\n"
    assert "  number: number;\n  twice: number;\n}" in text


def test_two_columns_that_a_converter_makes_the_same_keep_apart() -> None:
    text = describe(schema_of(table("pets", column("ownerId"), column("owner_id"), column("_x"))), casing="camel")

    assert "{\n  ownerId: number;\n  owner_id: number;\n  _X: number;\n}" in text


def test_a_table_is_found_by_its_name_with_the_schema_where_it_needs_one() -> None:
    tables = [table(name, column("id"), schema=schema) for schema, name in (("billing", "b"), ("public", "a"), ("public", "c.d"))]
    text = describe(dataclasses.replace(schema_of(*tables), schemas=("billing", "public")))

    assert re.findall(r"^  (\S+): Table<", text, re.MULTILINE) == ['"billing.b"', "a", r'"public.\"c.d\""']
