"""Diagrams in the words that Mermaid's own lexer has (mermaid 11, erDiagram.jison)."""

from __future__ import annotations

import dataclasses
import re

import pytest
from hypothesis import given, settings

from seachange.sync.model import Index, IndexPart, Schema
from seachange.sync.targets.erd._mermaid import diagrams, neighbourhood
from tests.unit.sync.made import column, foreign_key, key, schema_of, schemas, table

_ENTITY = r'"[^"%\r\n\v\b\\]+"'
_WORD = r"(?!(?i:pk|fk|uk)\b)[A-Za-z_\u00c0-\uffff][A-Za-z0-9\-_\[\]\(\)\.,\u00c0-\uffff]*"
_KEYS = r"(?:PK|FK|UK)(?:, (?:PK|FK|UK))*"
_LINES = re.compile(
    rf'erDiagram|    {_ENTITY} {{|        {_WORD} {_WORD}(?: {_KEYS})?(?: "[^"~\n]+")?|    }}'
    rf'|    {_ENTITY} (?:\|\||\|o)(?:--|\.\.)(?:o\||o{{) {_ENTITY} : "[^"\n]*"',
    re.ASCII,
)


_CLIENTS = table("clients", column("id"), primary="id")
_INDEX = Index(name="i", method="btree", unique=True, parts=(IndexPart(column="client_id"),))


def _drawn(schema: Schema) -> list[str]:
    return [diagram.text for diagram in diagrams(schema)]


@pytest.mark.parametrize(
    ("optional", "changes", "edge"),
    [
        pytest.param("", {}, '"clients" ||..o{ "pets" : "client_id"', id="many, one parent"),
        pytest.param("optional", {}, '"clients" |o..o{ "pets" : "client_id"', id="many, perhaps a parent"),
        pytest.param("", {"unique_keys": (key("client_id"),)}, '"clients" ||..o| "pets" : "client_id"', id="unique: at most one"),
        pytest.param("", {"indexes": (_INDEX,)}, '"clients" ||..o| "pets" : "client_id"', id="a unique index: at most one"),
        pytest.param("", {"primary_key": key("client_id")}, '"clients" ||--o| "pets" : "client_id"', id="the primary key itself"),
        pytest.param(
            "", {"primary_key": key("client_id", "id")}, '"clients" ||--o{ "pets" : "client_id"', id="part of the primary key"
        ),
    ],
)
def test_an_edge_says_how_many_rows_of_each_table_belong_together(optional: str, changes: dict[str, object], edge: str) -> None:
    columns = [column("id"), column("client_id", not_null=not optional)]
    pets = table("pets", *columns, foreign_key("clients", client_id="id"))
    (diagram,) = _drawn(schema_of(_CLIENTS, dataclasses.replace(pets, **changes)))  # type: ignore[arg-type]

    assert diagram.splitlines()[-1].strip() == edge


def test_each_schema_has_a_diagram() -> None:
    lines = table(
        "Order lines", column("a b", comment='the "a"\nof <b>'), column("pk"), foreign_key("clients", pk="id"), schema="s"
    )
    first, second = diagrams(schema_of(_CLIENTS, lines))

    assert (first.schema, second.schema) == ("public", "s")
    assert (
        first.text
        == """erDiagram
    "clients" {
        integer id PK
    }"""
    )
    assert (
        second.text
        == """erDiagram
    "s.Order lines" {
        integer a_b "a b the #quot;a#quot; of #lt;b#gt;"
        integer _pk FK "pk"
    }
    "clients" ||..o{ "s.Order lines" : "pk\""""
    )


def test_names_that_look_alike_stay_apart() -> None:
    tables = [table(name) for name in ('a"', "a'", "a%", "a\\")]
    (diagram,) = _drawn(schema_of(*tables))

    assert re.findall(r'"(.*)"', diagram) == ["a'", "a_", "a' (2)", "a_ (2)"]


def test_a_schema_too_large_for_one_diagram_has_several() -> None:
    tables = [table(f"t{number}", column("id"), column("p"), foreign_key("t0", p="id")) for number in range(1_000)]
    drawn = _drawn(schema_of(*tables))

    assert len(drawn) == 3
    assert all(len(diagram) < 50_000 and diagram.count(" : ") < 500 for diagram in drawn)
    assert sum(diagram.count(" : ") for diagram in drawn) == 1_000


def test_connected_tables_stay_in_one_diagram_when_they_fit() -> None:
    pairs = [
        one
        for number in range(700)
        for one in (
            table(f"a{number:03}", column("id"), primary="id"),
            table(f"z{number:03}", column("a_id"), foreign_key(f"a{number:03}", a_id="id")),
        )
    ]
    drawn = _drawn(schema_of(*sorted(pairs, key=lambda one: one.name)))

    assert len(drawn) == 2
    for diagram in drawn:
        entities = re.findall(r'^    "(\w+)" {', diagram, re.MULTILINE)
        assert {name[1:] for name in entities if name[0] == "a"} == {name[1:] for name in entities if name[0] == "z"}


def test_a_table_wider_than_a_diagram_is_cut_and_says_so() -> None:
    (diagram,) = _drawn(schema_of(table("wide", *(column(f"a_column_with_a_long_name_{number}") for number in range(1_600)))))

    assert len(diagram) < 50_000
    assert re.search(r'        more columns "and \d+ more"\n    }$', diagram)


def test_an_empty_schema_has_no_diagram() -> None:
    assert _drawn(schema_of()) == []


def test_a_neighbourhood_shows_the_table_with_its_keys_and_everybody_around_it() -> None:
    pets = table("pets", column("id"), column("client_id"), column("name"), foreign_key("clients", client_id="id"), primary="id")
    visits = table("visits", column("pet_id"), foreign_key("pets", pet_id="id"))

    assert (
        neighbourhood(pets, schema_of(_CLIENTS, pets, visits))
        == """erDiagram
    "pets" {
        integer id PK
        integer client_id FK
    }
    "clients" ||..o{ "pets" : "client_id"
    "pets" ||..o{ "visits" : "pet_id\""""
    )


@settings(max_examples=300, deadline=None)
@given(schemas())
def test_whatever_the_names_every_line_is_in_mermaids_language(schema: Schema) -> None:
    around = [neighbourhood(one, schema) for one in schema.tables]
    for diagram in [*_drawn(schema), *around]:
        assert [line for line in diagram.split("\n") if not _LINES.fullmatch(line)] == []
        assert not re.search(r"(?i)direction\s+(tb|bt|lr|rl)|%%|```", re.sub(r"(?m)^        .*$", "", diagram))
        assert "%%" not in diagram
        assert "```" not in diagram
