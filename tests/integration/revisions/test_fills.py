"""NOT NULL on tables with rows: asked, written as the answer says, and proven on rows."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest

from seachange.config import Settings
from seachange.errors import ConfigError, QuestionsOpenError, RefusedError, RevisionRejectedError
from seachange.postgres.connection import Database, connect
from seachange.postgres.shadow import Shadow
from seachange.revisions.answers import Answers, read_answers
from seachange.revisions.generate import GeneratedRevision, Wanted, generate
from seachange.revisions.history import read_history
from seachange.revisions.models import load_metadata
from seachange.revisions.population import Population
from seachange.revisions.runner import downgrade, upgrade
from tests.integration.revisions.generating import EMAIL, NAME, Change, opened, require_clean

PHONE = f"{NAME}    phone: Mapped[str] = mapped_column(String(20))\n"
REQUIRED = EMAIL.replace("str | None", "str")
_ROWS = "insert into clients (name, email) values ('Ada', 'ada@example.org'), ('Bob', null)"

Target = Callable[[Shadow], Database]


def with_rows(shadow: Shadow) -> Database:
    database = shadow.clone("target")
    execute(database, _ROWS)
    return database


def without_rows(shadow: Shadow) -> Database:
    return shadow.clone("target")


def execute(database: Database, statement: str) -> None:
    with contextlib.closing(connect(database, autocommit=True)) as session:
        session.execute(statement.encode())


def rows(database: Database, query: str) -> list[tuple[Any, ...]]:
    with contextlib.closing(connect(database, autocommit=True)) as session:
        return session.execute(query.encode()).fetchall()


def made_for(settings: Settings, shadow: Shadow, target: Database, answers: Answers | None = None) -> GeneratedRevision:
    history, metadata = read_history(settings), load_metadata(settings)
    wanted = Wanted(answers=answers or Answers(), population=Population(target))
    made = generate(settings, history, metadata=metadata, shadow=shadow, wanted=wanted)
    assert made is not None
    require_clean(made.path, settings)
    return made


@pytest.mark.parametrize(
    ("old", "new", "text", "answers"),
    [
        pytest.param(
            NAME,
            PHONE,
            (
                "column clients.phone is NOT NULL without a server_default, and clients has about 2 rows in the target: "
                "what do they get?"
            ),
            ["default: ", "fill: ", "stop"],
            id="a new column",
        ),
        pytest.param(
            EMAIL,
            REQUIRED,
            "column clients.email becomes NOT NULL, and 1 row of the target has NULL there: what do they get?",
            ["fill: ", "stop"],
            id="a column that is there",
        ),
    ],
)
def test_rows_without_a_value_are_asked_about(
    linear: Settings, models: Change, old: str, new: str, text: str, answers: list[str]
) -> None:
    models(old, new)

    with opened(linear) as shadow:
        target = with_rows(shadow)
        execute(target, "analyze clients")
        with pytest.raises(QuestionsOpenError) as caught:
            made_for(linear, shadow, target)

    (question,) = caught.value.questions
    assert question.text == text  # type: ignore[attr-defined]
    assert [choice.answer for choice in question.choices] == answers  # type: ignore[attr-defined]


@pytest.mark.parametrize(("old", "new"), [pytest.param(NAME, PHONE, id="added"), pytest.param(EMAIL, REQUIRED, id="changed")])
def test_without_rows_nothing_is_asked_and_the_note_stays(linear: Settings, models: Change, old: str, new: str) -> None:
    models(old, new)

    with opened(linear) as shadow:
        made = made_for(linear, shadow, without_rows(shadow))

    assert "upgrade() fails" in made.warnings[0]


def test_a_target_that_cannot_be_looked_at_is_asked_about(linear: Settings, models: Change) -> None:
    models(NAME, PHONE)

    with opened(linear) as shadow:
        target = with_rows(shadow)
        execute(target, "create role blind login")
        blind = Database(parameters={**target.parameters, "user": "blind"})
        try:
            with pytest.raises(QuestionsOpenError) as caught:
                made_for(linear, shadow, blind)
        finally:
            execute(target, "drop role blind")

    assert "clients has an unknown number of rows in the target" in caught.value.facts[0]


def test_a_fill_computes_each_row_before_the_column_is_required(linear: Settings, models: Change) -> None:
    models(NAME, PHONE)
    answers = read_answers(fills=["clients.phone=coalesce(split_part(email, '@', 1), ' :none')"])

    with opened(linear) as shadow:
        target = with_rows(shadow)
        made = made_for(linear, shadow, target, answers)
        upgrade(target, linear)
        assert rows(target, "select name, phone from clients order by id") == [("Ada", "ada"), ("Bob", " :none")]
        with pytest.raises(Exception, match="not-null"):
            execute(target, "insert into clients (name) values ('Cy')")
        downgrade(target, linear, target="0003")
        assert rows(target, "select count(*) from clients") == [(2,)]

    assert made.path.name == "0004_add_phone_to_clients.py"
    assert made.operations == (
        "add column clients.phone (VARCHAR(20))",
        "run UPDATE clients SET phone = coalesce(split_part(email, '@', 1), ' \\:none') WHERE phone IS NULL",
        "make clients.phone NOT NULL",
    )
    assert made.warnings == ()


def test_a_default_is_there_while_the_column_is_added_and_gone_afterwards(linear: Settings, models: Change) -> None:
    models(NAME, PHONE)

    with opened(linear) as shadow:
        target = with_rows(shadow)
        made = made_for(linear, shadow, target, read_answers(defaults=["public.clients.phone='none'"]))
        upgrade(target, linear)
        assert rows(target, "select phone from clients") == [("none",), ("none",)]
        assert rows(target, "select count(*) from pg_attrdef where adrelid = 'clients'::regclass and adnum = 4") == [(0,)]

    assert "server_default=sa.text(\"'none'\")" in made.path.read_text()


def test_rows_that_have_null_are_filled_before_the_column_is_required(linear: Settings, models: Change) -> None:
    models(EMAIL, REQUIRED.replace("String(120)", "Text"))

    with opened(linear) as shadow:
        target = with_rows(shadow)
        made = made_for(linear, shadow, target, read_answers(fills=["clients.email=name || '@example.org'"]))
        upgrade(target, linear)
        assert rows(target, "select email from clients order by id") == [("ada@example.org",), ("Bob@example.org",)]
        downgrade(target, linear, target="0003")

    assert [operation.split()[0] for operation in made.operations] == ["change", "run", "make"]


def test_a_column_that_may_be_renamed_is_asked_about_as_that_first(linear: Settings, models: Change) -> None:
    models(EMAIL, EMAIL.replace("email", "mail").replace("str | None", "str"))

    with opened(linear) as shadow:
        target = with_rows(shadow)
        with pytest.raises(QuestionsOpenError) as first:
            made_for(linear, shadow, target)
        with pytest.raises(QuestionsOpenError) as second:
            made_for(linear, shadow, target, read_answers(renames=["clients.email=mail"]))
        answers = read_answers(renames=["clients.email=mail"], fills=["clients.mail=name"])
        made_for(linear, shadow, target, answers)
        upgrade(target, linear)
        assert rows(target, "select mail from clients order by id") == [("ada@example.org",), ("Bob",)]

    assert [question.id for question in first.value.questions] == ["rename-column:clients.email"]  # type: ignore[attr-defined]
    assert "1 row of the target has NULL there" in second.value.facts[0]


@pytest.mark.parametrize(
    ("answers", "error", "message"),
    [
        pytest.param({"fills": ["clients.fax=''"]}, ConfigError, "has no column clients.fax that becomes NOT NULL", id="unknown"),
        pytest.param({"fills": ["clients.phone=nonsense"]}, RevisionRejectedError, "nonsense", id="no expression"),
        pytest.param({"defaults": ["clients.email=''"]}, ConfigError, "is there already", id="a default for old rows"),
        pytest.param({"asked": {"fill-column:clients.phone": "stop"}}, RefusedError, "says stop", id="stop"),
        pytest.param({"asked": {"fill-column:clients.phone": "x"}}, ConfigError, "is answered by 'x'", id="no answer"),
    ],
)
def test_an_answer_that_does_not_do_is_refused(
    linear: Settings, models: Change, answers: dict[str, Any], error: type[Exception], message: str
) -> None:
    path = linear.root / "linear_models.py"
    models(NAME, PHONE)
    path.write_text(path.read_text().replace(EMAIL, REQUIRED))

    with opened(linear) as shadow, pytest.raises(error, match=message):
        made_for(linear, shadow, without_rows(shadow), read_answers(**answers))

    assert sorted(path.name[:4] for path in (linear.root / "migrations" / "versions").glob("*.py")) == ["0001", "0002", "0003"]


def test_many_rows_are_pointed_to_a_data_migration(linear: Settings, models: Change) -> None:
    models(NAME, PHONE)

    with opened(linear) as shadow:
        target = shadow.clone("target")
        execute(target, "insert into clients (name) select 'x' from generate_series(1, 100000)")
        execute(target, "analyze clients")
        made = made_for(linear, shadow, target, read_answers(fills=["clients.phone=''"]))

    assert "clients has about 100000 rows to fill in one transaction" in made.warnings[0]
