"""A throwaway database that is made while env.py is still being asked where the real one is."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest

from seachange import config
from seachange.postgres.connection import Database, connect
from seachange.postgres.server import throwaway
from seachange.revisions.history import read_history
from seachange.revisions.runner import upgrade
from seachange.workflow.ahead import Ahead
from seachange.workflow.run import Run
from seachange.workflow.trace import trace_pending
from tests.project import Project, clean_environment


def test_the_database_is_given_once_and_only_for_the_state_that_was_guessed(scenario: Callable[[str], Project]) -> None:
    settings = config.load(scenario("linear").path, environ=clean_environment())
    with throwaway(settings) as server:
        major = server.major
    with contextlib.closing(Ahead(settings, read_history(settings), revisions=("0002",), major=major)) as ahead:
        assert ahead.take(("0001",), major=major) is None
        assert ahead.take(("0002",), major=major - 1) is None
        found = ahead.take(("0002",), major=major)
        assert found is not None
        with contextlib.closing(connect(found)) as session:
            assert session.execute("select version_num from alembic_version").fetchone() == ("0002",)
        assert ahead.take(("0002",), major=major) is None


@pytest.mark.parametrize("guess", [pytest.param("0001", id="right"), pytest.param("0002", id="wrong")])
def test_what_is_traced_does_not_depend_on_the_guess(scenario: Callable[[str], Project], guess: str) -> None:
    settings = config.load(scenario("linear").path, environ=clean_environment())
    with throwaway(settings) as server:
        url = _at(server.database(), settings=settings, revision=guess).url()
        environ = {**clean_environment(), "DATABASE_URL": url}
        with Run(config.load(settings.root, environ=environ)) as run:
            run.look_ahead()
            trace = trace_pending(run, current=("0001",), major=server.major)

    assert ([each.revision for each in trace.revisions], trace.error) == (["0002", "0003"], "")


def test_nothing_is_made_where_nothing_is_pending(scenario: Callable[[str], Project]) -> None:
    settings = config.load(scenario("linear").path, environ=clean_environment())
    with throwaway(settings) as server:
        url = _at(server.database(), settings=settings, revision="0003").url()
        with Run(config.load(settings.root, environ={**clean_environment(), "DATABASE_URL": url})) as run:
            run.look_ahead()
            assert run.prepared(("0003",), major=server.major) is None


def _at(database: Database, *, settings: config.Settings, revision: str) -> Database:
    upgrade(database, settings, target=revision)
    return database
