"""A connection that breaks at COMMIT: what PostgreSQL says of the transaction decides, nobody guesses."""

from __future__ import annotations

import re

import pytest

from seachange.errors import ExitCode, MigrationFailedError
from seachange.postgres.connection import Database
from seachange.revisions.runner import downgrade, upgrade
from tests.integration.revisions.committing import BreaksAtCommit
from tests.integration.revisions.conftest import Open
from tests.integration.revisions.looking import at, body, tables, write_revision


def test_a_commit_whose_answer_is_lost_counts_and_the_run_goes_on(open_project: Open, each_database: Database) -> None:
    settings = open_project("linear")
    upgrade(each_database, settings, target="0002")
    write_revision(settings, "0004", down="0003", body=body('op.execute("create table after ()")'))
    said: list[str] = []

    with BreaksAtCommit(each_database, marker="UNIQUE", lost="answer") as wire:
        applied = upgrade(wire.database, settings, on_retry=said.append)

    assert len(said) == 1
    assert re.fullmatch(
        r"revision 0003: the connection broke at COMMIT; PostgreSQL says that transaction \d+ is committed", said[0]
    )
    assert (applied.revisions, at(each_database, settings)) == (("0003", "0004"), ("0004",))


@pytest.mark.parametrize("late_s", [pytest.param(0, id="noticed at once"), pytest.param(1, id="still in progress when asked")])
def test_a_commit_that_never_arrived_is_said_to_be_aborted(open_project: Open, each_database: Database, late_s: float) -> None:
    settings = open_project("linear")
    upgrade(each_database, settings, target="0003")
    write_revision(settings, "0004", down="0003", body=body('op.execute("create table half ()")'))

    with (
        BreaksAtCommit(each_database, marker="half", lost="question", late_s=late_s) as wire,
        pytest.raises(MigrationFailedError) as caught,
    ):
        upgrade(wire.database, settings)

    assert re.search(
        r"; the connection broke at COMMIT, and PostgreSQL says that transaction \d+ is aborted; the database is at 0003$",
        caught.value.message,
    )
    assert caught.value.exit_code == ExitCode.FAILED_UNCHANGED
    assert (at(each_database, settings), tables(each_database)) == (("0003",), ["alembic_version", "clients"])


def test_a_commit_in_the_middle_of_a_revision_that_is_in_doubt_needs_a_person(
    open_project: Open, each_database: Database
) -> None:
    settings = open_project("linear")
    upgrade(each_database, settings)
    lines = body('op.execute("create table half ()")', "op.get_bind().commit()", 'op.execute("create table rest ()")')
    write_revision(settings, "0004", down="0003", body=lines)

    with BreaksAtCommit(each_database, marker="half", lost="answer") as wire, pytest.raises(MigrationFailedError) as caught:
        upgrade(wire.database, settings)

    assert "is committed; the database is at 0003, with part of the failed revision in it" in caught.value.message
    assert (caught.value.exit_code, "half" in tables(each_database)) == (ExitCode.FAILED_CHANGED, True)


def test_a_downgrade_is_resolved_as_well(open_project: Open, database: Database) -> None:
    settings = open_project("linear")
    upgrade(database, settings)

    with BreaksAtCommit(database, marker="DROP", lost="answer") as wire:
        done = downgrade(wire.database, settings, target="0002")

    assert (done.revisions, at(database, settings)) == (("0003",), ("0002",))


def test_a_deferred_constraint_that_fails_at_commit_leaves_nothing(open_project: Open, database: Database) -> None:
    settings = open_project("linear")
    upgrade(database, settings)
    lines = body(
        'op.execute("alter table clients add referee int references clients deferrable initially deferred")',
        "op.execute(\"insert into clients (id, name, referee) values (1, 'Ada', 2)\")",
    )
    write_revision(settings, "0004", down="0003", body=lines)

    with pytest.raises(MigrationFailedError, match="SQLSTATE 23503") as caught:
        upgrade(database, settings)

    assert caught.value.exit_code == ExitCode.FAILED_UNCHANGED
    assert "with part of the failed revision" not in caught.value.message
