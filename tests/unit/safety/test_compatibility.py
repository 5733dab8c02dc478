"""Compatibility: what SQLAlchemy would send, PL/pgSQL with parameters, the class of a change; without a server."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    Mapper,
    column_property,
    deferred,
    mapped_column,
    registry,
    relationship,
)

from seachange.plan import Statement
from seachange.postgres.catalog import Catalog, Column, Table, TypeRef
from seachange.safety._compatibility.blame import blame
from seachange.safety._compatibility.plpgsql import read_body, with_parameters
from seachange.safety.compatibility import (
    Case,
    Code,
    Effect,
    Impact,
    Schema,
    Step,
    classify,
    compile_code,
    judge,
    order_of,
)


def mappers_of(base: type[DeclarativeBase]) -> list[Mapper[Any]]:
    return list(base.registry.mappers)


def compiled(base: type[DeclarativeBase]) -> Code:
    return compile_code(base.metadata, mappers_of(base))


def sent(code: Code, kind: str) -> list[str]:
    return [" ".join(query.sql.split()) for query in code.queries if query.kind == kind]


class Shop(DeclarativeBase):
    pass


class Item(Shop):
    __tablename__ = "items"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column("title", sa.String(20))
    made: Mapped[datetime.datetime] = mapped_column(server_default=sa.func.now(), onupdate=sa.func.now())
    total: Mapped[int] = mapped_column(sa.Computed("id * 2"))
    blob: Mapped[bytes | None] = deferred(mapped_column())
    kind: Mapped[str]
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "item"}  # noqa: RUF012


class Book(Item):
    __mapper_args__ = {"polymorphic_identity": "book"}  # noqa: RUF012


Item.doubled = column_property(Item.__table__.c.id * 2)


def test_reading_a_class_names_what_is_loaded_and_not_what_is_deferred() -> None:
    first = sent(compiled(Shop), "SELECT")

    assert [text for text in first if "blob" in text] == []
    assert any("WHERE items.id = $" in text for text in first)
    assert any("items.kind IN ('book')" in text or "items.kind IN ($" in text for text in first)


def test_an_insert_is_sent_with_every_value_and_with_what_the_server_fills_left_out() -> None:
    every, least = sent(compiled(Shop), "INSERT")

    assert every.startswith("INSERT INTO items (id, title, made, blob, kind) VALUES ($1::INTEGER, $2::VARCHAR, ")
    assert least.startswith("INSERT INTO items (title, blob, kind) VALUES ($1::VARCHAR, ")
    assert least.endswith("RETURNING items.id, items.made, items.total")


def test_each_column_is_updated_with_what_changes_by_itself() -> None:
    assert sent(compiled(Shop), "UPDATE")[0] == "UPDATE items SET title=$1::VARCHAR, made=now() WHERE items.id = $2::INTEGER"


def test_the_code_says_its_columns_keys_and_identities() -> None:
    code = compiled(Shop).in_schema("shop")

    table = code.tables["shop.items"]
    assert [(column.name, column.nullable, column.filled) for column in table.columns] == [
        ("id", False, True),
        ("title", False, False),
        ("made", False, True),
        ("total", False, True),
        ("blob", True, False),
        ("kind", False, False),
    ]
    assert (table.keys, table.identities) == ((("id",),), ("book", "item"))
    assert Code.from_dict(code.to_dict(), name="") == code


def test_classes_that_cannot_be_configured_leave_their_tables() -> None:
    class Base(DeclarativeBase):
        pass

    class Lonely(Base):
        __tablename__ = "lonely"
        id: Mapped[int] = mapped_column(primary_key=True)
        friend: Mapped[Any] = relationship("Nobody")

    try:
        code = compiled(Base)
    finally:
        Base.registry.dispose()

    assert [problem.partition(":")[0] for problem in code.problems] == [
        "the mapped classes cannot be configured, only their tables were looked at"
    ]
    assert sent(code, "SELECT")[0] == "SELECT lonely.id FROM lonely"


def test_an_imperative_mapping_is_compiled_like_any_other() -> None:
    class Thing:
        pass

    metadata = sa.MetaData(schema="s")
    table = sa.Table("things", metadata, sa.Column("id", sa.Integer, primary_key=True))
    made = registry(metadata=metadata)
    made.map_imperatively(Thing, table)

    code = compile_code(metadata, made.mappers)

    assert (next(query.owner for query in code.queries), sent(code, "SELECT")[0]) == ("Thing", "SELECT s.things.id FROM s.things")
    made.dispose()


FUNCTION = """
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  found_name pets.name%TYPE;
  other record;
  n int := 3;
BEGIN
  IF NEW.weight > n THEN
    FOR other IN SELECT id, name FROM pets WHERE owner_id = NEW.owner_id LOOP
      UPDATE pets SET weight = n WHERE id = other.id;
    END LOOP;
  END IF;
  n := n + 1;
  SELECT name INTO found_name FROM pets;
  RETURN NEW;
END $$
"""


def test_the_body_of_a_trigger_function_is_read_with_its_variables_and_records() -> None:
    body = read_body(FUNCTION)

    assert body is not None
    assert {name: body.types[name] for name in ("found_name", "n", "tg_op")} == {
        "found_name": "pets.name%TYPE",
        "n": "int4",
        "tg_op": "text",
    }
    assert (body.records["other"].fields, sorted(body.records["new"].fields)) == (("id",), ["owner_id", "weight"])
    assert [each.sql for each in body.sent if each.into == body.records["other"].number] == [
        "SELECT id, name FROM pets WHERE owner_id = NEW.owner_id"
    ]
    assert "SELECT  n + 1" in [each.sql for each in body.sent]


def test_a_text_that_is_no_function_has_no_body() -> None:
    assert read_body("CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$ BEGIN nonsense $$") is None


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        pytest.param("SELECT n", "SELECT ($1::int4)", id="a variable"),
        pytest.param("SELECT N + n", "SELECT ($1::int4) + ($2::int4)", id="twice, in whatever case"),
        pytest.param("SELECT f.n", "SELECT ($1::int4)", id="with the name of the function"),
        pytest.param("SELECT NEW.weight", "SELECT ($1::s.pets).weight", id="a field of a row"),
        pytest.param("SELECT NEW.*", "SELECT ($1::s.pets).*", id="a whole row"),
        pytest.param("SELECT r.name, r.other", "SELECT ($1::text), $2", id="fields of a record"),
        pytest.param("SELECT n.id FROM pets n", "SELECT n.id FROM pets n", id="an alias of the same name"),
        pytest.param("UPDATE t SET n = n", "UPDATE t SET n = ($1::int4)", id="not the column that is set"),
        pytest.param("SELECT 'ü', n", "SELECT 'ü', ($1::int4)", id="after letters of several bytes"),
        pytest.param("SELECT arr[1]", "SELECT ($1::int4[])[1]", id="an element of an array"),
        pytest.param("SELECT id FROM pets", "SELECT id FROM pets", id="no variable"),
    ],
)
def test_variables_become_parameters(sql: str, expected: str) -> None:
    types = {"n": "int4", "new": "s.pets", "arr": "int4[]"}

    assert with_parameters(sql, types=types, records={"r": {"name": "text"}}, label="f") == expected


def test_what_does_not_parse_has_no_parameters() -> None:
    assert with_parameters("SELECT FROM WHERE", types={}, records={}) is None


def effect(impact: Impact) -> Effect:
    return Effect(impact=impact, table="t", message="")


@pytest.mark.parametrize(
    ("impacts", "expected"),
    [
        pytest.param((), "neutral", id="nothing"),
        pytest.param(("neutral", "additive"), "additive", id="the gravest counts"),
        pytest.param(("additive", "breaking", "neutral"), "breaking", id="wherever it stands"),
    ],
)
def test_the_class_is_that_of_the_gravest_effect(impacts: tuple[Impact, ...], expected: str) -> None:
    assert classify(map(effect, impacts)) == expected


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param("additive", "neutral", "both", id="neither breaks"),
        pytest.param("neutral", "breaking", "schema first", id="the new code needs the schema"),
        pytest.param("breaking", "neutral", "code first", id="the old code needs the schema before"),
        pytest.param("breaking", "breaking", "none", id="both break"),
    ],
)
def test_the_order_of_deployment_follows_from_both(old: Impact, new: Impact, expected: str) -> None:
    assert order_of(schema_first=[effect(old)], code_first=[effect(new)]) == expected


def catalog(*columns: str) -> Catalog:
    made = tuple(Column(name=name, type="integer", type_ref=TypeRef(schema="pg_catalog", name="int4")) for name in columns)
    return Catalog(server_version=180000, tables=(Table(schema="s", name="t", columns=made),))


def step(revision: str, *sql: str, before: Catalog, after: Catalog) -> Step:
    statements = tuple(Statement(sql=text, file=f"{revision}.py", line=line) for line, text in enumerate(sql, start=1))
    return Step(revision=revision, title="", file=f"{revision}.py", statements=statements, before=before, after=after)


def test_the_line_is_that_of_the_statement_that_has_the_names() -> None:
    steps = [
        step("1", "ALTER TABLE s.t ADD b int", before=catalog("a"), after=catalog("a", "b")),
        step(
            "2",
            "UPDATE s.t SET b = 1",
            "ALTER TABLE s.t ADD c int",
            "ALTER TABLE s.t DROP COLUMN b",
            before=catalog("a", "b"),
            after=catalog("a", "c"),
        ),
    ]

    place = blame(steps, lambda each: any(column.name == "b" for column in each.tables[0].columns), words=("b", "t"))

    assert (place.revision, place.file, place.line) == ("2", "2.py", 3)
    assert blame(steps, lambda each: each.server_version, words=("b",)).revision == ""


def test_a_change_that_the_code_does_not_name_is_told_and_breaks_nothing() -> None:
    old, new = Schema(catalog=catalog("a", "b")), Schema(catalog=catalog("a", "c"))

    found = judge(Case(code=Code(name="v1"), old=old, new=new))

    assert [(each.impact, each.message) for each in found] == [
        ("additive", "s.t.c: new"),
        ("neutral", "s.t.b: dropped; the code does not name it"),
    ]
