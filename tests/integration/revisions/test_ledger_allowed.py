"""What is written down about hazards that were let pass, also into a table that an earlier release has made."""

from __future__ import annotations

import contextlib
from typing import Any

from seachange.config import Settings
from seachange.postgres.connection import Database, connect
from seachange.revisions.history import read_history
from seachange.revisions.ledger import Ledger, Origin
from seachange.revisions.runner import upgrade
from seachange.revisions.runs import read_runs
from tests.integration.revisions.conftest import Open


def apply(database: Database, settings: Settings, *, target: str, allowed: str | None = None) -> Ledger:
    origin = Origin(run_id="run1", command="migration.apply", actor="ann@host", tool_version="1.2.3", allowed=allowed)
    ledger = Ledger(read_history(settings), origin=origin)
    upgrade(database, settings, target=target, ledger=ledger)
    return ledger


def rows(database: Database) -> list[Any]:
    with contextlib.closing(connect(database, autocommit=True)) as session:
        return session.execute("select revision, allowed from seachange.history order by id").fetchall()


def test_a_row_says_what_was_allowed_and_why(open_project: Open, each_database: Database) -> None:
    apply(each_database, open_project("linear"), target="0001", allowed="SC301: at night")

    assert rows(each_database) == [("0001", "SC301: at night")]


def test_a_table_of_the_first_release_gets_the_column_that_it_lacks(open_project: Open, each_database: Database) -> None:
    settings = open_project("linear")
    apply(each_database, settings, target="0001")
    with connect(each_database, autocommit=True) as session:
        session.execute("alter table seachange.history drop column allowed")
        session.execute("comment on table seachange.history is 'what Seachange ran in this database (format 1)'")
        before = [(run.outcome, run.allowed) for run in read_runs(session)]

    ledger = apply(each_database, settings, target="0002")

    assert (before, ledger.problem) == ([("applied", None)], "")
    assert rows(each_database) == [("0001", None), ("0002", None)]
