"""The copies of projects that acceptance tests run commands in."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.project import REPOSITORY, Project, clean_environment, tracked_files


@pytest.mark.parametrize(
    "name",
    [
        "DATABASE_URL",
        "PGHOST",
        "PGPASSWORD",
        "APP_ENV",
        "SEACHANGE_LOCK_TIMEOUT",
        "SEACHANGE_CACHE_DIR_X",
        "INVOKE_DEBUG",
        "NO_COLOR",
    ],
)
def test_a_setting_of_the_developers_shell_does_not_reach_a_command(name: str) -> None:
    assert name not in clean_environment({name: "x"})


@pytest.mark.parametrize("name", ["SEACHANGE_CACHE_DIR", "SEACHANGE_PG15_BIN", "SEACHANGE_ADMIN_URL", "HOME", "CI"])
def test_where_servers_come_from_reaches_a_command(name: str) -> None:
    assert clean_environment({name: "x"})[name] == "x"


def test_a_command_gives_its_exit_code_and_both_streams(tmp_path: Path) -> None:
    outcome = Project(path=tmp_path).run("sh", "-c", "echo answer; echo progress >&2; exit 3")

    assert (outcome.exit_code, outcome.stdout, outcome.stderr) == (3, "answer\n", "progress\n")


def test_a_text_that_occurs_twice_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "models.py").write_text("a a")

    with pytest.raises(ValueError, match="2 times"):
        Project(path=tmp_path).replace("models.py", old="a", new="b")


def test_new_files_count_as_the_repositorys(tmp_path: Path) -> None:
    project = Project(path=tmp_path)
    (tmp_path / ".gitignore").write_text("ignored\n")
    project.commit()
    (tmp_path / "new").touch()
    (tmp_path / "ignored").touch()

    assert tracked_files(tmp_path) == (".gitignore", "new")
    assert tracked_files(tmp_path, untracked=False) == (".gitignore",)


def test_each_scenario_project_is_described() -> None:
    folder = REPOSITORY / "tests" / "projects"
    described = set(re.findall(r"`(\w+)`", (folder / "README.md").read_text(encoding="utf-8")))

    assert {path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith(("_", "."))} - described == set()
