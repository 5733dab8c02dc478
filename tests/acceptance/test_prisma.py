"""invoke db.sync and db.generate with target prisma, as a team with a second ORM would."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.project import Project


@pytest.fixture
def linear(scenario: Callable[[str], Project]) -> Project:
    """The scenario ``linear`` at head, with target prisma."""
    project = scenario("linear")
    with (project.path / "pyproject.toml").open("a") as file:
        file.write('\n[tool.seachange.sync]\ntargets = ["prisma"]\npaths = { prisma = "web/prisma/schema.prisma" }\n')
    applied = project.invoke("migration.apply")
    assert applied.exit_code == 0, applied.stdout + applied.stderr
    return project


def test_the_client_is_generated_by_the_prisma_of_the_project(linear: Project, oracles: Path) -> None:
    (linear.path / "web").mkdir()
    (linear.path / "web" / "node_modules").symlink_to(oracles)
    made = linear.invoke("db.generate", "--target", "prisma")
    schema = linear.path / "web" / "prisma" / "schema.prisma"
    client = linear.path / "web" / "generated" / "prisma" / "client.ts"
    written = schema.read_text()
    schema.write_text(written.replace('"prisma-client"', '"no-such-generator"'))
    failing = linear.invoke("db.generate", "--target", "prisma")

    assert made.exit_code == 0, made.stdout + made.stderr
    assert "Generated Prisma Client" in made.stdout
    assert "PrismaClient" in client.read_text()
    assert written == schema.read_text().replace('"no-such-generator"', '"prisma-client"')
    assert failing.exit_code == 1
    assert "prisma generate ended with status 1" in failing.stdout + failing.stderr
    assert "no-such-generator" in failing.stdout + failing.stderr


def test_without_node_the_file_is_written_and_the_generator_is_skipped_with_what_to_install(
    linear: Project, tmp_path: Path
) -> None:
    done = linear.invoke("db.generate", "--target", "prisma", env={"PATH": str(Path(sys.executable).parent)})

    assert done.exit_code == 0, done.stdout + done.stderr
    assert (linear.path / "web" / "prisma" / "schema.prisma").is_file()
    assert "prisma generate was not run: Node is not on PATH" in done.stdout
    assert "npm install --save-dev prisma@7" in done.stdout + done.stderr


def test_a_file_that_cannot_be_read_is_told_with_its_line_and_left_alone(linear: Project) -> None:
    linear.invoke("db.sync")
    schema = linear.path / "web" / "prisma" / "schema.prisma"
    broken = schema.read_text() + "\nmodel Half {\n  id Int @id(\n}\n"
    schema.write_text(broken)
    done = linear.invoke("db.sync")

    line = broken.count("\n", 0, broken.index("  id Int @id(")) + 1
    assert done.exit_code == 1
    assert f"web/prisma/schema.prisma, line {line}: a bracket is not closed" in done.stdout + done.stderr
    assert schema.read_text() == broken
