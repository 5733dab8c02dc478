"""Traps of real histories: commits by hand, blocks in autocommit, data that is read, what belongs to the whole server."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from seachange.errors import ExitCode, MigrationFailedError
from seachange.postgres import _throwaway
from seachange.postgres.connection import Database, connect
from seachange.postgres.server import Server, throwaway
from seachange.revisions.runner import downgrade, upgrade
from seachange.testing.fixtures import fresh_database
from tests.integration.revisions.conftest import Open
from tests.integration.revisions.looking import ask, at, body, write_revision

_COLUMNS = "select attname from pg_attribute where attrelid = 'clients'::regclass and attnum > 0 and not attisdropped"
_ROLES = "select rolname from pg_roles where rolname = 'creates_roles_reader'"


def test_a_commit_by_hand_before_a_concurrent_build_says_what_to_write(open_project: Open, each_database: Database) -> None:
    with pytest.raises(MigrationFailedError) as caught:
        upgrade(each_database, open_project("commits_by_hand"))

    assert "CREATE INDEX CONCURRENTLY cannot run inside a transaction block [SQLSTATE 25001]" in caught.value.message
    assert caught.value.hint == (
        "write `with op.get_context().autocommit_block():` around the statement; a COMMIT of its own does not help, "
        "because the driver begins the next transaction by itself"
    )
    assert (caught.value.applied, at(each_database, open_project("linear"))) == (("0001", "0002", "0003"), ("0003",))


def test_a_commit_by_hand_works_by_a_driver_that_does_not_notice_it(open_project: Open, database: Database) -> None:
    settings = open_project("sync_psycopg2")
    (head,) = upgrade(database, settings).current
    lines = body('op.execute("COMMIT")', 'op.execute("CREATE INDEX CONCURRENTLY i ON clients (name)")')
    write_revision(settings, "by_hand", down=head, body=lines)

    assert upgrade(database, settings).current == ("by_hand",)
    assert ask(database, "select indisvalid from pg_index where indexrelid = 'i'::regclass") == [True]


def test_blocks_in_autocommit_work_in_both_directions(open_project: Open, each_database: Database) -> None:
    settings = open_project("autocommit_blocks")

    upgrade(each_database, settings)
    assert ask(each_database, "select indisvalid from pg_index where indexrelid = 'clients_name_idx'::regclass") == [True]
    assert set(ask(each_database, _COLUMNS)) >= {"before", "after"}

    downgrade(each_database, settings, target="0003")
    assert ask(each_database, "select to_regclass('clients_name_idx')::text") == [None]
    assert not set(ask(each_database, _COLUMNS)) & {"before", "after"}


def test_a_revision_that_reads_data_meets_the_rows_of_the_database(open_project: Open, each_database: Database) -> None:
    settings = open_project("reads_data")
    upgrade(each_database, settings, target="0003")
    with contextlib.closing(connect(each_database, autocommit=True)) as session:
        session.execute("insert into clients (id, name) values (1, 'Ada'), (2, 'Grace')")

    upgrade(each_database, settings)

    assert ask(each_database, "select initial from clients order by id") == ["A", "G"]


@pytest.fixture
def own_server(open_project: Open) -> Iterator[Server]:
    """A server whose roles are nobody else's."""
    with throwaway(open_project("linear")) as server:
        yield server


def test_databases_of_a_throwaway_server_share_a_role_and_are_moved_all_the_same(open_project: Open, own_server: Server) -> None:
    settings = open_project("creates_roles")

    with fresh_database(own_server) as first, fresh_database(own_server) as second:
        for database in (first, second):
            assert upgrade(database, settings).current == ("0004",)
        assert downgrade(first, settings, target="0003").current == ("0003",)
        assert ask(first, _ROLES) == ["creates_roles_reader"]
        assert upgrade(first, settings).current == ("0004",)
        for database in (first, second):
            assert downgrade(database, settings, target="0003").current == ("0003",)
        assert ask(first, _ROLES) == []


def test_a_role_that_a_history_makes_twice_is_a_fault_on_any_server(open_project: Open, own_server: Server) -> None:
    settings = open_project("creates_roles")
    write_revision(settings, "0005", down="0004", body=body('op.execute("CREATE ROLE creates_roles_reader")'))

    with fresh_database(own_server) as database, pytest.raises(MigrationFailedError, match="already exists"):
        upgrade(database, settings)


def test_a_role_that_a_real_server_has_already_is_explained(open_project: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = open_project("creates_roles")
    monkeypatch.setitem(_throwaway._OPTIONS, "cluster_name", "production")

    with throwaway(settings) as server, fresh_database(server) as first, fresh_database(server) as second:
        upgrade(first, settings)
        with pytest.raises(MigrationFailedError, match='role "creates_roles_reader" already exists') as caught:
            upgrade(second, settings)

    assert caught.value.exit_code == ExitCode.FAILED_CHANGED
    assert caught.value.hint.startswith("a role belongs to the whole server, and another of its databases may have it")
