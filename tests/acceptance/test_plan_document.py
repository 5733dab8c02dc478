"""What docs/plan.md shows is what the commands print."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable

import pytest

from seachange.postgres.connection import Database
from tests.project import REPOSITORY, Project

BLOCKS: list[tuple[str, str]] = re.findall(
    r"^```console\n\$ (.*?)\n(.*?)^```$", (REPOSITORY / "docs" / "plan.md").read_text(encoding="utf-8"), flags=re.M | re.S
)


@pytest.fixture
def clients(scenario: Callable[[str], Project], database: Database) -> Project:
    """The project of the document, its database at 0002."""
    project = scenario("data_migrations")
    outcome = project.invoke("migration.apply", "--to", "0002", env={"DATABASE_URL": database.url()})
    assert outcome.exit_code == 0, outcome
    return project


def test_every_command_prints_what_the_document_shows(clients: Project, database: Database) -> None:
    found = []
    for command, _ in BLOCKS:
        outcome = clients.run(*shlex.split(command), env={"DATABASE_URL": database.url()})
        text = (outcome.stdout + outcome.stderr).replace(database.redacted, "postgresql://app@db/clinic")
        # When the server counts rows is its own affair.
        text = re.sub(r"(about [\d,]+ rows|never counted), \d+ kB", "about 2,000 rows, 176 kB", text)
        found.append((command, "".join(f"{line.rstrip()}\n" for line in text.splitlines())))

    assert len(BLOCKS) == 3
    assert found == BLOCKS
