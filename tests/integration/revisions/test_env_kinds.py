"""Projects whose env.py connects by itself, by every driver: sent to the database that is migrated, and otherwise as they are."""

from __future__ import annotations

import concurrent.futures
import sys

import pytest

from seachange.errors import ConfigError, EnvironmentFailedError, ExitCode, MigrationFailedError
from seachange.postgres.connection import Database
from seachange.revisions._trial import connected
from seachange.revisions.compare import differences
from seachange.revisions.declared import declare
from seachange.revisions.models import load_metadata
from seachange.revisions.runner import downgrade, upgrade, version_table
from tests.integration.revisions.conftest import Open
from tests.integration.revisions.looking import ask, at, tables

# Each URL in these projects leads to production.invalid, which no name server knows.
KINDS = [
    pytest.param("async_asyncpg", "asyncpg", id="the asynchronous template with asyncpg"),
    pytest.param("async_psycopg", "psycopg", id="the asynchronous pyproject template with psycopg"),
    pytest.param("sync_psycopg2", "psycopg2", id="an engine of the application with psycopg2 and a naming convention"),
    pytest.param("handed_over", "psycopg", id="a connection handed over"),
    pytest.param("offline_only", "psycopg", id="an offline branch only"),
    pytest.param("online_only", "asyncpg", id="an online branch only"),
    pytest.param("imports_application", "psycopg", id="revisions that import the application"),
    pytest.param("talks_and_exits", "psycopg", id="it prints, configures logging and exits"),
    pytest.param("flask_migrate", "psycopg", id="it runs in the context of an application"),
]


@pytest.mark.parametrize(("name", "driver"), KINDS)
def test_it_is_applied_undone_and_compared(
    open_project: Open, each_database: Database, capfd: pytest.CaptureFixture[str], name: str, driver: str
) -> None:
    settings = open_project(name)
    drivers: list[str] = []

    def note(engine):  # type: ignore[no-untyped-def]
        drivers.append(engine.dialect.driver)
        return connected(each_database)

    applied = upgrade(each_database, settings, listen=note)
    again = upgrade(each_database, settings)
    with connected(each_database) as connection:
        metadata = load_metadata(settings)
        different = differences(metadata, connection, declared=declare(connection, metadata), settings=settings)

    assert (applied.revisions, applied.current, again.revisions) == (("0001", "0002"), ("0002",), ())
    assert drivers == [driver]
    assert (at(each_database, settings), different) == (("0002",), ())
    assert downgrade(each_database, settings, target="base").revisions == ("0002", "0001")
    assert tables(each_database) == [version_table(settings)]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["async_asyncpg", "async_psycopg", "sync_psycopg2", "handed_over"])
def test_its_sessions_have_our_settings(open_project: Open, each_database: Database, name: str) -> None:
    settings = open_project(name, lock_timeout="1234ms", statement_timeout="56789ms")
    path = settings.root / "migrations" / "versions" / "0001_create_clients.py"
    query = "select string_agg(name || '=' || setting, ' ' order by name) from pg_settings where name in ({})"
    names = "'lock_timeout', 'statement_timeout', 'application_name', 'client_connection_check_interval'"
    statement = f'op.execute("""create table seen as {query.format(names)}""")\n    op.create_table('
    path.write_text(path.read_text().replace("op.create_table(", statement))

    upgrade(each_database, settings)

    assert ask(each_database, "select * from seen") == [
        "application_name=seachange client_connection_check_interval=1000 lock_timeout=1234 statement_timeout=56789"
    ]


def test_it_may_ask_for_the_event_loop_of_its_thread(open_project: Open, database: Database) -> None:
    settings = open_project("async_psycopg")
    file = settings.root / "migrations" / "env.py"
    text = file.read_text()
    assert text.count("asyncio.run(run_async_migrations())") == 1
    file.write_text(text.replace("asyncio.run(", "asyncio.get_event_loop().run_until_complete("))

    with concurrent.futures.ThreadPoolExecutor(max_workers=1) as threads:
        applied = threads.submit(upgrade, database, settings).result()

    assert applied.current == ("0002",)


@pytest.mark.parametrize("name", ["async_psycopg", "async_asyncpg"])
def test_options_in_the_url_of_its_ini_file_stay(open_project: Open, database: Database, name: str) -> None:
    settings = open_project(name)
    ini = settings.root / "alembic.ini"
    ini.write_text(ini.read_text().replace("/shop\n", "/shop?options=-csearch_path%%3Dshop\n"))
    path = settings.root / "migrations" / "versions" / "0001_create_clients.py"
    statement = """op.execute("create table public.seen as select current_setting('search_path')")\n    op.create_table("""
    path.write_text(path.read_text().replace("op.create_table(", statement))
    with connected(database) as connection:
        connection.exec_driver_sql("create schema shop")
        connection.commit()

    upgrade(database, settings)

    assert ask(database, "select * from public.seen") == ["shop"]


def test_what_it_sets_on_its_connections_stays(open_project: Open, each_database: Database) -> None:
    settings = open_project("search_path")

    assert upgrade(each_database, settings).current == ("0002",)
    assert ask(each_database, "select tablename from pg_tables where schemaname = 'shop' order by 1") == [
        "alembic_version",
        "clients",
    ]
    assert tables(each_database) == []


def test_a_transaction_of_its_own_is_left_to_it_and_each_revision_committed(open_project: Open, each_database: Database) -> None:
    settings = open_project("transaction_begun")
    path = settings.root / "migrations" / "versions" / "0003_note_visits.py"
    text = path.read_text()
    path.write_text(text.replace("    visits.create", '    op.execute("select 1 / 0")\n    visits.create'))

    with pytest.raises(MigrationFailedError, match="division by zero") as caught:
        upgrade(each_database, settings)
    assert (caught.value.exit_code, caught.value.applied) == (ExitCode.FAILED_CHANGED, ("0001", "0002"))

    path.write_text(text)
    assert upgrade(each_database, settings).revisions == ("0003",)
    assert ask(each_database, "select tablename from pg_tables where schemaname = 'shop' order by 1") == [
        "alembic_version",
        "clients",
        "visits",
    ]


def test_an_exit_before_migrations_is_an_error_that_names_its_line(
    open_project: Open, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = open_project("talks_and_exits")
    monkeypatch.setenv("SHOP_TIER", "none")

    with pytest.raises(EnvironmentFailedError, match=r"fails at migrations/env.py:23: it calls sys.exit\(3\)") as caught:
        upgrade(database, settings)

    assert (caught.value.exit_code, tables(database)) == (ExitCode.ERROR, [])


ENGINES = [
    pytest.param(
        "create_engine('sqlite://')", "connects to a database by sqlite\\+pysqlite, which cannot be sent to", id="another dialect"
    ),
    pytest.param(
        "create_engine('postgresql+psycopg://', creator=elsewhere)", "connects by a creator of its own", id="a creator of its own"
    ),
]


@pytest.mark.parametrize(("engine", "expected"), ENGINES)
def test_an_engine_that_cannot_be_redirected_is_refused(
    open_project: Open, database: Database, engine: str, expected: str
) -> None:
    settings = open_project("handed_over")
    env = settings.root / "migrations" / "env.py"
    elsewhere = f"import psycopg\nfrom sqlalchemy import create_engine\nelsewhere = lambda: psycopg.connect({database.url()!r})\n"
    text = env.read_text().replace('config.attributes.get("connection", None)', "None")
    start = text.index("engine_from_config(config")
    text = text.replace(text[start : text.index("\n", start)], engine)
    env.write_text(elsewhere + text)

    with pytest.raises(EnvironmentFailedError, match=expected):
        upgrade(database, settings)

    assert tables(database) == []


def test_two_databases_of_one_env_py_are_not_made_one(open_project: Open, database: Database) -> None:
    settings = open_project("handed_over")
    env = settings.root / "migrations" / "env.py"
    first = "create_engine('postgresql+psycopg://shop@production.invalid/billing').connect().close()\n"
    text = env.read_text().replace('config.attributes.get("connection", None)', "None")
    env.write_text("from sqlalchemy import create_engine\n" + text.replace("run_migrations_online()\n", "", 0) + "")
    env.write_text("from sqlalchemy import create_engine\n" + first + text)

    with pytest.raises(EnvironmentFailedError, match="several databases"):
        upgrade(database, settings)


def test_an_engine_of_the_application_that_was_used_before_is_opened_anew(open_project: Open, each_database: Database) -> None:
    settings = open_project("sync_psycopg2")
    upgrade(each_database, settings)

    pool = sys.modules["shop.database"].engine.pool
    assert (pool.checkedout(), downgrade(each_database, settings, target="base").current) == (0, ())
    assert [record.dbapi_connection for record in pool._pool.queue] == [None]


def test_a_first_revision_that_presumes_a_table_is_told_in_one_sentence(open_project: Open, each_database: Database) -> None:
    settings = open_project("presumes_tables")

    with pytest.raises(MigrationFailedError) as caught:
        upgrade(each_database, settings)

    assert caught.value.message == (
        "the first revision, 0001, needs the table clients, which no revision makes: "
        "put a revision that creates it before 0001, or load the schema that was there before the history began"
    )
    assert (caught.value.exit_code, caught.value.not_tried) == (ExitCode.FAILED_UNCHANGED, ("0002",))
    assert tables(each_database) == ["alembic_version"]


def test_a_failure_that_env_py_keeps_to_itself_is_told_all_the_same(open_project: Open, database: Database) -> None:
    settings = open_project("presumes_tables")
    env = settings.root / "migrations" / "env.py"
    quiet = "        import contextlib\n        with contextlib.suppress(Exception), context.begin_transaction():\n"
    head, online = env.read_text().split("def run_migrations_online")
    env.write_text(f"{head}def run_migrations_online" + online.replace("        with context.begin_transaction():\n", quiet))

    with pytest.raises(MigrationFailedError, match="which no revision makes"):
        upgrade(database, settings)


def test_an_error_of_env_py_after_its_migrations_is_told_as_such(open_project: Open, database: Database) -> None:
    settings = open_project("async_psycopg")
    env = settings.root / "migrations" / "env.py"
    env.write_text(env.read_text() + "\nraise KeyError('notify')\n")

    with pytest.raises(EnvironmentFailedError, match=r"fails at migrations/env\.py:93, after its migrations ran: KeyError"):
        upgrade(database, settings)

    assert at(database, settings) == ("0002",)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        pytest.param("clinic", "not module:attribute", id="no attribute"),
        pytest.param("clinic:missing", "AttributeError: module 'clinic' has no attribute 'missing'", id="an unknown attribute"),
        pytest.param("nowhere:app", "ModuleNotFoundError: No module named 'nowhere'", id="an unknown module"),
        pytest.param("clinic:Base", "TypeError", id="nothing that can be entered"),
    ],
)
def test_a_context_that_cannot_be_entered_is_said(open_project: Open, database: Database, value: str, reason: str) -> None:
    with pytest.raises(ConfigError, match="env_context") as caught:
        upgrade(database, open_project("flask_migrate", env_context=value))

    assert reason in caught.value.message


def test_env_py_outside_its_context_fails_by_its_own_words(open_project: Open, database: Database) -> None:
    with pytest.raises(EnvironmentFailedError, match="Working outside of application context"):
        upgrade(database, open_project("flask_migrate", env_context=""))


def test_nested_locations_bases_and_a_version_table_of_its_own_are_one_order(open_project: Open, each_database: Database) -> None:
    settings = open_project("locations")

    applied = upgrade(each_database, settings, target="billing@head")
    assert (applied.revisions, applied.current) == (("0001", "0002", "b001", "0003"), ("0003",))
    assert ask(each_database, "select version_num from meta.shop_versions") == ["0003"]
    assert at(each_database, settings) == ("0003",)
    assert upgrade(each_database, settings).revisions == ()
    assert downgrade(each_database, settings, target="b001").current == ("0002", "b001")
    assert downgrade(each_database, settings, target="base").current == ()
    assert tables(each_database) == []
