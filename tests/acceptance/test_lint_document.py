"""What docs/lint.md shows is what the command prints, and its rule of one's own is one."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable

import pytest

from seachange.config import load
from seachange.postgres.connection import Database
from tests.project import REPOSITORY, Project

DOCUMENT = (REPOSITORY / "docs" / "lint.md").read_text(encoding="utf-8")


@pytest.fixture
def unsafe(scenario: Callable[[str], Project], database: Database) -> Project:
    """The project of the document, its database at 0001."""
    project = scenario("unsafe")
    assert project.invoke("migration.apply", "--to", "0001", env={"DATABASE_URL": database.url()}).exit_code == 0
    return project


def test_the_command_prints_what_the_document_shows(unsafe: Project, database: Database) -> None:
    (shown,) = re.findall(r"^```console\n\$ invoke migration\.lint\n(.*?)^```$", DOCUMENT, flags=re.M | re.S)

    outcome = unsafe.invoke("migration.lint", env={"DATABASE_URL": database.url()})

    versions = re.compile(r"PostgreSQL \d[\d.]*")
    assert versions.sub("PostgreSQL", outcome.stdout) == versions.sub("PostgreSQL", shown)


def test_the_settings_of_the_document_are_settings(unsafe: Project) -> None:
    (settings,) = re.findall(r"^```toml\n(.*?)^```$", DOCUMENT, flags=re.M | re.S)
    path = unsafe.path / "pyproject.toml"
    path.write_text(f"{path.read_text()}\n{settings}")

    found = load(unsafe.path, environ={})

    assert dict(found.lint_severity) == tomllib.loads(settings)["tool"]["seachange"]["lint"]["severity"]
    assert (found.lint_since, found.lint_rules, found.lint_disk_budget) == ("4f2a90c1b7de", ("app.lint_rules",), 200 * 1024**3)


def test_the_rule_of_the_document_is_asked(unsafe: Project, database: Database) -> None:
    (code,) = [text for text in re.findall(r"^```python\n(.*?)^```$", DOCUMENT, flags=re.M | re.S) if "SHOP1" in text]
    (unsafe.path / "shop_rules.py").write_text(code)
    with (unsafe.path / "pyproject.toml").open("a") as file:
        file.write('\n[tool.seachange.lint]\nrules = ["shop_rules"]\n')

    outcome = unsafe.invoke("migration.lint", env={"DATABASE_URL": database.url()})

    assert "0002_tighten_the_orders.py:20: public.orders is touched [SHOP1, proven]" in outcome.stdout
