"""Moving a database along a history: transactions, targets, failures and what is said about them."""

from __future__ import annotations

import contextlib

import pytest

from seachange.errors import (
    ExitCode,
    HistoryInvalidError,
    MigrationFailedError,
    RefusedError,
    RevisionUnknownError,
)
from seachange.postgres.connection import Database, connect
from seachange.revisions.runner import downgrade, upgrade
from tests.integration.revisions.conftest import Open
from tests.integration.revisions.looking import ask, at, body, tables, write_revision


def test_a_history_is_applied_and_read_back(open_project: Open, each_database: Database) -> None:
    settings = open_project("linear")
    told: list[str] = []

    applied = upgrade(each_database, settings, on_revision=lambda revision: told.append(revision.title))

    assert applied.revisions == ("0001", "0002", "0003")
    assert (applied.before, applied.current, at(each_database, settings)) == ((), ("0003",), ("0003",))
    assert told == ["Create clients", "Add email to clients", "Make the email of clients unique"]
    assert set(applied.durations_s) == {"0001", "0002", "0003"}


def test_nothing_pending_changes_nothing(open_project: Open, database: Database) -> None:
    settings = open_project("linear")
    upgrade(database, settings)

    assert upgrade(database, settings).revisions == ()


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        pytest.param("0002", ("0001", "0002"), id="a revision"),
        pytest.param("+1", ("0001",), id="one step"),
        pytest.param("head", ("0001", "0002", "0003"), id="the head"),
    ],
)
def test_a_target_on_the_way_is_reached_and_not_passed(
    open_project: Open, database: Database, target: str, expected: tuple[str, ...]
) -> None:
    assert upgrade(database, open_project("linear"), target=target).revisions == expected


def test_the_head_of_two_is_not_guessed(open_project: Open, database: Database) -> None:
    with pytest.raises(HistoryInvalidError, match="the history has 2 heads: 0003, 0004"):
        upgrade(database, open_project("two_heads"), target="head")


def test_a_history_that_is_no_order_is_not_begun(open_project: Open, database: Database) -> None:
    with pytest.raises(HistoryInvalidError, match="does not compile") as caught:
        upgrade(database, open_project("syntax_error"))

    assert (caught.value.exit_code, tables(database)) == (ExitCode.FOUND, [])


def test_a_failure_half_way_says_what_was_applied_and_what_was_not_tried(open_project: Open, database: Database) -> None:
    with pytest.raises(MigrationFailedError) as caught:
        upgrade(database, open_project("failing_half_way"))

    assert caught.value.message == (
        'revision 0003 was not applied: at migrations/versions/0003_fails.py:11: relation "clinics" does not exist '
        "[SQLSTATE 42P01]; statement: ALTER TABLE clients ADD COLUMN clinic int REFERENCES clinics (id); "
        "the database is at 0002; applied before it: 0001, 0002; not tried: 0004, 0005"
    )
    assert caught.value.hint == "mend 0003_fails.py and run the command again; it goes on from where the database is"
    assert (caught.value.applied, caught.value.failed, caught.value.not_tried) == (("0001", "0002"), "0003", ("0004", "0005"))
    assert (caught.value.exit_code, tables(database)) == (ExitCode.FAILED_CHANGED, ["alembic_version", "clients"])


def test_a_failure_in_the_first_revision_leaves_the_database_as_it_was(open_project: Open, database: Database) -> None:
    settings = open_project("failing_half_way")
    upgrade(database, settings, target="0002")

    with pytest.raises(MigrationFailedError) as caught:
        upgrade(database, settings)

    assert (caught.value.exit_code, caught.value.applied) == (ExitCode.FAILED_UNCHANGED, ())
    assert tables(database) == ["alembic_version", "clients"]


def test_a_failure_after_a_block_in_autocommit_needs_a_person(open_project: Open, database: Database) -> None:
    settings = open_project("not_transactional")
    upgrade(database, settings, target="0003")

    with pytest.raises(MigrationFailedError) as caught:
        upgrade(database, settings)

    assert caught.value.exit_code == ExitCode.FAILED_CHANGED
    assert "the database is at 0003, with part of the failed revision in it" in caught.value.message
    assert tables(database) == ["alembic_version", "clients", "visits"]


@pytest.mark.parametrize(
    ("statement", "exit_code"),
    [
        pytest.param("CREATE INDEX CONCURRENTLY i ON nowhere (x)", ExitCode.FAILED_UNCHANGED, id="a name that is wrong"),
        pytest.param(
            "CREATE UNIQUE INDEX CONCURRENTLY i ON clients (name)", ExitCode.FAILED_CHANGED, id="a build that breaks off"
        ),
        pytest.param(
            "ALTER TYPE nothing ADD VALUE 'x'", ExitCode.FAILED_UNCHANGED, id="one statement that is whole or not at all"
        ),
    ],
)
def test_a_failure_in_autocommit_counts_as_a_change_only_if_it_may_leave_something(
    open_project: Open, database: Database, statement: str, exit_code: ExitCode
) -> None:
    settings = open_project("linear")
    upgrade(database, settings)
    with contextlib.closing(connect(database, autocommit=True)) as session:
        session.execute("insert into clients (id, name) values (1, 'Ada'), (2, 'Ada')")
    write_revision(
        settings,
        "0004",
        down="0003",
        body=body("with op.get_context().autocommit_block():", f'    op.execute("{statement}")'),
    )

    with pytest.raises(MigrationFailedError) as caught:
        upgrade(database, settings)

    assert caught.value.exit_code == exit_code


@pytest.mark.parametrize(
    ("commit", "exit_code"),
    [
        pytest.param('op.execute("COMMIT")', ExitCode.FAILED_CHANGED, id="in a statement of its own"),
        pytest.param('op.execute("SELECT 1; COMMIT; SELECT 2")', ExitCode.FAILED_CHANGED, id="among others"),
        pytest.param("op.get_bind().commit()", ExitCode.FAILED_CHANGED, id="by SQLAlchemy"),
        pytest.param('op.execute("DO $$ BEGIN PERFORM 1; END; $$")', ExitCode.FAILED_UNCHANGED, id="not at all"),
    ],
)
def test_a_failure_after_a_commit_of_the_revision_needs_a_person(
    open_project: Open, database: Database, commit: str, exit_code: ExitCode
) -> None:
    settings = open_project("linear")
    upgrade(database, settings)
    lines = body('op.execute("create table half ()")', commit, 'op.execute("select 1 / 0")')
    write_revision(settings, "0004", down="0003", body=lines)

    with pytest.raises(MigrationFailedError, match="division by zero") as caught:
        upgrade(database, settings)

    assert caught.value.exit_code == exit_code
    assert ("half" in tables(database)) == (exit_code == ExitCode.FAILED_CHANGED)


def test_a_revision_that_commits_by_itself_loses_nothing(open_project: Open, database: Database) -> None:
    settings = open_project("commits_itself")

    assert upgrade(database, settings).current == ("0003",)
    assert ask(database, "select name from clients") == ["Ada"]


def test_a_python_error_in_a_revision_is_told_with_its_line(open_project: Open, database: Database) -> None:
    settings = open_project("linear")
    write_revision(settings, "0004", down="0003", body=body('{}["phone"]'))

    with pytest.raises(MigrationFailedError) as caught:
        upgrade(database, settings)

    assert caught.value.reason == "at migrations/versions/0004.py:8: KeyError: 'phone'"


def test_branches_and_merges_are_walked_in_both_directions(open_project: Open, database: Database) -> None:
    settings = open_project("branches")

    assert upgrade(database, settings).current == ("x2",)
    assert downgrade(database, settings, target="-1").current == ("d1", "x1")
    assert downgrade(database, settings, target="a1").revisions == ("d1", "c1", "b1")
    assert (at(database, settings), tables(database)) == (("a1", "x1"), ["alembic_version", "audit", "owners"])


def test_a_revision_that_cannot_be_undone_is_refused_before_anything_is(open_project: Open, database: Database) -> None:
    settings = open_project("irreversible")
    upgrade(database, settings)

    with pytest.raises(RefusedError) as caught:
        downgrade(database, settings, target="base")

    assert caught.value.message == "revision 0002 (Add email to clients) cannot be undone: the addresses are gone"
    assert at(database, settings) == ("0003",)


def test_a_downgrade_to_what_is_not_applied_is_an_error(open_project: Open, database: Database) -> None:
    settings = open_project("linear")
    upgrade(database, settings, target="0001")

    with pytest.raises(RevisionUnknownError, match="revision 0002 is not applied"):
        downgrade(database, settings, target="0002")


def test_a_revision_of_the_database_that_no_file_has_is_named(open_project: Open, database: Database) -> None:
    settings = open_project("linear")
    upgrade(database, settings)
    (settings.root / "migrations" / "versions" / "0003_unique_email.py").unlink()

    with pytest.raises(RevisionUnknownError) as caught:
        upgrade(database, settings)

    assert caught.value.message == "the database is at revision 0003, which is in no file of this project"


def test_a_version_row_that_is_not_what_was_written_is_found_by_reading_it_back(open_project: Open, database: Database) -> None:
    settings = open_project("linear")
    upgrade(database, settings, target="0002")
    with contextlib.closing(connect(database, autocommit=True)) as session:
        session.execute(
            "create function other() returns trigger language plpgsql as $$ begin new.version_num = '0001'; return new; end $$"
        )
        session.execute("create trigger other before update on alembic_version for each row execute function other()")

    with pytest.raises(MigrationFailedError) as caught:
        upgrade(database, settings)

    assert caught.value.message.startswith(
        "revision 0003 ran without an error, but the version table holds 0001 and not 0003: its work is lost"
    )
    assert caught.value.exit_code == ExitCode.FAILED_CHANGED
