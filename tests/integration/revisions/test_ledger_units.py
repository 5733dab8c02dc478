"""The history of an env.py with several version tables: each has rows of its own, where it is."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest

from seachange.postgres.connection import Database, connect, drop_database
from seachange.revisions.history import read_history
from seachange.revisions.ledger import Ledger, Origin
from seachange.revisions.runner import upgrade
from seachange.workflow import Run
from seachange.workflow.repair import history_findings, repair
from tests.integration.revisions.conftest import Open

ORIGIN = Origin(run_id="run1", command="migration.apply", actor="ann@host", tool_version="1.2.3")


def rows(database: Database) -> list[Any]:
    with contextlib.closing(connect(database, autocommit=True)) as session:
        return session.execute("select version_table, revision, outcome from seachange.history order by id").fetchall()


@pytest.fixture
def beside(each_database: Database) -> Iterator[Database]:
    """The second database of a throwaway one, which the run makes."""
    database = each_database.with_name(f"{each_database.name}_billing")
    yield database
    drop_database(database, force=True)


def test_each_tenant_has_rows_of_its_own(open_project: Open, each_database: Database) -> None:
    settings = open_project("tenants", database_url=each_database.url())
    ledger = Ledger(read_history(settings), origin=ORIGIN)

    upgrade(each_database, settings, ledger=ledger)

    expected = [(f"{tenant}.alembic_version", name, "applied") for tenant in ("blue", "green") for name in ("0001", "0002")]
    assert (rows(each_database), ledger.problem) == (expected, "")


def test_a_tenant_that_others_moved_is_named_and_repaired(open_project: Open, each_database: Database) -> None:
    settings = open_project("tenants", database_url=each_database.url())
    upgrade(each_database, settings, ledger=Ledger(read_history(settings), origin=ORIGIN))
    with Run(settings) as run:
        assert history_findings(run) == ()
    with contextlib.closing(connect(each_database, autocommit=True)) as session:
        session.execute("update green.alembic_version set version_num = '0001'")

    with Run(settings, options={"kinds": ("reverted-elsewhere",)}) as run:
        (finding,) = history_findings(run)
        assert finding.message == "0002 in green: recorded as applied, but the version table is not at it"
        repair(run)
        assert history_findings(run) == ()

    assert rows(each_database)[-1] == ("green.alembic_version", "0002", "adopted")


def test_each_database_keeps_what_was_run_in_it(open_project: Open, each_database: Database, beside: Database) -> None:
    settings = open_project("multidb")
    ledger = Ledger(read_history(settings), origin=ORIGIN)

    upgrade(each_database, settings, ledger=ledger)

    expected = [("alembic_version", "0001", "applied"), ("alembic_version", "0002", "applied")]
    assert (rows(each_database), rows(beside), ledger.problem) == (expected, expected, "")
    environment = {**settings.environment, "DATABASE_URL_BILLING": beside.url()}
    named = dataclasses.replace(settings, database_url=each_database.url(), environment=environment)
    with Run(named) as run:
        assert history_findings(run) == ()


def test_a_table_that_the_search_path_finds_elsewhere_is_the_same_table(open_project: Open, each_database: Database) -> None:
    settings = open_project("linear", database_url=each_database.url())
    name = f"app_{each_database.name}"
    with contextlib.closing(connect(each_database, autocommit=True)) as session:
        session.execute("create schema app")
        session.execute(f"create role {name} superuser login")
        session.execute(f"alter role {name} set search_path = app")
    database = each_database.with_parameters(user=name)
    try:
        upgrade(database, settings, ledger=Ledger(read_history(settings), origin=ORIGIN))

        assert {table for table, _, _ in rows(database)} == {"app.alembic_version"}
        with Run(dataclasses.replace(settings, database_url=database.url())) as run:
            assert history_findings(run) == ()
            assert run.current() == ("0003",)
    finally:
        with contextlib.closing(connect(each_database, autocommit=True)) as session:
            session.execute(f"drop owned by {name} cascade")
            session.execute(f"drop role {name}")
