"""What revisions and plain files will do, told without a server."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from seachange import config
from seachange.config import Settings
from seachange.errors import StatementFailedError
from seachange.revisions.history import read_history
from seachange.workflow.static import Prediction, predict_revisions, predict_sql
from tests.project import copy_scenario


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    """A project with loops, autocommit blocks, and a revision that reads rows."""
    path = list(sys.path)
    yield config.load(copy_scenario("data_migrations", tmp_path / "project").path, environ={})
    sys.path[:] = path


def _predict(settings: Settings, *names: str) -> Prediction:
    history = read_history(settings)
    return predict_revisions(settings, history, [history.by_id[name] for name in names])


def test_the_revisions_that_are_asked_for_are_told_with_what_the_earlier_ones_made(settings: Settings) -> None:
    (found,) = _predict(settings, "0005").revisions
    added, widened = found.statements

    assert (found.revision, found.file, found.major) == ("0005", "migrations/versions/0005_shy_pets.py", 18)
    assert (added.transaction, added.new_locks) == (0, ())
    assert [(lock.relation, lock.mode.short) for lock in widened.new_locks] == [("public.pets", "AX")]
    assert widened.rewrites == ()


def test_a_revision_that_reads_rows_is_said_to_be_unknown_from_there_on(settings: Settings) -> None:
    found = _predict(settings, "0004", "0005").findings

    assert [(each.code, each.severity, each.where, each.provenance) for each in found] == [
        ("SC003", "info", "migrations/versions/0004_pets.py:14", "inferred")
    ]
    assert "from line 14 on cannot be told without a server: it asks the database (result.fetchall)" in found[0].message


def test_a_plain_file_has_the_transactions_that_it_begins(settings: Settings) -> None:
    statements = (
        "CREATE INDEX CONCURRENTLY a ON t (a)",
        "BEGIN",
        "ALTER TABLE t ADD b int",
        "UPDATE t SET b = 1",
        "COMMIT",
        "CALL f()",
    )
    found = predict_sql(settings, ";\n".join(statements), file="change.sql", major=16)
    (facts,) = found.revisions

    assert [(each.line, each.transaction) for each in facts.statements] == [(1, 0), (2, 1), (3, 1), (4, 1), (5, 1), (6, 0)]
    assert [lock.mode.short for lock in facts.statements[3].held_locks] == ["AX"]
    assert [each.where for each in found.findings] == ["change.sql:6"]


def test_a_file_that_is_no_sql_is_refused(settings: Settings) -> None:
    with pytest.raises(StatementFailedError, match=r"change.sql:2"):
        predict_sql(settings, "SELECT 1;\nFROBNICATE t;\n", file="change.sql")
