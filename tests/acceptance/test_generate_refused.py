"""When no revision can be generated: each time the command that helps is named."""

from __future__ import annotations

from collections.abc import Callable

from tests.project import Project

Scenario = Callable[[str], Project]


def test_a_database_behind_the_history_is_to_be_brought_to_the_head_first(scenario: Scenario) -> None:
    project = scenario("linear")

    outcome = project.invoke("migration.generate")
    both = project.invoke("migration.workflow", "--skip", "backup")

    assert outcome.exit_code == 3, outcome
    assert "is behind the history by 3: 0001, 0002, 0003" in outcome.stdout
    assert "bring it to the head first: `invoke migration.apply`" in outcome.stdout
    assert both.exit_code == 0, both


def test_models_that_declare_nothing_do_not_drop_what_the_history_makes(scenario: Scenario) -> None:
    project = scenario("linear")
    assert project.invoke("migration.apply").exit_code == 0
    (project.path / "linear_models.py").write_text("from sqlalchemy import MetaData\n\nclass Base:\n    metadata = MetaData()\n")

    outcome = project.invoke("migration.generate")

    assert outcome.exit_code == 1, outcome
    assert "linear_models:Base declares no table" in outcome.stdout
    assert "`invoke migration.generate --empty --name NAME`" in outcome.stdout


def test_a_project_without_models_is_told_how_to_name_them_or_to_write_by_hand(scenario: Scenario) -> None:
    project = scenario("linear")
    project.replace("pyproject.toml", old='models = "linear_models:Base"', new="")
    project.replace("migrations/env.py", old="target_metadata=Base.metadata", new="target_metadata=None")

    outcome = project.invoke("migration.generate")

    assert outcome.exit_code == 1, outcome
    assert 'set models = "package.module:Base" in [tool.seachange]' in outcome.stdout
    assert "--empty --name NAME" in outcome.stdout


def test_several_heads_are_to_be_rebased_or_merged_first(scenario: Scenario) -> None:
    outcome = scenario("two_heads").invoke("migration.generate", "--empty", "--name", "x")

    assert (outcome.exit_code, "`invoke migration.rebase`; or join them: `invoke migration.merge`" in outcome.stderr) == (2, True)
