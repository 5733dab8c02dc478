"""Traced statements: locks, rewrites, scans, builds, messages and what was dropped, on the oldest and the newest server."""

from __future__ import annotations

from seachange.config import Settings
from seachange.postgres.connection import Database
from seachange.safety.facts import Dropped, IndexBuild, LockMode, RelationLock
from tests.integration.safety.tracing import locks, traced

FILL = "op.execute(\"insert into clients select g, 'n' || g from generate_series(1, 100) as g\")"


def test_a_rewrite_is_told_by_the_server_and_by_the_file_of_the_table(linear: Settings, each_database: Database) -> None:
    _, change = traced(linear, each_database, FILL, "op.execute('alter table clients alter column id type bigint')")

    assert change.rewrites == ("public.clients",)
    assert IndexBuild(index="public.clients_pkey", table="public.clients") in change.index_builds
    assert 'rewriting table "clients"' in change.messages
    assert change.disagreements == ()
    assert change.created == ()
    assert dict(change.long_work()) == {"public.clients": ("rewrite", "index build")}


def test_a_check_takes_a_scan_and_a_proven_not_null_takes_none(linear: Settings, each_database: Database) -> None:
    _, check, proven = traced(
        linear,
        each_database,
        FILL,
        "op.create_check_constraint('c', 'clients', 'email is not null or id > 0')",
        "op.execute('alter table clients alter column name set not null')",
    )

    assert (check.op, check.line) == ("create_check_constraint", 9)
    assert locks(check) == {"public.clients": "AX"}
    assert check.scans == {"public.clients": 100}
    assert check.verified == ("public.clients",)
    assert dict(proven.long_work()) == {}


def test_a_foreign_key_locks_and_reads_both_tables(linear: Settings, each_database: Database) -> None:
    made, key = traced(
        linear,
        each_database,
        "op.execute('create table owners (id int primary key)'); op.get_bind().commit()",
        "op.create_foreign_key('k', 'clients', 'owners', ['id'], ['id'])",
    )

    assert made.created == ("public.owners", "public.owners_pkey")
    assert locks(key) == {"public.clients": "SRX", "public.owners": "SRX"}
    assert set(key.verified) == {"public.clients", "public.owners"}
    assert (made.transaction, key.transaction) == (1, 2)
    assert made.transaction_id != key.transaction_id


def test_what_a_transaction_has_made_itself_is_no_lock_and_no_work(linear: Settings, each_database: Database) -> None:
    made, *rest = traced(
        linear,
        each_database,
        "op.execute('create table own (id int, v text)')",
        "op.execute('insert into own select g from generate_series(1, 50) as g')",
        "op.execute('alter table own alter column id type bigint')",
        "op.execute('create index own_v on own (v)')",
        "op.execute('drop table own')",
    )

    assert made.created == ("public.own",)
    assert [(each.new_locks, each.held_locks, each.rewrites, each.index_builds, dict(each.scans)) for each in rest] == [
        ((), (), (), (), {})
    ] * 4
    assert [each.disagreements for each in rest] == [()] * 4


def test_locks_are_held_to_the_end_of_the_transaction(linear: Settings, each_database: Database) -> None:
    first, second, third = traced(
        linear,
        each_database,
        "op.execute('alter table clients add column a int')",
        "op.execute('create index clients_a on clients (a)')",
        "op.get_bind().commit(); op.execute('analyze clients')",
    )

    held = {lock.relation: lock.mode for lock in second.held_locks}
    assert held["public.clients"] is LockMode.ACCESS_EXCLUSIVE
    assert first.held_locks == third.held_locks == ()
    assert second.new_locks == ()
    assert third.new_locks[0] == RelationLock(relation="public.clients", mode=LockMode.SHARE_UPDATE_EXCLUSIVE)


def test_rows_that_change_are_counted_in_each_statement_anew(linear: Settings, each_database: Database) -> None:
    insert, update, delete = traced(
        linear,
        each_database,
        FILL,
        "op.execute(\"update clients set email = 'x' where id <= 10 and id > 9\"); op.get_bind().commit()",
        "op.execute('delete from clients where id > 10')",
    )

    assert [dict(each.changes) for each in (insert, update, delete)] == [
        {"public.clients": 100},
        {"public.clients": 1},
        {"public.clients": 90},
    ]


def test_what_is_dropped_by_name_and_by_cascade_is_told_apart(linear: Settings, each_database: Database) -> None:
    facts = traced(
        linear,
        each_database,
        "op.execute('create view names as select name from clients'); op.get_bind().commit()",
        "op.execute('alter table clients drop column name cascade')",
        "op.execute('drop table clients')",
    )

    column = Dropped(name="public.clients.name", kind="table column", table="public.clients")
    assert column in facts[1].dropped
    assert Dropped(name="public.names", kind="view", cascaded=True) in facts[1].dropped
    assert facts[2].dropped == (Dropped(name="public.clients", kind="table"),)


def test_the_settings_are_those_that_the_runner_and_the_revision_have_set(linear: Settings, each_database: Database) -> None:
    alter, setting, after = traced(
        linear,
        each_database,
        "op.execute('alter table clients add column a int')",
        "op.execute(\"set local lock_timeout = '7s'\")",
        "op.execute('alter table clients add column b int')",
    )

    assert [each.settings["lock_timeout"] for each in (alter, setting, after)] == ["300ms", "300ms", "7s"]
    assert after.settings["application_name"] == "seachange"
