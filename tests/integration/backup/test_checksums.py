"""What tables hold, told by the text that a dump has of them: the same for a faithful restore, another for any other."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from seachange.backup import Backup
from seachange.backup.checksums import large_object_checksum, table_checksums
from seachange.config import Settings
from seachange.errors import ProgramFailedError, SeachangeError
from seachange.postgres import binaries, programs
from seachange.postgres.connection import Database, connect
from seachange.postgres.server import Server
from seachange.testing.fixtures import fresh_database
from tests.integration.backup.conftest import Backer, fill

EVERYTHING = (Path(__file__).parent / "everything.sql").read_text(encoding="utf-8")
TABLES = [
    '"Größe ""x"""."a b"',
    "archive.arrays",
    "public.child",
    "public.empty",
    "public.generated",
    "public.no_columns",
    "public.parent",
    "public.scratch",
    "public.uneven",
    "public.visits_2025",
    "public.visits_rest",
]


@pytest.fixture
def everything(each_database: Database) -> Database:
    """A database with tables of every kind, on the oldest and on the newest major."""
    return fill(each_database, EVERYTHING)


@pytest.fixture
def another(each_server: Server) -> Iterator[Database]:
    """An empty database on the same server."""
    with fresh_database(each_server) as fresh:
        yield fresh


def restored(backup: Backup, database: Database, settings: Settings, *options: str) -> Database:
    """Load a backup by stock pg_restore, into a database with another time zone and other habits of writing."""
    assert backup.manifest is not None
    fill(
        database,
        f"ALTER DATABASE {database.name} SET timezone = 'Asia/Tokyo';"
        f"ALTER DATABASE {database.name} SET bytea_output = 'escape';"
        f"ALTER DATABASE {database.name} SET intervalstyle = 'iso_8601'; ALTER DATABASE {database.name} SET datestyle = 'German'",
    )
    program = binaries.client(settings, "pg_restore", major=backup.manifest.server.version_number // 10_000)
    archive = str(backup.path / "database.dump")
    programs.run(program, [*options, "--exit-on-error", programs.name_argument(database), archive], database=database)
    return database


@pytest.mark.parametrize(
    "options",
    [pytest.param(["--jobs=2"], id="jobs"), pytest.param(["--single-transaction"], id="transaction")],
)
def test_a_faithful_restore_holds_the_same(
    everything: Database, another: Database, back_up: Backer, here: Settings, options: list[str]
) -> None:
    backup = back_up(everything)
    copy = restored(backup, another, here, *options)

    assert backup.manifest is not None
    assert list(backup.manifest.tables) == TABLES
    assert table_checksums(copy, here, tables=backup.manifest.tables) == backup.manifest.tables
    assert large_object_checksum(copy, here) == backup.manifest.large_objects
    assert backup.manifest.large_objects is not None
    assert (backup.manifest.large_objects.count, backup.manifest.large_objects.bytes) == (3, 1_000_014)
    assert backup.manifest.tables["public.generated"].columns == ("id", "name", "seen", "took", "ratio")
    assert backup.manifest.tables["public.no_columns"].rows == 2


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        pytest.param("UPDATE generated SET name = 'Client 3' WHERE id = 3", "public.generated", id="one letter"),
        pytest.param("DELETE FROM visits_rest WHERE note = 'note 20'", "public.visits_rest", id="a row less"),
        pytest.param("INSERT INTO no_columns DEFAULT VALUES", "public.no_columns", id="a row without columns"),
        pytest.param("UPDATE archive.arrays SET tags[3] = '' WHERE id = 1", "archive.arrays", id="null is not empty"),
        pytest.param("INSERT INTO empty VALUES (NULL)", "public.empty", id="a row of nulls"),
    ],
)
def test_any_difference_in_a_table_is_found(database: Database, here: Settings, change: str, differs: str) -> None:
    fill(database, EVERYTHING)
    before = table_checksums(database, here)
    fill(database, change)
    after = table_checksums(database, here)

    assert [name for name in before if before[name] != after[name]] == [differs]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param("SELECT lo_put(90001, 3, 'X')", id="a byte"),
        pytest.param("SELECT lo_put(90002, 700000, '\\x01')", id="a byte far behind"),
        pytest.param("SELECT lo_create(90009)", id="one more, empty"),
        pytest.param("SELECT lo_unlink(90003)", id="one less, empty"),
    ],
)
def test_any_difference_in_large_objects_is_found(database: Database, here: Settings, change: str) -> None:
    fill(database, EVERYTHING)
    before = large_object_checksum(database, here)
    fill(database, change)

    assert before != large_object_checksum(database, here)


def test_several_connections_find_the_same_as_one(database: Database, here: Settings) -> None:
    fill(database, EVERYTHING)
    told: list[int] = []
    alone = table_checksums(database, here, progress=told.append)

    assert alone == table_checksums(database, here, jobs=3)
    assert told[-1] > sum(table.bytes for table in alone.values())


def test_only_tables_that_were_asked_for_are_read(database: Database, here: Settings) -> None:
    fill(database, EVERYTHING)
    everything = table_checksums(database, here)
    some = {name: everything[name] for name in ("public.parent", "public.child")}
    lost = {"public.lost": dataclasses.replace(some["public.parent"])}

    assert table_checksums(database, here, tables=some | lost) == dict(sorted(some.items()))
    assert table_checksums(database, here, tables={}) == {}


def test_a_snapshot_keeps_later_rows_out(database: Database, here: Settings) -> None:
    fill(database, EVERYTHING)
    before = table_checksums(database, here)
    with contextlib.closing(connect(database)) as session:
        session.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        row = session.execute("SELECT pg_export_snapshot()").fetchone()
        assert row is not None
        fill(database, "INSERT INTO empty VALUES (1)")

        assert table_checksums(database, here, snapshot=row[0]) == before
    assert table_checksums(database, here)["public.empty"].rows == 1


@pytest.mark.parametrize(
    ("encoding", "name", "size"),
    [
        pytest.param("LATIN1", "größe", 6, id="latin"),
        pytest.param("UTF8", "größe", 8, id="utf"),
        pytest.param("EUC_JP", "犬", 3, id="jp"),
    ],
)
def test_names_and_rows_in_any_encoding_are_read(server: Server, here: Settings, encoding: str, name: str, size: int) -> None:
    fill(
        server.database(),
        f"CREATE DATABASE encoded ENCODING '{encoding}' TEMPLATE template0 LOCALE_PROVIDER libc LC_COLLATE 'C' LC_CTYPE 'C'",
    )
    try:
        encoded = server.database().with_name("encoded")
        fill(encoded, f'CREATE TABLE "{name}" (x text); INSERT INTO "{name}" VALUES (\'{name}\')')
        found = table_checksums(encoded, here)
    finally:
        fill(server.database(), "DROP DATABASE encoded")

    assert [(name, table.bytes) for name, table in found.items()] == [(f'public."{name}"', size)]


def test_a_table_that_may_not_be_read_is_named(database: Database, here: Settings, server: Server) -> None:
    fill(database, EVERYTHING)
    fill(server.database(), "CREATE ROLE checksum_reader LOGIN")
    try:
        with pytest.raises(ProgramFailedError, match="permission denied for"):
            table_checksums(database.with_parameters(user="checksum_reader"), here)
    finally:
        fill(server.database(), "DROP ROLE checksum_reader")


def test_rows_that_row_security_would_hide_are_an_error(database: Database, here: Settings, server: Server) -> None:
    fill(database, "CREATE TABLE pets (x int); ALTER TABLE pets ENABLE ROW LEVEL SECURITY; GRANT SELECT ON pets TO PUBLIC")
    fill(server.database(), "CREATE ROLE checksum_reader LOGIN")
    try:
        with pytest.raises(SeachangeError, match="row-level security"):
            table_checksums(database.with_parameters(user="checksum_reader"), here)
    finally:
        fill(server.database(), "DROP ROLE checksum_reader")
