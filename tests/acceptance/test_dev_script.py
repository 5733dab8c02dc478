"""scripts/dev in a small project that needs nothing from a package index."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.project import REPOSITORY, Project

_PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "tiny"
version = "1"
"""

# The least that pip takes for a build backend with editable wheels; {delay} makes a set-up that can be interrupted.
_BACKEND = """
import pathlib, time, zipfile

def build_editable(folder, config_settings=None, metadata_directory=None):
    pathlib.Path("installing").touch()
    time.sleep({delay})
    with zipfile.ZipFile(pathlib.Path(folder) / "tiny-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tiny.pth", str(pathlib.Path.cwd()))
        wheel.writestr("tiny-1.dist-info/METADATA", "Metadata-Version: 2.1\\nName: tiny\\nVersion: 1\\n")
        wheel.writestr("tiny-1.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr("tiny-1.dist-info/RECORD", "tiny.pth,,\\ntiny-1.dist-info/METADATA,,\\ntiny-1.dist-info/WHEEL,,\\n")
    return "tiny-1-py3-none-any.whl"
"""


def _tiny(folder: Path, *, delay: float = 0) -> Project:
    (folder / "scripts").mkdir(parents=True)
    (folder / "requirements").mkdir()
    shutil.copy2(REPOSITORY / "scripts" / "dev", folder / "scripts" / "dev")
    (folder / "pyproject.toml").write_text(_PYPROJECT)
    (folder / "requirements" / "dev.txt").write_text("# nothing is needed\n")
    (folder / "backend.py").write_text(_BACKEND.format(delay=delay))
    (folder / "seachange").mkdir()
    (folder / "seachange" / "__init__.py").touch()
    return Project(path=folder)


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project, in a folder with a space in its name, that was set up."""
    project = _tiny(tmp_path_factory.mktemp("dev") / "a project")
    outcome = project.run("scripts/dev", "true")
    assert outcome.exit_code == 0, outcome.stderr
    assert outcome.stdout == ""
    assert [line.split()[1] for line in outcome.stderr.splitlines()] == ["1/4", "2/4", "3/4", "4/4", "ready"]
    return project


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A Python without ensurepip, as Debian has it: without pip an environment is made in a tenth of the time."""
    folder = tmp_path_factory.mktemp("quick")
    (folder / "ensurepip.py").write_text("raise ImportError\n")
    (folder / "python").write_text(f'#!/bin/sh\nPYTHONPATH="{folder}" exec "{sys.executable}" "$@"\n')
    (folder / "python").chmod(0o755)
    return {"PYTHON": str(folder / "python")}


def _steps(stderr: str) -> list[str]:
    return [word for line in stderr.splitlines() for word in line.split()[1:2] if "/4" in word]


def test_a_command_runs_in_the_environment_and_in_the_callers_folder(ready: Project) -> None:
    (ready.path / "sub folder").mkdir(exist_ok=True)

    program = "import os, sys, seachange; print(sys.prefix, os.getcwd())"

    outcome = ready.run("../scripts/dev", "python", "-c", program, cwd="sub folder")

    assert (outcome.exit_code, outcome.stderr) == (0, "")
    assert outcome.stdout == f"{ready.path / '.venv'} {ready.path / 'sub folder'}\n"


def test_nothing_is_done_twice_and_no_python_is_started(ready: Project) -> None:
    outcomes = [ready.run("scripts/dev", "true") for _ in range(5)]

    assert {(outcome.exit_code, outcome.stderr) for outcome in outcomes} == {(0, "")}
    assert min(outcome.duration_s for outcome in outcomes) < 0.05


def test_the_exit_code_is_the_commands(ready: Project) -> None:
    assert ready.run("scripts/dev", "sh", "-c", "exit 7").exit_code == 7


def test_without_a_command_there_is_a_usage_line(ready: Project) -> None:
    outcome = ready.run("scripts/dev")

    assert (outcome.exit_code, outcome.stdout) == (1, "")
    assert outcome.stderr == "usage: scripts/dev COMMAND..., for example: scripts/dev invoke --list\n"


def test_changed_pins_are_installed_into_the_same_environment(ready: Project) -> None:
    (ready.path / ".venv" / "kept").touch()
    (ready.path / "requirements" / "dev.txt").write_text("# changed\n")

    outcomes = [ready.run("scripts/dev", "true") for _ in range(2)]

    assert [_steps(outcome.stderr) for outcome in outcomes] == [["2/4", "3/4", "4/4"], []]
    assert (ready.path / ".venv" / "kept").exists()


def test_a_copied_checkout_makes_its_own_environment(tmp_path: Path, quick: dict[str, str]) -> None:
    project = _tiny(tmp_path / "project")
    assert project.run("scripts/dev", "true", env=quick).exit_code == 0
    shutil.copytree(project.path, tmp_path / "copy", symlinks=True)

    outcome = Project(path=tmp_path / "copy").run("scripts/dev", "python", "-c", "import sys; print(sys.prefix)", env=quick)

    assert _steps(outcome.stderr)[0] == "1/4"
    assert outcome.stdout == f"{tmp_path / 'copy' / '.venv'}\n"


def test_a_python_that_is_too_old_is_refused(tmp_path: Path) -> None:
    project = _tiny(tmp_path / "project")
    (tmp_path / "old").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "old").chmod(0o755)

    outcome = project.run("scripts/dev", "true", env={"PYTHON": str(tmp_path / "old")})

    assert (outcome.exit_code, outcome.stdout) == (1, "")
    assert outcome.stderr == f"scripts/dev: PYTHON={tmp_path / 'old'} is not Python 3.11 or later\n"
    assert not (project.path / ".venv").exists()


def test_no_python_at_all_is_said(tmp_path: Path) -> None:
    project = _tiny(tmp_path / "project")
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("cat", "cksum"):
        (programs / name).symlink_to(str(shutil.which(name)))

    outcome = project.run("/bin/sh", "scripts/dev", "true", env={"PATH": str(programs)})

    assert (outcome.exit_code, outcome.stdout) == (1, "")
    assert outcome.stderr.startswith("scripts/dev: no Python 3.11 or later on PATH")


def test_a_python_without_ensurepip_fills_the_environment_with_its_own_pip(tmp_path: Path, quick: dict[str, str]) -> None:
    project = _tiny(tmp_path / "project")

    outcome = project.run("scripts/dev", "python", "-c", "import seachange", env=quick)

    assert outcome.exit_code == 0, outcome.stderr
    assert not (project.path / ".venv" / "bin" / "pip").exists()


def test_two_first_uses_at_once_set_up_once(tmp_path: Path, quick: dict[str, str]) -> None:
    project = _tiny(tmp_path / "project", delay=1)
    first, second = (project.start("scripts/dev", "echo", word, env=quick) for word in ("one", "two"))

    with first, second:
        outputs = [process.communicate(timeout=120) for process in (first, second)]

    assert [stdout for stdout, _ in outputs] == ["one\n", "two\n"]
    assert sorted(len(_steps(stderr)) for _, stderr in outputs) == [0, 4]
    assert sum("waiting for another set-up" in stderr for _, stderr in outputs) == 1


def test_an_interrupted_set_up_is_done_again(tmp_path: Path, quick: dict[str, str]) -> None:
    project = _tiny(tmp_path / "project", delay=60)
    with project.start("scripts/dev", "true", env={**quick, "TMPDIR": str(tmp_path)}) as process:
        deadline = time.monotonic() + 60
        while not (project.path / "installing").exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGKILL)
        (project.path / "backend.py").write_text(_BACKEND.format(delay=0))
        process.communicate(timeout=60)

    outcome = project.run("scripts/dev", "echo", "done", env=quick)

    assert (outcome.exit_code, outcome.stdout) == (0, "done\n")
    assert _steps(outcome.stderr) == ["1/4", "2/4", "3/4", "4/4"]


def test_an_environment_made_by_hand_is_filled_not_removed(tmp_path: Path) -> None:
    project = _tiny(tmp_path / "project")
    assert project.run(sys.executable, "-m", "venv", "--without-pip", ".venv").exit_code == 0
    (project.path / ".venv" / "mine").touch()

    outcome = project.run("scripts/dev", "true")

    assert _steps(outcome.stderr) == ["2/4", "3/4", "4/4"]
    assert (project.path / ".venv" / "mine").exists()
