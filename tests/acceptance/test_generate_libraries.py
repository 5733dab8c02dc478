"""Projects whose env.py hands views or enum types to other libraries: generate works with them, and keeps them off the target."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.project import Outcome, Project

Scenario = Callable[[str], Project]


@pytest.fixture
def entities(scenario: Scenario) -> Project:
    """A table, and a view, a function, a trigger and a policy that no revision has made yet."""
    return scenario("entities")


def generate(project: Project, *arguments: str) -> dict[str, Any]:
    """Apply what there is and write a revision; return the data of the step."""
    assert project.invoke("migration.apply").exit_code == 0
    done = project.invoke("migration.generate", "--format", "json", *arguments)
    assert done.exit_code == 0, done.stderr
    step: dict[str, Any] = next(step for step in json.loads(done.stdout)["steps"] if step["name"] == "generate")
    return dict(step["data"])


def edit(path: Path, *changes: tuple[str, str]) -> None:
    text = path.read_text()
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    path.write_text(text)


def require_clean(project: Project, path: str) -> None:
    for command in (("format", "--diff"), ("check", "--select", "E4,E7,E9,F,I,W,E501")):
        done = project.run("python", "-m", "ruff", command[0], "--isolated", *command[1:], path)
        assert done.exit_code == 0, done.stdout


def test_what_is_registered_becomes_a_revision_in_an_order_that_runs(entities: Project) -> None:
    made = generate(entities)

    assert made["operations"] == [
        "add view public.active_clients",
        "add function public.shout()",
        "add policy public.own_clients",
        "add trigger public.shouting",
    ]
    require_clean(entities, made["path"])
    assert generate(entities).get("operations") is None


def test_a_view_makes_room_for_the_change_of_its_table_and_is_made_anew(entities: Project) -> None:
    generate(entities)
    models, views = entities.path / "entities_models.py", entities.path / "entities_views.py"
    edit(
        models,
        ("String(80)", "String(120)"),
        ("active: Mapped", "pets: Mapped[int] = mapped_column(default=0, server_default='0')\n    active: Mapped"),
        ("Boolean, server_default", "Boolean, comment='for years', server_default"),
    )
    models.write_text(
        models.read_text()
        + '\n\nclass Pet(Base):\n    __tablename__ = "animals"\n\n    id: Mapped[int] = mapped_column(primary_key=True)\n'
    )
    edit(
        views,
        ("SELECT clients.id, clients.name FROM clients", "SELECT clients.id, clients.name, clients.pets FROM clients, animals"),
        ("ENTITIES = [active_clients, shout, shouting, own_clients]", "ENTITIES = [active_clients]"),
    )

    made = generate(entities)

    assert made["operations"] == [
        "drop policy public.own_clients",
        "drop trigger public.shouting",
        "drop view public.active_clients",
        "drop function public.shout()",
        "add table animals",
        "add column clients.pets (INTEGER NOT NULL)",
        "change the type of clients.name from VARCHAR(80) to VARCHAR(120)",
        "set the comment of clients.active to 'for years'",
        "add view public.active_clients",
    ]
    require_clean(entities, made["path"])
    assert generate(entities).get("operations") is None


def test_a_view_that_nothing_stands_in_the_way_of_is_replaced(entities: Project) -> None:
    generate(entities)
    edit(entities.path / "entities_views.py", ("WHERE clients.active", "WHERE NOT clients.active"))

    made = generate(entities)

    assert made["operations"] == ["replace view public.active_clients"]
    assert "replace_active_clients" in made["path"]


def test_verify_leaves_views_alone_while_somebody_reads_them(entities: Project) -> None:
    generate(entities)
    assert entities.invoke("migration.apply").exit_code == 0
    url = entities.invoke("db.url").stdout.strip()

    with psycopg.connect(url) as reader:
        # alembic-utils drops and creates what it compares, and would wait here until its lock_timeout.
        reader.execute("select * from active_clients")
        done: Outcome = entities.invoke("migration.check")

    assert done.exit_code == 0, done.stdout


def test_labels_in_between_are_put_where_the_models_have_them(scenario: Scenario) -> None:
    project = scenario("enum_plugin")
    edit(project.path / "enum_plugin_models.py", ('"cash", "card", name', '"cash", "gift", "card", name'))

    made = generate(project)

    # before_value of alembic-postgresql-enum 1.11 means after.
    assert "ADD VALUE IF NOT EXISTS 'gift' AFTER 'cash'" in (project.path / made["path"]).read_text()
    assert generate(project).get("operations") is None


def test_labels_are_added_by_the_plugin_and_taken_away_past_a_check_and_an_index(scenario: Scenario) -> None:
    project = scenario("enum_plugin")
    assert generate(project).get("operations") is None
    edit(project.path / "enum_plugin_models.py", ('"cash", "card", name', '"cash", "card", "debt", name'))

    made = generate(project)

    assert made["operations"] == ["add label 'debt' of enum type payment"]
    upgrade, _, downgrade = (project.path / made["path"]).read_text().partition("def downgrade")
    assert upgrade.count("op.add_enum_value(") == 1
    assert "op.execute" not in upgrade
    assert "sync_enum_values" not in downgrade
    require_clean(project, made["path"])
    assert generate(project).get("operations") is None


def test_what_no_comparison_sees_is_listed_once(entities: Project) -> None:
    generate(entities)
    (entities.path / "migrations" / "versions" / "0003_more.py").write_text(
        'from alembic import op\n\nrevision = "0003"\ndown_revision = "0002"\n\n\ndef upgrade():\n'
        '    op.execute("CREATE DOMAIN positive AS int CHECK (VALUE > 0)")\n'
        '    op.execute("CREATE STATISTICS together ON name, active FROM clients")\n\n\ndef downgrade():\n'
        '    op.execute("DROP STATISTICS together")\n    op.execute("DROP DOMAIN positive")\n'
    )
    assert entities.invoke("migration.apply").exit_code == 0

    done = entities.invoke("migration.generate", "--dry-run")

    line = "not compared, keep it in revisions of your own: 1 extended statistics (together), 1 domain (positive)"
    assert done.stdout.count(line) == 1
    assert done.stdout.count("not compared") == 1
