"""Diagrams in the words that Mermaid's own lexer has (mermaid 11, erDiagram.jison)."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings

from seachange.postgres.catalog import Catalog, Constraint, Table
from seachange.sync._mermaid import diagrams
from tests.unit.sync.schemas import catalogs, column, foreign_key, key, table

_ENTITY = r'"[^"%\r\n\v\b\\]+"'
_WORD = r"(?!(?i:pk|fk|uk)\b)[A-Za-z_\u00c0-\uffff][A-Za-z0-9\-_\[\]\(\)\.,\u00c0-\uffff]*"
_KEYS = r"(?:PK|FK|UK)(?:, (?:PK|FK|UK))*"
_LINES = re.compile(
    rf'erDiagram|    {_ENTITY} {{|        {_WORD} {_WORD}(?: {_KEYS})?(?: "[^"~\n]+")?|    }}'
    rf'|    {_ENTITY} (?:\|\||\|o)(?:--|\.\.)(?:o\||o{{) {_ENTITY} : "[^"\n]*"',
    re.ASCII,
)


def _catalog(*tables: Table) -> Catalog:
    return Catalog(server_version=180000, tables=tables)


_CLIENTS = table("clients", [column("id")], key("id"))


@pytest.mark.parametrize(
    ("optional", "constraints", "edge"),
    [
        pytest.param("", [], '"clients" ||..o{ "pets" : "client_id"', id="many, one parent"),
        pytest.param("optional", [], '"clients" |o..o{ "pets" : "client_id"', id="many, perhaps a parent"),
        pytest.param("", [key("client_id", kind="unique")], '"clients" ||..o| "pets" : "client_id"', id="unique: at most one"),
        pytest.param("", [key("client_id")], '"clients" ||--o| "pets" : "client_id"', id="the primary key itself"),
        pytest.param("", [key("client_id", "id")], '"clients" ||--o{ "pets" : "client_id"', id="part of the primary key"),
    ],
)
def test_an_edge_says_how_many_rows_of_each_table_belong_together(
    optional: str, constraints: list[Constraint], edge: str
) -> None:
    columns = [column("id"), column("client_id", not_null=not optional)]
    (diagram,) = diagrams(_catalog(_CLIENTS, table("pets", columns, foreign_key("clients", client_id="id"), *constraints)))

    assert diagram.splitlines()[-1].strip() == edge


def test_a_diagram_is_written_whole() -> None:
    lines = table(
        "Order lines", [column("a b", comment='the "a"\nof <b>'), column("pk")], foreign_key("clients", pk="id"), schema="s"
    )
    (diagram,) = diagrams(_catalog(_CLIENTS, lines))

    assert (
        diagram
        == """erDiagram
    "clients" {
        integer id PK
    }
    "s.Order lines" {
        integer a_b "a b the #quot;a#quot; of #lt;b#gt;"
        integer _pk FK "pk"
    }
    "clients" ||..o{ "s.Order lines" : "pk\""""
    )


def test_names_that_look_alike_stay_apart() -> None:
    tables = [table(name, []) for name in ('a"', "a'", "a%", "a\\")]
    (diagram,) = diagrams(_catalog(*tables))

    assert re.findall(r'"(.*)"', diagram) == ["a'", "a' (2)", "a_", "a_ (2)"]


def test_a_schema_too_large_for_one_diagram_has_several() -> None:
    tables = [table(f"t{number}", [column("id"), column("p")], foreign_key("t0", p="id")) for number in range(1_000)]
    drawn = diagrams(_catalog(*tables))

    assert len(drawn) == 3
    assert all(len(diagram) < 50_000 and diagram.count(" : ") < 500 for diagram in drawn)
    assert sum(diagram.count(" : ") for diagram in drawn) == 1_000


def test_an_empty_schema_has_no_diagram() -> None:
    assert diagrams(_catalog()) == ()


@settings(max_examples=300, deadline=None)
@given(catalogs())
def test_whatever_the_names_every_line_is_in_mermaids_language(catalog: Catalog) -> None:
    for diagram in diagrams(catalog):
        assert [line for line in diagram.split("\n") if not _LINES.fullmatch(line)] == []
        assert not re.search(r"(?i)direction\s+(tb|bt|lr|rl)|%%|```", re.sub(r"(?m)^        .*$", "", diagram))
        assert "%%" not in diagram
        assert "```" not in diagram
