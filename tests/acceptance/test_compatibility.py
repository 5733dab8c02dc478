"""`invoke migration.check --compatible-with REF`: code of an earlier commit against the schema of the working tree."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seachange.postgres.connection import Database
from tests.project import Outcome, Project
from tests.repository import git

REVISION = '''"""Change it."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    {}


def downgrade() -> None:
    raise NotImplementedError
'''


@pytest.fixture
def clinic(scenario: Callable[[str], Project]) -> Project:
    """A clinic whose release v1 is a tag."""
    project = scenario("compat_clinic")
    project.commit()
    git(project.path, "tag", "v1")
    return project


def change(project: Project, *lines: str) -> None:
    text = REVISION.format("\n    ".join(lines))
    (project.path / "migrations/versions/0003_change.py").write_text(text, encoding="utf-8")


def check(project: Project, database: Database, *arguments: str, ref: str = "v1") -> Outcome:
    return project.invoke("migration.check", "--compatible-with", ref, *arguments, env={"DATABASE_URL": database.url()})


def judged(project: Project, database: Database, *, ref: str = "v1") -> dict[str, Any]:
    outcome = check(project, database, "--format", "json", ref=ref)
    assert "Traceback" not in outcome.stderr, outcome
    step: dict[str, Any] = json.loads(outcome.stdout)["steps"][-1]
    assert outcome.exit_code == (2 if step["data"].get("version_class") == "breaking" else 0), outcome
    return step


def found(step: dict[str, Any]) -> list[tuple[str, str, str, int]]:
    return [(each["code"], each["table"], Path(each["file"]).name, each["line"]) for each in step["findings"]]


def verdict(step: dict[str, Any]) -> tuple[str, str, str]:
    return step["data"]["version_class"], step["data"]["level"], step["data"]["order"]


def test_code_fits_the_schema_that_it_was_released_with(clinic: Project, database: Database) -> None:
    step = judged(clinic, database)

    assert (verdict(step), step["findings"], step["data"]["effects"]) == (("neutral", "patch", "both"), [], [])
    assert step["data"]["queries"] > 40


def test_a_renamed_column_is_named_with_its_line_and_what_fails(clinic: Project, database: Database) -> None:
    change(clinic, "op.alter_column('pets', 'owner_id', new_column_name='keeper_id', schema='clinic')")
    clinic.replace("clinic_models.py", old="    owner_id: Mapped", new="    keeper_id: Mapped")
    clinic.replace("clinic_models.py", old="Pet.owner_id ==", new="Pet.keeper_id ==")

    outcome = check(clinic, database)

    assert outcome.exit_code == 2, outcome
    assert (
        "migrations/versions/0003_change.py:11: clinic.pets.owner_id is renamed to keeper_id by revision 0003: " in outcome.stdout
    )
    assert "SELECT, INSERT and UPDATE of Pet" in outcome.stdout
    assert "fail: column pets.owner_id does not exist [SC701]" in outcome.stdout
    assert "hint: expand and contract: add keeper_id beside owner_id" in outcome.stdout
    assert "breaking (major) for v1; neither schema nor code can be deployed first" in outcome.stdout
    assert git(clinic.path, "worktree", "list").count("\n") == 1


def test_a_dropped_column_breaks_the_code_that_maps_it(clinic: Project, database: Database) -> None:
    change(clinic, "op.drop_column('owners', 'phone', schema='clinic')")
    clinic.replace("clinic_models.py", old="    phone: Mapped[str | None] = mapped_column(sa.String(20))\n", new="")

    step = judged(clinic, database)

    assert found(step) == [("SC704", "clinic.owners", "0003_change.py", 11)]
    assert verdict(step) == ("breaking", "major", "code first")


def test_a_column_that_no_code_maps_is_dropped_without_harm(clinic: Project, database: Database) -> None:
    change(clinic, "op.drop_column('pets', 'legacy_code', schema='clinic')")

    step = judged(clinic, database)

    assert (verdict(step), step["findings"]) == (("neutral", "patch", "both"), [])
    assert "neutral: clinic.pets.legacy_code: dropped; the code does not name it" in step["facts"]
