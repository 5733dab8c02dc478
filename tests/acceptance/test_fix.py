"""Tests of `invoke migration.fix`, in a project whose pending revision is unsafe."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.project import Project

_VERSIONS = "migrations/versions"


def _files(project: Project) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted(Path(project.path, _VERSIONS).glob("*.py"))}


def test_a_dry_run_shows_the_difference_and_the_locks_and_writes_nothing(scenario: Callable[[str], Project]) -> None:
    project = scenario("unsafe")
    before = _files(project)

    shown = project.invoke("migration.fix", "0002", "--dry-run")

    assert _files(project) == before
    assert shown.exit_code == 0
    assert "public.orders\n  before: ACCESS EXCLUSIVE during index build, scan" in shown.stdout
    assert "  after:  ACCESS EXCLUSIVE, brief\n" in shown.stdout
    assert "\n-    op.create_index(" in shown.stdout
    assert "new file mode 100644\n--- /dev/null\n+++ b/migrations/versions/0003_" in shown.stdout


@pytest.mark.parametrize(("major", "count"), [pytest.param("14", 4, id="pg14"), pytest.param("18", 3, id="pg18")])
def test_the_online_form_is_written_and_runs_up_and_down(scenario: Callable[[str], Project], major: str, count: int) -> None:
    project = scenario("unsafe")

    done = project.invoke("migration.fix", "--revision", "0002", "--major", major, "--yes", "--format", "json")

    assert done.exit_code == 0
    found = json.loads(done.stdout)
    assert (found["left"], found["after"]["work_blocking_writers"]) == ([], 0)
    assert (found["schema"], found["offered"], found["written"]) == ("seachange.migration.fix/1", True, True)
    assert len(found["revisions"]) == count
    assert [name[:4] for name in _files(project)] == ["0001", *found["revisions"]]
    assert project.invoke("migration.validate").exit_code == 0


def test_nothing_is_written_without_a_confirmation(scenario: Callable[[str], Project]) -> None:
    project = scenario("unsafe")
    before = _files(project)

    refused = project.invoke("migration.fix", "0002")

    assert (refused.exit_code, _files(project)) == (3, before)
    assert "pass --yes" in refused.stderr


def test_several_pending_revisions_have_to_be_chosen_from(scenario: Callable[[str], Project]) -> None:
    shown = scenario("unsafe").invoke("migration.fix")

    assert shown.exit_code == 1
    assert "2 revisions are pending: 0001, 0002" in shown.stderr
    assert "invoke migration.fix 0001" in shown.stderr


def test_a_revision_without_long_work_is_left_alone(scenario: Callable[[str], Project]) -> None:
    shown = scenario("unsafe").invoke("migration.fix", "0001")

    assert shown.exit_code == 0
    assert "0001: nothing to fix" in shown.stdout


def test_what_cannot_be_rewritten_is_named_and_the_exit_code_says_so(scenario: Callable[[str], Project]) -> None:
    project = scenario("unsafe")
    path = project.path / _VERSIONS / "0002_tighten_the_orders.py"
    body = """
def upgrade():
    for column in ("amount", "customer_id"):
        op.create_index(f"ix_{column}", "orders", [column])


def downgrade():
    pass
"""
    path.write_text(path.read_text().partition("def upgrade")[0] + body)

    shown = project.invoke("migration.fix", "0002")

    assert shown.exit_code == 2
    assert "0002_tighten_the_orders.py:21: for column in (" in shown.stdout
    assert "    by hand: write each operation out as a statement of upgrade()" in shown.stdout


def test_a_revision_that_is_published_is_refused(scenario: Callable[[str], Project]) -> None:
    project = scenario("unsafe")
    for words in (
        ["init", "-q", "-b", "main"],
        ["add", "."],
        ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "a"],
    ):
        assert project.run("git", *words).exit_code == 0

    shown = project.invoke("migration.fix", "0002", "--base", "main")

    assert shown.exit_code == 3
    assert "0002 is published on main" in shown.stderr
