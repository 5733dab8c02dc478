"""`invoke migration.plan`, and `migration.apply` by a plan, as a user and a pipeline run them."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seachange.postgres.connection import Database, connect
from tests.project import Outcome, Project

VERSIONS = Path("migrations/versions")


@pytest.fixture
def rows(scenario: Callable[[str], Project]) -> Project:
    """Revisions with loops, reads, a concurrent index, and one that cannot be undone."""
    return scenario("data_migrations")


@pytest.fixture
def url(database: Database) -> dict[str, str]:
    return {"DATABASE_URL": database.url()}


def ask(database: Database, query: str) -> list[Any]:
    with contextlib.closing(connect(database, autocommit=True)) as session:
        return [row[0] for row in session.execute(query.encode()).fetchall()]


def relations(database: Database) -> list[Any]:
    return ask(database, "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' order by 1")


def planned(project: Project, url: dict[str, str], *arguments: str) -> dict[str, Any]:
    outcome = project.invoke("migration.plan", "--format", "json", *arguments, env=url)
    assert outcome.exit_code == 0, outcome
    document: dict[str, Any] = json.loads(outcome.stdout)
    return document


def refused(outcome: Outcome, *, message: str) -> bool:
    text = outcome.stdout + outcome.stderr
    assert (outcome.exit_code, "Traceback" in text) == (3, False), outcome
    assert message in text, outcome
    assert "hint: " in text, outcome
    return True


def test_the_sql_of_a_history_with_every_kind_of_statement(rows: Project, each_database: Database) -> None:
    url = {"DATABASE_URL": each_database.url()}

    document = planned(rows, url)

    statements = {
        revision["revision"]: [
            (one["line"], one["sql"].split("(")[0].strip(), one["transaction"], one["count"]) for one in revision["statements"]
        ]
        for revision in document["revisions"]
    }
    assert statements == {
        "0001": [(11, "CREATE TABLE clients", 1, 1)],
        "0002": [
            (13, "INSERT INTO clients", 1, 500),
            (15, "INSERT INTO clients", 1, 1500),
            (16, "UPDATE clients SET name = 'O''Hara' WHERE id = 1", 1, 1),
        ],
        "0003": [
            (11, "ALTER TABLE clients ADD COLUMN city VARCHAR", 1, 1),
            (13, "CREATE INDEX CONCURRENTLY ix_clients_name ON clients", 0, 1),
            (14, "COMMENT ON INDEX ix_clients_name IS 'for the search'", 2, 1),
        ],
        "0004": [
            (11, "CREATE TYPE mood AS ENUM", 1, 1),
            (12, "CREATE TABLE pets", 1, 1),
            (14, "SELECT id FROM clients WHERE city = 'Kiel'", 1, 1),
        ],
        "0005": [
            (11, "ALTER TYPE mood ADD VALUE 'shy' BEFORE 'wild'", 0, 1),
            (12, "ALTER TABLE pets ALTER COLUMN name TYPE varchar", 1, 1),
        ],
        "0006": [(10, "DELETE FROM clients WHERE name = ''", 1, 1)],
    }
    assert [one["revision"] for one in document["revisions"] if one["depends_on_data"]] == ["0004"]
    assert [one["revision"] for one in document["revisions"] if not one["reversible"]] == ["0006"]
    assert (document["direction"], document["current"], document["target"]) == ("upgrade", [], ["0006"])
    assert relations(each_database) == []


def test_a_plan_begins_where_the_database_is_and_names_each_place(rows: Project, url: dict[str, str], database: Database) -> None:
    assert rows.invoke("migration.apply", "--to", "0002", env=url).exit_code == 0

    outcome = rows.invoke("migration.plan", "--to", "0004", env=url)

    made = planned(rows, url, "--to", "0004")
    assert re.sub("      -> .*\n", "", outcome.stdout) == (
        "2 revisions to apply, from 0002 to 0004\n"
        f"hash {made['hash']}\n\n"
        "0003 Add the city of clients and index their names: "
        "2 transactions and 1 statement outside of any; reversible, not tried\n"
        "  migrations/versions/0003_index_names.py:11  transaction 1\n"
        "      ALTER TABLE clients ADD COLUMN city VARCHAR(40)\n"
        "  migrations/versions/0003_index_names.py:13  outside a transaction\n"
        "      CREATE INDEX CONCURRENTLY ix_clients_name ON clients (name)\n"
        "  migrations/versions/0003_index_names.py:14  transaction 2\n"
        "      COMMENT ON INDEX ix_clients_name IS 'for the search'\n\n"
        "0004 Give each client of Kiel a pet: 1 transaction; reversible, not tried\n"
        "warning: reads rows (line 14): on the database itself, which has other rows, it may send other statements\n"
        "  migrations/versions/0004_pets.py:11  transaction 1\n"
        "      CREATE TYPE mood AS ENUM ('calm', 'wild')\n"
        "  migrations/versions/0004_pets.py:12  transaction 1\n"
        "      CREATE TABLE pets (id integer PRIMARY KEY, name varchar(40) NOT NULL, mood mood)\n"
        "  migrations/versions/0004_pets.py:14  transaction 1\n"
        "      SELECT id FROM clients WHERE city = 'Kiel'\n\n"
        "6 statements in 2 revisions.\n"
    )
    assert ask(database, "select version_num from alembic_version") == ["0002"]


def test_a_check_ends_with_two_while_something_is_pending(scenario: Callable[[str], Project], url: dict[str, str]) -> None:
    project = scenario("linear")

    assert project.invoke("migration.plan", "--check", env=url).exit_code == 2
    assert project.invoke("migration.apply", env=url).exit_code == 0
    outcome = project.invoke("migration.plan", "--check", env=url)
    assert (outcome.exit_code, "nothing to do" in outcome.stdout) == (0, True), outcome


def test_the_way_back_is_tried_on_the_throwaway_server_and_judged(rows: Project, url: dict[str, str]) -> None:
    rows.replace(str(VERSIONS / "0001_create_clients.py"), old='op.drop_table("clients")', new='op.drop_table("client")')
    rows.replace(str(VERSIONS / "0003_index_names.py"), old='    op.drop_column("clients", "city")\n', new="")

    document = planned(rows, url, "--to", "0005", "--try-back")

    place = "at migrations/versions/0001_create_clients.py:19"
    missing = f'{place}: table "client" does not exist [SQLSTATE 42P01]; statement: DROP TABLE client'
    assert {one["revision"]: (one["way_back"], one["way_back_reason"]) for one in document["revisions"]} == {
        "0005": ("works", ""),
        "0004": ("works", ""),
        "0003": ("differs", "table public.clients: column city varchar(40) is in the database, but not expected"),
        "0002": ("works", ""),
        "0001": ("fails", missing),
    }


def test_each_statement_says_what_it_did_to_others_when_it_was_tried(rows: Project, url: dict[str, str]) -> None:
    assert rows.invoke("migration.apply", "--to", "0002", env=url).exit_code == 0

    (third, _) = planned(rows, url, "--to", "0004")["revisions"]

    effects = [statement["effect"] | {"sizes": len(statement["effect"]["sizes"])} for statement in third["statements"]]
    nothing: dict[str, Any] = {"held": [], "losses": []}
    assert effects == [
        {
            "locks": ["ACCESS EXCLUSIVE on public.clients"],
            "work": [],
            "sizes": 1,
            "wait": "readers and writers wait briefly",
            **nothing,
        },
        {
            "locks": ["SHARE UPDATE EXCLUSIVE on public.clients"],
            "work": ["builds indexes of public.clients"],
            "sizes": 1,
            "wait": "nobody waits",
            **nothing,
        },
        {"locks": [], "work": [], "sizes": 0, "wait": "nobody waits", **nothing},
    ]


def test_a_target_below_plans_the_way_back(scenario: Callable[[str], Project], url: dict[str, str], database: Database) -> None:
    project = scenario("linear")
    assert project.invoke("migration.apply", env=url).exit_code == 0

    made = [planned(project, url, "--to", target) for target in ("0001", "-2")]

    assert made[0]["direction"] == "downgrade"
    assert [one["revision"] for one in made[0]["revisions"]] == ["0003", "0002"]
    assert made[0]["hash"] == made[1]["hash"]
    assert made[0]["revisions"][1]["statements"][0]["sql"] == "ALTER TABLE clients DROP COLUMN email"
    assert ask(database, "select version_num from alembic_version") == ["0003"]


def test_locations_that_depend_on_each_other_make_one_order(scenario: Callable[[str], Project], url: dict[str, str]) -> None:
    project = scenario("depending_locations")

    everything, branch = planned(project, url), planned(project, url, "--to", "clinic")

    assert [one["revision"] for one in everything["revisions"]] == ["20250101000000", "20250301000000", "20250201000000"]
    assert [one["revision"] for one in branch["revisions"]] == ["20250101000000", "20250301000000"]


def test_markdown_is_for_a_pull_request(rows: Project, url: dict[str, str]) -> None:
    outcome = rows.invoke("migration.plan", "--format", "markdown", env=url)

    assert outcome.exit_code == 0, outcome
    assert outcome.stdout.startswith("### Migration plan: 6 revisions to apply, from an empty history to 0006\n")
    assert "| `0002` | Enter the first clients | 2001 | 1 transaction | reversible, not tried |" in outcome.stdout
    assert "- ⚠️ `0004`: reads rows (line 14)" in outcome.stdout
    assert len(outcome.stdout) < 5_000


def test_a_password_in_a_revision_is_not_shown(rows: Project, url: dict[str, str], tmp_path: Path) -> None:
    rows.replace(
        str(VERSIONS / "0001_create_clients.py"),
        old="    op.create_table(\n",
        new="    op.execute(\"CREATE ROLE r PASSWORD 'canary-s3cret'\")\n    op.execute('DROP ROLE r')\n    op.create_table(\n",
    )
    output = tmp_path / "plan.json"

    shown = "".join(
        rows.invoke("migration.plan", "--format", form, "--output", str(output), env=url).stdout
        for form in ("text", "json", "markdown", "sql")
    )

    assert shown.count("PASSWORD '***'") == 4
    assert "canary-s3cret" not in shown + output.read_text()


def test_a_revision_that_fails_is_found_before_the_database_is_touched(
    scenario: Callable[[str], Project], url: dict[str, str], database: Database
) -> None:
    outcome = scenario("failing_half_way").invoke("migration.plan", env=url)

    assert outcome.exit_code == 4
    assert outcome.stderr.startswith(
        "error: revision 0003 fails on an empty throwaway server: at migrations/versions/0003_fails.py:11: relation"
    )
    assert relations(database) == []


def test_exactly_the_plan_is_applied(rows: Project, url: dict[str, str], database: Database) -> None:
    written = rows.invoke("migration.plan", "--to", "0003", "--output", "plan.json", env=url)
    outcome = rows.invoke("migration.apply", "--plan", "plan.json", "--format", "json", env=url)

    step = json.loads(outcome.stdout)["steps"][-1]
    assert (outcome.exit_code, step["data"]["applied"]) == (0, ["0001", "0002", "0003"]), outcome
    assert step["data"]["plan_hash"] == json.loads((rows.path / "plan.json").read_text())["hash"]
    assert written.stderr == "the plan was written to plan.json\n"
    assert ask(database, "select version_num from alembic_version") == ["0003"]


def edit_file(project: Project, url: dict[str, str], plan: Path) -> None:
    del url, plan
    project.replace(str(VERSIONS / "0002_first_clients.py"), old="O''Hara", new="O''Shea")


def move_database(project: Project, url: dict[str, str], plan: Path) -> None:
    del plan
    assert project.invoke("migration.apply", "--to", "0001", env=url).exit_code == 0


def insert_revision(project: Project, url: dict[str, str], plan: Path) -> None:
    del url, plan
    versions = project.path / VERSIONS
    text = (versions / "0006_no_nameless.py").read_text()
    (versions / "0000_before.py").write_text(text.replace('"0006"', '"0000"').replace('"0005"', '"0001"').replace("clients", "c"))
    project.replace(str(VERSIONS / "0002_first_clients.py"), old='down_revision = "0001"', new='down_revision = "0000"')


def remove_revision(project: Project, url: dict[str, str], plan: Path) -> None:
    del url, plan
    for name in ("0003_index_names", "0004_pets", "0005_shy_pets", "0006_no_nameless"):
        (project.path / VERSIONS / f"{name}.py").unlink()


def damage(project: Project, url: dict[str, str], plan: Path) -> None:
    del project, url
    plan.write_text(plan.read_text().replace("O''Hara", "O''Shea"))


def truncate(project: Project, url: dict[str, str], plan: Path) -> None:
    del project, url
    plan.write_text(plan.read_text()[:500])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(move_database, "the plan begins at an empty history, but postgresql://", id="the database moved"),
        pytest.param(
            edit_file, "the file of revision 0002, migrations/versions/0002_first_clients.py, or what", id="a file changed"
        ),
        pytest.param(insert_revision, "the file of revision 0002", id="a revision came between"),
        pytest.param(remove_revision, "revision 0003 of the plan is in no file", id="a revision went"),
        pytest.param(damage, "does not have the hash that it names", id="the plan was edited"),
        pytest.param(truncate, "it is no JSON", id="the plan is cut off"),
    ],
)
def test_another_state_than_planned_is_refused(
    rows: Project,
    url: dict[str, str],
    database: Database,
    change: Callable[[Project, dict[str, str], Path], None],
    message: str,
) -> None:
    plan = rows.path / "plan.json"
    assert rows.invoke("migration.plan", "--to", "0003", "--output", "plan.json", env=url).exit_code == 0
    change(rows, url, plan)
    before = relations(database)

    assert refused(rows.invoke("migration.apply", "--plan", "plan.json", env=url), message=message)
    assert relations(database) == before


def test_sql_that_is_another_one_than_planned_is_refused(rows: Project, url: dict[str, str], database: Database) -> None:
    file = str(VERSIONS / "0002_first_clients.py")
    rows.replace(file, old="import sqlalchemy as sa\n", new="import os\n\nimport sqlalchemy as sa\n")
    rows.replace(
        file,
        old="op.execute(\"UPDATE clients SET name = 'O''Hara'",
        new="op.execute(f\"UPDATE clients SET name = '{os.environ['WHO']}'",
    )
    assert rows.invoke("migration.plan", "--to", "0002", "--output", "plan.json", env={**url, "WHO": "Ada"}).exit_code == 0

    outcome = rows.invoke("migration.apply", "--plan", "plan.json", env={**url, "WHO": "Bea"})

    assert refused(
        outcome,
        message="revision 0002 sends other SQL than was planned: at migrations/versions/0002_first_clients.py:18 "
        "...\"clients SET name = 'Bea' WHERE id = 1\" instead of ...\"clients SET name = 'Ada' WHERE id = 1\"",
    )
    assert relations(database) == []


def test_values_that_are_made_anew_at_each_run_are_said_when_the_plan_is_made(rows: Project, url: dict[str, str]) -> None:
    file = str(VERSIONS / "0002_first_clients.py")
    rows.replace(file, old="import sqlalchemy as sa\n", new="import uuid\n\nimport sqlalchemy as sa\n")
    rows.replace(file, old="\"UPDATE clients SET name = 'O''Hara'", new="f\"UPDATE clients SET name = '{uuid.uuid4()}'")

    outcome = rows.invoke("migration.plan", "--to", "0002", "--output", "plan.json", env=url)

    assert [one["varies"] for one in json.loads((rows.path / "plan.json").read_text())["revisions"]] == [False, True]
    assert (
        "warning: sends other values at each run (a clock, a random id): `migration.apply --plan` will refuse" in outcome.stdout
    )
    assert refused(
        rows.invoke("migration.apply", "--plan", "plan.json", env=url), message="revision 0002 sends other SQL than was"
    )


def test_a_plan_that_was_carried_out_is_not_run_again(rows: Project, url: dict[str, str]) -> None:
    assert rows.invoke("migration.plan", "--to", "0001", "--output", "plan.json", env=url).exit_code == 0
    assert rows.invoke("migration.apply", "--plan", "plan.json", env=url).exit_code == 0

    assert refused(rows.invoke("migration.apply", "--plan", "plan.json", env=url), message="the plan was carried out already")


def test_a_plan_that_leads_back_is_not_applied(rows: Project, url: dict[str, str]) -> None:
    assert rows.invoke("migration.apply", "--to", "0003", env=url).exit_code == 0
    assert rows.invoke("migration.plan", "--to", "0001", "--output", "plan.json", env=url).exit_code == 0

    assert refused(rows.invoke("migration.apply", "--plan", "plan.json", env=url), message="the plan leads back")


def test_a_plan_that_leads_back_is_carried_out_by_a_reset(rows: Project, url: dict[str, str], database: Database) -> None:
    assert rows.invoke("migration.apply", "--to", "0003", env=url).exit_code == 0
    assert rows.invoke("migration.plan", "--to", "0001", "--output", "plan.json", env=url).exit_code == 0

    unconfirmed = rows.invoke("migration.reset", "--plan", "plan.json", env=url)
    done = rows.invoke("migration.reset", "--plan", "plan.json", "--yes", env=url)
    again = rows.invoke("migration.reset", "--plan", "plan.json", "--yes", env=url)

    assert refused(unconfirmed, message="reverting on")
    assert (done.exit_code, ask(database, "select version_num from alembic_version")) == (0, ["0001"]), done
    assert refused(again, message="the plan was carried out already")


def test_a_plan_that_leads_forward_is_no_reset(rows: Project, url: dict[str, str]) -> None:
    assert rows.invoke("migration.plan", "--to", "0001", "--output", "plan.json", env=url).exit_code == 0

    assert refused(rows.invoke("migration.reset", "--plan", "plan.json", "--yes", env=url), message="the plan leads forward")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["--plan", "nowhere.json"], "--plan: nowhere.json cannot be read", id="no such file"),
        pytest.param(["--plan", "plan.json", "--to", "0001"], "--to and --plan contradict each other", id="two targets"),
    ],
)
def test_what_makes_no_sense_is_an_error(rows: Project, url: dict[str, str], arguments: list[str], message: str) -> None:
    outcome = rows.invoke("migration.apply", *arguments, env=url)

    assert (outcome.exit_code, message in outcome.stderr) == (1, True), outcome
