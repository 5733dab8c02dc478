"""SQL as trees, and what rules ask of them."""

from __future__ import annotations

import pytest

from seachange.safety.parsing import (
    commands,
    constraint_kind,
    default_of,
    dropped_names,
    enum_name,
    find,
    functions,
    kind,
    option_names,
    parse,
    relation_name,
    tables_of,
    type_name,
)


def test_a_text_gives_its_statements_in_order() -> None:
    assert [kind(each) for each in parse("ALTER TABLE t ADD c int; CREATE INDEX ON t (c); SELECT 1")] == [
        "AlterTableStmt",
        "IndexStmt",
        "SelectStmt",
    ]


@pytest.mark.parametrize("text", ["", "-- nothing", "MAKE TABLE t"])
def test_what_is_no_statement_gives_none(text: str) -> None:
    assert parse(text) == ()


def test_placeholders_of_a_driver_are_no_obstacle() -> None:
    assert [kind(each) for each in parse("UPDATE t SET a = %(a)s, b = %s WHERE c LIKE 'x%%'")] == ["UpdateStmt"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        pytest.param("t", "public.t", id="bare"),
        pytest.param("app.t", "app.t", id="with schema"),
        pytest.param('"Order"', 'public."Order"', id="quoted"),
    ],
)
def test_a_relation_is_named_with_its_schema(text: str, name: str) -> None:
    assert relation_name(parse(f"ALTER TABLE {text} ADD c int")[0].relation) == name


def test_a_command_has_its_column_type_and_constraints() -> None:
    (command,) = commands(parse("ALTER TABLE t ADD c varchar(20) DEFAULT app.f(now()) CHECK (c <> '')")[0])

    assert (command.kind, command.name, command.type) == ("AddColumn", "c", "character varying(20)")
    assert [constraint_kind(each) for each in command.constraints] == ["DEFAULT", "CHECK"]
    assert functions(default_of(command.column)) == ("app.f", "now")


def test_each_command_of_an_alter_table_is_told() -> None:
    statement = parse(
        "ALTER TABLE t ADD CONSTRAINT k CHECK (a > 0) NOT VALID, VALIDATE CONSTRAINT k2, ALTER b SET NOT NULL, DROP c CASCADE"
    )[0]

    assert [(each.kind, each.name, each.cascade) for each in commands(statement)] == [
        ("AddConstraint", "k", False),
        ("ValidateConstraint", "k2", False),
        ("SetNotNull", "b", False),
        ("DropColumn", "c", True),
    ]
    assert commands(statement)[0].constraint.skip_validation


@pytest.mark.parametrize(
    ("written", "formatted"),
    [
        ("varchar", "character varying"),
        ("char", "character(1)"),
        ("bpchar", "bpchar"),
        ('"char"', '"char"'),
        ("decimal(4)", "numeric(4)"),
        ("timestamptz(3)", "timestamp(3) with time zone"),
        ("timestamp", "timestamp without time zone"),
        ("interval day to second(3)", "interval day to second(3)"),
        ("interval(3)", "interval(3)"),
        ("int array[3]", "integer[]"),
        ("float(10)", "real"),
        ('app."My T"', 'app."My T"'),
        ("serial", "serial"),
    ],
)
def test_a_type_is_named_as_the_server_formats_it(written: str, formatted: str) -> None:
    (column,) = find(parse(f"ALTER TABLE t ADD c {written}")[0], "ColumnDef")

    assert type_name(column.type_name) == formatted


@pytest.mark.parametrize(
    ("sql", "dropped"),
    [
        pytest.param("DROP TABLE app.a, b CASCADE", ("app.a", "public.b"), id="tables"),
        pytest.param("DROP TYPE e", ("public.e",), id="type"),
        pytest.param("DROP FUNCTION app.f(int)", ("app.f",), id="function"),
        pytest.param("DROP TRIGGER g ON t", ("public.t.g",), id="trigger"),
        pytest.param("DROP POLICY p ON app.t", ("app.t.p",), id="policy"),
        pytest.param("DROP SCHEMA app", ("app",), id="schema"),
        pytest.param("DROP EXTENSION citext", ("citext",), id="extension"),
    ],
)
def test_a_drop_says_what_it_drops(sql: str, dropped: tuple[str, ...]) -> None:
    assert dropped_names(parse(sql)[0]) == dropped


def test_a_statement_names_its_tables_but_not_those_of_its_with_queries() -> None:
    sql = "WITH late AS (SELECT id FROM app.a) UPDATE b SET x = 1 FROM late WHERE b.id = late.id"

    assert sorted(tables_of(parse(sql)[0])) == ["app.a", "public.b"]


def test_options_and_enumerations_have_names() -> None:
    vacuum, drop = parse("VACUUM (FULL, ANALYZE) t; DROP VIEW v CASCADE")

    assert option_names(vacuum.options) == {"full", "analyze"}
    assert (enum_name(drop, "remove_type"), enum_name(drop, "behavior")) == ("OBJECT_VIEW", "DROP_CASCADE")
