"""Entities of TypeORM for tables that no server made."""

from __future__ import annotations

import dataclasses
import re

import pytest

from seachange.sync.model import Column, Index, IndexPart, Table, Type, View
from seachange.sync.targets.typeorm import describe
from seachange.sync.targets.typeorm._defaults import compared_default, generation
from seachange.sync.targets.typeorm._recorded import Recorded
from tests.unit.sync.made import column, foreign_key, key, schema_of, table

_BIG = Type(text="bigint", schema="pg_catalog", name="int8")
_CLIENTS = table("clients", column("id"), primary="id")


def _files(*tables: Table, views: tuple[View, ...] = (), known: Recorded | None = None) -> dict[str, str]:
    return describe(dataclasses.replace(schema_of(*tables), views=views), known=known)


@pytest.mark.parametrize(
    ("default", "kind", "expected", "compares"),
    [
        pytest.param("now()", "timestamptz", '() => "now()"', True, id="function"),
        pytest.param("'new'::character varying", "varchar", '"new"', True, id="text"),
        pytest.param("'it''s'::text", "text", "() => \"'it''s'\"", True, id="quote"),
        pytest.param("'-1'::integer", "integer", "-1", True, id="number"),
        pytest.param("7", "bigint", "7", True, id="bare number"),
        pytest.param("'9007199254740993'::bigint", "bigint", '"9007199254740993"', True, id="number beyond JavaScript's"),
        pytest.param("0.5", "numeric", '() => "0.5"', True, id="fraction"),
        pytest.param("true", "boolean", "true", True, id="boolean"),
        pytest.param("'{}'::jsonb", "jsonb", "() => \"'{}'\"", True, id="document"),
        pytest.param("'happy'::public.mood", "enum", '"happy"', True, id="label"),
        pytest.param("public.next_code('public.x'::text)", "text", "() => \"next_code('public.x')\"", True, id="of public"),
        pytest.param("CURRENT_TIMESTAMP", "timestamptz", '() => "CURRENT_TIMESTAMP"', False, id="key word"),
        pytest.param("ARRAY['a'::text]", "text", "() => \"ARRAY['a'::text]\"", False, id="capitals"),
        pytest.param(
            "'2020-01-01 00:00:00+00'::timestamp with time zone",
            "timestamptz",
            "() => \"'2020-01-01 00:00:00+00'::timestamp with time zone\"",
            False,
            id="moment in a time zone",
        ),
    ],
)
def test_a_default_is_spelled_as_typeorm_compares_it(*, default: str, kind: str, expected: str, compares: bool) -> None:
    found = compared_default(column("c", default=default), kind=kind)

    assert found is not None
    assert (found.text, found.compares) == (expected, compares)


@pytest.mark.parametrize(
    ("made", "kind", "expected"),
    [
        pytest.param(Column(name="id", type=_BIG, identity="always"), "bigint", "identity", id="identity"),
        pytest.param(
            Column(name="id", type=_BIG, serial=True, default="nextval('public.pets_id_seq'::regclass)"),
            "bigint",
            "increment",
            id="serial",
        ),
        pytest.param(
            Column(name="id", type=_BIG, serial=True, default="nextval('public.other'::regclass)"),
            "bigint",
            "",
            id="renamed sequence",
        ),
        pytest.param(column("id", default="gen_random_uuid()"), "uuid", "uuid", id="uuid"),
        pytest.param(column("id", default="gen_random_uuid()"), "text", "", id="uuid as text"),
    ],
)
def test_generated_values_are_those_that_typeorm_recognises(made: Column, kind: str, expected: str) -> None:
    assert generation(table("pets", made), made, kind=kind) == expected


def test_a_foreign_key_between_different_types_is_no_relation() -> None:
    pets = table("pets", column("id"), column("client_id", type=_BIG), foreign_key("clients", client_id="id"), primary="id")
    text = _files(_CLIENTS, pets)["Pets.ts"]

    assert '@ForeignKey(() => Clients, ["clientId"], ["id"], { name: "to_clients" })' in text
    assert "ManyToOne" not in text


def test_a_foreign_key_to_what_is_not_described_keeps_the_table_from_being_compared() -> None:
    pets = table("pets", column("id"), column("client_id"), foreign_key("clients", client_id="id"), primary="id")
    text = _files(pets)["Pets.ts"]

    assert "// foreign key to_clients: its table has no entity\n" in text
    assert 'name: "pets", synchronize: false' in text


def test_a_unique_index_makes_a_relation_one_to_one_without_a_constraint_of_typeorms() -> None:
    pets = table("pets", column("id"), column("client_id"), foreign_key("clients", client_id="id"), primary="id")
    index = Index(name="one", method="btree", unique=True, parts=(IndexPart(column="client_id"),))
    text = _files(_CLIENTS, dataclasses.replace(pets, indexes=(index,)))["Pets.ts"]

    assert '@ForeignKey(() => Clients, ["clientId"], ["id"], { name: "to_clients" })' in text
    assert "@OneToOne(() => Clients, (clients) => clients.pets, { nullable: false, createForeignKeyConstraints: false })" in text


def test_relations_that_need_each_other_are_not_required() -> None:
    hens = table("hens", column("id"), column("egg_id"), foreign_key("eggs", egg_id="id"), primary="id")
    eggs = table("eggs", column("id"), column("hen_id"), foreign_key("hens", hen_id="id"), primary="id")
    files = _files(eggs, hens)

    assert "nullable: false" not in files["Hens.ts"] + files["Eggs.ts"]
    assert "egg!: Relation<Eggs>;" in files["Hens.ts"]


def test_a_table_of_two_foreign_keys_joins() -> None:
    tags = table("tags", column("id"), primary="id")
    both = table(
        "client_tags",
        column("client_id"),
        column("tag_id"),
        foreign_key("clients", client_id="id"),
        foreign_key("tags", tag_id="id"),
        primary="client_id tag_id",
    )
    files = _files(both, _CLIENTS, tags)

    assert sorted(files) == ["Clients.ts", "Tags.ts", "index.ts", "types.ts"]
    assert "tags!: Relation<Tags[]>;" in files["Clients.ts"]
    assert "@JoinTable({" in files["Clients.ts"]
    assert "@ManyToMany(() => Clients, (clients) => clients.tags)" in files["Tags.ts"]


def test_a_join_by_several_columns_on_one_side_has_lists_on_both() -> None:
    hosts = table("hosts", column("org"), column("id"), primary="org id")
    both = table(
        "host_clients",
        column("org"),
        column("host_id"),
        column("client_id"),
        foreign_key("hosts", org="org", host_id="id"),
        foreign_key("clients", client_id="id"),
        primary="org host_id client_id",
    )
    files = _files(both, _CLIENTS, hosts)
    joined = files["Clients.ts"] if "@JoinTable" in files["Clients.ts"] else files["Hosts.ts"]

    assert re.search(r"^    joinColumns: \[\{.*\}\],$", joined, re.MULTILINE)
    assert re.search(r"^    inverseJoinColumns: \[\{.*\}\],$", joined, re.MULTILINE)
    assert "oinColumn:" not in joined


def test_tables_without_columns_or_rows_to_tell_apart_are_no_entities() -> None:
    files = _files(table("empty"), table("log", column("line", not_null=False)))

    assert sorted(files) == ["Log.ts", "index.ts", "types.ts"]
    assert '@ViewEntity({ schema: "public", name: "log", synchronize: false })' in files["Log.ts"]


def test_a_unique_constraint_stands_in_for_a_primary_key() -> None:
    settings = dataclasses.replace(table("settings", column("name")), unique_keys=(key("name"),))
    text = _files(settings)["Settings.ts"]

    assert '@PrimaryColumn({ name: "name", type: "integer" })' in text
    assert "// it has no primary key; name stands in\n" in text


def test_what_typeorm_has_recorded_is_written_as_it_says() -> None:
    generated = dataclasses.replace(column("loud"), generated="stored", expression="upper(name)")
    known = Recorded(present=True, views={("public", "seen"): "select 1"}, columns={("public", "pets", "loud"): "UPPER(name)"})
    view = View(schema="public", name="seen", columns=(column("id"),), definition=" SELECT 1;")
    files = _files(table("pets", column("id"), generated, primary="id"), views=(view,), known=known)

    assert "asExpression: `UPPER(name)`" in files["Pets.ts"]
    assert "synchronize" not in files["Pets.ts"]
    assert '@ViewEntity({ schema: "public", name: "seen", expression: `select 1` })' in files["Seen.ts"]


def test_names_that_only_differ_in_capitals_have_files_that_do_not() -> None:
    files = _files(table("Order", column("id"), primary="id"), table("order", column("id"), primary="id"))

    assert sorted(files) == ["Order.ts", "Order2.ts", "index.ts", "types.ts"]
