"""What is written down about revisions: in their own transaction, and never at their expense."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

from seachange.config import Settings
from seachange.errors import InterruptedRunError, MigrationFailedError, StatementFailedError
from seachange.postgres import interrupt
from seachange.postgres.connection import Database, connect
from seachange.revisions._ledger_table import CREATE, insert_within
from seachange.revisions._versions import VersionTable
from seachange.revisions.history import read_history
from seachange.revisions.ledger import Ledger, Origin
from seachange.revisions.runner import Applied, downgrade, upgrade
from seachange.revisions.units import Unit
from tests.integration.revisions.conftest import Open
from tests.integration.revisions.looking import ask, at, body, write_revision

ORIGIN = Origin(
    run_id="run1", command="migration.apply", actor="ann@host", tool_version="1.2.3", git_commit="abc", git_dirty=True
)

ODD = "it's 100 % \\ odd: %(actor)s $1 :x \n end"
KILLED_AT_COMMIT = """
    create function end_it() returns trigger language plpgsql as
        $$ begin perform pg_terminate_backend(pg_backend_pid()); return new; end $$;
    create constraint trigger end_it after insert on clients deferrable initially deferred for each row execute function end_it();
    insert into clients (id, name) values (1, 'Ann')
"""


def ledger_of(settings: Settings) -> Ledger:
    return Ledger(read_history(settings), origin=ORIGIN)


def apply(database: Database, settings: Settings, *, target: str = "heads", ledger: Ledger | None = None) -> Applied:
    return upgrade(database, settings, target=target, ledger=ledger or ledger_of(settings))


def rows(database: Database, columns: str = "revision, direction, outcome") -> list[Any]:
    with contextlib.closing(connect(database, autocommit=True)) as session:
        return session.execute(f"select {columns} from seachange.history order by id").fetchall()


def run_sql(database: Database, *statements: str) -> None:
    with contextlib.closing(connect(database, autocommit=True)) as session:
        for statement in statements:
            session.execute(statement)


@pytest.fixture
def migrator(each_database: Database) -> Iterator[Database]:
    """The database as a role that owns nothing and may create tables in schema public alone."""
    name = f"migrator_{each_database.name}"
    run_sql(
        each_database,
        f"create role {name} login",
        f"grant create, usage on schema public to {name}",
        f"revoke create on database {each_database.name} from public",
    )
    yield each_database.with_parameters(user=name)
    run_sql(each_database, f"drop owned by {name} cascade", f"drop role {name}")


@pytest.mark.parametrize("name", ["async_asyncpg", "async_psycopg", "sync_psycopg2"])
def test_it_is_written_whatever_driver_the_revisions_use(open_project: Open, each_database: Database, name: str) -> None:
    settings = open_project(name)
    ledger = ledger_of(settings)
    apply(each_database, settings, ledger=ledger)

    assert (ledger.problem, rows(each_database)) == ("", [("0001", "upgrade", "applied"), ("0002", "upgrade", "applied")])


@pytest.mark.parametrize("name", ["async_asyncpg", "async_psycopg", "sync_psycopg2"])
def test_it_is_written_after_a_commit_that_the_revision_sent_as_text(
    open_project: Open, each_database: Database, name: str
) -> None:
    settings = open_project(name)
    path = settings.root / "migrations" / "versions" / "0002_add_email.py"
    path.write_text(path.read_text().replace("def upgrade() -> None:\n", 'def upgrade() -> None:\n    op.execute("COMMIT")\n'))
    ledger = ledger_of(settings)
    apply(each_database, settings, ledger=ledger)

    assert (ledger.problem, rows(each_database)) == ("", [("0001", "upgrade", "applied"), ("0002", "upgrade", "applied")])
    assert at(each_database, settings) == ("0002",)


def test_every_revision_of_a_run_is_written_down(open_project: Open, each_database: Database) -> None:
    settings = open_project("linear")
    apply(each_database, settings, target="0002")
    downgrade(each_database, settings, target="-1", ledger=ledger_of(settings))

    assert rows(each_database) == [
        ("0001", "upgrade", "applied"),
        ("0002", "upgrade", "applied"),
        ("0002", "downgrade", "reverted"),
    ]


def test_a_row_says_who_ran_what_from_where(open_project: Open, database: Database) -> None:
    settings = open_project("linear")
    apply(database, settings, target="0001")

    revision = read_history(settings).find("0001")
    columns = "run_id, command, actor, tool_version, git_commit, git_dirty, content_hash, version_table, database_user, sqlstate"
    user = ask(database, "select session_user::text")[0]
    expected = ("run1", "migration.apply", "ann@host", "1.2.3", "abc", True, revision.content_hash, "alembic_version", user, None)
    assert rows(database, columns) == [expected]
    assert rows(database, "duration_ms > 0, started < now(), started > now() - interval '1 min'") == [(True, True, True)]


def test_the_row_and_the_revision_are_one_transaction(open_project: Open, each_database: Database) -> None:
    settings = open_project("linear")
    apply(each_database, settings)
    write_revision(settings, "0004", down="0003", body=body(f"op.execute({KILLED_AT_COMMIT!r})"))

    with pytest.raises(MigrationFailedError):
        apply(each_database, settings)

    assert at(each_database, settings) == ("0003",)
    assert rows(each_database, "revision, outcome")[3:] == [("0004", "failed")]


def test_a_revision_outside_of_transactions_is_written_down_with_its_version_row(
    open_project: Open, each_database: Database
) -> None:
    settings = open_project("linear")
    lines = ("with op.get_context().autocommit_block():", "    op.execute('create index concurrently by_name on clients (name)')")
    write_revision(settings, "0004", down="0003", body=body(*lines))

    apply(each_database, settings)

    assert rows(each_database)[-1] == ("0004", "upgrade", "applied")


def test_a_revision_that_commits_by_itself_is_written_down(open_project: Open, database: Database) -> None:
    settings = open_project("commits_itself")

    apply(database, settings)

    assert [revision for revision, _, _ in rows(database)] == ["0001", "0002", "0003"]


def test_a_failure_is_written_down_with_what_the_server_said(open_project: Open, each_database: Database) -> None:
    settings = open_project("failing_half_way")

    with pytest.raises(MigrationFailedError):
        apply(each_database, settings)

    *_, (revision, outcome, sqlstate, error) = rows(each_database, "revision, outcome, sqlstate, error")
    assert (revision, outcome, sqlstate) == ("0003", "failed", "42P01")
    assert error.startswith('at migrations/versions/0003_fails.py:11: relation "clinics" does not exist [SQLSTATE 42P01];')


def test_a_password_in_a_failure_is_not_written_down(open_project: Open, database: Database) -> None:
    settings = open_project("linear")
    apply(database, settings)
    write_revision(settings, "0004", down="0003", body=body("raise ValueError('postgresql://ann:sesame99@host/x')"))

    with pytest.raises(MigrationFailedError):
        apply(database, settings)

    assert "sesame99" not in str(rows(database, "error"))
    assert "postgresql://ann:***@host/x" in rows(database, "error")[-1][0]


def test_what_was_applied_before_there_was_a_history_is_adopted(open_project: Open, each_database: Database) -> None:
    settings = open_project("linear")
    upgrade(each_database, settings, target="0002")

    apply(each_database, settings)

    assert rows(each_database, "revision, outcome, duration_ms is null") == [
        ("0001", "adopted", True),
        ("0002", "adopted", True),
        ("0003", "applied", False),
    ]


def test_nothing_is_made_where_nothing_is_to_do(open_project: Open, database: Database) -> None:
    settings = open_project("linear")
    upgrade(database, settings)

    ledger = ledger_of(settings)
    apply(database, settings, ledger=ledger)

    assert ask(database, "select nspname from pg_namespace where nspname = 'seachange'") == []


def test_a_role_that_may_not_create_the_schema_migrates_all_the_same(open_project: Open, migrator: Database) -> None:
    settings = open_project("linear")
    ledger = ledger_of(settings)

    applied = apply(migrator, settings, ledger=ledger)

    assert applied.revisions == ("0001", "0002", "0003")
    assert ledger.problem == (
        f"the history of revisions cannot be kept in database {migrator.name}: permission denied for database {migrator.name}"
    )


def test_a_role_without_rights_to_the_table_migrates_all_the_same(
    open_project: Open, each_database: Database, migrator: Database
) -> None:
    settings = open_project("linear")
    run_sql(each_database, CREATE, f"grant usage on schema seachange to {migrator.parameters['user']}")
    ledger = ledger_of(settings)

    applied = apply(migrator, settings, ledger=ledger)

    assert (len(applied.revisions), rows(each_database)) == (3, [])
    assert ledger.problem.endswith(f"role {migrator.parameters['user']} may not read and write seachange.history")


def test_a_table_that_an_administrator_made_is_enough(open_project: Open, each_database: Database, migrator: Database) -> None:
    settings = open_project("linear")
    role = migrator.parameters["user"]
    run_sql(
        each_database,
        CREATE,
        f"grant usage on schema seachange to {role}",
        f"grant select, insert on seachange.history to {role}",
    )
    ledger = ledger_of(settings)

    apply(migrator, settings, ledger=ledger)

    assert (ledger.problem, len(rows(each_database))) == ("", 3)


def test_a_lock_on_the_table_holds_up_nothing_for_long(open_project: Open, each_database: Database) -> None:
    settings = open_project("linear")
    apply(each_database, settings, target="0001")
    ledger = ledger_of(settings)
    with contextlib.closing(connect(each_database)) as other:
        other.execute("lock table seachange.history in share mode")

        applied = apply(each_database, settings, ledger=ledger)

    assert applied.revisions == ("0002", "0003")
    assert ledger.problem == "revision 0002 is not in the history: canceling statement due to lock timeout"
    assert len(rows(each_database)) == 1


def test_a_revision_that_changes_the_role_migrates_all_the_same(
    open_project: Open, each_database: Database, migrator: Database
) -> None:
    settings = open_project("linear")
    write_revision(settings, "0004", down="0003", body=body(f"op.execute('set role {migrator.parameters['user']}')"))
    run_sql(each_database, "grant all on all tables in schema public to public")
    apply(each_database, settings, target="0003")
    run_sql(each_database, "grant all on all tables in schema public to public")
    ledger = ledger_of(settings)

    apply(each_database, settings, ledger=ledger)

    assert at(each_database, settings) == ("0004",)
    assert ledger.problem == "revision 0004 is not in the history: permission denied for schema seachange"


def test_two_runs_at_once_make_the_table_once(open_project: Open, each_database: Database) -> None:
    settings = open_project("linear")
    barrier = threading.Barrier(2, timeout=10)

    def prepare(table: str) -> str:
        part = ledger_of(settings).at(Unit(database=each_database, table=VersionTable(name=table, schema="public")))
        barrier.wait()
        part.prepare(("0001",))
        return part.problem

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        problems = list(pool.map(prepare, ("one", "two")))

    assert problems == ["", ""]
    assert sorted(rows(each_database, "version_table, revision, outcome")) == [
        ("one", "0001", "adopted"),
        ("two", "0001", "adopted"),
    ]


def test_a_table_of_a_later_release_is_written_to_and_left_as_it_is(open_project: Open, database: Database) -> None:
    settings = open_project("linear")
    run_sql(
        database,
        CREATE,
        "alter table seachange.history add column rehearsed boolean",
        "comment on table seachange.history is 'what Seachange ran in this database (format 99)'",
    )

    apply(database, settings)

    assert rows(database, "revision, rehearsed") == [("0001", None), ("0002", None), ("0003", None)]
    assert "(format 99)" in ask(database, "select obj_description('seachange.history'::regclass)")[0]


def test_an_interruption_is_written_down(open_project: Open, each_database: Database) -> None:
    settings = open_project("linear")
    apply(each_database, settings)
    write_revision(settings, "0004", down="0003", body=body("op.execute('select pg_sleep(30)')"))
    stopper = threading.Thread(target=interrupt_sleep, args=(each_database,))
    stopper.start()
    try:
        with pytest.raises(InterruptedRunError):
            apply(each_database, settings)
    finally:
        stopper.join()
        interrupt.reset()

    assert rows(each_database, "revision, outcome, error")[-1][:2] == ("0004", "interrupted")
    assert rows(each_database, "error")[-1][0].startswith("interrupted while revision 0004 was being applied")


def interrupt_sleep(database: Database) -> None:
    sleeping = "select count(*) from pg_stat_activity where query ~ '^select pg_sleep'"
    deadline = time.monotonic() + 20
    while ask(database, sleeping) == [0] and time.monotonic() < deadline:
        time.sleep(0.05)
    interrupt.interrupt_all()


def within(connection: sa.Connection, row: dict[str, object]) -> None:
    """Write a row twice in one transaction: as it is, and without what it must have, which must not end the transaction."""
    connection.execute(sa.text("create table work (id int)"))
    insert_within(connection, row)
    with pytest.raises(StatementFailedError, match='null value in column "actor"'):
        insert_within(connection, row | {"actor": None})
    connection.execute(sa.text("insert into work values (1)"))
    assert connection.execute(sa.text("show lock_timeout")).scalar_one() == "0"
    connection.commit()


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
def test_a_row_is_written_by_every_driver(linear: Settings, each_database: Database, driver: str) -> None:
    run_sql(each_database, CREATE)
    engine = sa.create_engine(sqlalchemy_url(each_database, driver), poolclass=sa.NullPool)

    with engine.connect() as connection:
        within(connection, odd_row(each_database, linear))

    assert rows(each_database, "revision, error") == [("0001", ODD)]
    assert ask(each_database, "select id from work") == [1]


@pytest.mark.parametrize("driver", ["psycopg", "asyncpg"])
def test_a_row_is_written_by_every_asynchronous_driver(linear: Settings, each_database: Database, driver: str) -> None:
    run_sql(each_database, CREATE)
    engine = create_async_engine(sqlalchemy_url(each_database, driver), poolclass=sa.NullPool)

    async def work() -> None:
        async with engine.connect() as connection:
            await connection.run_sync(within, odd_row(each_database, linear))

    asyncio.run(work())

    assert rows(each_database, "revision, error") == [("0001", ODD)]
    assert ask(each_database, "select id from work") == [1]


def odd_row(database: Database, settings: Settings) -> dict[str, object]:
    revision = read_history(settings).find("0001")
    part = ledger_of(settings).at(Unit(database=database, table=VersionTable()))
    return part.row(revision, direction="upgrade", outcome="failed") | {"error": ODD}


def sqlalchemy_url(database: Database, driver: str) -> str:
    return database.url().replace("postgresql://", f"postgresql+{driver}://", 1)
