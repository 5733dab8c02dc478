"""Seed data whose function fails."""

from __future__ import annotations

from collections.abc import Callable

from seachange.errors import ExitCode
from tests.project import Project

_SEEDS = '''"""Seeds."""

import sqlalchemy as sa


def seed(connection, scale):
    connection.execute(sa.text("create table kept (id int)"))
    connection.execute(sa.text("insert into nowhere values (:scale)"), {"scale": scale})
'''


def test_a_seed_function_that_fails_is_told_with_its_place_and_leaves_nothing(scenario: Callable[[str], Project]) -> None:
    project = scenario("linear")
    (project.path / "own_seeds.py").write_text(_SEEDS)
    project.replace("pyproject.toml", old="[tool.seachange]", new='[tool.seachange]\nseeds = "own_seeds:seed"')

    done = project.invoke("db.seed")

    assert done.exit_code == ExitCode.FAILED_UNCHANGED
    assert "own_seeds:seed failed at own_seeds.py:8, and none of its rows was kept:" in done.stdout
    assert 'relation "nowhere" does not exist' in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert "kept" not in project.invoke("db.tables").stdout
