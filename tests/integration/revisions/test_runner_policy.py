"""Timeouts by class of statement, tries in autocommit, concurrent builds and sessions in the way."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

import psycopg
import pytest

from seachange.config import Settings
from seachange.errors import ConfigError, ExitCode, MigrationFailedError
from seachange.postgres.connection import Database, Session, connect
from seachange.revisions.runner import upgrade
from tests.integration.revisions.conftest import Open
from tests.integration.revisions.looking import ask, at, body, write_revision

_NOTE = (
    "op.execute(\"insert into noted values (current_setting('lock_timeout') || ' ' || current_setting('statement_timeout'))\")"
)


@contextlib.contextmanager
def blocking(database: Database, *statements: str) -> Iterator[Session]:
    """A session that is idle in its transaction, as a forgotten terminal is."""
    with contextlib.closing(connect(database, application_name="a forgotten terminal")) as session:
        for statement in statements:
            session.execute(statement.encode())
        yield session
        with contextlib.suppress(psycopg.OperationalError):
            session.rollback()


def outside(*statements: str) -> str:
    return body("with op.get_context().autocommit_block():", *(f"    {statement}" for statement in statements))


def noted_by(trigger_on: str) -> str:
    """A trigger that notes the timeouts of whatever statement fires it."""
    return (
        "create function note() returns event_trigger language plpgsql as $$ begin insert into noted "
        "values (tg_tag || ' ' || current_setting('lock_timeout') || ' ' || current_setting('statement_timeout')); end $$; "
        f"create event trigger note on {trigger_on} execute function note()"
    )


@pytest.fixture
def noting(open_project: Open, each_database: Database) -> Callable[..., Settings]:
    """The linear history at its head in a database that notes the timeouts of every DDL statement."""

    def prepared(**flags: object) -> Settings:
        settings = open_project("linear", **flags)
        upgrade(each_database, settings)
        with contextlib.closing(connect(each_database, autocommit=True)) as session:
            session.execute("create table noted (text text)")
            session.execute(noted_by("ddl_command_start").encode())
        return settings

    return prepared


_MIXED = body(
    'op.execute("alter table clients add note text")',
    'op.execute("create table free ()")',
    'op.execute("alter table clients alter note set statistics 10")',
    _NOTE,
) + outside(
    'op.execute("alter table clients alter note set statistics 20")', 'op.execute("create index i on clients (note)")'
).join(("\n", ""))


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        pytest.param(
            {},
            [
                *("ALTER TABLE 300ms 1min", "CREATE TABLE 300ms 1min", "ALTER TABLE 2s 1d", "2s 1h"),
                *("ALTER TABLE 0 1d", "CREATE INDEX 300ms 1h"),
            ],
            id="by class",
        ),
        pytest.param(
            {"lock_timeout": 200, "statement_timeout": 7000},
            [
                *("ALTER TABLE 200ms 7s", "CREATE TABLE 200ms 7s", "ALTER TABLE 200ms 7s", "200ms 7s"),
                *("ALTER TABLE 0 7s", "CREATE INDEX 200ms 7s"),
            ],
            id="as the settings say",
        ),
        pytest.param(
            {"migration_retry_attempts": 0},
            [
                *("ALTER TABLE 2s 1min", "CREATE TABLE 2s 1min", "ALTER TABLE 2s 1d", "2s 1h"),
                *("ALTER TABLE 0 1d", "CREATE INDEX 2s 1h"),
            ],
            id="the only try waits for the bound",
        ),
    ],
)
def test_timeouts_follow_the_class_of_each_statement(
    noting: Callable[..., Settings], each_database: Database, flags: dict[str, object], expected: list[str]
) -> None:
    settings = noting(**flags)
    write_revision(settings, "0004", down="0003", body=_MIXED)

    upgrade(each_database, settings)

    assert ask(each_database, "select text from noted") == expected


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        pytest.param(["set lock_timeout = '4s'"], ["ALTER TABLE 4s 1min", "ALTER TABLE 4s 1min"], id="for the session"),
        pytest.param(
            ["set local lock_timeout = '4s'"], ["ALTER TABLE 4s 1min", "ALTER TABLE 300ms 1min"], id="for the transaction"
        ),
        pytest.param(
            ["select set_config('statement_timeout', '4s', false)"],
            ["ALTER TABLE 300ms 4s", "ALTER TABLE 300ms 4s"],
            id="another",
        ),
    ],
)
def test_what_a_revision_sets_itself_is_left_alone(
    noting: Callable[..., Settings], each_database: Database, statements: list[str], expected: list[str]
) -> None:
    settings = noting()
    lines = [f'op.execute("{statement}")' for statement in statements]
    alter = 'op.execute("alter table clients add {} text")'
    inside = body(*lines, alter.format("c1"))
    write_revision(settings, "0004", down="0003", body=f"{inside}\n{outside(alter.format('c2'))}")
    write_revision(settings, "0005", down="0004", body=body(alter.format("c3")))

    upgrade(each_database, settings)

    assert ask(each_database, "select text from noted") == [*expected, "ALTER TABLE 300ms 1min"]


def test_what_env_py_sets_itself_is_left_alone(noting: Callable[..., Settings], each_database: Database) -> None:
    settings = noting()
    env = settings.root / "migrations" / "env.py"
    text = env.read_text()
    assert text.count("context.configure(") == 1
    lines = "connectable.exec_driver_sql(\"set lock_timeout = '5s'\")\n"
    env.write_text(_with_statement(text, lines))
    write_revision(settings, "0004", down="0003", body=body('op.execute("alter table clients add c1 text")'))

    upgrade(each_database, settings)

    assert ask(each_database, "select text from noted where text like 'ALTER TABLE%'") == ["ALTER TABLE 5s 1min"]


def _with_statement(env: str, statement: str) -> str:
    before, after = env.split("context.configure(")
    indent = before.rpartition("\n")[2]
    name = after.partition("connection=")[2].partition(",")[0].partition(")")[0].strip()
    return f"{before}{statement.replace('connectable', name).rstrip()}\n{indent}context.configure({after}"


def test_a_statement_outside_of_a_transaction_is_tried_again_alone(open_project: Open, each_database: Database) -> None:
    settings = open_project("linear", lock_timeout=400)
    upgrade(each_database, settings)
    lines = outside('op.execute("create table once ()")', 'op.execute("alter table clients add note text")')
    write_revision(settings, "0004", down="0003", body=lines)
    retries: list[str] = []

    with blocking(each_database, "select count(*) from clients") as blocker:

        def told(text: str) -> None:
            retries.append(text)
            blocker.rollback()

        (outcome,) = upgrade(each_database, settings, on_retry=told).outcomes

    assert outcome.attempts == 1
    assert len(retries) == 1
    assert retries[0].startswith("revision 0004 blocked by pid")
    assert at(each_database, settings) == ("0004",)


def test_a_statement_that_is_blocked_to_the_end_is_not_tried_squared(open_project: Open, database: Database) -> None:
    settings = open_project("linear", lock_timeout=100, migration_retry_attempts=1)
    upgrade(database, settings)
    write_revision(settings, "0004", down="0003", body=outside('op.execute("alter table clients add note text")'))
    retries: list[str] = []

    with (
        blocking(database, "select count(*) from clients"),
        pytest.raises(MigrationFailedError, match="blocked by pid") as caught,
    ):
        upgrade(database, settings, on_retry=retries.append)

    assert (len(retries), caught.value.exit_code) == (1, ExitCode.TRY_AGAIN)


def test_a_wait_for_a_lock_that_blocks_nobody_names_whom_it_waits_for(open_project: Open, database: Database) -> None:
    settings = open_project("linear")
    upgrade(database, settings)
    write_revision(settings, "0004", down="0003", body=outside('op.execute("create index concurrently i on clients (name)")'))
    said: list[str] = []

    with blocking(database, "insert into clients (id, name) values (1, 'Ada')") as blocker:
        threading.Timer(3, blocker.rollback).start()
        upgrade(database, settings, on_retry=said.append)

    assert len(said) == 1
    assert said[0].startswith("building i: waiting for writers before build")
    assert "; waiting for pid" in said[0]
    assert "(a forgotten terminal, idle in transaction, for" in said[0]


_INVALID = "create unique index concurrently {} i on clients (name)"


@pytest.mark.parametrize("words", ["", "if not exists"])
def test_an_invalid_namesake_is_dropped_before_a_concurrent_build(
    open_project: Open, each_database: Database, words: str
) -> None:
    settings = open_project("linear")
    upgrade(each_database, settings)
    with contextlib.closing(connect(each_database, autocommit=True)) as session:
        session.execute("insert into clients (id, name) values (1, 'Ada'), (2, 'Ada')")
        with pytest.raises(psycopg.errors.UniqueViolation):
            session.execute(_INVALID.format("").encode())
        session.execute("delete from clients where id = 2")
    write_revision(settings, "0004", down="0003", body=outside(f'op.execute("{_INVALID.format(words)}")'))
    said: list[str] = []

    upgrade(each_database, settings, on_retry=said.append)

    assert said == ["dropping the INVALID index public.i, which a concurrent build that broke off left behind"]
    assert ask(each_database, "select indisvalid from pg_index where indexrelid = 'i'::regclass") == [True]


def test_a_valid_namesake_and_one_of_another_table_stay(open_project: Open, database: Database) -> None:
    settings = open_project("linear")
    upgrade(database, settings)
    with contextlib.closing(connect(database, autocommit=True)) as session:
        session.execute("create index i on clients (name)")
        before = ask(database, "select 'i'::regclass::oid")
    write_revision(
        settings, "0004", down="0003", body=outside('op.execute("create index concurrently if not exists i on clients (name)")')
    )
    said: list[str] = []

    upgrade(database, settings, on_retry=said.append)

    assert (said, ask(database, "select 'i'::regclass::oid")) == ([], before)


def test_copies_that_a_broken_reindex_left_are_named(open_project: Open, database: Database) -> None:
    settings = open_project("linear")
    upgrade(database, settings)
    with contextlib.closing(connect(database, autocommit=True)) as session:
        session.execute("create index i on clients (name)")
        with blocking(database, "insert into clients (id, name) values (1, 'Ada')"):
            session.execute("set statement_timeout = 300")
            with pytest.raises(psycopg.errors.QueryCanceled):
                session.execute("reindex index concurrently i")
    write_revision(settings, "0004", down="0003", body=outside('op.execute("reindex index concurrently i")'))
    said: list[str] = []

    upgrade(database, settings, on_retry=said.append)

    assert said == [
        "public.i_ccnew was left behind by a REINDEX CONCURRENTLY that broke off: DROP INDEX CONCURRENTLY public.i_ccnew"
    ]


def test_a_session_idle_in_its_transaction_is_ended_on_request_and_named(open_project: Open, each_database: Database) -> None:
    settings = open_project("linear", kill_blockers="idle-in-transaction")
    upgrade(each_database, settings, target="0001")
    said: list[str] = []

    with blocking(each_database, "select count(*) from clients") as blocker:
        upgrade(each_database, settings, on_retry=said.append)
        with pytest.raises(psycopg.OperationalError):
            blocker.execute("select 1")

    ended = [text for text in said if text.startswith("ended pid")]
    assert len(ended) == 1
    assert ended[0].endswith("select count(*) from clients, as --kill-blockers asks")
    assert at(each_database, settings) == ("0003",)


def test_an_active_session_in_the_way_is_never_ended(open_project: Open, database: Database) -> None:
    settings = open_project("linear", kill_blockers="idle-in-transaction", lock_timeout=500)
    upgrade(database, settings, target="0001")

    with blocking(database) as blocker:

        def work() -> None:
            with pytest.raises(psycopg.errors.QueryCanceled):
                blocker.execute("select pg_sleep(5), count(*) from clients")

        busy = threading.Thread(target=work)
        busy.start()
        while not ask(database, "select 1 from pg_locks where relation = 'clients'::regclass"):
            pass
        with pytest.raises(MigrationFailedError, match=r"blocked by pid \d+ \(a forgotten terminal, active"):
            upgrade(database, settings)
        assert busy.is_alive()
        blocker.cancel()
        busy.join()


def test_rights_that_are_missing_to_end_a_session_are_named(open_project: Open, database: Database) -> None:
    settings = open_project("linear", kill_blockers="idle-in-transaction")
    upgrade(database, settings, target="0001")
    name = f"deployer_{database.name}"
    with contextlib.closing(connect(database, autocommit=True)) as session:
        session.execute(f"create role {name} login; grant pg_monitor to {name}; grant create, usage on schema public to {name}")
        session.execute(f"alter table clients owner to {name}; alter table alembic_version owner to {name}")
    try:
        with (
            blocking(database, "select count(*) from clients"),
            pytest.raises(MigrationFailedError, match="--kill-blockers may not end pid") as caught,
        ):
            upgrade(database.with_parameters(user=name), settings)
    finally:
        with contextlib.closing(connect(database, autocommit=True)) as session:
            session.execute(f"reassign owned by {name} to current_user; drop owned by {name}; drop role {name}")

    assert "grant pg_signal_backend to the role that migrates" in caught.value.message


def test_other_sessions_are_not_to_be_ended(open_project: Open) -> None:
    with pytest.raises(ConfigError) as caught:
        open_project("linear", kill_blockers="all")

    assert caught.value.message == ("--kill-blockers: 'all' is not idle-in-transaction, the only sessions that are ever ended")
