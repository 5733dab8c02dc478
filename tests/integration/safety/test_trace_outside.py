"""Traced statements outside of a transaction: in Alembic's autocommit blocks, by whichever driver."""

from __future__ import annotations

import pytest

from seachange.config import Settings
from seachange.postgres.connection import Database
from seachange.safety.facts import Dropped, IndexBuild, StatementFacts
from tests.integration.revisions.conftest import Open
from tests.integration.safety.test_trace import FILL
from tests.integration.safety.tracing import locks, traced

_INDEX = IndexBuild(index="public.i", table="public.clients")
_KEYS = {"public.clients_pkey", "public.clients_email_key"}


def outside(settings: Settings, database: Database, *statements: str, after: str = "0003") -> tuple[StatementFacts, ...]:
    block = ["with op.get_context().autocommit_block():", *(f"    op.execute({each!r})" for each in statements)]
    return traced(settings, database, FILL, *block, after=after)[1:]


def test_a_concurrent_index_is_seen_with_its_locks_and_its_build(linear: Settings, each_database: Database) -> None:
    built, rebuilt, dropped = outside(
        linear,
        each_database,
        "create index concurrently i on clients (name)",
        "reindex index concurrently i",
        "drop index concurrently i",
    )

    assert [locks(each) for each in (built, rebuilt, dropped)] == [{"public.clients": "SUX"}] * 3
    assert [each.index_builds for each in (built, rebuilt, dropped)] == [(_INDEX,), (_INDEX,), ()]
    assert [each.created for each in (built, rebuilt, dropped)] == [("public.i",), (), ()]
    assert dropped.dropped == (Dropped(name="public.i", kind="index", table="public.clients"),)
    assert [each.transaction for each in (built, rebuilt, dropped)] == [0, 0, 0]
    assert [each.disagreements for each in (built, rebuilt, dropped)] == [(), (), ()]
    assert built.settings["lock_timeout"] == "0"
    assert any(message.startswith('building index "i" on table "clients"') for message in built.messages)


def test_vacuum_full_copies_the_table_and_builds_its_indexes(linear: Settings, each_database: Database) -> None:
    full, plain = outside(linear, each_database, "vacuum full clients", "vacuum clients")

    assert (locks(full), locks(plain)) == ({"public.clients": "AX"}, {"public.clients": "SUX"})
    assert full.rewrites == ("public.clients",)
    assert {build.index for build in full.index_builds} == _KEYS
    assert (plain.rewrites, plain.index_builds) == ((), ())


def test_what_could_run_in_a_transaction_is_given_one(linear: Settings, each_database: Database) -> None:
    check, kept, reindexed = outside(
        linear,
        each_database,
        "alter table clients add check (id > 0)",
        "set lock_timeout = '4s'",
        "reindex table clients",
    )

    assert (locks(check), check.verified, check.transaction) == ({"public.clients": "AX"}, ("public.clients",), 0)
    assert (locks(reindexed), {build.index for build in reindexed.index_builds}) == ({"public.clients": "S"}, _KEYS)
    assert (kept.new_locks, reindexed.settings["lock_timeout"]) == ((), "4s")


@pytest.mark.parametrize(
    "block",
    [
        pytest.param("do $$ begin perform 1; commit; end $$", id="block"),
        pytest.param("vacuum (skip_locked) clients", id="vacuum that does not wait"),
    ],
)
def test_what_nobody_can_hold_back_is_said_to_be_polled(linear: Settings, each_database: Database, block: str) -> None:
    (facts,) = outside(linear, each_database, block)

    assert facts.gaps == (
        "its locks were polled, as no session could be put in its way: what it held for a moment only may be missing",
    )


def test_a_name_is_looked_up_where_the_session_looks_it_up(linear: Settings, each_database: Database) -> None:
    *_, built = outside(
        linear,
        each_database,
        "create schema s",
        "create table s.t (id int)",
        "set search_path = s",
        "create index concurrently on t (id)",
        "set search_path = public",
    )[:4]

    assert (locks(built), built.disagreements) == ({"s.t": "SUX"}, ())


@pytest.mark.parametrize("name", ["async_asyncpg", "async_psycopg", "sync_psycopg2"])
def test_the_driver_does_not_matter(open_project: Open, database: Database, name: str) -> None:
    statements = ("alter table clients add check (id > 0)", "create index concurrently i on clients (name)")

    check, built = outside(open_project(name), database, *statements, after="0002")

    assert (locks(check), check.verified) == ({"public.clients": "AX"}, ("public.clients",))
    assert (locks(built), built.index_builds, built.disagreements) == ({"public.clients": "SUX"}, (_INDEX,), ())
