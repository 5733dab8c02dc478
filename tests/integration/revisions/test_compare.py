"""Comparing a database with the models: what differs, in sentences."""

from __future__ import annotations

import contextlib

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from seachange.config import Settings
from seachange.errors import EnvironmentFailedError
from seachange.postgres.connection import Database, connect
from seachange.revisions._trial import connected
from seachange.revisions.compare import differences
from seachange.revisions.declared import declare
from seachange.revisions.models import load_metadata
from seachange.revisions.runner import upgrade
from tests.integration.revisions.conftest import Open


def difference(database: Database, settings: Settings, metadata: sa.MetaData | None = None) -> tuple[str, ...]:
    with connected(database) as connection:
        models = metadata if metadata is not None else load_metadata(settings)
        return differences(models, connection, declared=declare(connection, models), settings=settings)


def run(database: Database, *statements: str) -> None:
    with contextlib.closing(connect(database, autocommit=True)) as session:
        for statement in statements:
            session.execute(statement)


def test_a_database_at_head_equals_the_models(open_project: Open, each_database: Database) -> None:
    settings = open_project("linear")
    upgrade(each_database, settings)

    assert difference(each_database, settings) == ()


def test_a_database_behind_differs_by_what_is_missing(open_project: Open, database: Database) -> None:
    settings = open_project("linear")
    upgrade(database, settings, target="0001")

    assert difference(database, settings) == (
        "column clients.email (VARCHAR(120)) is in the models, not in the database",
        "unique constraint clients_email_key on clients (email) is in the models, not in the database",
    )


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        pytest.param(
            "alter table clients add phone text", "column clients.phone is in the database, not in the models", id="column"
        ),
        pytest.param(
            "alter table clients alter name type text",
            "column clients.name is TEXT in the database, VARCHAR(80) in the models",
            id="type",
        ),
        pytest.param(
            "alter table clients alter name drop not null",
            "column clients.name is nullable in the database, NOT NULL in the models",
            id="null",
        ),
        pytest.param(
            "alter table clients alter name set default 'x'",
            "the default of clients.name is 'x'::character varying in the database, none in the models",
            id="default",
        ),
        pytest.param("create index i on clients (name)", "index i on clients is in the database, not in the models", id="index"),
        pytest.param(
            "alter table clients add constraint c check (name <> '')",
            "check constraint c on clients is in the database, not in the models",
            id="check",
        ),
        pytest.param("create table other (id int)", "table other is in the database, not in the models", id="table"),
        pytest.param(
            "comment on table clients is 'x'", "the comment of clients is 'x' in the database, none in the models", id="comment"
        ),
    ],
)
def test_what_somebody_changed_by_hand_is_said(open_project: Open, database: Database, statement: str, expected: str) -> None:
    settings = open_project("linear")
    upgrade(database, settings)
    run(database, statement)

    assert difference(database, settings) == (expected,)


def test_the_version_table_and_the_schema_of_seachange_are_left_out(open_project: Open, database: Database) -> None:
    settings = open_project("linear")
    upgrade(database, settings)
    run(database, "create schema seachange", "create table seachange.runs (id int)", "create schema shop")
    metadata = load_metadata(settings)
    sa.Table("orders", metadata, sa.Column("id", sa.Integer, primary_key=True), schema="shop")

    assert difference(database, settings, metadata) == ("table shop.orders is in the models, not in the database",)


def test_enum_types_are_compared_by_their_labels(open_project: Open, database: Database) -> None:
    settings = open_project("linear")
    metadata = sa.MetaData()
    kinds = postgresql.ENUM("cat", "dog", "fish", name="kind")
    sa.Table(
        "pets",
        metadata,
        sa.Column("kind", kinds),
        sa.Column("others", sa.ARRAY(kinds)),
        sa.Column("mood", sa.Enum("ok", name="mood")),
    )
    run(
        database,
        "create type kind as enum ('cat', 'bird')",
        "create type mood as enum ('ok')",
        "create table pets (kind kind, others kind[], mood mood)",
    )

    assert difference(database, settings, metadata) == (
        "label 'dog' of enum type kind is in the models, not in the database",
        "label 'fish' of enum type kind is in the models, not in the database",
        "label 'bird' of enum type kind is in the database, not in the models",
    )


def test_an_enum_type_with_its_labels_in_another_order_differs(open_project: Open, database: Database) -> None:
    metadata = sa.MetaData()
    sa.Table("pets", metadata, sa.Column("kind", sa.Enum("cat", "dog", name="kind")))
    run(database, "create type kind as enum ('dog', 'cat')", "create table pets (kind kind)")

    assert difference(database, open_project("linear"), metadata) == ("enum type kind has its labels in another order",)


def test_checks_are_named_by_the_convention_of_the_models(open_project: Open, database: Database) -> None:
    metadata = sa.MetaData(naming_convention={"ck": "ck_%(table_name)s_%(constraint_name)s"})
    sa.Table(
        "pets",
        metadata,
        sa.Column("age", sa.Integer),
        sa.Column("alive", sa.Boolean),
        sa.CheckConstraint("age >= 0", name="age"),
        sa.CheckConstraint("age < 200", name="Young"),
    )
    run(database, "create table pets (age int constraint ck_pets_age check (age >= 0), alive boolean)")

    assert difference(database, open_project("linear"), metadata) == (
        "check constraint ck_pets_Young on pets is in the models, not in the database",
    )


def test_a_default_that_gives_another_value_each_time_is_compared_by_its_text(open_project: Open, database: Database) -> None:
    metadata = sa.MetaData()
    sa.Table(
        "pets",
        metadata,
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("token", sa.Text, server_default=sa.text("gen_random_uuid()::text")),
        sa.Column("since", sa.DateTime, server_default=sa.text("timezone('utc', now())")),
    )
    create = "create table pets (id bigint generated always as identity primary key, token text default gen_random_uuid()::text"
    run(database, f"{create}, since timestamp default timezone('utc', now()))")

    assert difference(database, open_project("linear"), metadata) == ()


def test_the_filters_of_env_py_count(open_project: Open, database: Database) -> None:
    settings = open_project("linear")
    upgrade(database, settings)
    run(database, "create table spatial_ref_sys (id int)", "alter table clients add constraint c check (name <> '')")
    env = settings.root / "migrations" / "env.py"
    given = "include_object=lambda item, name, kind, reflected, other: name not in ('spatial_ref_sys', 'c'),"
    env.write_text(env.read_text().replace("context.configure(", f"context.configure({given} "))

    assert difference(database, settings) == ()


def test_comparing_changes_nothing(open_project: Open, database: Database) -> None:
    difference(database, open_project("linear"))

    with contextlib.closing(connect(database, autocommit=True)) as session:
        assert session.execute("select count(*) from pg_class where relname = 'alembic_version'").fetchone() == (0,)


def test_an_env_py_that_fails_is_told_with_its_line(open_project: Open, database: Database) -> None:
    settings = open_project("linear")
    env = settings.root / "migrations" / "env.py"
    env.write_text(env.read_text().replace("context.configure(", "import sys\nsys.exit(3)\ncontext.configure("))

    with pytest.raises(EnvironmentFailedError) as caught:
        difference(database, settings)

    assert caught.value.message == "Alembic's env.py fails at migrations/env.py:5: it calls sys.exit(3)"
