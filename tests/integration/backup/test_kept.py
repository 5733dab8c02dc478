"""Databases that restores keep: listed, swapped in and back, dropped only when a restore made them."""

from __future__ import annotations

import datetime

import pytest

from seachange.backup.kept import drop_kept, list_kept, put_in_place
from seachange.errors import DatabaseMissingError, RefusedError, StatementFailedError
from seachange.postgres.connection import Database, connect, create_database
from seachange.postgres.server import Server
from tests.integration.backup.conftest import contents_of, databases_of, execute, fill

NOON = datetime.datetime(2025, 6, 1, 12, 0, tzinfo=datetime.UTC)
LATER = NOON + datetime.timedelta(hours=1)


@pytest.fixture
def pair(server: Server, tidy: None) -> tuple[Database, Database]:
    """A database in use, and one that a restore made of it."""
    used, restored = (server.database().with_name(name) for name in ("test_pair", "test_pair_restored_20250601_120000"))
    fill(create_database(used), "CREATE TABLE used (x int)")
    fill(create_database(restored), "CREATE TABLE restored (x int)")
    return used, restored


def test_a_restored_database_is_swapped_in_and_the_old_one_back(server: Server, pair: tuple[Database, Database]) -> None:
    used, restored = pair
    before = {database.name: contents_of(database) for database in pair}
    first = put_in_place(server.database(), restored.name, instead_of=used.name, now=NOON)
    swapped = {used.name: contents_of(used), first: contents_of(used.with_name(first))}
    second = put_in_place(server.database(), first, instead_of=used.name, now=LATER)

    assert (first, second) == ("test_pair_before_20250601_120000", "test_pair_before_20250601_130000")
    assert swapped == {used.name: before[restored.name], first: before[used.name]}
    assert contents_of(used) == before[used.name]


def test_sessions_on_both_databases_are_ended_by_a_swap(server: Server, pair: tuple[Database, Database]) -> None:
    used, restored = pair
    with connect(used, autocommit=True), connect(restored, autocommit=True):
        put_in_place(server.database(), restored.name, instead_of=used.name, now=NOON)

    assert restored.name not in databases_of(server)


def test_what_restores_left_is_listed_with_what_it_is(server: Server, pair: tuple[Database, Database]) -> None:
    create_database(server.database().with_name("test_pair_before_20250601_110000"))
    create_database(server.database().with_name("test_pair_before_long"))
    with connect(pair[1], autocommit=True):
        found = [one for one in list_kept(server.database()) if one.of == "test_pair"]

    assert [(one.name, one.kind, one.sessions) for one in found] == [
        ("test_pair_before_20250601_110000", "before", 0),
        ("test_pair_restored_20250601_120000", "restored", 1),
    ]
    assert all((one.size_bytes or 0) > 5_000_000 for one in found)
    assert found[1].since == NOON


def test_only_what_a_restore_left_can_be_dropped_or_swapped_in(server: Server, pair: tuple[Database, Database]) -> None:
    used, restored = pair
    create_database(server.database().with_name("seachange_restoring_0123456789ab"))
    with pytest.raises(RefusedError, match="'test_pair' is no database that a restore left"):
        drop_kept(server.database(), used.name)
    with pytest.raises(RefusedError, match="may be under way"):
        drop_kept(server.database(), "seachange_restoring_0123456789ab")
    with pytest.raises(RefusedError, match="was not restored to its end"):
        put_in_place(server.database(), "seachange_restoring_0123456789ab", instead_of=used.name, now=NOON)
    with pytest.raises(DatabaseMissingError, match="there is no database 'test_none'"):
        drop_kept(server.database(), "test_none")
    drop_kept(server.database(), restored.name)

    assert restored.name not in databases_of(server)
    assert used.name in databases_of(server)


def test_a_kept_database_that_is_in_use_is_not_dropped(server: Server, pair: tuple[Database, Database]) -> None:
    with connect(pair[1], autocommit=True), pytest.raises(StatementFailedError, match="being accessed by other users"):
        drop_kept(server.database(), pair[1].name)

    execute(pair[1], "SELECT 1")
