"""Fingerprints and differences of catalogues that no server made."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from seachange.postgres.catalog import Catalog, Column, Constraint, EnumType, Extension, Function, Table, TypeRef, diff, qualified

TEXT = TypeRef(schema="pg_catalog", name="text")
ID = Column(name="id", type="integer", type_ref=TypeRef(schema="pg_catalog", name="int4"), position=1, not_null=True)
PHONE = Column(name="phone", type="character varying(20)", type_ref=TEXT, position=2)
KEY = Constraint(name="pets_pkey", kind="primary key", definition="PRIMARY KEY (id)", columns=("id",))


def _pets(**changes: Any) -> Table:
    return dataclasses.replace(Table(schema="public", name="pets", columns=(ID, PHONE), constraints=(KEY,)), **changes)


def _catalog(*tables: Table, **changes: Any) -> Catalog:
    return Catalog(server_version=150018, tables=tables, **changes)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(_catalog(_pets()), id="equal"),
        pytest.param(_catalog(_pets(columns=(PHONE, ID))), id="another order of columns"),
        pytest.param(_catalog(_pets(columns=(dataclasses.replace(ID, position=7), PHONE))), id="another position"),
        pytest.param(_catalog(_pets(estimated_rows=9, estimated_bytes=8192)), id="rows and size"),
        pytest.param(dataclasses.replace(_catalog(_pets()), server_version=180004), id="another version of the server"),
        pytest.param(
            _catalog(_pets(), extensions=(Extension(name="pg_stat_statements", schema="public", operational=True),)),
            id="an extension that watches the server",
        ),
    ],
)
def test_what_is_not_the_schema_leaves_the_fingerprint_alone(other: Catalog) -> None:
    assert other.fingerprint == _catalog(_pets()).fingerprint
    assert diff(_catalog(_pets()), other) == ()


_DIFFERENCES = [
    pytest.param(_catalog(), _catalog(_pets()), ["table public.pets is in the database, but not expected"], id="table too much"),
    pytest.param(_catalog(_pets()), _catalog(), ["table public.pets is missing in the database"], id="table missing"),
    pytest.param(
        _catalog(_pets()),
        _catalog(_pets(columns=(ID,))),
        ["table public.pets: column phone varchar(20) is missing in the database"],
        id="column missing",
    ),
    pytest.param(
        _catalog(_pets(columns=(PHONE,))),
        _catalog(_pets()),
        ["table public.pets: column id integer not null is in the database, but not expected"],
        id="column too much",
    ),
    pytest.param(
        _catalog(_pets()),
        _catalog(_pets(columns=(ID, dataclasses.replace(PHONE, type="text", not_null=True, default="'x'::text")))),
        [
            "table public.pets: column phone: default is 'x'::text in the database, expected not set",
            "table public.pets: column phone is not null in the database, expected nullable",
            "table public.pets: column phone: type is text in the database, expected varchar(20)",
        ],
        id="column changed",
    ),
    pytest.param(
        _catalog(_pets()),
        _catalog(_pets(constraints=())),
        ["table public.pets: constraint pets_pkey PRIMARY KEY (id) is missing in the database"],
        id="constraint missing",
    ),
    pytest.param(
        _catalog(_pets()),
        _catalog(_pets(constraints=(dataclasses.replace(KEY, validated=False),))),
        ["table public.pets: constraint pets_pkey is not validated in the database, expected validated"],
        id="constraint not validated",
    ),
    pytest.param(
        _catalog(_pets()),
        _catalog(_pets(name='Pets "2"')),
        [
            'table public."Pets ""2""" is in the database, but not expected',
            "table public.pets is missing in the database",
        ],
        id="quoted name",
    ),
    pytest.param(
        _catalog(enums=(EnumType(schema="public", name="mood", labels=("good", "bad")),)),
        _catalog(enums=(EnumType(schema="public", name="mood", labels=("bad", "good")),)),
        ["enum public.mood: labels is bad, good in the database, expected good, bad"],
        id="enum labels in another order",
    ),
    pytest.param(
        _catalog(functions=(Function(schema="public", name="f", arguments="integer", definition="a\nb"),)),
        _catalog(functions=(Function(schema="public", name="f", arguments="integer", definition="a\nc"),)),
        ["function public.f(integer): definition differs"],
        id="long definition",
    ),
    pytest.param(
        _catalog(extensions=(Extension(name="citext", schema="public"),)),
        _catalog(),
        ["extension citext is missing in the database"],
        id="extension missing",
    ),
]


@pytest.mark.parametrize(("expected", "actual", "sentences"), _DIFFERENCES)
def test_a_difference_is_a_sentence(expected: Catalog, actual: Catalog, sentences: list[str]) -> None:
    assert [difference.sentence for difference in diff(expected, actual)] == sentences
    assert expected.fingerprint != actual.fingerprint


def test_a_difference_has_its_values() -> None:
    found = diff(_catalog(_pets()), _catalog(_pets(columns=(ID, dataclasses.replace(PHONE, type="text")))))

    assert [dataclasses.astuple(difference) for difference in found] == [
        ("changed", "table public.pets", "column phone", "type", "varchar(20)", "text")
    ]


def test_a_catalog_is_one_json_document() -> None:
    document = json.loads(json.dumps(_catalog(_pets()).to_dict()))

    assert document["schema"] == "seachange.catalog/1"
    assert document["fingerprint"] == _catalog(_pets()).fingerprint
    assert document["tables"][0]["columns"][1]["type"] == "character varying(20)"


def test_unique_keys_are_those_that_let_no_two_rows_be_equal() -> None:
    from seachange.postgres.catalog import Index

    def index(name: str, columns: tuple[str, ...], *, partial: bool = False) -> Index:
        return Index(name=name, definition="", unique=True, partial=partial, columns=columns)

    table = _pets(indexes=(index("a", ("phone",)), index("b", ("id",), partial=True), index("c", ("", "id"))))

    assert table.unique_keys == (("id",), ("phone",))


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        pytest.param(("public", "pets"), "public.pets", id="plain"),
        pytest.param(("My Schema", 'a"b'), '"My Schema"."a""b"', id="quoted"),
        pytest.param(("1st",), '"1st"', id="starts with a digit"),
        pytest.param(("order", "date"), '"order".date', id="reserved word"),
    ],
)
def test_names_are_quoted_where_their_characters_need_it(names: tuple[str, ...], expected: str) -> None:
    assert qualified(*names) == expected


def test_every_yes_or_no_of_a_schema_has_words() -> None:
    from seachange.postgres import _catalog_parts, _catalog_values, catalog_diff

    classes = [
        value
        for module in (_catalog_parts, _catalog_values)
        for value in vars(module).values()
        if dataclasses.is_dataclass(value) and isinstance(value, type)
    ]
    booleans = {
        field.name
        for cls in classes
        for field in dataclasses.fields(cls)
        if field.type == "bool" and not field.metadata.get("outside")
    }
    assert booleans - {"array"} == set(catalog_diff._STATES)
