"""Every way in which a revision can send SQL is traced, by every driver."""

from __future__ import annotations

import pytest

from seachange.config import Settings
from seachange.errors import MigrationFailedError
from seachange.postgres.connection import Database
from seachange.revisions.history import read_history
from seachange.revisions.planning import Watch, rehearse
from seachange.revisions.runner import upgrade
from seachange.safety.facts import Dropped, IndexBuild, StatementFacts
from seachange.safety.trace import Tracer
from tests.integration.revisions.conftest import Open
from tests.integration.revisions.looking import body, write_revision
from tests.integration.safety.tracing import locks, traced

DRIVERS = [
    pytest.param("linear", "0003", id="psycopg"),
    pytest.param("sync_psycopg2", "0002", id="psycopg2"),
    pytest.param("async_psycopg", "0002", id="psycopg, asynchronous"),
    pytest.param("async_asyncpg", "0002", id="asyncpg"),
]


@pytest.mark.parametrize(("project", "after"), DRIVERS)
def test_statements_in_and_outside_of_transactions_are_traced(
    open_project: Open, database: Database, project: str, after: str
) -> None:
    concurrent, alone, rewrite, drop = traced(
        open_project(project),
        database,
        "with op.get_context().autocommit_block():",
        "    op.create_index('by_name', 'clients', ['name'], postgresql_concurrently=True)",
        "    op.execute('alter table clients add column a int')",
        "op.execute('alter table clients alter column id type bigint')",
        "op.drop_column('clients', 'name')",
        after=after,
    )

    assert [each.transaction for each in (concurrent, alone, rewrite, drop)] == [0, 0, 1, 1]
    assert [each.op for each in (concurrent, rewrite, drop)] == ["create_index", "execute", "drop_column"]
    assert [each.line for each in (concurrent, alone, rewrite, drop)] == [9, 10, 11, 12]
    assert locks(concurrent) == {"public.clients": "SUX"}
    assert concurrent.index_builds == (IndexBuild(index="public.by_name", table="public.clients"),)
    assert locks(alone) == locks(rewrite) == {"public.clients": "AX"}
    assert rewrite.rewrites == ("public.clients",)
    assert 'rewriting table "clients"' in rewrite.messages
    assert Dropped(name="public.by_name", kind="index", cascaded=True, table="public.clients") in drop.dropped
    assert all((each.disagreements, each.gaps) == ((), ()) for each in (concurrent, alone, rewrite, drop))


@pytest.mark.parametrize(("project", "after"), DRIVERS)
def test_a_cursor_past_sqlalchemy_is_traced(open_project: Open, database: Database, project: str, after: str) -> None:
    first, second = traced(
        open_project(project),
        database,
        "cursor = op.get_bind().connection.cursor()",
        "cursor.execute('alter table clients add column a int')",
        "op.execute('create index by_a on clients (a)')",
        after=after,
    )

    assert (first.op, first.line, first.sql) == ("cursor", 9, "alter table clients add column a int")
    assert locks(first) == {"public.clients": "AX"}
    assert (locks(second), second.op, second.transaction) == ({}, "execute", first.transaction)


def test_what_is_sent_on_a_connection_of_asyncpg_itself_leaves_its_traces(open_project: Open, database: Database) -> None:
    before, past, after = traced(
        open_project("async_asyncpg"),
        database,
        "op.execute('select 1')",
        "run = op.get_bind().connection.dbapi_connection.run_async",
        "run(lambda asyncpg: asyncpg.execute('alter table clients alter column id type bigint'))",
        "op.execute('select 2')",
        after="0002",
    )

    assert (past.sql, past.op, past.line, len(past.gaps)) == ("", "cursor", 0, 1)
    assert (locks(past), past.rewrites) == ({"public.clients": "AX"}, ("public.clients",))
    assert (before.transaction, past.transaction, after.transaction) == (1, 1, 1)
    assert locks(after) == {}


def test_the_last_statement_past_everything_is_found_at_commit(open_project: Open, database: Database) -> None:
    facts = traced(
        open_project("async_asyncpg"),
        database,
        "run = op.get_bind().connection.dbapi_connection.run_async",
        "op.execute('select 1')",
        "run(lambda asyncpg: asyncpg.execute('drop table clients'))",
        after="0002",
    )

    assert facts[-1].dropped == (Dropped(name="public.clients", kind="table"),)


LOOPS: list[object] = [
    pytest.param(
        ["for name in ('a', 'b'):", "    op.add_column('clients', sa.Column(name, sa.Integer))"],
        [("add_column", 10, 1), ("add_column", 10, 1)],
        id="a loop",
    ),
    pytest.param(
        ["def add(name):", "    op.add_column('clients', sa.Column(name, sa.Integer))", "add('a')"],
        [("add_column", 10, 1)],
        id="a function",
    ),
    pytest.param(
        [
            "clients = sa.table('clients', sa.column('id', sa.Integer), sa.column('name', sa.String))",
            "op.bulk_insert(clients, [{'id': n, 'name': 'x'} for n in range(7)])",
        ],
        [("bulk_insert", 10, 7)],
        id="many rows at once",
    ),
    pytest.param(
        ["with op.batch_alter_table('clients') as batch:", "    batch.add_column(sa.Column('a', sa.Integer))"],
        [("batch_alter_table", 9, 1)],
        id="a batch",
    ),
    pytest.param(
        ["op.get_bind().execute(sa.text('update clients set name = :name'), {'name': 'x'})"],
        [("connection", 9, 1)],
        id="a connection",
    ),
    pytest.param(["sa.inspect(op.get_bind()).get_columns('clients')"], [], id="a look into the catalogue"),
]


@pytest.mark.parametrize(("lines", "expected"), LOOPS)
def test_each_statement_has_its_operation_and_its_line(
    linear: Settings, database: Database, lines: list[str], expected: list[tuple[str, int, int]]
) -> None:
    facts = traced(linear, database, "import sqlalchemy as sa", *lines)

    assert [(each.op, each.line, each.count) for each in facts] == expected


def test_a_role_without_privileges_hides_nothing(linear: Settings, database: Database) -> None:
    *_, drop, _, _, _ = traced(
        linear,
        database,
        "op.execute('create role nobody_in_particular')",
        "op.execute('create schema own authorization nobody_in_particular')",
        "op.execute('create table own.t (id int); alter table own.t owner to nobody_in_particular'); op.get_bind().commit()",
        "op.execute('set local role nobody_in_particular')",
        "op.execute('drop table own.t')",
        "op.execute('reset role')",
        "op.execute('drop schema own')",
        "op.execute('drop role nobody_in_particular')",
    )

    assert drop.dropped == (Dropped(name="own.t", kind="table"),)
    assert locks(drop) == {"own.t": "AX"}
    assert drop.settings["role"] == "nobody_in_particular"


def test_a_revision_that_turns_messages_off_does_not_blind_the_trace(linear: Settings, database: Database) -> None:
    _, change = traced(
        linear,
        database,
        "op.execute(\"set client_min_messages = 'error'\")",
        "op.execute('alter table clients alter column id type bigint')",
    )

    assert 'rewriting table "clients"' in change.messages
    assert change.disagreements == ()


def test_work_that_a_savepoint_undoes_leaves_no_lock(linear: Settings, database: Database) -> None:
    facts = traced(
        linear,
        database,
        "nested = op.get_bind().begin_nested()",
        "op.execute('alter table clients alter column id type bigint')",
        "nested.rollback()",
        "op.execute('select count(*) from clients')",
        "op.execute('alter table clients alter column id type bigint')",
    )

    first, count, again = (each for each in facts if "savepoint" not in each.sql.lower())
    assert first.rewrites == again.rewrites == ("public.clients",)
    assert count.held_locks == ()


def test_a_failing_statement_is_the_last_one_with_the_words_of_the_server(linear: Settings, database: Database) -> None:
    upgrade(database, linear)
    lines = ("op.execute('alter table clients add column a int')", "op.execute('drop table nothing')", "op.execute('select 1')")
    write_revision(linear, "0004", down="0003", body=body(*lines))
    tracer = Tracer(root=linear.root, database=database)
    watch = Watch(on_revision=lambda one: tracer.begin(one.revision, path=one.path), listen=tracer.listening)
    with pytest.raises(MigrationFailedError, match="nothing"):
        rehearse(linear, database, read_history(linear), target="heads", watch=watch)

    done, failed = tracer.facts()[0].statements
    assert done.error is None
    assert failed.error is not None
    assert (failed.error.sqlstate, failed.error.message) == ("42P01", 'table "nothing" does not exist')


CONTROL: list[object] = [
    pytest.param(["set transaction isolation level repeatable read", "select 1"], [1, 1], id="properties of the transaction"),
    pytest.param(["commit", "alter table clients add column a int"], [1, 2], id="a commit as text"),
]


@pytest.mark.parametrize(("texts", "transactions"), CONTROL)
def test_control_of_transactions_as_text_works_as_without_a_trace(
    linear: Settings, database: Database, texts: list[str], transactions: list[int]
) -> None:
    facts = traced(linear, database, *(f"op.execute({text!r})" for text in texts))

    assert [each.transaction for each in facts] == transactions


def outside(settings: Settings, database: Database, text: str) -> StatementFacts:
    (found,) = traced(settings, database, "with op.get_context().autocommit_block():", f"    op.execute({text!r})")
    return found


def test_a_block_that_commits_in_itself_runs_as_it_is_and_says_what_was_not_read(linear: Settings, database: Database) -> None:
    found = outside(linear, database, "do $$ begin alter table clients add column a int; commit; end $$")

    assert len(found.gaps) == 1
    assert (found.transaction, found.new_locks) == (0, ())


def test_a_statement_that_fails_outside_of_a_transaction_leaves_none_open(linear: Settings, database: Database) -> None:
    failing, after = traced(
        linear,
        database,
        "with op.get_context().autocommit_block():",
        "    try:",
        "        op.execute('drop table nothing')",
        "    except Exception:",
        "        op.execute('alter table clients add column a int')",
    )

    assert failing.error is not None
    assert (after.error, locks(after)) == (None, {"public.clients": "AX"})
