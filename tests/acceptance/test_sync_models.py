"""invoke db.sync --target models: written beside the models of the project, never over them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.project import Project

pytest.importorskip("sqlacodegen")


@pytest.fixture
def linear(scenario: Callable[[str], Project]) -> Project:
    """The scenario ``linear`` at head."""
    project = scenario("linear")
    applied = project.invoke("migration.apply")
    assert applied.exit_code == 0, applied.stdout + applied.stderr
    return project


def test_models_are_written_checked_and_never_over_those_of_env_py(linear: Project) -> None:
    written = linear.invoke("db.sync", "--target", "models")
    checked = linear.invoke("db.sync", "--target", "models", "--check")
    settings = linear.path / "pyproject.toml"
    own = (linear.path / "linear_models.py").read_text()
    # Without the setting the models are those of env.py.
    settings.write_text(
        settings.read_text().replace('models = "linear_models:Base"', 'sync_paths = { models = "linear_models.py" }')
    )
    refused = linear.invoke("db.sync", "--target", "models")

    assert written.exit_code == 0, written.stdout + written.stderr
    assert "schema/sqlalchemy_models.py: written" in written.stdout
    assert checked.exit_code == 0, checked.stdout + checked.stderr
    assert "schema/sqlalchemy_models.py: unchanged" in checked.stdout
    assert refused.exit_code == 1
    said = refused.stdout + refused.stderr
    assert "target models would write linear_models.py, from which env.py takes the tables that Alembic compares" in said
    assert "hint: set sync_paths.models to another file" in said
    assert (linear.path / "linear_models.py").read_text() == own
