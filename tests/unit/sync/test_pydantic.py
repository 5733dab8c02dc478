"""Models of pydantic for names, types and limits of all kinds."""

from __future__ import annotations

import dataclasses
import sys
import types
from typing import Any

import pydantic
import pytest
from hypothesis import given, settings

from seachange.errors import ConfigError
from seachange.sync._domain_checks import Limits, limits_of
from seachange.sync._python_names import Names
from seachange.sync.model import Check, Column, Composite, Domain, Enum, Range, Schema, Type, View
from seachange.sync.targets.pydantic_models import _options
from seachange.sync.targets.pydantic_models._head import Options
from seachange.sync.targets.pydantic_models._module import _ATTRIBUTES, describe_models
from tests.unit.sync.made import INTEGER, TEXT, array, column, schemas, system, table


def _loaded(schema: Schema, options: Options | None = None) -> dict[str, Any]:
    module = sys.modules["models_under_test"] = types.ModuleType("models_under_test")
    code = compile(describe_models(schema, options=options or Options()), "pydantic_models.py", "exec", dont_inherit=True)
    exec(code, module.__dict__)
    return vars(sys.modules.pop(module.__name__))


def _own(text: str, kind: Any = "base", *, extension: str = "") -> Type:
    return Type(text=text, schema="public", name=text, kind=kind, extension=extension)


def test_every_attribute_of_a_model_is_avoided() -> None:
    assert {name for name in dir(pydantic.BaseModel) if not name.startswith("_")} <= set(_ATTRIBUTES)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("clientId", "clientId", id="plain"),
        pytest.param("class", "class_", id="keyword"),
        pytest.param("_id", "id", id="private to pydantic"),
        pytest.param("1st", "column_1st", id="digit first"),
        pytest.param("%", "column", id="nothing left"),
        pytest.param("a b-c", "a_b_c", id="other characters"),
    ],
)
def test_a_column_has_a_field_that_pydantic_takes(name: str, expected: str) -> None:
    assert Names().of_public(name) == expected


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        pytest.param("in progress", "IN_PROGRESS", id="space"),
        pytest.param("", "EMPTY", id="empty"),
        pytest.param("1st", "LABEL_1ST", id="digit first"),
        pytest.param("-", "LABEL", id="nothing left"),
        pytest.param("__x__", "X", id="names that enums keep for themselves"),
    ],
)
def test_a_label_has_a_name_in_upper_case(label: str, expected: str) -> None:
    assert Names().of_label(label) == expected


@settings(max_examples=30, deadline=None)
@given(schemas())
def test_whatever_the_names_models_take_and_give_columns_by_their_names(schema: Schema) -> None:
    namespace = _loaded(schema)
    rows: list[Any] = [one for one in namespace.values() if isinstance(one, type) and namespace["_Row"] in one.__bases__]
    tables = sorted(schema.tables, key=lambda one: one.key)

    assert len(rows) == len(tables)
    for one, model in zip(tables, rows, strict=True):
        row = {column.name: _value(column, schema.enums[0].labels) for column in one.columns}
        if None in [row[column.name] for column in one.columns if not column.nullable]:
            continue  # no value is of an enum without labels

        assert model(**row).model_dump() == row
        assert list(model.model_json_schema().get("properties", ())) == list(row)


def _value(column: Column, labels: tuple[str, ...]) -> object:
    if column.type.kind == "enum":
        return labels[0] if labels else None
    return 1 if column.type == INTEGER else "x"


_SMALL = '''\
class Mood(StrEnum):
    """The enum public.mood.

    How they feel.
    """

    HAPPY = "happy"
    NOT_SO = 'not "so"'


class PetsRow(_Row):
    """A row of public.pets.

    Who is treated.
    """

    id: Integer
    name: Varchar20 = Field(description="As the client says it.")
    mood: Mood
    class_: Integer | None = Field(validation_alias="class", serialization_alias="class")
    lower: str | None


class PetsInsert(_Given):
    """Values of a new row of public.pets.

    Who is treated.
    """

    name: Varchar20 = Field(description="As the client says it.")
    mood: Mood = Field(default_factory=_omitted)
    class_: Integer | None = Field(default=None, validation_alias="class", serialization_alias="class")


class PetsUpdate(_Given):
    """Values that change in a row of public.pets.

    Who is treated.
    """

    name: Varchar20 = Field(default_factory=_omitted, description="As the client says it.")
    mood: Mood = Field(default_factory=_omitted)
    class_: Integer | None = Field(default_factory=_omitted, validation_alias="class", serialization_alias="class")
'''


def test_a_small_schema_is_written_whole() -> None:
    mood = Enum(schema="public", name="mood", labels=("happy", 'not "so"'), comment="How they feel.")
    pets = table(
        "pets",
        column("id", identity="always"),
        column("name", comment="As the client says it.", type=system("varchar(20)")),
        column("mood", type=_own("mood", "enum"), default="'happy'::public.mood"),
        column("class", not_null=False),
        column("lower", type=TEXT, not_null=False, generated="stored", expression="lower(name)"),
        comment="Who is treated.",
    )
    module = describe_models(Schema(fingerprint="f", tables=(pets,), enums=(mood,)), options=Options())

    assert module[module.index("class Mood") :] == _SMALL


def test_a_schema_without_values_of_the_driver_needs_no_driver() -> None:
    one = table("t", column("Range", type=TEXT, comment="Jsonb or Range"), column("at", type=system("timestamptz")))
    module = describe_models(Schema(fingerprint="f", tables=(one,)), options=Options())

    assert "import psycopg" not in module
    assert "from psycopg" not in module


@pytest.mark.parametrize(
    ("pg_type", "annotation"),
    [
        pytest.param(system("int2"), "SmallInt", id="smallint"),
        pytest.param(system("numeric(10,2)"), "Numeric10_2", id="numeric"),
        pytest.param(array(system("varchar(3)")), "Array[Varchar3]", id="array of limited text"),
        pytest.param(array(system("jsonb")), "list[JsonValue | None]", id="array of json"),
        pytest.param(system("timestamptz(3)"), "AwareDatetime", id="with time zone"),
        pytest.param(system("timestamp"), "NaiveDatetime", id="without time zone"),
        pytest.param(system("tstzrange", kind="range"), "RangeOf[AwareDatetime]", id="range"),
        pytest.param(system("nummultirange", kind="multirange"), "MultirangeOf[Numeric]", id="multirange"),
        pytest.param(_own("moments", "range"), "RangeOf[_datetime.time]", id="range of one's own"),
        pytest.param(_own("moments_multirange", "multirange"), "MultirangeOf[_datetime.time]", id="its multirange"),
        pytest.param(_own("far", "range"), "Any", id="range of a schema not described"),
        pytest.param(_own("address", "composite"), "Address", id="composite type"),
        pytest.param(_own("far", "domain"), "Any", id="domain of a schema not described"),
        pytest.param(_own("far", "enum"), "str", id="enum of a schema not described"),
        pytest.param(_own("citext", extension="citext"), "str", id="citext"),
        pytest.param(_own("geometry", extension="postgis"), "Any", id="type of an extension"),
        pytest.param(system("money"), "str", id="money"),
    ],
)
def test_types_are_validated_as_the_driver_loads_them(pg_type: Type, annotation: str) -> None:
    schema = Schema(
        fingerprint="f",
        tables=(table("t", column("x", type=pg_type)),),
        ranges=(Range(schema="public", name="moments", subtype="time"),),
        composites=(Composite(schema="public", name="address", columns=(column("street", type=TEXT, not_null=False),)),),
    )
    module = describe_models(schema, options=Options())

    assert f'class TRow(_Row):\n    """A row of public.t."""\n\n    x: {annotation}\n' in module
    assert "TRow" in _loaded(schema)


@pytest.mark.parametrize(
    ("pg_type", "fits", "too_much"),
    [
        pytest.param("numeric(4,2)", "99.99", "100", id="usual"),
        pytest.param("numeric(2,4)", "0.0099", "0.01", id="more places than digits"),
        pytest.param("numeric(2,-3)", "99000", "100000", id="rounded before the point"),
        pytest.param("bit(3)", "101", "10", id="bits"),
        pytest.param("varbit(3)", "10", "1010", id="bits up to"),
        pytest.param("oid", "4294967295", "4294967296", id="oid"),
    ],
)
def test_limits_are_those_of_the_type(pg_type: str, fits: str, too_much: str) -> None:
    model = _loaded(Schema(fingerprint="f", tables=(table("t", column("x", type=system(pg_type))),)))["TInsert"]

    model(x=fits)
    with pytest.raises(pydantic.ValidationError):
        model(x=too_much)


def test_a_domain_stands_below_what_it_is_made_from() -> None:
    pair = Composite(schema="public", name="b_pair", columns=(column("count", type=_own("c", "domain"), not_null=False),))
    schema = Schema(
        fingerprint="f",
        tables=(table("t", column("x", type=_own("a", "domain"))),),
        domains=(
            Domain(schema="public", name="a", type=_own("b_pair", "composite")),
            Domain(schema="public", name="c", type=INTEGER),
        ),
        composites=(pair,),
    )
    row = _loaded(schema)["TRow"](x=(3,))

    assert row.x.count_ == 3


@pytest.mark.parametrize(
    ("base", "expression", "expected"),
    [
        pytest.param("int4", "((VALUE > 0) AND (VALUE <= 100))", Limits(bounds=((">", "0"), ("<=", "100"))), id="between"),
        pytest.param("int4", "(VALUE >= '-5'::integer)", Limits(bounds=((">=", "-5"),)), id="negative"),
        pytest.param("numeric(5,2)", "(VALUE < 1.5)", Limits(bounds=(("<", "1.5"),)), id="decimal"),
        pytest.param("numeric", "(VALUE < 1.5)", Limits(), id="NaN is more than any number for PostgreSQL only"),
        pytest.param("int4", "((VALUE > 0) OR (VALUE < -9))", Limits(), id="or"),
        pytest.param("int4", "((VALUE % 2) = 0)", Limits(), id="something else"),
        pytest.param(
            "text",
            "(VALUE = ANY (ARRAY['a AND b'::text, 'it''s'::text]))",
            Limits(labels=("a AND b", "it's")),
            id="one of some",
        ),
        pytest.param(
            "varchar(20)",
            "((VALUE)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[]))",
            Limits(labels=("a", "b")),
            id="one of some, of limited text",
        ),
        pytest.param("bpchar(3)", "(VALUE = ANY (ARRAY['a'::bpchar]))", Limits(), id="padded text is compared otherwise"),
        pytest.param(
            "text", "((char_length(VALUE) <= 5) AND (length(VALUE) > 1))", Limits(lengths=(("<=", 5), (">", 1))), id="lengths"
        ),
        pytest.param("text", r"(VALUE ~ '^[a-z0-9._]+\.x{2,3}$'::text)", Limits(pattern=r"^[a-z0-9._]+\.x{2,3}$"), id="regex"),
        pytest.param("varchar(9)", "((VALUE)::text ~ '^a|b'::text)", Limits(pattern="^a|b"), id="regex of limited text"),
        pytest.param("text", r"(VALUE ~ '^\d+$'::text)", Limits(), id="digits differ between engines"),
        pytest.param("text", "(VALUE ~ '^(?i)a'::text)", Limits(), id="options differ between engines"),
        pytest.param("text", "(VALUE ~ '^a.c$'::text)", Limits(), id="line ends differ between engines"),
        pytest.param("text", "(VALUE ~ '^[[:alpha:]]$'::text)", Limits(), id="classes differ between engines"),
        pytest.param("text", "(VALUE ~* '^a'::text)", Limits(), id="any case"),
        pytest.param("text", "(VALUE ~ '(a'::text)", Limits(), id="no regex"),
    ],
)
def test_checks_of_domains_are_limits_where_they_mean_the_same(base: str, expression: str, expected: Limits) -> None:
    domain = Domain(schema="public", name="d", type=system(base), checks=(Check(name="c", expression=expression),))

    assert limits_of(Schema(fingerprint="f", domains=(domain,)), domain) == expected


def test_views_have_rows_only_and_partitions_none() -> None:
    part = table("p1", column("x"), partition_of=("public", "p"))
    view = View(schema="public", name="v", columns=(column("x", not_null=False),))
    namespace = _loaded(Schema(fingerprint="f", tables=(table("p", column("x")), part), views=(view,)))
    models = [name for name, value in namespace.items() if isinstance(value, type) and issubclass(value, pydantic.BaseModel)]

    assert models == ["_Base", "_Row", "_Given", "PRow", "PInsert", "PUpdate", "VRow"]


def test_options_say_what_models_are_made_from() -> None:
    options = _options({"base": "app.models:Base", "extra": "forbid", "from_attributes": False})
    module = describe_models(Schema(fingerprint="f"), options=options)

    assert options == Options(base=("app.models", "Base"), extra="forbid", from_attributes=False)
    assert "from app.models import Base as _Base" in module
    assert 'extra="forbid",\n        from_attributes=False,' in module


def test_models_are_made_from_the_class_of_the_user_and_read_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    class Base(pydantic.BaseModel):
        def shouted(self) -> str:
            return repr(self).upper()

    monkeypatch.setitem(sys.modules, "users_models", types.ModuleType("users_models"))
    vars(sys.modules["users_models"])["Base"] = Base
    schema = Schema(fingerprint="f", tables=(table("t", column("x"), column("class")),))
    row = _loaded(schema, Options(base=("users_models", "Base")))["TRow"]

    assert row.model_validate(types.SimpleNamespace(x=1, class_=2)).shouted() == "TROW(X=1, CLASS_=2)"


@pytest.mark.parametrize(
    ("given_options", "message"),
    [
        pytest.param({"base": "Base"}, "sync_options.pydantic: base cannot be 'Base'", id="no module"),
        pytest.param({"extra": "perhaps"}, "sync_options.pydantic: extra cannot be 'perhaps'", id="no such choice"),
        pytest.param({"from_attributes": 1}, "sync_options.pydantic: from_attributes cannot be 1", id="no truth"),
    ],
)
def test_wrong_options_are_named(given_options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        _options(given_options)


def test_the_same_schema_gives_the_same_module() -> None:
    schema = Schema(fingerprint="f", tables=(table("pets", column("id")),))

    assert describe_models(schema, options=Options()) == describe_models(dataclasses.replace(schema), options=Options())
