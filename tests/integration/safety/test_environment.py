"""The server on which a change will run."""

from __future__ import annotations

import contextlib

from seachange.postgres.connection import Database, connect
from seachange.safety.environment import read_environment


def test_settings_are_those_of_the_session(each_database: Database) -> None:
    with contextlib.closing(connect(each_database, autocommit=True, lock_timeout_ms=1_500)) as connection:
        version, found = connection.info.server_version, read_environment(connection)

    assert (found.version, found.major) == (version, version // 10_000)
    assert found.settings["lock_timeout"] == "1500ms"
    assert found.milliseconds("deadlock_timeout") == 1_000
    assert found.settings["TimeZone"]
    assert found.settings["wal_level"]
    assert (found.standby, found.publications, found.prepared, found.idle_in_transaction) == (False, (), (), ())
    assert found.connections >= 1


def test_transactions_that_are_in_the_way_are_listed(each_database: Database) -> None:
    with (
        contextlib.closing(connect(each_database, autocommit=True)) as connection,
        contextlib.closing(connect(each_database, application_name="app")) as idle,
    ):
        idle.execute("select 1")
        found = read_environment(connection)

        (waiting,) = found.idle_in_transaction
        assert (waiting.pid, waiting.application, waiting.autovacuum) == (idle.info.backend_pid, "app", False)
        assert waiting.age_s >= 0


def test_publications_name_their_tables(each_database: Database) -> None:
    with contextlib.closing(connect(each_database, autocommit=True)) as connection:
        connection.execute('create table t (id int primary key); create table "U" (id int primary key)')
        connection.execute("create publication few for table t, \"U\" with (publish = 'insert, delete')")
        connection.execute("create publication empty_one")
        found = read_environment(connection)

    assert [(one.name, one.tables, one.updates, one.deletes) for one in found.publications] == [
        ("empty_one", (), True, True),
        ("few", ('public."U"', "public.t"), False, True),
    ]
