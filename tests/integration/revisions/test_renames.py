"""Renames: asked where a drop and an add may be one thing, made so that rows and what belongs to them survive."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest

from seachange.config import Settings
from seachange.errors import ConfigError, QuestionsOpenError
from seachange.postgres.connection import Database, connect
from seachange.revisions._trial import connected
from seachange.revisions.answers import Answers, read_answers
from seachange.revisions.compare import differences
from seachange.revisions.declared import declare
from seachange.revisions.history import read_history
from seachange.revisions.models import load_metadata
from seachange.revisions.runner import downgrade, upgrade
from tests.integration.revisions.conftest import Open
from tests.integration.revisions.generating import opened, require_clean, written

Edit = Callable[..., None]

COLUMN = "    full_name: Mapped[str] = mapped_column(String(80), index=True)\n"


@pytest.fixture
def shelter(open_project: Open) -> Settings:
    """Two tables with a naming convention, a foreign key, a check, an index and an enum type."""
    return open_project("renames")


@pytest.fixture
def edit(shelter: Settings) -> Edit:
    """Replace texts in the models, each as often as it occurs."""

    def edited(*changes: tuple[str, str]) -> None:
        path = shelter.root / "shelter_models.py"
        text = path.read_text()
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        path.write_text(f"from sqlalchemy import *\n{text}")

    return edited


def rename(*texts: str, **more: Any) -> Answers:
    return read_answers(renames=texts, **more)


def rows(database: Database, query: str) -> list[tuple[Any, ...]]:
    with contextlib.closing(connect(database, autocommit=True)) as session:
        return session.execute(query.encode()).fetchall()


def execute(database: Database, statement: str) -> None:
    with contextlib.closing(connect(database, autocommit=True)) as session:
        session.execute(statement.encode())


_NAMES = """
select c.conname::text from pg_constraint c join pg_class r on r.oid = c.conrelid
where r.relname in ('owners', 'people', 'animals')
and c.contype <> 'n' union all select relname::text from pg_class where relkind in ('i', 'S') and relname !~ '^(pg_|alembic)'
and relnamespace = 'public'::regnamespace
union all select typname::text from pg_type where typtype = 'e' order by 1
"""
_ROWS = "insert into owners (full_name, email, state) values ('Ada', 'ada@example.org', 'active'), ('Bob', null, 'gone')"


def test_a_drop_beside_an_add_of_a_like_column_is_asked_and_nothing_is_written(shelter: Settings, edit: Edit) -> None:
    edit(("full_name", "display_name"))
    before = sorted(path.name for path in shelter.root.rglob("*.py"))

    with opened(shelter) as shadow, pytest.raises(QuestionsOpenError) as caught:
        written(shelter, shadow)

    (question,) = caught.value.questions
    assert caught.value.exit_code == 3
    assert (question.id, question.table, question.old, question.candidates) == (  # type: ignore[attr-defined]
        "rename-column:owners.full_name",
        "owners",
        "full_name",
        ("display_name",),
    )
    assert caught.value.facts == (
        "column owners.full_name (VARCHAR(80)) is gone from the models: was it renamed?",
        "  --rename owners.full_name=display_name: renamed to owners.display_name (VARCHAR(80)), its data stays",
        "  --rename owners.full_name=new: no: owners.full_name is dropped with its data, and what is new was created new",
    )
    assert sorted(path.name for path in shelter.root.rglob("*.py")) == before


def test_a_renamed_column_keeps_its_rows_in_both_directions_and_its_names_follow(shelter: Settings, edit: Edit) -> None:
    edit(("full_name", "display_name"))

    with opened(shelter) as shadow:
        database = shadow.clone("rows")
        execute(database, _ROWS)
        made = written(shelter, shadow, answers=rename("owners.full_name=display_name"))
        upgrade(database, shelter)

        assert rows(database, "select display_name from owners order by id") == [("Ada",), ("Bob",)]
        with connected(database) as connection:
            metadata = load_metadata(shelter)
            declared = declare(connection, metadata)
            assert differences(metadata, connection, declared=declared, settings=shelter) == ()
        downgrade(database, shelter, target="0001")
        assert rows(database, "select full_name, email from owners order by id") == [("Ada", "ada@example.org"), ("Bob", None)]

    assert made.path.name == "0002_rename_full_name_of_owners_to_display_.py"
    assert made.operations == (
        "rename column owners.full_name to display_name",
        "rename constraint ck_owners_full_name_long of owners to ck_owners_display_name_long",
        "rename index ix_owners_full_name to ix_owners_display_name",
    )
    text = made.path.read_text()
    assert 'op.alter_column("owners", "full_name", new_column_name="display_name")' in text
    assert 'op.alter_column("owners", "display_name", new_column_name="full_name")' in text
    assert "drop" not in text
    require_clean(made.path, shelter)


def test_a_renamed_table_takes_keys_sequences_types_and_references_with_it(shelter: Settings, edit: Edit) -> None:
    edit(('"owners"', '"people"'), ("owners.id", "people.id"), ("owner_state", "person_state"))

    with opened(shelter) as shadow:
        database = shadow.clone("rows")
        execute(database, _ROWS)
        execute(database, "insert into animals (name, owner_id) values ('Rex', 1)")
        before = rows(database, _NAMES)
        made = written(shelter, shadow, answers=rename("public.owners=people"))
        upgrade(database, shelter)
        with connected(database) as connection:
            metadata = load_metadata(shelter)
            left = differences(metadata, connection, declared=declare(connection, metadata), settings=shelter)
        names = [name for (name,) in rows(database, _NAMES)]
        found = rows(database, "select p.full_name, p.state::text, a.name from people p left join animals a on a.owner_id = p.id")
        execute(database, "insert into people (full_name, state) values ('Cy', 'active')")
        downgrade(database, shelter, target="0001")

        assert rows(database, "select full_name from owners order by id") == [("Ada",), ("Bob",), ("Cy",)]
        assert rows(database, _NAMES) == before

    assert (sorted(found), left) == ([("Ada", "active", "Rex"), ("Bob", "gone", None)], ())
    assert names == [
        "animals_id_seq",
        "ck_people_full_name_long",
        "fk_animals_owner_id_people",
        "ix_animals_owner_id",
        "ix_people_full_name",
        "people_id_seq",
        "person_state",
        "pk_animals",
        "pk_animals",
        "pk_people",
        "pk_people",
        "uq_people_email",
        "uq_people_email",
    ]
    assert 'op.rename_table("owners", "people")' in made.path.read_text()
    require_clean(made.path, shelter)


def test_a_column_of_a_renamed_table_is_renamed_in_the_same_revision_with_a_new_type(shelter: Settings, edit: Edit) -> None:
    edit(
        ('"owners"', '"people"'),
        ("owners.id", "people.id"),
        ("email: Mapped[str | None] = mapped_column(String(120)", "mail: Mapped[str] = mapped_column(Text"),
    )

    with opened(shelter) as shadow:
        with pytest.raises(QuestionsOpenError) as caught:
            written(shelter, shadow, answers=rename("owners=people"))
        database = shadow.clone("rows")
        execute(database, "insert into owners (full_name, email, state) values ('Ada', 'ada@example.org', 'active')")
        made = written(shelter, shadow, answers=rename("owners=people", "owners.email=mail"))
        upgrade(database, shelter)
        assert rows(database, "select mail from people") == [("ada@example.org",)]
        downgrade(database, shelter, target="0001")
        assert rows(database, "select email from owners") == [("ada@example.org",)]

    assert [question.id for question in caught.value.questions] == ["rename-column:people.email"]  # type: ignore[attr-defined]
    assert made.operations[-2:] == (
        "change the type of people.mail from VARCHAR(120) to TEXT",
        "make people.mail NOT NULL",
    )
    require_clean(made.path, shelter)


def test_names_that_postgresql_chose_follow_too(linear: Settings) -> None:
    path = linear.root / "linear_models.py"
    path.write_text(path.read_text().replace('"clients"', '"customers"').replace("email:", "mail:"))

    with opened(linear) as shadow:
        made = written(linear, shadow, answers=rename("clients=customers", "customers.email=mail"))

    assert made.operations == (
        "rename table clients to customers",
        "rename column customers.email to mail",
        "rename constraint clients_pkey of customers to customers_pkey",
        "rename constraint clients_email_key of customers to customers_mail_key",
        "rename sequence clients_id_seq to customers_id_seq",
    )


def test_an_answer_that_it_is_no_rename_drops_and_adds(shelter: Settings, edit: Edit) -> None:
    edit(("    email: Mapped", "    mail: Mapped"))

    with opened(shelter) as shadow:
        made = written(shelter, shadow, answers=rename("owners.email=new"))

    assert {"add column owners.mail (VARCHAR(120))", "drop column owners.email"} <= set(made.operations)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("String(120), unique=True", "Integer", id="another kind of value"),
        pytest.param("String(120), unique=True", 'String(120), Computed("lower(full_name)")', id="a computed column"),
    ],
)
def test_what_cannot_be_a_rename_is_not_asked(shelter: Settings, edit: Edit, old: str, new: str) -> None:
    edit((f"email: Mapped[str | None] = mapped_column({old})", f"mail: Mapped[str | None] = mapped_column({new})"))

    with opened(shelter) as shadow:
        made = written(shelter, shadow)

    assert "drop column owners.email" in made.operations


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        pytest.param("owners.nick=display_name", "this change has no column or table owners.nick that is dropped", id="unknown"),
        pytest.param("owners.full_name=nick", "nick is no new column of owners", id="not among the new ones"),
    ],
)
def test_an_answer_to_nothing_is_an_error_that_names_it(shelter: Settings, edit: Edit, answer: str, message: str) -> None:
    edit(("full_name", "display_name"))
    answers = rename(answer) if "nick=" not in answer else rename(answer, "owners.full_name=display_name")

    with opened(shelter) as shadow, pytest.raises(ConfigError, match=message) as caught:
        written(shelter, shadow, answers=answers)

    assert answer in caught.value.message


def test_a_column_of_an_unlike_type_may_be_called_a_rename(shelter: Settings, edit: Edit) -> None:
    edit(("email: Mapped[str | None] = mapped_column(String(120), unique=True)", "number: Mapped[int | None]"))

    with opened(shelter) as shadow:
        made = written(shelter, shadow, answers=rename("owners.email=number"))

    assert "rename column owners.email to number" in made.operations
    assert "change the type of owners.number from VARCHAR(120) to INTEGER" in made.operations


def test_history_is_read_anew_with_the_rename(shelter: Settings, edit: Edit) -> None:
    edit(("full_name", "display_name"))
    with opened(shelter) as shadow:
        written(shelter, shadow, answers=rename("owners.full_name=display_name"))

    with opened(shelter) as shadow:
        assert shadow.hit
    assert read_history(shelter).heads == ("0002",)


_FUNCTION = """
revision = "0002"
down_revision = "0001"

from alembic import op


def upgrade():
    op.execute("CREATE FUNCTION greeting(id int) RETURNS text LANGUAGE plpgsql AS "
               "$$ BEGIN RETURN (SELECT full_name FROM owners o WHERE o.id = greeting.id); END $$")


def downgrade():
    op.execute("DROP FUNCTION greeting")
"""


def test_a_function_that_has_the_old_name_in_its_text_is_said(shelter: Settings, edit: Edit) -> None:
    (shelter.root / "migrations" / "versions" / "0002_add_greeting.py").write_text(_FUNCTION)
    edit(("full_name", "display_name"))

    with opened(shelter) as shadow:
        made = written(shelter, shadow, answers=rename("owners.full_name=display_name"))

    (said,) = made.warnings[1:]
    assert said.startswith("function greeting(integer) has full_name in its text, which PostgreSQL does not rename")
