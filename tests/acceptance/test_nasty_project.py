"""A project whose schema has one of everything, worked on as its team would."""

from __future__ import annotations

from collections.abc import Callable

from tests.project import Project


def test_a_schema_of_everything_is_applied_synchronised_reverted_and_applied_again(scenario: Callable[[str], Project]) -> None:
    project = scenario("nasty")
    first = project.invoke("migration.workflow", "--skip", "rehearse,backup")
    written = {path.name: path.read_bytes() for path in (project.path / "schema").iterdir()}
    reverted = project.invoke("migration.revert", "--yes")
    again = project.invoke("migration.workflow", "--skip", "rehearse,backup")

    assert [first.exit_code, reverted.exit_code, again.exit_code] == [0, 0, 0], first.stdout + reverted.stdout + again.stdout
    assert sorted(written) == ["schema.json", "schema.md"]
    assert {path.name: path.read_bytes() for path in (project.path / "schema").iterdir()} == written
    assert "schema/schema.json: unchanged" in again.stdout
