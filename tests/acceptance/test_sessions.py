"""Sessions as another team's noxfile registers them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.project import Project

_NOXFILE = """
import nox
from seachange import sessions

nox.options.default_venv_backend = "uv|virtualenv"
sessions.migration_sessions(postgres=("14", "17", "18"), install={install})
"""

# Stands for the package in the environment that the sessions make, and says who ran it with which options.
_STAND_IN = 'import sys, pathlib; pathlib.Path("ran").open("a").write(f"{sys.prefix}|{sys.argv[1:]}\\n")'


@pytest.fixture
def team(tmp_path: Path) -> Project:
    """A project whose installation carries a stand-in for ``python -m seachange.testing``."""
    project = Project(path=tmp_path / "team")
    package = project.path / "lib" / "seachange" / "testing"
    package.mkdir(parents=True)
    (package / "__main__.py").write_text(_STAND_IN)
    (project.path / "noxfile.py").write_text(_NOXFILE.format(install=()))
    return project


def test_only_nox_and_the_standard_library_are_imported() -> None:
    program = (
        "import nox, sys; before = set(sys.modules); import seachange.sessions;"
        "print(sorted({name.split('.')[0] for name in set(sys.modules) - before} - sys.stdlib_module_names))"
    )

    outcome = Project(path=Path.cwd()).run(sys.executable, "-c", program)

    assert outcome.stdout == "['seachange']\n"


def test_every_major_has_a_session_with_an_id_and_tags(team: Project) -> None:
    outcome = team.run("nox", "--list", "--json", "--session", "migrations")

    assert outcome.exit_code == 0, outcome.stderr
    listed = {session["session"]: session["tags"] for session in json.loads(outcome.stdout)}
    assert listed == {
        "migrations(pg14)": ["db", "pg14", "oldest"],
        "migrations(pg17)": ["db", "pg17"],
        "migrations(pg18)": ["db", "pg18", "newest"],
    }


def test_all_majors_share_one_environment_that_is_filled_once_and_get_the_options_after_two_dashes(team: Project) -> None:
    (team.path / "requirements.txt").write_text("# nothing\n")
    (team.path / "noxfile.py").write_text(_NOXFILE.format(install=("-r", "requirements.txt")))
    command = ("nox", "-s", "migrations", "--", "--seed-scale", "5")

    outcomes = [team.run(*command, env={"PYTHONPATH": str(team.path / "lib")}) for _ in range(2)]

    assert [outcome.exit_code for outcome in outcomes] == [0, 0], outcomes[0].stderr
    assert ["the environment is up to date" in outcome.stderr for outcome in outcomes] == [False, True]
    prefix = team.path / ".nox" / "migrations-env"
    runs = [f"{prefix}|['--pg', '{major}', '--seed-scale', '5']" for major in (14, 17, 18)]
    assert (team.path / "ran").read_text().splitlines() == runs * 2
