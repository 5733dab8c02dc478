"""Names and values in DBML."""

from __future__ import annotations

import pytest

from seachange.sync.model import Type
from seachange.sync.targets.dbml._words import named, type_name, value


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        pytest.param("1", "1", id="a number"),
        pytest.param("'-1'::integer", "-1", id="a negative number"),
        pytest.param("'1'::text", "'1'", id="a text of digits"),
        pytest.param("12345678901234567890", "`12345678901234567890`", id="more digits than JavaScript's numbers have"),
        pytest.param("false", "false", id="a boolean"),
        pytest.param("NULL::character varying", "null", id="NULL with a type"),
        pytest.param("'it''s'::character varying", "'it\\'s'", id="a text with a quote"),
        pytest.param("'x'::public.\"My mood\"", "'x'", id="a label of an enum"),
        pytest.param("('a'::text || 'b'::text)", "`('a'::text || 'b'::text)`", id="an expression of texts"),
        pytest.param("now()", "`now()`", id="an expression"),
        pytest.param("f('`'::text)", "'f(\\'`\\'::text)'", id="a backquote in an expression"),
    ],
)
def test_a_default_is_what_it_is_in_the_database(sql: str, expected: str) -> None:
    assert value(sql) == expected


@pytest.mark.parametrize(
    ("type_", "expected"),
    [
        pytest.param(Type(text="varchar(20)", schema="pg_catalog", name="varchar"), "varchar(20)", id="with a length"),
        pytest.param(Type(text="numeric(10, 2)", schema="pg_catalog", name="numeric"), "numeric(10,2)", id="with two numbers"),
        pytest.param(Type(text="double precision", schema="pg_catalog", name="float8"), '"double precision"', id="two words"),
        pytest.param(Type(text="text[]", schema="pg_catalog", name="text", array=True), '"text[]"', id="an array"),
        pytest.param(Type(text="public.mood", schema="public", name="mood", kind="enum"), '"mood"', id="an enum"),
        pytest.param(
            Type(text='"S x".mood', schema="S x", name="mood", kind="enum"), '"S x"."mood"', id="an enum of another schema"
        ),
    ],
)
def test_types_are_postgresqls(type_: Type, expected: str) -> None:
    assert type_name(type_) == expected


def test_names_are_quoted_and_the_schema_public_is_not_said() -> None:
    assert named("public", 'a"\n\\') == '"a\\"\\n\\\\"'
    assert named("s", "t") == '"s"."t"'
