"""What the README shows works."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest

from tests.project import REPOSITORY, Project

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
BLOCKS: list[str] = re.findall(r"^```python\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


def block(start: str) -> str:
    """Return the only Python block that has a line beginning with ``start``."""
    (found,) = [text for text in BLOCKS if re.search(rf"^{re.escape(start)}", text, flags=re.MULTILINE)]
    return found


@pytest.fixture
def linear(scenario: Callable[[str], Project]) -> Project:
    return scenario("linear")


def test_the_three_lines_of_a_tasks_file_give_every_command_of_both_collections(linear: Project) -> None:
    (linear.path / "tasks.py").write_text(
        next(text for text in BLOCKS if "import db, migration\n" in text and "task" not in text.split("ns")[1])
    )

    listed = linear.invoke("--list", "--list-format=json")

    assert {one["name"] for one in json.loads(listed.stdout)["collections"]} == {"db", "migration"}


def test_the_noxfile_registers_a_session_for_each_major(linear: Project) -> None:
    (linear.path / "noxfile.py").write_text(block("sessions.migration_sessions"))

    listed = linear.run("nox", "--list", "--json", "-s", "migrations")

    majors = [one["session"] for one in json.loads(listed.stdout) if one["name"] == "migrations"]
    assert majors == ["migrations(pg16)", "migrations(pg17)", "migrations(pg18)"]


def test_a_pipeline_of_ones_own_runs_its_steps_in_the_order_written(linear: Project) -> None:
    (linear.path / "tasks.py").write_text(block("def pause_workers"))

    dry = linear.invoke("release", "--dry-run", "--format", "json")
    paused_by_dry_run = (linear.path / "PAUSED").exists()
    real = linear.invoke("release", "--format", "json")

    document = json.loads(real.stdout)
    names = [step["name"] for step in document["steps"]]
    assert (dry.exit_code, paused_by_dry_run) == (0, False), dry
    assert (real.exit_code, names) == (0, ["check", "backup", "pause-workers", "apply", "verify"]), real
    assert document["steps"][2]["facts"][0].startswith("backup: ")
    assert (linear.path / "PAUSED").exists()


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\((?!https?:)([^)#]+)\)", README))))
def test_every_file_that_the_readme_links_is_there(link: str) -> None:
    assert (REPOSITORY / link).exists()
