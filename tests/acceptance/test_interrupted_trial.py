"""Ctrl-C and SIGTERM while a revision is only tried on a throwaway server."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

import pytest

from tests.project import Project

SLOW = """\
import pathlib
from alembic import op
revision = "slow"
down_revision = "0003"
def upgrade():
    pathlib.Path("begun").touch()
    op.execute("select pg_sleep(60)")
def downgrade():
    pass
"""


@pytest.fixture
def slow(scenario: Callable[[str], Project]) -> Project:
    project = scenario("linear")
    (project.path / "migrations" / "versions" / "slow.py").write_text(SLOW)
    return project


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM], ids=lambda one: one.name)
@pytest.mark.parametrize("command", ["migration.lint", "migration.trace"])
def test_it_ends_at_once_and_says_that_the_database_was_not_touched(slow: Project, command: str, by: signal.Signals) -> None:
    with slow.start("invoke", command, "--from", "0003") as process:
        deadline = time.monotonic() + 60
        while not (slow.path / "begun").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        # The statement has to be under way, which nothing outside of the throwaway server tells.
        time.sleep(0.5)
        began = time.monotonic()
        os.kill(process.pid, by)
        _, said = process.communicate(timeout=30)

    assert time.monotonic() - began < 15
    assert process.returncode == 128 + by, said
    assert "Traceback" not in said
    assert said.strip() == "error: stopped while revisions were tried on a throwaway server; your database was not touched"
