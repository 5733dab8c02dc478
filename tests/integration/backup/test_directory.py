"""Backups in the directory format: compressed by ourselves, and read by stock pg_restore of every major."""

from __future__ import annotations

import dataclasses
import gzip
import json
import os
import re
import threading
import time
import zlib
from collections.abc import Callable, Iterator

import pytest

from seachange.backup import Backup, verify_digests
from seachange.backup.checksums import large_object_checksum, table_checksums
from seachange.config import Settings
from seachange.errors import BackupFailedError, BackupInvalidError, InterruptedRunError, OutOfDiskError, TimeoutExceededError
from seachange.postgres import binaries, interrupt, programs
from seachange.postgres.connection import Database
from seachange.postgres.server import Server
from seachange.testing.fixtures import fresh_database
from tests.integration.backup.conftest import BIG, Backer, contents_of, fill, left_in
from tests.integration.backup.proxy import Proxy
from tests.integration.backup.test_checksums import EVERYTHING, TABLES

MAJORS = [pytest.param(major, id=f"pg{major}") for major in (14, 15, 16, 17, 18)]


@pytest.fixture
def directory(here: Settings) -> Settings:
    """Settings of a project that asks for the directory format."""
    return dataclasses.replace(here, backup_format="directory", backup_jobs=2)


@pytest.fixture
def pair(server_of: Callable[[int], Server], request: pytest.FixtureRequest) -> Iterator[tuple[Database, Database]]:
    """Two empty databases on a server of the major that the test asks for."""
    server = server_of(request.param)
    with fresh_database(server) as one, fresh_database(server) as other:
        yield one, other


def restored(backup: Backup, database: Database, settings: Settings) -> Database:
    """Load a backup by the pg_restore of its own major, without anything of ours."""
    assert backup.manifest is not None
    program = binaries.client(settings, "pg_restore", major=backup.manifest.server.version_number // 10_000)
    arguments = ["--jobs=2", "--exit-on-error", programs.name_argument(database), str(backup.path / "database")]
    programs.run(program, arguments, database=database)
    return database


@pytest.mark.parametrize("pair", MAJORS, indirect=True)
def test_stock_pg_restore_reads_it_and_finds_the_same(
    pair: tuple[Database, Database], back_up: Backer, directory: Settings
) -> None:
    original, other = pair
    fill(original, EVERYTHING)
    backup = back_up(original, directory)
    verify_digests(backup)
    copy = restored(backup, other, directory)

    assert backup.manifest is not None
    assert (backup.manifest.format, backup.manifest.compression, backup.manifest.scope) == ("directory", "isal:1", "database")
    assert list(backup.manifest.tables) == TABLES
    assert backup.manifest.tables == table_checksums(original, directory)
    assert backup.manifest.tables == table_checksums(copy, directory, tables=backup.manifest.tables)
    assert backup.manifest.large_objects == large_object_checksum(original, directory)
    assert backup.manifest.large_objects == large_object_checksum(copy, directory)
    # The child of a table gets the order of columns of its parent.
    fill(original, "DROP TABLE child")
    fill(copy, "DROP TABLE child")
    assert contents_of(original) == contents_of(copy)


def test_its_files_are_private_and_all_in_the_manifest(clinic: Database, back_up: Backer, directory: Settings) -> None:
    backup = back_up(clinic, directory)
    files = sorted(path for path in backup.path.rglob("*") if path.is_file())
    folders = [backup.path, backup.path / "database"]
    listed = [file["path"] for file in json.loads((backup.path / "manifest.json").read_text())["files"]]

    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert {path.stat().st_mode & 0o777 for path in folders} == {0o700}
    assert sorted([*listed, "manifest.json"]) == [str(path.relative_to(backup.path)) for path in files]
    assert [path.name for path in files if path.suffix not in (".gz", ".toc", ".json")] == ["toc.dat", "globals.sql"]
    assert len([path for path in files if path.name.startswith("blob_") and path.suffix == ".gz"]) == 2


def test_a_flipped_byte_is_found_by_its_digest_and_by_gzip(clinic: Database, back_up: Backer, directory: Settings) -> None:
    backup = back_up(clinic, directory)
    data = max(backup.path.glob("database/*.dat.gz"), key=lambda path: path.stat().st_size)
    content = bytearray(data.read_bytes())
    content[len(content) // 2] ^= 1
    data.write_bytes(content)

    with pytest.raises(BackupInvalidError, match="does not match its digest"):
        verify_digests(backup)
    with pytest.raises((OSError, EOFError, zlib.error)):
        gzip.decompress(bytes(content))


@pytest.mark.parametrize(
    ("threshold", "expected"), [pytest.param(1024**3, "custom", id="small"), pytest.param(1024**2, "directory", id="large")]
)
def test_the_format_follows_from_the_size_of_the_database(
    clinic: Database, back_up: Backer, here: Settings, threshold: int, expected: str
) -> None:
    backup = back_up(clinic, dataclasses.replace(here, backup_directory_from=threshold))

    assert backup.manifest is not None
    assert backup.manifest.format == expected


def test_files_are_sealed_while_others_are_still_written(
    gate: tuple[Proxy, Database], big: Database, back_up: Backer, directory: Settings
) -> None:
    proxy, database = gate
    fill(big, "CREATE TABLE first AS SELECT n, repeat('x', 500) FROM generate_series(1, 60000) n")
    seen: list[list[str]] = []

    def look() -> str:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            found = [path.name for path in directory.path("backups").glob(".partial-*/database/*.gz")]
            if found:
                seen.append(found)
                break
            time.sleep(0.05)
        return "go on"

    # The larger table goes through first; the other one is held up after it.
    proxy.at(36_000_000, look)
    backup = back_up(database, dataclasses.replace(directory, backup_jobs=1))

    assert len(seen) == 1
    assert backup.manifest is not None
    assert backup.manifest.tables == table_checksums(big, directory)


def test_a_connection_that_swallows_everything_is_noticed(
    gate: tuple[Proxy, Database], back_up: Backer, directory: Settings
) -> None:
    proxy, database = gate
    impatient = dataclasses.replace(directory, stall_timeout=1_000, migration_timeout=1_000)
    proxy.at(1_000_000, lambda: "swallow")
    begin = time.monotonic()
    with pytest.raises(TimeoutExceededError, match="pg_dump made no progress for 2 s"):
        back_up(database, impatient)

    assert time.monotonic() - begin < 30
    assert left_in(directory) == []


def test_a_lost_connection_is_tried_again(gate: tuple[Proxy, Database], back_up: Backer, directory: Settings) -> None:
    proxy, database = gate
    proxy.at(1_000_000, lambda: "cut")
    backup = back_up(database, directory)
    verify_digests(backup)

    assert left_in(directory) == [backup.name]


def test_an_interruption_leaves_nothing(gate: tuple[Proxy, Database], back_up: Backer, directory: Settings) -> None:
    proxy, database = gate

    def stop() -> str:
        interrupt.interrupt_all()
        return "go on"

    proxy.at(1_000_000, stop)
    try:
        with pytest.raises(InterruptedRunError):
            back_up(database, directory)
    finally:
        interrupt.reset()

    assert left_in(directory) == []


def test_a_disk_with_room_for_the_backup_but_not_for_its_text_is_refused(
    big: Database, back_up: Backer, directory: Settings, small_disk: os.PathLike[str]
) -> None:
    fill(big, "CREATE TABLE zeros AS SELECT n, repeat('0', 500) AS x FROM generate_series(1, 3000) n")
    small = dataclasses.replace(directory, backup_dir=str(small_disk))
    with pytest.raises(OutOfDiskError, match=r"has 2\.0 MB left, the backup needs about \d+\.\d MB"):
        back_up(big, small)

    assert left_in(small) == []


def test_a_disk_that_fills_up_leaves_old_backups_and_nothing_else(
    clinic: Database, back_up: Backer, directory: Settings, small_disk: os.PathLike[str]
) -> None:
    small = dataclasses.replace(directory, backup_dir=str(small_disk))
    old = back_up(clinic, small)
    fill(clinic, BIG)
    with pytest.raises(OutOfDiskError, match=r"the disk of .*/small is full"):
        back_up(clinic, small)

    assert left_in(small) == [old.name]
    verify_digests(old)


def test_rows_of_an_extension_are_those_that_it_asks_for(database: Database, back_up: Backer, directory: Settings) -> None:
    # What pg_extension_config_dump() does, which only the script of an extension may call.
    fill(
        database,
        "CREATE EXTENSION hstore; CREATE TABLE own (x int); INSERT INTO own SELECT generate_series(1, 10);"
        "CREATE TABLE inner_work (x int); INSERT INTO inner_work VALUES (1);"
        "ALTER EXTENSION hstore ADD TABLE own; ALTER EXTENSION hstore ADD TABLE inner_work;"
        "UPDATE pg_extension SET extconfig = ARRAY['own'::regclass::oid], extcondition = ARRAY['WHERE x > 7']"
        " WHERE extname = 'hstore'",
    )
    backup = back_up(database, directory)

    assert backup.manifest is not None
    assert [(name, table.rows) for name, table in backup.manifest.tables.items()] == [("public.own", 3)]
    assert backup.manifest.tables == table_checksums(database, directory)


def test_a_dump_that_leaves_a_table_out_is_no_backup(
    database: Database, back_up: Backer, directory: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(database, "CREATE TABLE pets (x int)")
    from seachange.backup import dump

    monkeypatch.setattr(dump, "table_files", lambda _listing: {})
    with pytest.raises(BackupFailedError, match=r"pg_dump ended without an error and left out public\.pets"):
        back_up(database, directory)

    assert left_in(directory) == []


def test_progress_is_told_by_tables_and_as_a_share_of_what_is_expected(
    gate: tuple[Proxy, Database], back_up: Backer, directory: Settings
) -> None:
    proxy, database = gate
    told: list[str] = []
    enough = threading.Event()

    def listen(text: str) -> None:
        told.append(text)
        if text.endswith("%)"):
            enough.set()

    def hold() -> str:
        enough.wait(20)
        return "go on"

    proxy.at(4_000_000, hold)
    back_up(database, directory, progress=listen)

    assert any(re.fullmatch(r"0 of 1 tables, \d+\.\d MB \(\d+ %\)", text) for text in told)
