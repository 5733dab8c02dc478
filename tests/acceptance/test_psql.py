"""`db.psql` as its user calls it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from seachange.postgres.connection import Database
from tests.project import Project


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["--command", "select 40 + 2"], id="a flag of the task"),
        pytest.param(["--", "-At", "-c", "'select 40 + 2'"], id="flags of psql"),
    ],
)
def test_a_statement_is_run_and_its_result_printed(
    scenario: Callable[[str], Project], database: Database, arguments: list[str]
) -> None:
    outcome = scenario("linear").invoke("db.psql", *arguments, env={"DATABASE_URL": database.url()})

    assert (outcome.exit_code, "42" in outcome.stdout) == (0, True)
