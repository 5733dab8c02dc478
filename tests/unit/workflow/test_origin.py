"""Whose run it is, and of which commit."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from seachange.workflow._git import commit
from seachange.workflow.origin import actor_of
from tests.project import Project

HOST = socket.gethostname()


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        pytest.param({"GITHUB_ACTOR": "ann"}, "ann", id="GitHub"),
        pytest.param({"GITLAB_USER_LOGIN": "bob"}, "bob", id="GitLab"),
        pytest.param({"GITHUB_ACTOR": "", "CIRCLE_USERNAME": "cleo"}, "cleo", id="an empty variable says nothing"),
    ],
)
def test_a_ci_system_names_who_started_the_job(environment: dict[str, str], expected: str) -> None:
    assert actor_of(environment) == f"{expected}@{HOST}"


def test_without_a_ci_system_it_is_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "dora")

    assert actor_of({}) == f"dora@{HOST}"


@pytest.fixture
def committed(scenario: Callable[[str], Project]) -> Project:
    project = scenario("linear")
    project.commit()
    return project


def folders(project: Project) -> tuple[Path, ...]:
    return (project.path / "migrations" / "versions",)


def test_a_checkout_without_changes_is_its_commit(committed: Project) -> None:
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=committed.path, capture_output=True, text=True, check=True).stdout

    assert commit(committed.path, folders(committed)) == (head.strip(), False)


@pytest.mark.parametrize(
    ("file", "dirty"),
    [
        pytest.param("linear_models.py", True, id="a changed file"),
        pytest.param("migrations/versions/0004_new.py", True, id="a revision that is not tracked"),
        pytest.param("notes.txt", False, id="any other file that is not tracked"),
    ],
)
def test_changes_are_told(committed: Project, file: str, *, dirty: bool) -> None:
    (committed.path / file).write_text("x = 1\n")

    assert commit(committed.path, folders(committed))[1] is dirty


def test_a_folder_without_git_has_no_commit(tmp_path: Path) -> None:
    assert commit(tmp_path, (tmp_path,)) == (None, None)
