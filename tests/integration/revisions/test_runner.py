"""Moving a database along a history: transactions, failures, locks, interruptions, and what is said about them."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from seachange.config import Settings
from seachange.errors import (
    ExitCode,
    HistoryInvalidError,
    InterruptedRunError,
    MigrationFailedError,
    RefusedError,
    RevisionUnknownError,
)
from seachange.postgres import interrupt
from seachange.postgres.connection import Database, connect
from seachange.revisions.runner import current, downgrade, upgrade, version_table
from tests.integration.revisions.conftest import Open

NOTE = """
def note(ctx, heads, run_args, **_):
    ctx.connection.exec_driver_sql(f"comment on table clients is $${heads} {run_args}$$")


"""


def ask(database: Database, query: str) -> list[Any]:
    with contextlib.closing(connect(database, autocommit=True)) as session:
        return [row[0] for row in session.execute(query).fetchall()]


def tables(database: Database) -> list[str]:
    return ask(database, "select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace order by 1")


def at(database: Database, settings: Settings) -> tuple[str, ...]:
    with contextlib.closing(connect(database, autocommit=True)) as session:
        return current(session, settings)


def write_revision(settings: Settings, name: str, *, down: str, body: str, undo: str = "pass") -> None:
    text = (
        f'from alembic import op\n\nrevision = "{name}"\ndown_revision = "{down}"\n\n\n'
        f"def upgrade():\n{body}\n\n\ndef downgrade():\n    {undo}\n"
    )
    (settings.root / "migrations" / "versions" / f"{name}.py").write_text(text)


def body(*statements: str) -> str:
    return "\n".join(f"    {statement}" for statement in statements)


@contextlib.contextmanager
def holding(database: Database, statement: str) -> Iterator[None]:
    with contextlib.closing(connect(database, application_name="a long report")) as session:
        session.execute(statement)
        yield
        session.rollback()


def test_a_history_is_applied_and_read_back(open_project: Open, each_database: Database) -> None:
    settings = open_project("linear")
    told: list[str] = []

    applied = upgrade(each_database, settings, on_revision=lambda revision: told.append(revision.title))

    assert applied.revisions == ("0001", "0002", "0003")
    assert (applied.before, applied.current, at(each_database, settings)) == ((), ("0003",), ("0003",))
    assert told == ["Create clients", "Add email to clients", "Make the email of clients unique"]
    assert set(applied.durations_s) == {"0001", "0002", "0003"}


def test_nothing_pending_changes_nothing(open_project: Open, database: Database) -> None:
    settings = open_project("linear")
    upgrade(database, settings)

    assert upgrade(database, settings).revisions == ()


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        pytest.param("0002", ("0001", "0002"), id="a revision"),
        pytest.param("+1", ("0001",), id="one step"),
        pytest.param("head", ("0001", "0002", "0003"), id="the head"),
    ],
)
def test_a_target_on_the_way_is_reached_and_not_passed(
    open_project: Open, database: Database, target: str, expected: tuple[str, ...]
) -> None:
    assert upgrade(database, open_project("linear"), target=target).revisions == expected


def test_the_head_of_two_is_not_guessed(open_project: Open, database: Database) -> None:
    with pytest.raises(HistoryInvalidError, match="the history has 2 heads: 0003, 0004"):
        upgrade(database, open_project("two_heads"), target="head")


def test_a_history_that_is_no_order_is_not_begun(open_project: Open, database: Database) -> None:
    with pytest.raises(HistoryInvalidError, match="does not compile") as caught:
        upgrade(database, open_project("syntax_error"))

    assert (caught.value.exit_code, tables(database)) == (ExitCode.FOUND, [])


def test_a_failure_half_way_says_what_was_applied_and_what_was_not_tried(open_project: Open, database: Database) -> None:
    with pytest.raises(MigrationFailedError) as caught:
        upgrade(database, open_project("failing_half_way"))

    assert caught.value.message == (
        'revision 0003 was not applied: at migrations/versions/0003_fails.py:11: relation "clinics" does not exist '
        "[SQLSTATE 42P01]; statement: ALTER TABLE clients ADD COLUMN clinic int REFERENCES clinics (id); "
        "the database is at 0002; applied before it: 0001, 0002; not tried: 0004, 0005"
    )
    assert caught.value.hint == "mend 0003_fails.py and run the command again; it goes on from where the database is"
    assert (caught.value.applied, caught.value.failed, caught.value.not_tried) == (("0001", "0002"), "0003", ("0004", "0005"))
    assert (caught.value.exit_code, tables(database)) == (ExitCode.FAILED_CHANGED, ["alembic_version", "clients"])


def test_a_failure_in_the_first_revision_leaves_the_database_as_it_was(open_project: Open, database: Database) -> None:
    settings = open_project("failing_half_way")
    upgrade(database, settings, target="0002")

    with pytest.raises(MigrationFailedError) as caught:
        upgrade(database, settings)

    assert (caught.value.exit_code, caught.value.applied) == (ExitCode.FAILED_UNCHANGED, ())
    assert tables(database) == ["alembic_version", "clients"]


def test_a_failure_after_a_block_in_autocommit_needs_a_person(open_project: Open, database: Database) -> None:
    settings = open_project("not_transactional")
    upgrade(database, settings, target="0003")

    with pytest.raises(MigrationFailedError) as caught:
        upgrade(database, settings)

    assert caught.value.exit_code == ExitCode.FAILED_CHANGED
    assert "the database is at 0003, with part of the failed revision in it" in caught.value.message
    assert tables(database) == ["alembic_version", "clients", "visits"]


@pytest.mark.parametrize(
    ("statement", "exit_code"),
    [
        pytest.param("CREATE INDEX CONCURRENTLY i ON nowhere (x)", ExitCode.FAILED_UNCHANGED, id="a name that is wrong"),
        pytest.param(
            "CREATE UNIQUE INDEX CONCURRENTLY i ON clients (name)", ExitCode.FAILED_CHANGED, id="a build that breaks off"
        ),
        pytest.param(
            "ALTER TYPE nothing ADD VALUE 'x'", ExitCode.FAILED_UNCHANGED, id="one statement that is whole or not at all"
        ),
    ],
)
def test_a_failure_in_autocommit_counts_as_a_change_only_if_it_may_leave_something(
    open_project: Open, database: Database, statement: str, exit_code: ExitCode
) -> None:
    settings = open_project("linear")
    upgrade(database, settings)
    with contextlib.closing(connect(database, autocommit=True)) as session:
        session.execute("insert into clients (id, name) values (1, 'Ada'), (2, 'Ada')")
    write_revision(
        settings,
        "0004",
        down="0003",
        body=body("with op.get_context().autocommit_block():", f'    op.execute("{statement}")'),
    )

    with pytest.raises(MigrationFailedError) as caught:
        upgrade(database, settings)

    assert caught.value.exit_code == exit_code


def test_a_revision_that_commits_by_itself_loses_nothing(open_project: Open, database: Database) -> None:
    settings = open_project("commits_itself")

    assert upgrade(database, settings).current == ("0003",)
    assert ask(database, "select name from clients") == ["Ada"]


def test_a_python_error_in_a_revision_is_told_with_its_line(open_project: Open, database: Database) -> None:
    settings = open_project("linear")
    write_revision(settings, "0004", down="0003", body=body('{}["phone"]'))

    with pytest.raises(MigrationFailedError) as caught:
        upgrade(database, settings)

    assert caught.value.reason == "at migrations/versions/0004.py:8: KeyError: 'phone'"


def test_branches_and_merges_are_walked_in_both_directions(open_project: Open, database: Database) -> None:
    settings = open_project("branches")

    assert upgrade(database, settings).current == ("x2",)
    assert downgrade(database, settings, target="-1").current == ("d1", "x1")
    assert downgrade(database, settings, target="a1").revisions == ("d1", "c1", "b1")
    assert (at(database, settings), tables(database)) == (("a1", "x1"), ["alembic_version", "audit", "owners"])


def test_a_revision_that_cannot_be_undone_is_refused_before_anything_is(open_project: Open, database: Database) -> None:
    settings = open_project("irreversible")
    upgrade(database, settings)

    with pytest.raises(RefusedError) as caught:
        downgrade(database, settings, target="base")

    assert caught.value.message == "revision 0002 (Add email to clients) cannot be undone: its downgrade() refuses"
    assert at(database, settings) == ("0003",)


def test_a_downgrade_to_what_is_not_applied_is_an_error(open_project: Open, database: Database) -> None:
    settings = open_project("linear")
    upgrade(database, settings, target="0001")

    with pytest.raises(RevisionUnknownError, match="revision 0002 is not applied"):
        downgrade(database, settings, target="0002")


def test_a_revision_of_the_database_that_no_file_has_is_named(open_project: Open, database: Database) -> None:
    settings = open_project("linear")
    upgrade(database, settings)
    (settings.root / "migrations" / "versions" / "0003_unique_email.py").unlink()

    with pytest.raises(RevisionUnknownError) as caught:
        upgrade(database, settings)

    assert caught.value.message == "the database is at revision 0003, which is in no file of this project"


def test_a_lock_in_the_way_is_waited_for_with_its_holder_named(open_project: Open, database: Database) -> None:
    settings = open_project("linear", lock_timeout=700, migration_retry_attempts=1)
    upgrade(database, settings, target="0001")
    retries: list[str] = []

    with holding(database, "select count(*) from clients"), pytest.raises(MigrationFailedError) as caught:
        upgrade(database, settings, target="0002", on_retry=retries.append)

    assert len(retries) == 1
    assert "(a long report, idle in transaction, for" in retries[0]
    assert retries[0].split("; ")[-1].startswith("try 2 of 2 in 0.")
    assert caught.value.exit_code == ExitCode.TRY_AGAIN
    assert "canceling statement due to lock timeout [SQLSTATE 55P03]" in caught.value.message
    assert "blocked by pid" in caught.value.message
    assert at(database, settings) == ("0001",)


def test_a_lock_that_is_released_between_two_tries_costs_one_try(open_project: Open, database: Database) -> None:
    settings = open_project("linear", lock_timeout=300)
    upgrade(database, settings, target="0001")
    released = threading.Event()

    with holding(database, "lock table clients"):
        holder = threading.Thread(target=released.wait)
        holder.start()
        applied: list[Any] = []
        runner = threading.Thread(target=lambda: applied.append(upgrade(database, settings, on_retry=lambda _: released.set())))
        runner.start()
        assert released.wait(20)
        holder.join()
    runner.join()

    assert [outcome.attempts for outcome in applied[0].outcomes] in ([2, 1], [3, 1])


@pytest.mark.parametrize("condition", ["deadlock_detected", "serialization_failure"])
def test_what_the_server_asks_to_try_again_is_tried_again(open_project: Open, database: Database, condition: str) -> None:
    settings = open_project("linear")
    upgrade(database, settings)
    with contextlib.closing(connect(database, autocommit=True)) as session:
        session.execute("create sequence tries")
    statement = f"do $$ begin if nextval('tries') < 3 then raise exception using errcode = '{condition}'; end if; end $$"
    write_revision(settings, "0004", down="0003", body=body(f'op.execute("{statement}")'))

    (outcome,) = upgrade(database, settings).outcomes

    assert outcome.attempts == 3


def test_a_statement_that_takes_too_long_may_be_tried_again_later(open_project: Open, database: Database) -> None:
    settings = open_project("linear", statement_timeout=200)
    upgrade(database, settings)
    write_revision(settings, "0004", down="0003", body=body('op.execute("select pg_sleep(5)")'))

    with pytest.raises(MigrationFailedError, match="SQLSTATE 57014") as caught:
        upgrade(database, settings)

    assert caught.value.exit_code == ExitCode.TRY_AGAIN


def test_a_concurrent_build_waits_for_older_transactions_beyond_lock_timeout(open_project: Open, database: Database) -> None:
    settings = open_project("linear", lock_timeout=200)
    upgrade(database, settings)
    build = 'op.execute("CREATE INDEX CONCURRENTLY i ON clients (name)")'
    after = "op.execute(\"select set_config('seachange.lock_timeout', current_setting('lock_timeout'), false)\")"
    keep = "op.execute(\"create table kept as select current_setting('seachange.lock_timeout') as lock_timeout\")"
    write_revision(
        settings, "0004", down="0003", body=body("with op.get_context().autocommit_block():", f"    {build}", after, keep)
    )

    with contextlib.closing(connect(database)) as session:
        session.execute("insert into clients (id, name) values (1, 'Ada')")
        threading.Timer(0.8, session.rollback).start()
        began = time.monotonic()
        upgrade(database, settings)

    assert time.monotonic() - began > 0.5
    assert ask(database, "select indisvalid from pg_index where indexrelid = 'i'::regclass") == [True]
    assert ask(database, "select lock_timeout from kept") == ["200ms"]


def test_a_connection_that_is_ended_in_a_revision_leaves_the_database_as_it_was(open_project: Open, database: Database) -> None:
    settings = open_project("linear")
    upgrade(database, settings)
    lines = body('op.execute("create table half ()")', 'op.execute("select pg_terminate_backend(pg_backend_pid())")')
    write_revision(settings, "0004", down="0003", body=lines)

    with pytest.raises(MigrationFailedError, match="the database is at 0003") as caught:
        upgrade(database, settings)

    assert (caught.value.exit_code, at(database, settings)) == (ExitCode.FAILED_UNCHANGED, ("0003",))


def test_a_connection_that_breaks_after_the_commit_counts_as_applied(open_project: Open, database: Database) -> None:
    settings = open_project("linear")
    upgrade(database, settings)
    lines = body(
        "op.execute(\"update alembic_version set version_num = '0004'\")",
        'op.execute("commit")',
        'op.execute("select pg_terminate_backend(pg_backend_pid())")',
    )
    write_revision(settings, "0004", down="0003", body=lines)
    write_revision(settings, "0005", down="0004", body=body('op.execute("create table after ()")'))

    assert upgrade(database, settings).revisions == ("0004", "0005")
    assert at(database, settings) == ("0005",)


def test_a_version_row_that_is_not_what_was_written_is_found_by_reading_it_back(open_project: Open, database: Database) -> None:
    settings = open_project("linear")
    upgrade(database, settings, target="0002")
    with contextlib.closing(connect(database, autocommit=True)) as session:
        session.execute(
            "create function other() returns trigger language plpgsql as $$ begin new.version_num = '0001'; return new; end $$"
        )
        session.execute("create trigger other before update on alembic_version for each row execute function other()")

    with pytest.raises(MigrationFailedError) as caught:
        upgrade(database, settings)

    assert caught.value.message.startswith(
        "revision 0003 ran without an error, but the version table holds 0001 and not 0003: its work is lost"
    )
    assert caught.value.exit_code == ExitCode.FAILED_CHANGED


def test_an_interruption_rolls_back_and_says_the_state(open_project: Open, database: Database) -> None:
    settings = open_project("linear")
    write_revision(
        settings, "0004", down="0003", body=body('op.execute("create table half ()")', 'op.execute("select pg_sleep(60)")')
    )
    threading.Timer(0.7, interrupt.interrupt_all).start()

    try:
        with pytest.raises(InterruptedRunError) as caught:
            upgrade(database, settings)
    finally:
        interrupt.reset()

    assert caught.value.message == (
        "interrupted while revision 0004 was being applied; the database is at 0003; applied before it: 0001, 0002, 0003"
    )
    assert tables(database) == ["alembic_version", "clients"]


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
