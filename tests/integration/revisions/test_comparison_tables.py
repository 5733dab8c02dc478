"""Whole tables and what they stand in: in an order that runs, with their keys, storage and partitions."""

from __future__ import annotations

import contextlib

import pytest
import sqlalchemy as sa

from seachange.config import Settings
from seachange.postgres.connection import Database, connect
from tests.integration.revisions.conftest import Open
from tests.integration.revisions.round_trip import move, round_trip, run, write
from tests.integration.revisions.test_comparison import ID, age, id_, name, pets


@pytest.fixture
def plain(open_project: Open) -> Settings:
    return open_project("linear")


def test_tables_that_need_each_other_come_and_go(plain: Settings, each_database: Database) -> None:
    run(
        each_database,
        "create table zoos (id int primary key, keeper_id int)",
        "create table keepers (id int primary key, zoo_id int references zoos)",
        "alter table zoos add constraint zoos_keeper foreign key (keeper_id) references keepers deferrable",
        "create table cages (id int primary key, zoo_id int references zoos)",
        "create index small_cages on cages (zoo_id desc) where id < 9",
        "create table animals (id int primary key, cage_id int references cages)",
    )
    metadata = sa.MetaData()
    sa.Table("animals", metadata, sa.Column("id", sa.Integer, primary_key=True, autoincrement=False))
    for one, other in (("clients", "accounts"), ("accounts", "clients")):
        sa.Table(
            one,
            metadata,
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("other_id", sa.ForeignKey(f"{other}.id", name=None if one == "clients" else "theirs", use_alter=False)),
        )

    written = round_trip(each_database, plain, metadata)

    assert written.operations == (
        "drop foreign key constraint animals_cage_id_fkey on animals",
        "drop foreign key constraint keepers_zoo_id_fkey on keepers",
        "add table accounts",
        "add table clients",
        "drop column animals.cage_id",
        "drop index small_cages on cages",
        "drop table cages",
        "drop table zoos",
        "drop table keepers",
        "add foreign key accounts (other_id) to clients (id)",
    )


def test_what_tables_stand_in_and_draw_from_comes_first(plain: Settings, each_database: Database) -> None:
    run(each_database, "create sequence tags increment by 2")
    metadata = sa.MetaData()
    sa.Sequence("tags", metadata=metadata, increment=10)
    numbers = sa.Sequence("numbers", metadata=metadata, schema="shop", start=100, cycle=True)
    sa.Table(
        "orders",
        metadata,
        sa.Column("id", sa.BigInteger, numbers, server_default=numbers.next_value(), primary_key=True),
        sa.Column("kind", sa.Enum("cash", "card", name="kind", schema="shop")),
        schema="shop",
        prefixes=["UNLOGGED"],
        postgresql_with={"fillfactor": 70},
    )

    written = round_trip(each_database, plain, metadata)

    assert written.operations == (
        "add schema shop",
        ("make sequence tags AS bigint INCREMENT BY 10 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1 NO CYCLE"),
        "add sequence shop.numbers",
        "add enum type shop.kind",
        "add table shop.orders",
    )


def test_storage_and_comments_that_the_models_declare(plain: Settings, each_database: Database) -> None:
    run(each_database, f"create table pets ({ID}, age int constraint old check (age > 0)) with (autovacuum_enabled = off)")
    metadata = pets(
        id_(),
        age(),
        sa.CheckConstraint("age > 0", name="old", comment="it's alive"),
        prefixes=["UNLOGGED"],
        postgresql_with={"fillfactor": 70},
    )

    written = round_trip(each_database, plain, metadata)

    assert written.operations == (
        "make table pets unlogged",
        "set the storage parameters of pets to fillfactor=70",
        'set the comment of constraint old on pets to "it\'s alive"',
    )


def test_a_primary_key_of_other_columns(plain: Settings, each_database: Database) -> None:
    run(each_database, "create table pets (age int, name text, constraint oddly_named primary key (age))")
    same = pets(age(primary_key=True, autoincrement=False), name())
    other = pets(age(primary_key=True, autoincrement=False), name(primary_key=True))

    assert write(each_database, plain, same).operations == ()
    assert round_trip(each_database, plain, other).operations == (
        "drop primary key constraint oddly_named on pets",
        "make pets.name NOT NULL",
        "add primary key constraint pets_pkey on pets: PRIMARY KEY (age, name)",
    )


def test_partitions_are_nobodys_business_but_their_tables(plain: Settings, each_database: Database) -> None:
    run(
        each_database,
        "create table pets (age int) partition by range (age)",
        "create table young_pets partition of pets for values from (0) to (3)",
    )

    assert write(each_database, plain, pets(age(), postgresql_partition_by="RANGE (age)")).operations == ()


def test_a_table_that_cannot_be_made_is_compared_by_alembic_and_said(plain: Settings, each_database: Database) -> None:
    run(each_database, f"create table pets ({ID}, name text)")
    metadata = pets(id_(), name(), age(), sa.CheckConstraint("is_fine(name)", name="fine"))

    written = write(each_database, plain, metadata)

    assert written.operations == ("add column pets.age (INTEGER)",)
    assert written.warnings == (
        (
            "pets is compared by Alembic alone, since PostgreSQL cannot make it from the models: "
            "function is_fine(text) does not exist"
        ),
    )


def test_an_identity_goes_on_after_the_numbers_that_are_there(plain: Settings, each_database: Database) -> None:
    run(each_database, "create table pets (id int primary key)", "insert into pets values (41)")
    written = write(each_database, plain, pets(sa.Column("id", sa.Integer, sa.Identity(), primary_key=True)))
    move(each_database, written.text, "upgrade")

    run(each_database, "insert into pets default values")

    with contextlib.closing(connect(each_database)) as session:
        assert session.execute("select max(id) from pets").fetchone() == (42,)
