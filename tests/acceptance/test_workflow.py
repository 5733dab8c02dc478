"""`invoke migration.workflow` on the reference application, as a user runs it."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from seachange.config import Settings
from seachange.postgres import embedded
from seachange.postgres.connection import Database, connect, create_database, drop_database, parse
from seachange.postgres.server import Server
from tests.project import Outcome, Project, copy_repository

STEPS = ("check", "backup", "generate", "lint", "rehearse", "apply", "sync", "verify", "clean")
HEAD = "1750200000000"


def report(outcome: Outcome) -> dict[str, Any]:
    document = json.loads(outcome.stdout)
    assert document["schema"] == "seachange.run/1", outcome
    return {**document, "by_name": {step["name"]: step for step in document["steps"]}}


def statuses(document: dict[str, Any]) -> dict[str, str]:
    return {step["name"]: step["status"] for step in document["steps"]}


def database_of(project: Project) -> Database:
    if "DATABASE_URL" in project.environment:
        return parse(project.environment["DATABASE_URL"])
    return embedded.database(Settings(root=project.path, project="vetai", environment=project.environment))


def query(project: Project, sql: str) -> list[tuple[Any, ...]]:
    with contextlib.closing(connect(database_of(project))) as connection:
        return connection.execute(sql.encode()).fetchall()


def revisions(project: Project) -> set[str]:
    return {path.name for path in (project.path / "migrations").rglob("*.py") if path.parent.name != "migrations"}


def add_line(name: str, *, after: str, line: str) -> Callable[[Project], None]:
    return lambda project: project.replace(name, old=after, new=f"{after}\n{line}")


def new_table(project: Project) -> None:
    path = project.path / "app" / "models" / "system.py"
    path.write_text(
        path.read_text()
        + '''

class Reminder(Timestamps, Base):
    """A note for later."""

    __tablename__ = "reminders"

    id: Mapped[Identifier]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    text: Mapped[str] = mapped_column(Text)
'''
    )


CHANGES = [
    pytest.param(
        add_line(
            "app/models/accounts.py",
            after="    city: Mapped[str | None] = mapped_column(String(100))",
            line="    phone: Mapped[str | None] = mapped_column(String(20))",
        ),
        "select format_type(atttypid, atttypmod) from pg_attribute where attrelid = 'clients'::regclass and attname = 'phone'",
        [("character varying(20)",)],
        id="new column",
    ),
    pytest.param(
        new_table,
        "select count(*) from pg_indexes where tablename = 'reminders'",
        [(2,)],
        id="new table",
    ),
    pytest.param(
        lambda project: project.replace(
            "app/models/accounts.py", old="    postal_code: Mapped[str | None] = mapped_column(String(12))\n", new=""
        ),
        "select count(*) from information_schema.columns where table_name = 'clients' and column_name = 'postal_code'",
        [(0,)],
        id="dropped column",
    ),
    pytest.param(
        lambda project: project.replace(
            "app/models/clinic.py",
            old="    reason: Mapped[str | None] = mapped_column(String(200))",
            new="    reason: Mapped[str | None] = mapped_column(Text)",
        ),
        "select data_type from information_schema.columns where table_name = 'appointments' and column_name = 'reason'",
        [("text",)],
        id="changed type",
    ),
    pytest.param(
        add_line("app/models/clinic.py", after='    NO_SHOW = "no_show"', line='    RESCHEDULED = "rescheduled"'),
        "select count(*) from pg_enum where enumlabel = 'rescheduled'",
        [(1,)],
        id="new enum value",
    ),
    pytest.param(
        add_line(
            "app/models/clinic.py",
            after="    deceased_on: Mapped[date | None]",
            line='    breeder_id: Mapped[int | None] = mapped_column(ForeignKey("clients.id", ondelete="SET NULL"), index=True)',
        ),
        "select confdeltype::text, convalidated from pg_constraint where conname like 'fk_pets_breeder%'",
        [("n", True)],
        id="new foreign key",
    ),
]


@pytest.fixture(scope="session")
def head_template(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Database:
    """A database at head with seed data, to copy from."""
    template = server.database("head_template")
    create_database(template)
    project = copy_repository(tmp_path_factory.mktemp("template") / "project")
    for task in ("migration.apply", "db.seed"):
        assert project.invoke(task, env={"DATABASE_URL": template.url()}).exit_code == 0
    return template


@pytest.fixture
def at_head(project: Project, head_template: Database, server: Server) -> Iterator[Project]:
    """A copy of the repository whose database is at head and has rows."""
    own = server.database(f"at_head_{uuid.uuid4().hex[:8]}")
    create_database(own, template=head_template.name)
    yield dataclasses.replace(project, environment={**project.environment, "DATABASE_URL": own.url()})
    drop_database(own, force=True)


def test_the_first_run_in_a_bare_clone_takes_the_database_to_head(project: Project) -> None:
    outcome = project.invoke("migration.workflow", "--format", "json")

    document = report(outcome)
    assert (outcome.exit_code, tuple(statuses(document))) == (0, STEPS)
    assert document["by_name"]["generate"]["status"] == "warning"
    assert "the models and the history agree" in document["by_name"]["generate"]["summary"]
    assert len(document["by_name"]["apply"]["data"]["applied"]) == 13
    assert query(project, "select version_num from alembic_version") == [(HEAD,)]


def test_without_a_model_change_the_workflow_warns_and_ends_well(at_head: Project) -> None:
    before = revisions(at_head)
    first = at_head.invoke("migration.workflow")
    second = at_head.invoke("migration.workflow", "--format", "json")

    document = report(second)
    assert (first.exit_code, second.exit_code, revisions(at_head)) == (0, 0, before)
    assert statuses(document) == dict.fromkeys(STEPS, "done") | {"generate": "warning", "rehearse": "skipped"}
    assert set(document["by_name"]["sync"]["data"]["files"].values()) == {"unchanged"}


@pytest.mark.parametrize(("change", "question", "answer"), CHANGES)
def test_an_edited_model_becomes_a_verified_database(
    at_head: Project, change: Callable[[Project], None], question: str, answer: list[tuple[Any, ...]]
) -> None:
    before = revisions(at_head)
    rows = query(at_head, "select count(*) from appointments")
    change(at_head)

    # A column that is dropped takes its values along: that has to be wanted.
    outcome = at_head.invoke("migration.workflow", "--allow", "SC602=the values are not needed", "--format", "json")

    document = report(outcome)
    new = revisions(at_head) - before
    assert (outcome.exit_code, len(new)) == (0, 1), outcome
    assert document["by_name"]["apply"]["data"]["applied"] == [document["by_name"]["generate"]["data"]["revision"]]
    assert document["by_name"]["verify"]["status"] == "done"
    assert query(at_head, question) == answer
    assert query(at_head, "select count(*) from appointments") == rows


def test_the_new_revision_can_be_reverted_and_applied_again(at_head: Project) -> None:
    CHANGES[0].values[0](at_head)  # type: ignore[operator]
    assert at_head.invoke("migration.workflow").exit_code == 0

    reverted = at_head.invoke("migration.revert", "--yes")
    columns = "select count(*) from information_schema.columns where table_name = 'clients' and column_name = 'phone'"

    assert (reverted.exit_code, query(at_head, columns)) == (0, [(0,)])
    assert at_head.invoke("migration.apply").exit_code == 0
    assert query(at_head, columns) == [(1,)]


@pytest.mark.parametrize("spelling", [("--dry", "migration.workflow"), ("migration.workflow", "--dry-run")], ids=" ".join)
def test_a_dry_run_says_what_would_happen_and_changes_nothing(at_head: Project, spelling: tuple[str, ...]) -> None:
    CHANGES[0].values[0](at_head)  # type: ignore[operator]
    files = {path: path.stat().st_mtime_ns for path in Path(at_head.path).rglob("*") if path.is_file() and not _state(path)}

    outcome = at_head.invoke(*spelling, "--format", "json")

    document = report(outcome)
    assert (outcome.exit_code, document["dry_run"]) == (0, True), outcome
    assert "phone" in " ".join(document["by_name"]["generate"]["facts"])
    assert {
        path: path.stat().st_mtime_ns for path in Path(at_head.path).rglob("*") if path.is_file() and not _state(path)
    } == files
    assert query(at_head, "select version_num from alembic_version") == [(HEAD,)]


def test_the_text_has_a_block_for_each_step_and_a_summary(at_head: Project) -> None:
    outcome = at_head.invoke("migration.workflow")

    lines = outcome.stdout.splitlines()
    assert lines[0] == "migration.workflow: vetai (development)"
    assert [line for line in lines if line in STEPS] != []
    assert lines[-1].startswith("ok: migration.workflow completed in ")
    assert "\x1b" not in outcome.stdout + outcome.stderr


def test_steps_can_be_left_out(at_head: Project) -> None:
    outcome = at_head.invoke("migration.workflow", "--skip", "backup,clean", "--until", "apply", "--format", "json")

    assert tuple(statuses(report(outcome))) == ("check", "generate", "lint", "rehearse", "apply")


def test_the_log_has_the_run(at_head: Project) -> None:
    outcome = at_head.invoke("migration.workflow", "--format", "json")
    run_id = report(outcome)["run_id"]

    log = at_head.invoke("migration.log", "--lines", "100", "--format", "json")

    assert any(run_id in json.dumps(entry) for entry in json.loads(log.stdout)["entries"])


def _state(path: Path) -> bool:
    return bool({".seachange", "__pycache__", "logs", ".git"} & set(path.parts))
