"""Rows of the real database that are in the way of pending revisions."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import pytest

from seachange.postgres.connection import Database
from tests.project import Outcome, Project

_CLIENTS = (
    (
        "10: public.clients: 1 value of (lower(email)) occurs more than once, in 2 rows (id = 1 and 2), on which unique index"
        " clients_email fails [SC801]"
    ),
    "11: public.clients: 1 row has no value in phone (id = 2), on which SET NOT NULL of phone fails [SC802]",
    "12: public.clients: 1 row has a value in fax; DROP COLUMN fax loses them [SC602]",
)
_PETS = (
    (
        "10: public.pets: 2 rows have no counterpart in public.clients (id = 2, 3), on which constraint pets_client: FOREIGN KEY"
        " (client_id) REFERENCES public.clients (id) fails [SC804]"
    ),
    (
        "11: public.pets: 1 row does not fulfil weight > 0 (id = 3), on which constraint pets_weight: CHECK (weight > 0) fails"
        " [SC803]"
    ),
    "14: public.pets: 1 value of kind is no label of kind: 'parrot' (id = 4), on which ALTER COLUMN kind TYPE kind fails [SC611]",
)
_VISITS = (
    (
        "11: public.visits: 1 value of cost cannot become numeric (id = 2), on which ALTER COLUMN cost TYPE numeric(8,2) fails"
        " [SC805]"
    ),
    (
        "12: public.visits: 1 value of note is longer than 5 (id = 1), on which ALTER COLUMN note TYPE character varying(5) fails"
        " [SC806]"
    ),
)


@pytest.fixture
def hazards(scenario: Callable[[str], Project], database: Database) -> Project:
    """Rows that the three pending revisions fail on."""
    copy = scenario("data_hazards")
    project = dataclasses.replace(copy, environment={**copy.environment, "DATABASE_URL": database.url()})
    assert project.invoke("migration.apply", "--to", "0001").exit_code == 0
    assert project.invoke("db.seed").exit_code == 0
    return project


def step(outcome: Outcome, name: str) -> dict[str, Any]:
    (found,) = [each for each in json.loads(outcome.stdout)["steps"] if each["name"] == name]
    return dict(found)


def current(project: Project) -> list[str]:
    return list(json.loads(project.invoke("migration.status", "--format", "json").stdout)["status"]["current"])


def test_check_says_which_rows_pending_revisions_fail_on(hazards: Project) -> None:
    checked = hazards.invoke("migration.check")

    assert checked.exit_code == 2
    assert "  10 data checks of 3 pending revisions\n" in checked.stdout
    assert "error: pending revisions fail on rows of the database: 7 errors (" in checked.stdout
    found = [line for line in checked.stdout.splitlines() if line.endswith(", data]")]
    assert [line.replace("migrations/versions/", "").replace(", data]", "]") for line in found] == [
        *(f"error: 0002_clients.py:{line}" for line in _CLIENTS[:2]),
        f"warning: 0002_clients.py:{_CLIENTS[2]}",
        *(f"error: 0003_pets.py:{line}" for line in _PETS),
        *(f"error: 0004_visits.py:{line}" for line in _VISITS),
        "  0004_visits.py:13: public.imports: no rows: DROP TABLE public.imports loses nothing [SC601]",
    ]


def test_no_row_is_shown_but_by_its_key(hazards: Project) -> None:
    checked = hazards.invoke("migration.check", "--format", "json")

    for private in ("example.com", "Rex", "vaccination", "12.50", "free"):
        assert private not in checked.stdout
    findings = step(checked, "data")["findings"]
    assert {finding["provenance"] for finding in findings} == {"data"}
    assert findings[0]["table"] == "public.clients"


def test_apply_stops_before_anything_is_changed(hazards: Project) -> None:
    stopped = hazards.invoke("migration.apply", "--format", "json")

    assert stopped.exit_code == 4
    result = step(stopped, "apply")
    assert result["summary"] == "stopped before anything was changed: revision 0002 fails on rows of the database"
    assert len([finding for finding in result["findings"] if finding["severity"] == "error"]) == 7
    assert (result["data"]["applied"], result["data"]["failed"]) == ([], "0002")
    assert current(hazards) == ["0001"]


def test_only_what_comes_before_the_target_counts(hazards: Project) -> None:
    mended = "UPDATE clients SET phone = '?', email = email || id"
    assert hazards.invoke("db.psql", "--command", mended).exit_code == 0

    assert hazards.invoke("migration.apply", "--to", "0002").exit_code == 0
    assert current(hazards) == ["0002"]


def test_what_depends_on_an_earlier_revision_is_looked_at_just_before_its_own(hazards: Project) -> None:
    versions = hazards.path / "migrations" / "versions"
    for name in ("0002_clients.py", "0003_pets.py", "0004_visits.py"):
        (versions / name).unlink()
    (versions / "0002_copy.py").write_text(
        '"""Copy weights."""\nfrom alembic import op\nrevision = "0002"\ndown_revision = "0001"\n\n\ndef upgrade():\n'
        '    op.execute("CREATE TABLE weights AS SELECT id, weight FROM pets")\n\n\ndef downgrade():\n'
        '    op.execute("DROP TABLE weights")\n'
    )
    (versions / "0003_positive.py").write_text(
        '"""Weights are positive."""\nfrom alembic import op\nrevision = "0003"\ndown_revision = "0002"\n\n\ndef upgrade():\n'
        '    op.create_check_constraint("positive", "weights", "weight > 0")\n\n\ndef downgrade():\n'
        '    op.drop_constraint("positive", "weights")\n'
    )
    checked = step(hazards.invoke("migration.check", "--format", "json"), "data")
    stopped = hazards.invoke("migration.apply")

    assert [finding["message"] for finding in checked["findings"]] == [
        "constraint positive: CHECK (weight > 0) cannot be checked yet: public.weights is made by revision 0002 in the same run"
    ]
    assert checked["status"] == "done"
    assert stopped.exit_code == 5
    assert "  applied before it: 0002\n" in stopped.stdout
    assert "public.weights: 1 row does not fulfil weight > 0 (ctid = (0,3)), on which constraint positive" in stopped.stdout
    assert "error: stopped after 0002: revision 0003 fails on rows of the database" in stopped.stdout
    assert current(hazards) == ["0002"]


def test_nothing_pending_asks_nothing(hazards: Project) -> None:
    for path in (hazards.path / "migrations" / "versions").glob("000[234]*.py"):
        path.unlink()
    result = step(hazards.invoke("migration.check", "--format", "json"), "data")

    assert (result["status"], result["summary"], result["findings"]) == ("done", "nothing to look at", [])
