"""Typed client code for names and comments of all kinds."""

from __future__ import annotations

import ast
import dataclasses
import sys
import types
import typing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seachange.sync._python_names import Names, constant, docstring, is_plain, literal
from seachange.sync.model import Domain, Enum, Schema, Type, View
from seachange.sync.targets.client._module import describe_client
from tests.unit.sync.made import TEXT, column, schemas, table


def _loaded(schema: Schema) -> dict[str, typing.Any]:
    module = sys.modules["client_under_test"] = types.ModuleType("client_under_test")
    exec(compile(describe_client(schema), "client.py", "exec", dont_inherit=True), module.__dict__)
    return vars(sys.modules.pop(module.__name__))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("client_id", "client_id", id="plain"),
        pytest.param("clientId", "clientId", id="capitals"),
        pytest.param("class", "class_", id="keyword"),
        pytest.param("a b-c", "a_b_c", id="other characters"),
        pytest.param("1st", "_1st", id="digit first"),
        pytest.param("__private", "private", id="would be mangled"),
        pytest.param("größe", "größe", id="letters of other languages"),
        pytest.param("\ufb01le", "file", id="Python would read it as other letters"),
        pytest.param("%", "column", id="nothing left"),
    ],
)
def test_a_column_has_a_field_of_nearly_its_name(name: str, expected: str) -> None:
    assert Names().of_field(name) == expected


def test_fields_that_look_alike_stay_apart() -> None:
    names = Names(["int"])

    assert [names.of_field(name) for name in ("a b", "a-b", "a_b", "int", "int_")] == ["a_b", "a_b_", "a_b_2", "int_", "int__"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param(("ai_diagnoses",), "AiDiagnoses", id="underscore"),
        pytest.param(("billing", "orderLines"), "BillingOrderLines", id="schema and capitals"),
        pytest.param(("1st",), "_1st", id="digit first"),
        pytest.param(("none",), "None_", id="keyword"),
        pytest.param(("%",), "Unnamed", id="nothing left"),
    ],
)
def test_a_type_has_a_class_of_nearly_its_name(words: tuple[str, ...], expected: str) -> None:
    assert Names().of_class(*words) == expected


def test_relations_that_look_alike_have_numbers() -> None:
    names = Names(["PetsInsert"])

    assert [names.of_relation(name) for name in ("pets", "Pets", "order", "order_")] == ["Pets2", "Pets3", "Order", "Order2"]


def test_a_constant_is_in_upper_case() -> None:
    assert [constant(name) for name in ("PetsSelect", "AiDiagnosesSelect", "Order2Select")] == [
        "PETS_SELECT",
        "AI_DIAGNOSES_SELECT",
        "ORDER2_SELECT",
    ]


@pytest.mark.parametrize(
    ("name", "expected"),
    [pytest.param("name", True, id="name"), pytest.param("from", False, id="keyword"), pytest.param("__x", False, id="mangled")],
)
def test_a_key_is_plain_when_a_class_can_have_it(name: str, *, expected: bool) -> None:
    assert is_plain(name) is expected


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_literal_means_its_text(text: str) -> None:
    assert ast.literal_eval(literal(text)) == text


@settings(deadline=None)
@given(st.text(st.sampled_from("ab \"\\'\n\r\t\u2028é\x0c")))
def test_a_docstring_is_one_string_whatever_is_in_it(text: str) -> None:
    lines = docstring(text, indent="    ")
    if lines:
        body = ast.parse("class A:\n" + "\n".join(lines)).body[0]

        assert isinstance(body, ast.ClassDef)
        assert (ast.get_docstring(body) or "").split() == text.split()


@settings(max_examples=200, deadline=None)
@given(schemas())
def test_whatever_the_names_the_module_can_be_imported(schema: Schema) -> None:
    namespace = _loaded(schema)
    rows = [value for name, value in namespace.items() if dataclasses.is_dataclass(value)]

    assert sorted(len(dataclasses.fields(row)) for row in rows) == sorted(len(one.columns) for one in schema.tables)
    for name, value in namespace.items():
        if isinstance(value, type) and (dataclasses.is_dataclass(value) or name.endswith("Insert")):
            typing.get_type_hints(value, globalns=namespace)


def test_the_same_schema_gives_the_same_module() -> None:
    schema = Schema(fingerprint="f", tables=(table("pets", column("id")),))

    assert describe_client(schema) == describe_client(dataclasses.replace(schema))


_SMALL = '''from __future__ import annotations

import dataclasses as _dataclasses
from typing import Final, Literal, NotRequired, TypeAlias, TypedDict

Mood: TypeAlias = Literal["happy", 'not "so"']
"""How they feel."""


@_dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class PetsRow:
    """A row of public.pets.

    Who is treated.
    """

    id: int
    name: str
    """As the client says it."""
    mood: Mood
    class_: int | None


PETS_SELECT: Final = "SELECT id, name, mood, class AS class_ FROM public.pets"


PetsInsert = TypedDict(
    "PetsInsert",
    {
        "name": str,
        "mood": NotRequired[Mood],
        "class": NotRequired[int | None],
    },
)
"""Values to insert into public.pets."""
'''


def test_a_small_schema_is_written_whole() -> None:
    mood = Enum(schema="public", name="mood", labels=("happy", 'not "so"'), comment="How they feel.")
    reference = Type(text="mood", schema="public", name="mood", kind="enum")
    pets = table(
        "pets",
        column("id", identity="always"),
        column("name", comment="As the client says it.", type=TEXT),
        column("mood", type=reference, default="'happy'::public.mood"),
        column("class", not_null=False),
        comment="Who is treated.",
    )
    module = describe_client(Schema(fingerprint="f", tables=(pets,), enums=(mood,)))

    assert module[module.index("from __future__") :] == _SMALL


def test_the_module_says_what_it_was_made_from() -> None:
    module = describe_client(Schema(fingerprint="f00", revision="r1"))

    assert module.splitlines()[2:5] == [
        "Written by Seachange from the database; `invoke db.generate --target client` writes it anew.",
        "revision: r1",
        "catalogue: f00",
    ]


def _system(name: str, kind: str = "base") -> Type:
    return Type(text=name, schema="pg_catalog", name=name, kind=typing.cast("typing.Any", kind))


_JSONB = _system("jsonb")
_NUMERIC = _system("numeric")
_RANGE = _system("int8range", "range")
_DOMAIN = Type(text="score", schema="public", name="score", kind="domain")


@pytest.mark.parametrize(
    ("reference", "row", "insert"),
    [
        pytest.param(_JSONB, "Json", "object", id="jsonb"),
        pytest.param(_NUMERIC, "_decimal.Decimal", "_decimal.Decimal | int", id="numeric"),
        pytest.param(
            dataclasses.replace(_NUMERIC, array=True), "list[_decimal.Decimal]", "list[_decimal.Decimal | int]", id="array"
        ),
        pytest.param(_RANGE, "RangeValue[int]", "object", id="range"),
        pytest.param(
            _system("tstzmultirange", "multirange"), "_abc.Sequence[RangeValue[_datetime.datetime]]", "object", id="multirange"
        ),
        pytest.param(_DOMAIN, "_decimal.Decimal", "_decimal.Decimal | int", id="domain over a domain"),
        pytest.param(dataclasses.replace(_DOMAIN, array=True), "list[str]", "list[str]", id="array of a domain"),
        pytest.param(dataclasses.replace(_DOMAIN, name="far"), "object", "object", id="domain of a schema not described"),
        pytest.param(Type(text="geometry", schema="postgis", name="geometry"), "str", "str", id="type of an extension"),
    ],
)
def test_types_are_those_that_drivers_load(reference: Type, row: str, insert: str) -> None:
    inner = Domain(schema="public", name="inner", type=_NUMERIC)
    outer = Domain(schema="public", name="score", type=dataclasses.replace(_DOMAIN, name="inner"))
    one = table("t", column("x", type=reference))
    module = describe_client(Schema(fingerprint="f", tables=(one,), domains=(inner, outer)))

    assert f'class TRow:\n    """A row of public.t."""\n\n    x: {row}\n' in module
    assert f'    """Values to insert into public.t."""\n\n    x: {insert}\n' in module


def test_a_default_of_a_domain_need_not_be_given() -> None:
    domain = Domain(schema="public", name="score", type=_NUMERIC, not_null=True, default="1")
    module = describe_client(Schema(fingerprint="f", tables=(table("t", column("x", type=_DOMAIN)),), domains=(domain,)))

    assert "    x: _decimal.Decimal\n" in module
    assert "    x: NotRequired[_decimal.Decimal | int]\n" in module


def test_views_have_rows_with_optional_values_and_nothing_to_insert() -> None:
    view = View(schema="public", name="v", columns=(column("x", not_null=False),), definition="SELECT 1")
    namespace = _loaded(Schema(fingerprint="f", views=(view,)))

    assert namespace["VRow"](x=None).x is None
    assert "VInsert" not in namespace


def test_partitions_have_no_class_of_their_own() -> None:
    part = table("p1", column("x"), partition_of=("public", "p"))
    module = describe_client(Schema(fingerprint="f", tables=(table("p", column("x")), part)))

    assert "class PRow" in module
    assert "P1Row" not in module
