"""Definitions in one spelling."""

from __future__ import annotations

import pytest

from seachange.postgres._catalog_text import normalise_expression, short_type
from seachange.postgres._catalog_views import normalise_view


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("CHECK ((weight > 0))", "CHECK ((weight > 0))", id="nothing to do"),
        pytest.param(
            "CHECK (((state)::text = ANY ((ARRAY['a'::character varying, 'it''s, b'::character varying])::text[])))",
            "CHECK (((state)::text = ANY (ARRAY[('a'::character varying)::text, ('it''s, b'::character varying)::text])))",
            id="cast around an array of varchar",
        ),
        pytest.param(
            "CHECK (((state)::text = ANY (ARRAY[('a'::character varying)::text])))",
            "CHECK (((state)::text = ANY (ARRAY[('a'::character varying)::text])))",
            id="casts around the elements",
        ),
        pytest.param(
            "((ARRAY[x, 'a'::character varying])::text[])", "((ARRAY[x, 'a'::character varying])::text[])", id="not constants"
        ),
        pytest.param(
            "CHECK ((((a >= 1) AND (a <= 3)) AND (b > 0)))", "CHECK (((a >= 1) AND (a <= 3) AND (b > 0)))", id="between and more"
        ),
        pytest.param("((a AND b) AND c", "((a AND b) AND c", id="parentheses that do not match"),
        pytest.param(
            "(x OR ((y OR (z = ') AND ('::text)) OR w) OR ((a AND b) AND f((c AND d))))",
            "(x OR y OR (z = ') AND ('::text) OR w OR (a AND b AND f((c AND d))))",
            id="chains of each kind within the other",
        ),
        pytest.param(
            "sum(x) OVER (ORDER BY y ROWS BETWEEN (a AND (b AND c)) PRECEDING AND (1 AND 2) FOLLOWING)",
            "sum(x) OVER (ORDER BY y ROWS BETWEEN (a AND b AND c) PRECEDING AND (1 AND 2) FOLLOWING)",
            id="the AND of a frame is no chain",
        ),
        pytest.param(
            "((NOT (a AND b)) AND ((c AND d) = e) AND (f = (g AND h)))",
            "((NOT (a AND b)) AND ((c AND d) = e) AND (f = (g AND h)))",
            id="parts of other expressions",
        ),
    ],
)
def test_an_expression_reads_as_after_a_restore(text: str, expected: str) -> None:
    assert normalise_expression(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            " SELECT pets.id,\n    lower(pets.name) AS lower\n   FROM public.pets\n  WHERE (pets.id > 1);",
            "SELECT id,\n    lower(name) AS lower\n   FROM public.pets\n  WHERE (id > 1);",
            id="one table",
        ),
        pytest.param(" SELECT p.id\n   FROM public.pets p;", "SELECT id\n   FROM public.pets p;", id="an alias"),
        pytest.param(
            ' SELECT "My Pets".id,\n    \'see "My Pets".id\'::text AS t\n   FROM public."My Pets";',
            'SELECT id,\n    \'see "My Pets".id\'::text AS t\n   FROM public."My Pets";',
            id="quoted name and a string",
        ),
        pytest.param(
            ' SELECT pets."a pets.b"\n   FROM pets.pets;', 'SELECT "a pets.b"\n   FROM pets.pets;', id="name inside a name"
        ),
        pytest.param(
            " SELECT p.id,\n    c.id AS c\n   FROM (public.pets p\n     JOIN public.clients c ON ((c.id = p.id)));",
            "SELECT p.id,\n    c.id AS c\n   FROM (public.pets p\n     JOIN public.clients c ON ((c.id = p.id)));",
            id="two tables",
        ),
        pytest.param(
            " SELECT a.id\n   FROM public.pets a,\n    public.pets b;",
            "SELECT a.id\n   FROM public.pets a,\n    public.pets b;",
            id="one table twice",
        ),
        pytest.param(
            " SELECT pets.id,\n    ( SELECT max(c.x) AS max\n           FROM clients c\n          WHERE (c.id = pets.id)) AS m"
            "\n   FROM public.pets\n  WHERE (pets.id IN ( SELECT pets_1.id\n           FROM public.pets pets_1));",
            "SELECT id,\n    ( SELECT max(c.x) AS max\n           FROM clients c\n          WHERE (c.id = pets.id)) AS m"
            "\n   FROM public.pets\n  WHERE (id IN ( SELECT pets_1.id\n           FROM public.pets pets_1));",
            id="queries inside keep their names",
        ),
        pytest.param(
            " SELECT x.id AS y\n   FROM ( SELECT a.id\n           FROM public.a,\n            public.b) x\n  WHERE (x.id > 2);",
            "SELECT id AS y\n   FROM ( SELECT a.id\n           FROM public.a,\n            public.b) x\n  WHERE (id > 2);",
            id="a query as the only relation",
        ),
        pytest.param(
            " SELECT s.i\n   FROM generate_series(1, (2 + 1)) s(i);",
            "SELECT i\n   FROM generate_series(1, (2 + 1)) s(i);",
            id="a function as the only relation",
        ),
        pytest.param(
            " SELECT a.id\n   FROM public.a\nUNION\n SELECT a.id\n   FROM public.b a;",
            "SELECT a.id\n   FROM public.a\nUNION\n SELECT a.id\n   FROM public.b a;",
            id="a union",
        ),
        pytest.param(
            " SELECT pets.id\n   FROM pets.pets\n  GROUP BY pets.id\n LIMIT 1;",
            "SELECT id\n   FROM pets.pets\n  GROUP BY id\n LIMIT 1;",
            id="a schema of the same name",
        ),
    ],
)
def test_a_view_of_one_relation_reads_without_its_name(text: str, expected: str) -> None:
    assert normalise_view(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("character varying(20)", "varchar(20)", id="varchar"),
        pytest.param("character varying(20)[]", "varchar(20)[]", id="array of varchar"),
        pytest.param("character(3)", "char(3)", id="char"),
        pytest.param("timestamp with time zone", "timestamptz", id="timestamptz"),
        pytest.param("timestamp(3) without time zone[]", "timestamp(3)[]", id="precise timestamp array"),
        pytest.param("time(0) with time zone", "timetz(0)", id="timetz"),
        pytest.param('public."character varying thing"', 'public."character varying thing"', id="type with a funny name"),
        pytest.param("double precision", "double precision", id="no short form"),
    ],
)
def test_a_type_is_shortened(text: str, expected: str) -> None:
    assert short_type(text) == expected
