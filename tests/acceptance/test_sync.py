"""invoke db.sync and db.generate: targets by name, of other packages too, what is stale, and what fails."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.project import REPOSITORY, Project, clean_environment, copy_scenario


@pytest.fixture(scope="module")
def offered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for PYTHONPATH into which the wheel of another package with a target is installed."""
    folder = tmp_path_factory.mktemp("offered")
    package = copy_scenario("data_dictionary", folder / "package")
    built, installed = folder / "wheel", folder / "installed"
    for command in (
        ["build", "--wheel", "--no-isolation", "--outdir", built, package.path],
        ["pip", "install", "--quiet", "--no-deps", "--no-index", "--find-links", built, "--target", installed, "data-dictionary"],
    ):
        done = subprocess.run(
            [sys.executable, "-m", *map(str, command)],
            env=clean_environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    return installed


@pytest.fixture
def linear(scenario: Callable[[str], Project]) -> Project:
    """The scenario ``linear`` at head."""
    project = scenario("linear")
    applied = project.invoke("migration.apply")
    assert applied.exit_code == 0, applied.stdout + applied.stderr
    return project


def _configure(project: Project, text: str) -> None:
    with (project.path / "pyproject.toml").open("a") as file:
        file.write(f"\n[tool.seachange.sync]\n{text}\n")


def test_a_target_of_another_package_is_written_checked_and_found_stale(linear: Project, offered: Path) -> None:
    _configure(linear, 'targets = ["json", "dictionary"]\npaths = { dictionary = "docs/columns.csv" }')
    env = {"PYTHONPATH": str(offered)}
    written = linear.invoke("db.sync", "--target", "dictionary", env=env)
    table = (linear.path / "docs" / "columns.csv").read_text()
    fresh = linear.invoke("db.sync", "--check", "--target", "dictionary", env=env)
    missing = linear.invoke("db.sync", "--check", env=env)

    assert written.exit_code == 0, written.stdout + written.stderr
    assert table.splitlines()[3:5] == ["table,column,type,nullable,comment", "public.clients,id,integer,False,"]
    assert not (linear.path / "schema").exists()
    assert fresh.exit_code == 0, fresh.stdout
    assert missing.exit_code == 2
    assert "schema/schema.json: stale" in missing.stdout


def test_a_target_that_fails_keeps_no_other_from_being_written(linear: Project, offered: Path) -> None:
    _configure(linear, 'targets = ["dictionary", "json"]\noptions.dictionary.delimiter = "||"')
    env = {"PYTHONPATH": str(offered)}
    alone = linear.invoke("db.sync", env=env)
    warned = linear.invoke("migration.workflow", "--format", "json", env=env)
    failed = linear.invoke("migration.workflow", env={**env, "SEACHANGE_SYNC_ON_FAILURE": "error"})

    assert alone.exit_code == 1
    assert "Verify by hand: target dictionary was not written: option delimiter" in alone.stdout
    assert "schema/dictionary.csv" in alone.stdout
    assert 'delimiter = ";"' in alone.stdout + alone.stderr
    assert json.loads((linear.path / "schema" / "schema.json").read_text())["schema"] == "seachange.schema/1"
    assert warned.exit_code == 0
    (step,) = (step for step in json.loads(warned.stdout)["steps"] if step["name"] == "sync")
    assert step["status"] == "warning"
    assert [finding["file"] for finding in step["findings"]] == ["schema/dictionary.csv"]
    assert failed.exit_code == 1
    assert "Verify by hand" in failed.stdout


@pytest.mark.parametrize(
    ("settings", "arguments", "said"),
    [
        pytest.param("", ("--target", "jsn"), ("there is no target 'jsn'", "did you mean json?"), id="unknown"),
        pytest.param(
            "options.json.indent = 4",
            ("--target", "json"),
            ("target json has no option 'indent'", "its options: none"),
            id="option",
        ),
        pytest.param('paths.erdd = "x"', (), ("sync_paths: there is no target 'erdd'", "did you mean erd?"), id="path"),
    ],
)
def test_what_is_no_target_or_option_is_one_message(
    linear: Project, settings: str, arguments: tuple[str, ...], said: tuple[str, ...]
) -> None:
    _configure(linear, settings)
    outcome = linear.invoke("db.sync", *arguments)

    assert outcome.exit_code == 1
    assert all(words in outcome.stdout + outcome.stderr for words in said), outcome.stdout + outcome.stderr
    assert "Traceback" not in outcome.stdout + outcome.stderr


def test_a_target_that_does_not_exist_stops_a_workflow_before_anything_is_applied(scenario: Callable[[str], Project]) -> None:
    project = scenario("linear")
    _configure(project, 'targets = ["jsn"]')
    outcome = project.invoke("migration.workflow")

    assert outcome.exit_code == 1
    assert "did you mean json?" in outcome.stdout + outcome.stderr
    assert "nothing applied yet" in project.invoke("migration.status").stdout


def test_targets_are_listed_with_where_they_go(scenario: Callable[[str], Project], offered: Path) -> None:
    project = scenario("linear")
    _configure(project, 'targets = ["json", "dictionary"]\npaths = { dictionary = "docs/columns.csv" }')
    outcome = project.invoke("db.targets", "--format", "json", env={"PYTHONPATH": str(offered)})
    listed = {target["name"]: (target["path"], target["commands"]) for target in json.loads(outcome.stdout)["targets"]}

    assert listed["dictionary"] == ("docs/columns.csv", ["db.sync"])
    assert listed["client"] == ("schema/client.py", ["db.generate"])
    assert listed["sql"] == ("schema/structure.sql", [])


def test_the_documentation_shows_the_package_that_is_tested() -> None:
    text = (REPOSITORY / "docs" / "sync-targets.md").read_text()

    for name in ("pyproject.toml", "data_dictionary/__init__.py"):
        assert (REPOSITORY / "tests" / "projects" / "data_dictionary" / name).read_text() in text
