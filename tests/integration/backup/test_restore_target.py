"""Restoring into a database of a name: an old one is kept or refused, never lost."""

from __future__ import annotations

import contextlib
import threading
import time

import pytest

from seachange.backup import Backup, restore
from seachange.config import Settings
from seachange.errors import DatabaseExistsError, ReadOnlyServerError, RestoreFailedError
from seachange.postgres.connection import Database, connect, create_database
from seachange.postgres.server import Server
from tests.integration.backup.conftest import NOON, Backer, Restorer, contents_of, databases_of, execute, fill


def test_an_existing_database_is_refused_and_not_touched(
    clinic: Database, backup: Backup, bring_back: Restorer, server: Server
) -> None:
    before = (databases_of(server), contents_of(clinic))
    with pytest.raises(DatabaseExistsError, match=f"the database '{clinic.name}' exists") as caught:
        bring_back(backup, target=clinic.name)

    assert caught.value.exit_code == 3
    assert (databases_of(server), contents_of(clinic)) == before


def test_overwriting_swaps_and_keeps_the_old_database(clinic: Database, back_up: Backer, bring_back: Restorer) -> None:
    execute(clinic, f"ALTER DATABASE \"{clinic.name}\" SET app.jwt_secret TO 'canary'")
    good = contents_of(clinic)
    made = back_up(clinic)
    execute(clinic, "DELETE FROM pets", "DROP TABLE visits")
    bad = contents_of(clinic)
    restored = bring_back(made, target=clinic.name, overwrite=True)

    assert (restored.database.name, restored.replaced) == (clinic.name, f"{clinic.name}_before_20250601_120000")
    assert contents_of(clinic) == good
    assert contents_of(clinic.with_name(restored.replaced)) == bad
    with contextlib.closing(connect(clinic)) as session:
        assert session.execute("SHOW app.jwt_secret").fetchone() == ("canary",)


def test_overwriting_a_database_that_does_not_exist_makes_it(backup: Backup, bring_back: Restorer) -> None:
    restored = bring_back(backup, target="test_not_there", overwrite=True)

    assert (restored.database.name, restored.replaced) == ("test_not_there", "")


def test_overwriting_ends_sessions_and_keeps_new_ones_out_until_it_is_done(
    clinic: Database, back_up: Backer, bring_back: Restorer
) -> None:
    made = back_up(clinic)
    execute(clinic, "DELETE FROM pets")
    over = threading.Event()
    seen: list[int] = []

    def reconnect() -> None:
        import psycopg

        while not over.is_set():
            try:
                with psycopg.connect(**clinic.parameters, autocommit=True) as session:  # type: ignore[arg-type]
                    for _ in range(1000):
                        row = session.execute("SELECT count(*) FROM pets").fetchone()
                        seen.append(row[0] if row else -1)
            except psycopg.Error:
                continue

    application = [threading.Thread(target=reconnect) for _ in range(3)]
    for thread in application:
        thread.start()
    try:
        time.sleep(0.3)
        restored = bring_back(made, target=clinic.name, overwrite=True)
        time.sleep(0.3)
    finally:
        over.set()
        for thread in application:
            thread.join()

    assert restored.replaced
    assert set(seen) == {0, 400}
    assert seen[-1] == 400


def test_a_database_that_cannot_be_freed_is_not_replaced_and_the_restored_one_is_kept(
    server: Server, role: str, back_up: Backer, here: Settings, tidy: None
) -> None:
    own = create_database(server.database().with_name("test_own"), owner=role)
    fill(own, f"CREATE TABLE t AS SELECT 1 AS x; ALTER TABLE t OWNER TO {role}")
    made = back_up(own)
    as_role = server.database().with_parameters(user=role)
    with contextlib.closing(connect(own)) as superuser:
        superuser.execute("SELECT 1")
        with pytest.raises(RestoreFailedError, match=r"'test_own' cannot be replaced: .*being accessed by other users") as caught:
            restore(made, here, server=as_role, target="test_own", overwrite=True, clock=lambda: NOON)

    assert "what was restored is kept as 'test_own_restored_20250601_120000'" in caught.value.message
    assert {name for name in databases_of(server) if "own" in name} == {"test_own", "test_own_restored_20250601_120000"}
    assert contents_of(own.with_name("test_own_restored_20250601_120000")) == contents_of(own)


def test_a_restore_into_a_database_that_is_there_and_empty(
    clinic: Database, backup: Backup, bring_back: Restorer, server: Server
) -> None:
    empty = create_database(server.database().with_name("test_empty"))
    restored = bring_back(backup, target="test_empty", create=False)

    assert restored.database == empty
    assert contents_of(empty) == contents_of(clinic)


def test_a_restore_into_a_database_with_tables_is_refused(backup: Backup, bring_back: Restorer, server: Server) -> None:
    fill(create_database(server.database().with_name("test_used")), "CREATE TABLE t (x int)")

    with pytest.raises(DatabaseExistsError, match="the database 'test_used' has 1 tables"):
        bring_back(backup, target="test_used", create=False)


def test_a_read_only_server_is_refused(backup: Backup, here: Settings, server: Server) -> None:
    read_only = server.database().with_parameters(options="-c default_transaction_read_only=on")

    with pytest.raises(ReadOnlyServerError, match="the server is read-only"):
        restore(backup, here, server=read_only)
