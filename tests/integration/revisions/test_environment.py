"""Existing env.py files of every kind, none of them changed for Seachange."""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from seachange.config import Settings
from seachange.postgres.catalog import read_catalog
from seachange.postgres.connection import Database, connect
from seachange.postgres.server import Server
from seachange.revisions._constraint_names import choose_name
from seachange.revisions._trial import connected
from seachange.revisions.compare import differences
from seachange.revisions.declared import declare
from seachange.revisions.models import load_metadata
from seachange.revisions.runner import upgrade, version_table
from seachange.testing.fixtures import fresh_database
from tests.integration.revisions.conftest import Open
from tests.integration.revisions.looking import ask, at
from tests.project import Project

NOTE = """
def note(ctx, heads, run_args, **_):
    ctx.connection.exec_driver_sql(f"comment on table clients is $${heads} {run_args}$$")


"""


def test_a_version_table_of_another_name_and_schema_is_read_back(open_project: Open, database: Database) -> None:
    settings = open_project("linear")
    env = settings.root / "migrations" / "env.py"
    text = env.read_text().replace(
        "context.configure(",
        'context.config.attributes["connection"].exec_driver_sql("create schema if not exists meta")\n'
        'context.configure(version_table="history", version_table_schema="meta", ',
    )
    env.write_text(text)

    upgrade(database, settings)

    assert (version_table(settings), at(database, settings)) == ("meta.history", ("0003",))
    assert ask(database, "select version_num from meta.history") == ["0003"]


def test_a_search_path_of_env_py_is_followed_to_the_version_table(open_project: Open, database: Database) -> None:
    settings = open_project("linear")
    env = settings.root / "migrations" / "env.py"
    statement = 'context.config.attributes["connection"].exec_driver_sql("{}")\n'
    lines = statement.format("create schema if not exists tenant") + statement.format("set search_path to tenant")
    env.write_text(env.read_text().replace("context.configure(", f"{lines}context.configure("))

    upgrade(database, settings)

    assert ask(database, "select version_num from tenant.alembic_version") == ["0003"]


def test_callbacks_and_arguments_of_env_py_reach_the_revisions(open_project: Open, database: Database) -> None:
    settings = open_project("linear")
    env = settings.root / "migrations" / "env.py"
    env.write_text(
        env.read_text()
        .replace("run_migrations()", 'run_migrations(tenant="blue")')
        .replace("context.configure(", "context.configure(on_version_apply=note, ")
        .replace("context.configure(", NOTE + "context.configure(", 1)
    )
    for path in (settings.root / "migrations" / "versions").glob("*.py"):
        path.write_text(path.read_text().replace("def upgrade()", "def upgrade(tenant)"))

    upgrade(database, settings)

    assert ask(database, "select obj_description('clients'::regclass)") == ["{'0003'} {'tenant': 'blue'}"]


def test_what_env_py_prints_and_configures_stays_inside(
    open_project: Open, database: Database, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    settings = open_project("linear")
    ini = tmp_path / "logging.ini"
    ini.write_text(
        "[loggers]\nkeys=root\n[handlers]\nkeys=out\n[formatters]\nkeys=\n[logger_root]\nlevel=DEBUG\nhandlers=out\n"
        "[handler_out]\nclass=StreamHandler\nargs=(sys.stdout,)\n"
    )
    env = settings.root / "migrations" / "env.py"
    env.write_text(f"import logging.config\nprint('hello')\nlogging.config.fileConfig({str(ini)!r})\n" + env.read_text())
    logger = logging.getLogger("seachange.revisions")
    before = (logging.root.level, list(logging.root.handlers), logger.disabled)

    upgrade(database, settings)

    assert (logging.root.level, logging.root.handlers, logger.disabled) == before
    assert capsys.readouterr().out == ""


def test_a_project_as_alembic_init_makes_it_needs_no_change(
    open_project: Open, database: Database, capfd: pytest.CaptureFixture[str]
) -> None:
    settings = open_project("generic_ini")

    applied = upgrade(database, settings)
    with connected(database) as connection:
        metadata = load_metadata(settings)
        different = differences(metadata, connection, declared=declare(connection, metadata), settings=settings)

    assert applied.current == ("c4a9f0e17b35",)
    assert different == ()
    assert capfd.readouterr() == ("", "")


def test_the_reference_history_is_the_same_by_plain_alembic(project: Project, server: Server) -> None:
    settings = Settings(root=project.path, models="app.models:Base")
    with fresh_database(server) as plain, fresh_database(server) as ours:
        ran = project.run("alembic", "upgrade", "head", env={"DATABASE_URL": plain.url()})
        checked = project.run("alembic", "check", env={"DATABASE_URL": plain.url()})
        upgrade(ours, settings)

        assert (ran.exit_code, checked.exit_code) == (0, 0), ran.stderr + checked.stderr
        assert at(plain, settings) == at(ours, settings) != ()
        assert catalog(plain) == catalog(ours)


def test_plain_alembic_without_a_database_says_what_to_set(project: Project) -> None:
    ran = project.run("alembic", "upgrade", "head")

    assert ran.exit_code != 0
    assert "no database: set DATABASE_URL" in ran.stdout + ran.stderr


def catalog(database: Database) -> str:
    with contextlib.closing(connect(database)) as session:
        return read_catalog(session).fingerprint


def test_two_threads_can_run_revisions_while_a_third_prints(
    open_project: Open, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = open_project("linear")
    path = settings.root / "migrations" / "versions" / "0001_create_clients.py"
    path.write_text(path.read_text().replace("def upgrade() -> None:\n", "def upgrade() -> None:\n    print('running')\n"))
    printing = threading.Event()

    def keep_printing() -> None:
        while not printing.wait(0.01):
            sys.stdout.write("answer\n")

    with fresh_database(server) as one, fresh_database(server) as two, ThreadPoolExecutor() as pool:
        pool.submit(keep_printing)
        done = [pool.submit(upgrade, database, settings) for database in (one, two)]
        found = [each.result().current for each in done]
        printing.set()

    assert found == [("0003",), ("0003",)]
    assert set(capsys.readouterr().out.split()) == {"answer"}


def test_names_for_nameless_constraints_are_those_that_the_server_chooses(database: Database) -> None:
    table, column = "a_table_whose_name_is_long_enough_to_be_cut", "a_column_whose_name_is_long_too"
    with contextlib.closing(connect(database, autocommit=True)) as session:
        session.execute(f"create table {table} ({column} int unique, parent int references {table} ({column}))")

    found = ask(
        database, f"select conname from pg_constraint where conrelid = '{table}'::regclass and contype <> 'n' order by contype"
    )
    assert found == [choose_name(table, ["parent"], suffix="fkey"), choose_name(table, [column], suffix="key")]
