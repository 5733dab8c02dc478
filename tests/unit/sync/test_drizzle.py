"""schema.ts and relations.ts of schemas that no server made."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import pytest
from hypothesis import given, settings

from seachange.errors import ConfigError
from seachange.postgres.catalog import Policy
from seachange.sync.model import Check, Exclusion, Index, IndexPart, Key, Schema, Sequence, View
from seachange.sync.targets.drizzle import _relations, _schema
from seachange.sync.targets.drizzle._names import Naming
from seachange.sync.targets.drizzle._options import Options
from seachange.sync.targets.drizzle._sql import one_line, plain, without_parentheses
from tests.unit.sync.made import INTEGER, TEXT, array, column, foreign_key, schema_of, schemas, system, table


def schema_file(schema: Schema, options: Options) -> str:
    """Return schema.ts."""
    return _schema.schema_file(schema, Naming.of(schema, options), options)


def relations_file(schema: Schema, options: Options) -> str:
    """Return relations.ts."""
    return _relations.relations_file(schema, Naming.of(schema, options))


def _column(text: str, *, type: object = INTEGER, **fields: object) -> str:  # noqa: A002
    """Return the line of a column with a default."""
    made = schema_of(table("things", column("it", type=type, not_null=False, default=text, **fields)))  # type: ignore[arg-type]
    lines = schema_file(made, Options()).splitlines()
    return next(line.strip() for line in lines if line.startswith("  it"))


@pytest.mark.parametrize(
    ("type_", "text", "expected"),
    [
        pytest.param(INTEGER, "1", "it: integer().default(1),", id="number"),
        pytest.param(INTEGER, "'-1'::integer", "it: integer().default(sql`'-1'`),", id="negative, as drizzle-kit reads it"),
        pytest.param(system("int8"), "9223372036854775807", "sql`9223372036854775807`),", id="beyond what a number holds"),
        pytest.param(system("numeric(6,2)"), "0.5", 'it: numeric({ precision: 6, scale: 2 }).default("0.5"),', id="numeric"),
        pytest.param(system("bool"), "true", "it: boolean().default(true),", id="boolean"),
        pytest.param(TEXT, "'it''s `a` \\ ${b}'::text", 'it: text().default("it\'s `a` \\\\ ${b}"),', id="quotes"),
        pytest.param(TEXT, "('a'::text || 'b')", "it: text().default(sql`('a'::text || 'b')`),", id="expression"),
        pytest.param(TEXT, "f('`${x}\\')", "it: text().default(sql`f('\\`\\${x}\\\\')`),", id="expression with backticks"),
        pytest.param(system("uuid"), "gen_random_uuid()", "it: uuid().defaultRandom(),", id="uuid"),
        pytest.param(system("timestamptz"), "now()", ".defaultNow(),", id="now"),
        pytest.param(system("jsonb"), "'{\"a\": [1]}'::jsonb", 'it: jsonb().default({"a": [1]}),', id="document"),
        pytest.param(
            system("jsonb"), "'\"it''s\"'::jsonb", "it: jsonb().default(sql`'\"it''s\"'::jsonb`),", id="quoted document"
        ),
        pytest.param(array(TEXT), "'{}'::text[]", "it: text().array().default([]),", id="empty array"),
        pytest.param(array(TEXT), "'{a,b}'::text[]", 'it: text().array().default(["a", "b"]),', id="array"),
        pytest.param(array(TEXT), "'{\"a,b\",NULL}'::text[]", "default(sql`'{\"a,b\",NULL}'::text[]`),", id="quotes in an array"),
        pytest.param(
            array(INTEGER), "ARRAY[1, 2]", "it: integer().array().default(sql`ARRAY[1, 2]`),", id="expression of an array"
        ),
    ],
)
def test_a_default_is_typed_where_drizzle_kit_writes_the_same_sql_for_it(type_: object, text: str, expected: str) -> None:
    assert _column(text, type=type_).endswith(expected)


@pytest.mark.parametrize(
    ("spelled", "expected"),
    [
        pytest.param("timetz(3)", "it: time({ precision: 3, withTimezone: true }),", id="time"),
        pytest.param("bpchar(3)", "it: char({ length: 3 }),", id="char"),
        pytest.param("bpchar", "it: bpchar(),", id="char without a limit"),
        pytest.param("bit(5)", "it: bit({ dimensions: 5 }),", id="bit"),
        pytest.param("float8", "it: doublePrecision(),", id="double precision"),
        pytest.param("macaddr8", "it: macaddr8(),", id="macaddr8"),
        pytest.param("line", "it: line(),", id="line"),
        pytest.param("xml", "it: xml(),", id="type of its own"),
    ],
)
def test_a_type_is_what_drizzle_has_for_it(spelled: str, expected: str) -> None:
    assert _column("", type=system(spelled)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("interval", "it: interval(),", id="plain"),
        pytest.param("interval day to second(3)", 'it: interval({ fields: "day to second", precision: 3 }),', id="fields"),
        pytest.param("interval(0)", "it: interval0(),", id="precision that drizzle drops"),
    ],
)
def test_an_interval_keeps_its_fields(text: str, expected: str) -> None:
    assert _column("", type=system("interval", text=text)) == expected


def test_a_vector_has_its_dimensions() -> None:
    vector = dataclasses.replace(system("vector(3)"), schema="public", extension="vector")

    assert _column("", type=vector) == "it: vector({ dimensions: 3 }),"


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        pytest.param(IndexPart(column="a b"), "table.aB", id="column"),
        pytest.param(IndexPart(column="a b", descending=True, nulls_first=True), "table.aB.desc().nullsFirst()", id="descending"),
        pytest.param(IndexPart(column="a b", nulls_first=True), "table.aB.asc().nullsFirst()", id="nulls first"),
        pytest.param(IndexPart(column="a b", operator_class="text_ops"), 'table.aB.op("text_ops")', id="operator class"),
        pytest.param(IndexPart(column="a b", default_operator_class="int4_ops"), 'table.aB.op("int4_ops")', id="default class"),
        pytest.param(IndexPart(column="a b", collation='pg_catalog."C"'), 'sql`"a b" COLLATE pg_catalog."C"`', id="collation"),
        pytest.param(IndexPart(expression="lower(x)", descending=True), "sql`lower(x) DESC NULLS LAST`", id="expression"),
    ],
)
def test_an_index_has_the_order_of_its_parts(part: IndexPart, expected: str) -> None:
    index = Index(name="things_it", method="btree", parts=(part,))
    text = schema_file(schema_of(table("things", column("a b"), indexes=(index,))), Options())

    assert f'  index("things_it").using("btree", {expected}),' in text.splitlines()


def test_the_rows_of_a_table_are_named_like_the_table() -> None:
    text = schema_file(schema_of(table("order items", column("user_id"), schema="billing")), Options())

    assert text.splitlines()[4:] == [
        'import { integer, pgSchema } from "drizzle-orm/pg-core";',
        "",
        'export const billing = pgSchema("billing");',
        "",
        'export const orderItemsInBilling = billing.table("order items", {',
        '  userId: integer("user_id").notNull(),',
        "});",
        "export type OrderItemsInBillingSelect = typeof orderItemsInBilling.$inferSelect;",
        "export type OrderItemsInBillingInsert = typeof orderItemsInBilling.$inferInsert;",
    ]


def test_names_of_columns_can_be_preserved() -> None:
    text = schema_file(schema_of(table("things", column("user_id"), column("a b"))), Options(casing="preserve"))

    assert [line for line in text.splitlines() if "integer(" in line] == [
        "  user_id: integer().notNull(),",
        '  a_b: integer("a b").notNull(),',
    ]


@pytest.mark.parametrize(
    "option",
    [pytest.param("casing", id="casing"), pytest.param("bigint", id="bigint"), pytest.param("partitions", id="partitions")],
)
def test_a_value_that_an_option_has_not_is_an_error(option: str) -> None:
    with pytest.raises(ConfigError, match=f"drizzle knows no {option} = 'wrong'"):
        Options.of({option: "wrong"})


def test_relations_are_named_after_columns_and_told_apart_where_there_are_several() -> None:
    people = table("people", column("id"), column("boss"), foreign_key("people", boss="id"), primary="id")
    both = (foreign_key("people", sender_id="id"), foreign_key("people", receiver_id="id"))
    letters = table("letters", column("sender_id"), column("receiver_id"), *both)
    details = table("details", column("person_id"), foreign_key("people", person_id="id"), primary="person_id")
    lines = relations_file(schema_of(details, letters, people), Options()).splitlines()
    to = "references: [people.id]"
    sender, receiver, boss = (
        f'relationName: "{name}_people_id"' for name in ("letters_sender_id", "letters_receiver_id", "people_boss")
    )

    assert lines[4:] == [
        'import { relations } from "drizzle-orm";',
        'import { details, letters, people } from "./schema";',
        "",
        "export const detailsRelations = relations(details, ({ one }) => ({",
        f"  person: one(people, {{ fields: [details.personId], {to} }}),",
        "}));",
        "",
        "export const lettersRelations = relations(letters, ({ one }) => ({",
        f"  sender: one(people, {{ fields: [letters.senderId], {to}, {sender} }}),",
        f"  receiver: one(people, {{ fields: [letters.receiverId], {to}, {receiver} }}),",
        "}));",
        "",
        "export const peopleRelations = relations(people, ({ one, many }) => ({",
        f"  bossPeople: one(people, {{ fields: [people.boss], {to}, {boss} }}),",
        "  details: one(details),",
        f"  lettersBySender: many(letters, {{ {sender} }}),",
        f"  lettersByReceiver: many(letters, {{ {receiver} }}),",
        f"  peopleByBossPeople: many(people, {{ {boss} }}),",
        "}));",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("public.f(public.\"A\", 'public.x')", "f(\"A\", 'public.x')", id="names, not strings"),
        pytest.param("nextval('public.s'::regclass)", "nextval('s'::regclass)", id="name in a string"),
        pytest.param("x::public.date", "x::public.date", id="hidden by a type of PostgreSQL"),
        pytest.param("a OPERATOR(public.=) b", "a = b", id="operator"),
        pytest.param('"public".x + my_public.y', '"public".x + my_public.y', id="other names"),
    ],
)
def test_the_schema_public_is_left_out(text: str, expected: str) -> None:
    assert plain(text) == expected


def test_a_query_becomes_one_line_but_for_its_strings() -> None:
    assert one_line(" SELECT 'a\n  b' AS \"c  d\"\n   FROM t;") == "SELECT 'a\n  b' AS \"c  d\" FROM t"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("((a) OR (b))", "(a) OR (b)", id="around all"),
        pytest.param("(a) OR (b)", "(a) OR (b)", id="around parts"),
        pytest.param("(a = ')')", "a = ')'", id="in a string"),
    ],
)
def test_only_parentheses_around_all_of_it_go(text: str, expected: str) -> None:
    assert without_parentheses(text) == expected


def _extras(**fields: Any) -> list[str]:
    """Return what follows the columns a and b of a table."""
    lines = schema_file(schema_of(table("things", column("a"), column("b"), **fields)), Options()).splitlines()
    return [line.strip() for line in lines[lines.index("  b: integer().notNull(),") + 1 : -2]]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param(
            {"foreign_keys": (dataclasses.replace(foreign_key("others", a="id"), definition="FOREIGN KEY (a) ..."),)},
            ["// Not in drizzle: to_others FOREIGN KEY (a) ...: that table is not described", "});"],
            id="reference to a table that was left out",
        ),
        pytest.param(
            {"exclusions": (Exclusion(name="alone", columns=("a",), definition="EXCLUDE USING gist (a WITH =)"),)},
            ["// Not in drizzle: alone EXCLUDE USING gist (a WITH =)", "});"],
            id="exclusion",
        ),
        pytest.param(
            {"primary_key": Key(name="pk_things", columns=("a", "b"), deferrable=True, initially_deferred=True)},
            [
                "}, (table): PgTableExtraConfigValue[] => [",
                "// Not in drizzle: pk_things is DEFERRABLE INITIALLY DEFERRED",
                'primaryKey({ columns: [table.a, table.b], name: "pk_things" }),',
                "]);",
            ],
            id="deferrable key",
        ),
        pytest.param(
            {"unique_keys": (Key(name="once", columns=("b",), nulls_not_distinct=True, include=("a b",)),)},
            [
                "}, (table): PgTableExtraConfigValue[] => [",
                '// Not in drizzle: INCLUDE ("a b") of once',
                'unique("once").on(table.b).nullsNotDistinct(),',
                "]);",
            ],
            id="unique",
        ),
        pytest.param(
            {"checks": (Check(name="later", expression="(a > 0)", validated=False, comment="new rows only"),)},
            [
                "}, (table): PgTableExtraConfigValue[] => [",
                "/** new rows only */",
                "// Not in drizzle: NOT VALID",
                'check("later", sql`a > 0`),',
                "]);",
            ],
            id="check",
        ),
        pytest.param(
            {"policies": (Policy(name="own", command="update", permissive=False, roles=("zoe", "adam"), check="(a = 1)"),)},
            [
                "}, (table): PgTableExtraConfigValue[] => [",
                'pgPolicy("own", { as: "restrictive", for: "update", to: ["adam", "zoe"], withCheck: sql`(a = 1)` }),',
                "]);",
            ],
            id="policy",
        ),
        pytest.param({"row_security": True}, ["}).enableRLS();"], id="row security"),
    ],
)
def test_what_follows_the_columns_says_all_that_drizzle_can(fields: dict[str, Any], expected: list[str]) -> None:
    assert _extras(**fields) == expected


def test_a_partition_has_the_foreign_keys_of_its_table_and_can_be_left_out() -> None:
    people = table("people", column("id"), primary="id")
    whole = table("log", column("who"), foreign_key("people", who="id"), partition_key="RANGE (who)")
    part = table("log_1", column("who"), partition_of=("public", "log"), partition_bound="DEFAULT")
    schema = schema_of(whole, part, people)

    assert schema_file(schema, Options()).count('foreignKey({ name: "to_people"') == 2
    assert "log_1" not in schema_file(schema, Options(partitions="omit"))
    assert relations_file(schema, Options()).count("one(people") == 1


@pytest.mark.parametrize(
    ("sequence", "expected"),
    [
        pytest.param({}, '"numbers");', id="usual"),
        pytest.param({"start": 5, "cycle": True}, '"numbers", { startWith: 5, cycle: true });', id="options"),
        pytest.param(
            {"increment": -1, "start": -1, "minimum": -(2**63), "maximum": -1}, '"numbers", { increment: -1 });', id="falling"
        ),
        pytest.param({"maximum": 2**60}, '"numbers", { maxValue: "1152921504606846976" });', id="beyond what a number holds"),
    ],
)
def test_a_sequence_has_the_options_that_are_not_usual(sequence: dict[str, Any], expected: str) -> None:
    usual = {"type": "bigint", "start": 1, "increment": 1, "minimum": 1, "maximum": 2**63 - 1}
    made = Sequence(**{"schema": "public", "name": "numbers", **usual, **sequence})
    text = schema_file(dataclasses.replace(schema_of(), sequences=(made,)), Options())

    assert text.splitlines()[-1] == f"export const numbers = pgSequence({expected}"


def test_files_without_tables_are_modules() -> None:
    assert schema_file(schema_of(), Options()).splitlines()[3:] == ["", "export {};"]
    assert relations_file(schema_of(), Options()).splitlines()[3:] == ["", "export {};"]


def test_a_view_comes_after_those_that_it_reads() -> None:
    first = View(schema="public", name="a", columns=(column("x"),), text=" SELECT x\n   FROM b;", uses=(("public", "b"),))
    second = View(schema="public", name="b", columns=(column("x"),), text="SELECT 1 AS x;", options=("security_barrier=true",))
    lines = schema_file(dataclasses.replace(schema_of(), views=(first, second)), Options()).splitlines()

    assert [line for line in lines if ".as(" in line] == [
        "}).with({ securityBarrier: true }).as(sql`SELECT 1 AS x`);",
        "}).as(sql`SELECT x FROM b`);",
    ]


@settings(deadline=None)
@given(schemas())
def test_any_names_make_the_same_text_twice(schema: Schema) -> None:
    for options in (Options(), Options(casing="preserve", bigint="bigint", partitions="omit")):
        assert schema_file(schema, options) == schema_file(schema, options)
        assert relations_file(schema, options).endswith("\n")


def test_a_thousand_tables_take_no_time() -> None:
    tables = [
        table(
            f"table_{number}",
            *(column(f"column_{one}") for one in range(10)),
            foreign_key("table_0", column_1="column_0"),
        )
        for number in range(1000)
    ]
    schema = schema_of(*tables)
    start = time.process_time()
    schema_file(schema, Options())
    relations_file(schema, Options())

    assert time.process_time() - start < 2
