"""What docs/adopt.md shows: its commands exist, and its outputs are those of the scenario."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable

import pytest
from invoke.collection import Collection

from seachange.tasks import ns
from tests.project import REPOSITORY, Project

DOCUMENT = (REPOSITORY / "docs" / "adopt.md").read_text(encoding="utf-8")
BLOCKS: list[str] = re.findall(r"^```text\n(.*?)^```$", DOCUMENT, flags=re.MULTILINE | re.DOTALL)
COMMANDS = sorted(set(re.findall(r"(?:^\$ |- run: |^ +- |^    )((?:invoke|seachange) .*)$", DOCUMENT, flags=re.MULTILINE)))


def flags_of(collection: Collection, name: str) -> set[str]:
    task = collection[name]
    return {f"--{argument}" for each in task.get_arguments() for argument in each.names}


def shown(command: str) -> str:
    """Return the output that the document shows for a command that is alone in its block."""
    (found,) = [block for block in BLOCKS if block.startswith(f"$ {command}\n")]
    return found.partition("\n")[2]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_document_exists(command: str) -> None:
    _, name, *arguments = shlex.split(command)

    assert {word for word in arguments if word.startswith("--")} <= flags_of(ns, name)


def test_the_commands_are_found_in_the_document() -> None:
    assert {"seachange init", "invoke migration.rebase", "seachange migration.heads --check"} <= set(COMMANDS)


def test_the_outputs_of_the_first_commands_are_those_of_the_scenario(scenario: Callable[[str], Project]) -> None:
    project = scenario("adopted")

    init = project.run("seachange", "init")
    validate = project.invoke("migration.validate")

    assert init.stdout.replace(str(project.path), "/home/you/shop") == shown("seachange init")
    assert validate.stdout == shown("invoke migration.validate")


def test_a_database_that_plain_alembic_moved_is_up_to_date(scenario: Callable[[str], Project]) -> None:
    project = scenario("adopted")
    assert project.run("seachange", "init").exit_code == 0
    assert project.invoke("db.start").exit_code == 0
    url = project.invoke("db.url").stdout.strip()

    plain = project.run("alembic", "upgrade", "head", env={"SHOP_DATABASE": url.replace("postgresql:", "postgresql+psycopg:")})
    status = project.invoke("migration.status")

    assert plain.exit_code == 0, plain
    (block,) = [block for block in BLOCKS if block.startswith("$ invoke migration.status\ndatabase")]
    expected = [line for line in block.splitlines()[1:] if not line.startswith("database")]
    assert [line for line in status.stdout.splitlines() if not line.startswith("database")] == expected


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\((?!https?:)([^)#]+)\)", DOCUMENT))))
def test_every_file_that_the_document_links_is_there(link: str) -> None:
    assert (REPOSITORY / "docs" / link).exists()
