"""Bad input: one clear message, a hint, the documented exit code, no traceback, no password, nothing lost."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from seachange.config import Settings
from seachange.postgres.connection import Database, connect
from seachange.postgres.lock import migration_lock
from seachange.postgres.server import Server, throwaway
from tests.project import Outcome, Project

SECRET = "canary-s3cret"


def failed(outcome: Outcome, *, code: int, message: str, hint: str) -> bool:
    """Say whether a command failed as documented: text of message and hint, exit code, no traceback, no password."""
    text = outcome.stdout + outcome.stderr
    assert outcome.exit_code == code, outcome
    assert message in text, outcome
    assert f"hint: {hint}" in text, outcome
    assert "Traceback" not in text, outcome
    assert SECRET not in text, outcome
    return True


@pytest.fixture
def linear(scenario: Callable[[str], Project]) -> Project:
    return scenario("linear")


@pytest.fixture
def url(database: Database) -> dict[str, str]:
    return {"DATABASE_URL": database.url()}


@pytest.fixture(scope="module")
def guarded(settings: Settings) -> Iterator[tuple[Server, Database]]:
    """A server that asks for a password."""
    with throwaway(settings) as server:
        admin = server.database()
        with contextlib.closing(connect(admin, autocommit=True)) as connection:
            connection.execute(f"create role clerk login password '{SECRET}'".encode())
            connection.execute("create database clinic owner clerk")
            hba = Path(str(connection.execute("show hba_file").fetchone()[0]))  # type: ignore[index]
            hba.write_text("local all postgres trust\nlocal all all scram-sha-256\n")
            connection.execute("select pg_reload_conf()")
        yield server, admin.with_parameters(user="clerk", dbname="clinic")


def test_an_unreachable_server_is_given_up_within_the_timeout(linear: Project) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        outcome = linear.invoke(
            "migration.workflow", env={"DATABASE_URL": f"postgresql://u:{SECRET}@127.0.0.1:{port}/d", "MIGRATION_TIMEOUT": "1500"}
        )

    assert failed(outcome, code=6, message=f"127.0.0.1:{port}", hint="")
    assert 1.0 < outcome.duration_s < 8


def test_a_wrong_password_is_refused_and_never_shown(linear: Project, guarded: tuple[Server, Database]) -> None:
    wrong = guarded[1].with_parameters(password=f"{SECRET}-wrong").url()

    assert failed(linear.invoke("migration.status", env={"DATABASE_URL": wrong}), code=1, message="password", hint="")


def test_the_right_password_works_by_every_way_and_is_never_shown(
    linear: Project, guarded: tuple[Server, Database], tmp_path: Path
) -> None:
    database = guarded[1].with_parameters(password=SECRET)
    passfile = tmp_path / "pgpass"
    passfile.write_text(f"*:*:*:clerk:{SECRET}\n")
    passfile.chmod(0o600)
    socket_dir = guarded[1].parameters["host"]
    port = guarded[1].parameters.get("port", "5432")
    ways = [
        {"DATABASE_URL": database.url()},
        {"PGHOST": socket_dir, "PGPORT": port, "PGUSER": "clerk", "PGDATABASE": "clinic", "PGPASSWORD": SECRET},
        {"DATABASE_URL": guarded[1].url(), "PGPASSFILE": str(passfile)},
    ]

    outcomes = [linear.invoke("migration.workflow", "--skip", "clean", env=way) for way in ways]

    assert [outcome.exit_code for outcome in outcomes] == [0, 0, 0], outcomes
    written = b"".join(path.read_bytes() for path in linear.path.rglob("*") if path.is_file())
    assert SECRET.encode() not in written
    assert not any(SECRET in outcome.stdout + outcome.stderr for outcome in outcomes)


def test_a_missing_database_is_named(linear: Project, database: Database) -> None:
    outcome = linear.invoke("migration.workflow", env={"DATABASE_URL": database.with_name("no such clinic").url()})

    assert failed(outcome, code=1, message="no such clinic", hint="")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(f"postgresql://u:{SECRET}@h:port/d", "port", id="port"),
        pytest.param(f"mysql://u:{SECRET}@h/d", "mysql", id="other dialect"),
        pytest.param("sqlite:///clinic.db", "sqlite", id="no server"),
        pytest.param(f"postgresql//u:{SECRET}@h/d", "URL", id="no colon"),
    ],
)
def test_a_malformed_url_is_explained(linear: Project, text: str, message: str) -> None:
    assert failed(linear.invoke("migration.status", env={"DATABASE_URL": text}), code=1, message=message, hint="")


def test_an_unknown_setting_is_an_error(linear: Project) -> None:
    with (linear.path / "pyproject.toml").open("a") as file:
        file.write('lock_timout = "1s"\n')

    message = "[tool.seachange] in pyproject.toml: unknown setting 'lock_timout'"
    assert failed(linear.invoke("migration.validate"), code=1, message=message, hint="did you mean lock_timeout?")


def test_an_unknown_value_of_a_variable_is_an_error(linear: Project) -> None:
    outcome = linear.invoke("migration.validate", env={"APP_ENV": "prod"})

    message = "APP_ENV: 'prod' is not one of development, test, staging, production"
    assert failed(outcome, code=1, message=message, hint="app_env: where this runs")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        pytest.param("two_heads", "heads", id="two heads"),
        pytest.param("syntax_error", "syntax", id="syntax error in a revision"),
        pytest.param("faulty_graph", "down_revision", id="broken links"),
    ],
)
@pytest.mark.parametrize("task", ["migration.validate", "migration.workflow"])
def test_an_invalid_history_is_found_before_anything_is_touched(
    scenario: Callable[[str], Project], url: dict[str, str], database: Database, name: str, message: str, task: str
) -> None:
    outcome = scenario(name).invoke(task, env=url)

    assert failed(outcome, code=2, message=message, hint="")
    assert tables(database) == []


def test_a_database_at_a_revision_that_no_file_has_is_refused(linear: Project, url: dict[str, str], database: Database) -> None:
    assert linear.invoke("migration.apply", env=url).exit_code == 0
    with contextlib.closing(connect(database, autocommit=True)) as connection:
        connection.execute("update alembic_version set version_num = 'feedbeef'")

    outcome = linear.invoke("migration.workflow", env=url)

    assert failed(outcome, code=2, message="feedbeef, which no file of this project has", hint="check out the branch that has it")


def test_a_migration_that_would_fail_half_way_is_stopped_before_it_begins(
    scenario: Callable[[str], Project], url: dict[str, str]
) -> None:
    outcome = scenario("failing_half_way").invoke("migration.workflow", "--format", "json", "--skip", "generate", env=url)

    document = json.loads(outcome.stdout)
    step = next(one for one in document["steps"] if one["name"] == "lint")
    assert (outcome.exit_code, step["status"]) == (2, "failed"), outcome
    assert [(one["code"], one["file"], one["line"]) for one in step["findings"] if one["severity"] == "error"] == [
        ("SC001", "migrations/versions/0003_fails.py", 11)
    ]
    assert document["state"].endswith("is at an empty history, as before")


def test_a_migration_that_fails_half_way_says_what_was_applied(
    scenario: Callable[[str], Project], url: dict[str, str], database: Database
) -> None:
    project = scenario("failing_half_way")

    outcome = project.invoke("migration.workflow", "--format", "json", "--skip", "generate,lint", env=url)

    document = json.loads(outcome.stdout)
    step = next(one for one in document["steps"] if one["name"] == "apply")
    assert (outcome.exit_code, step["status"]) == (5, "failed"), outcome
    assert step["data"]["applied"]
    assert step["data"]["failed"]
    assert version(database) == [step["data"]["applied"][-1]]
    assert document["state"].endswith(f"moved from an empty history to {step['data']['applied'][-1]}")
    assert {one["name"]: one["status"] for one in document["steps"]}["verify"] == "not tried"


def test_a_second_deployer_is_told_who_holds_the_lock(linear: Project, url: dict[str, str], database: Database) -> None:
    with migration_lock(database, timeout_s=5):
        outcome = linear.invoke("migration.apply", env={**url, "MIGRATION_TIMEOUT": "1s"})

    assert failed(outcome, code=6, message="migration lock", hint="")
    assert "pid" in outcome.stdout + outcome.stderr
    assert tables(database) == []


def test_of_two_deployers_at_once_one_applies_and_both_succeed(linear: Project, url: dict[str, str], database: Database) -> None:
    outcomes: list[Outcome] = []
    deployers = [
        threading.Thread(target=lambda: outcomes.append(linear.invoke("migration.apply", "--format", "json", env=url)))
        for _ in "ab"
    ]
    for deployer in deployers:
        deployer.start()
    for deployer in deployers:
        deployer.join()

    applied = [len(json.loads(outcome.stdout)["steps"][-1]["data"]["applied"]) for outcome in outcomes]
    assert ([outcome.exit_code for outcome in outcomes], sorted(applied)) == ([0, 0], [0, 3])


def test_a_full_disk_fails_the_backup_and_leaves_nothing(
    linear: Project, url: dict[str, str], database: Database, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], check=False).returncode:
        pytest.skip("a small disk can only be mounted by root")
    try:
        fill(database)
        outcome = linear.invoke("migration.workflow", env={**url, "SEACHANGE_BACKUP_DIR": str(disk / "backups")})

        assert failed(outcome, code=1, message="disk", hint="")
        assert list(disk.rglob("*.dump")) == []
        assert version(database) == []
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_backup_folder_that_cannot_be_written_is_named(linear: Project, url: dict[str, str]) -> None:
    (linear.path / "backups").write_text("a file, not a folder")

    assert failed(linear.invoke("db.backup", env=url), code=1, message="backups", hint="")


def test_a_log_that_cannot_be_written_is_a_warning(linear: Project, url: dict[str, str]) -> None:
    (linear.path / "logs").write_text("a file, not a folder")

    outcome = linear.invoke("migration.apply", env=url)

    assert (outcome.exit_code, "warning:" in outcome.stderr) == (0, True), outcome


def test_a_major_that_is_not_at_hand_names_every_remedy(linear: Project) -> None:
    outcome = linear.invoke("db.start", env={"SEACHANGE_POSTGRES_MAJOR": "12"})

    assert failed(outcome, code=1, message="PostgreSQL 12", hint="")
    assert all(remedy in outcome.stderr for remedy in ("SEACHANGE_PG12_BIN", "db.servers --install 12"))


def test_a_read_only_server_is_refused(linear: Project, url: dict[str, str], database: Database) -> None:
    with contextlib.closing(connect(database.with_name("postgres"), autocommit=True)) as connection:
        connection.execute(f'alter database "{database.name}" set default_transaction_read_only = on'.encode())

    assert failed(
        linear.invoke("migration.workflow", env=url), code=3, message="read-only", hint="point DATABASE_URL at the primary"
    )


def test_a_folder_without_a_project_is_said(tmp_path: Path) -> None:
    outcome = Project(path=tmp_path).run("seachange", "migration.validate")

    assert failed(outcome, code=1, message=f"no project found from {tmp_path} upwards", hint="run the command inside the project")


def test_a_command_runs_from_a_subfolder(linear: Project) -> None:
    assert linear.invoke("migration.validate", cwd="migrations/versions").exit_code == 0


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_production_without_a_database_is_refused(linear: Project, environment: str) -> None:
    outcome = linear.invoke("migration.workflow", env={"APP_ENV": environment})

    assert failed(outcome, code=1, message=f"APP_ENV is {environment}, and no database is named", hint="set DATABASE_URL")
    assert not (linear.path / ".seachange" / "postgres").exists()


def test_models_that_do_not_import_are_named_with_file_and_line(scenario: Callable[[str], Project], url: dict[str, str]) -> None:
    assert failed(
        scenario("models_broken").invoke("migration.workflow", env=url), code=1, message="models_broken_models.py", hint=""
    )


def test_a_reset_without_a_yes_is_refused_without_a_terminal(linear: Project, url: dict[str, str], database: Database) -> None:
    assert linear.invoke("migration.apply", env=url).exit_code == 0
    before = version(database)

    outcome = linear.invoke("migration.reset", env=url)

    assert failed(outcome, code=3, message="reverting on", hint="pass --yes")
    assert version(database) == before


def test_a_reset_in_production_needs_a_fresh_backup(linear: Project, url: dict[str, str], database: Database) -> None:
    production = {**url, "APP_ENV": "production"}
    assert linear.invoke("migration.apply", env=production).exit_code == 0

    outcome = linear.invoke("migration.reset", "--yes", env=production)

    assert failed(outcome, code=3, message="no backup of", hint="run `invoke db.backup` first")
    assert linear.invoke("db.backup", env=production).exit_code == 0
    assert linear.invoke("migration.reset", "--yes", env=production).exit_code == 0
    assert version(database) == []


def tables(database: Database) -> list[str]:
    with contextlib.closing(connect(database)) as connection:
        return [row[0] for row in connection.execute("select tablename from pg_tables where schemaname = 'public' order by 1")]


def version(database: Database) -> list[str]:
    if "alembic_version" not in tables(database):
        return []
    with contextlib.closing(connect(database)) as connection:
        return [row[0] for row in connection.execute("select version_num from alembic_version")]


def fill(database: Database) -> None:
    with contextlib.closing(connect(database, autocommit=True)) as connection:
        connection.execute(
            "create table noise as select md5(n::text) || md5((n * 7)::text) as text from generate_series(1, 60000) n"
        )
