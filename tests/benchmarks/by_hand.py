"""What one would write by hand with PostgreSQL's own programs: a backup, a restore that is compared, a copy of a data folder."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import hashlib
import json
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from seachange.config import Settings
from seachange.postgres import binaries, programs
from seachange.postgres._places import cache_root
from seachange.postgres._privileges import give, server_identity, spawn
from seachange.postgres.connection import Database, connect, create_database, describe
from seachange.postgres.server import own_programs

__all__ = ["JOBS", "Backup", "back_up", "compare", "copied_server", "restored"]

JOBS = 2

_BLOCK = 1024**2
# What pg_dump ends the text of each table with.
_TRAILER = b"\\.\n\n\n"
# The fastest settings for a restore that were found: nothing is synced, and hardly anything is written to the log.
_THROWAWAY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}
_RESTORING = {
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "1h",
    "maintenance_work_mem": "256MB",
    "shared_buffers": "512MB",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Backup:
    """A folder of pg_dump with files of gzip, and rows and CRC-32 of the text of each if that was asked for."""

    folder: Path
    size_bytes: int
    tallies: frozenset[tuple[int, int]] = frozenset()


def back_up(database: Database, settings: Settings, *, tallied: bool = False) -> Backup:
    """Run pg_dump, then gzip by python-isal with a digest of every file in two threads, then write a list."""
    folder = settings.root / "by-hand"
    program = binaries.client(settings, "pg_dump", major=_major(database))
    programs.run(program, ["--format=directory", f"--jobs={JOBS}", "--compress=0", f"--file={folder}"], database=database)
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        files = sorted(folder.glob("*.dat"), key=lambda path: -path.stat().st_size)
        packed = list(pool.map(lambda path: _packed(path, tallied=tallied), files))
    (folder / "manifest.json").write_text(json.dumps({name: digest for name, digest, _ in packed}))
    size_bytes = sum(path.stat().st_size for path in folder.iterdir())
    return Backup(folder=folder, size_bytes=size_bytes, tallies=frozenset(tally for _, _, tally in packed if tally))


def _packed(path: Path, *, tallied: bool) -> tuple[str, str, tuple[int, int] | None]:
    from isal import isal_zlib

    if path.name == "toc.dat":
        return path.name, hashlib.sha256(path.read_bytes()).hexdigest(), None
    digest, compressor = hashlib.sha256(), isal_zlib.compressobj(1, isal_zlib.DEFLATED, 31)
    rows, crc, left = 0, 0, path.stat().st_size - len(_TRAILER) if tallied else 0
    with path.open("rb") as source, path.with_name(f"{path.name}.gz").open("wb") as target:
        while block := source.read(_BLOCK):
            if left:
                text = block[:left]
                rows, crc, left = rows + text.count(b"\n"), isal_zlib.crc32(text, crc), left - len(text)
            data = compressor.compress(block)
            digest.update(data)
            target.write(data)
        data = compressor.flush()
        digest.update(data)
        target.write(data)
    path.unlink()
    return path.name, digest.hexdigest(), (rows, crc) if tallied else None


@contextlib.contextmanager
def restored(backup: Backup, settings: Settings, *, major: int) -> Iterator[Database]:
    """Make a server on the disk of the cache, and restore into it."""
    with _folder(settings) as folder:
        initdb = own_programs(settings, major)[0].bin_dir / "initdb"
        _run([initdb, "-D", folder / "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"])
        with _started(settings, folder, major=major, options=_RESTORING) as server:
            database = server.with_name("restored")
            create_database(database)
            program = binaries.client(settings, "pg_restore", major=major)
            arguments = [f"--jobs={JOBS}", "--exit-on-error", "--dbname=restored", str(backup.folder)]
            programs.run(program, arguments, database=database)
            yield database


def compare(backup: Backup, database: Database, settings: Settings, *, tables: Sequence[str]) -> None:
    """Compare rows and CRC-32 of each table with those of the dump, two at once."""
    program = binaries.client(settings, "psql", major=_major(database))
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        found = frozenset(pool.map(lambda table: _tally(program, database, table), tables))
    if found != backup.tallies:
        raise AssertionError(f"restored by hand: {found}, dumped: {backup.tallies}")


def _tally(program: Path, database: Database, table: str) -> tuple[int, int]:
    from isal import isal_zlib

    rows = crc = 0
    command: list[str | Path] = [program, "-X", "-q", "-c", f"COPY {table} TO STDOUT", database.url()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, bufsize=_BLOCK) as process:
        while block := process.stdout.read1(_BLOCK):  # type: ignore[union-attr]
            rows, crc = rows + block.count(b"\n"), isal_zlib.crc32(block, crc)
    return rows, crc


@contextlib.contextmanager
def copied_server(source: Path, settings: Settings, *, major: int) -> Iterator[Database]:
    """Copy a data folder with cp and start a server on it with pg_ctl."""
    with _folder(settings) as folder:
        _run(["cp", "-a", "--reflink=auto", source, folder / "data"])
        with _started(settings, folder, major=major, options={}) as server:
            yield server


@contextlib.contextmanager
def _folder(settings: Settings) -> Iterator[Path]:
    """Make a folder on the disk of the cache."""
    with tempfile.TemporaryDirectory(prefix="h", dir=cache_root(settings)) as name:
        give(Path(name), server_identity())
        yield Path(name)


@contextlib.contextmanager
def _started(settings: Settings, folder: Path, *, major: int, options: Mapping[str, str]) -> Iterator[Database]:
    programs_of, _ = own_programs(settings, major)
    wanted = {**_THROWAWAY, **options, "listen_addresses": "", "unix_socket_directories": str(folder)}
    given = " ".join(f"-c {name}='{value}'" for name, value in wanted.items())
    pg_ctl: list[str | Path] = [programs_of.bin_dir / "pg_ctl", "-s", "-D", folder / "data"]
    _run([*pg_ctl, "-w", "-l", folder / "log", "-o", given, "start"])
    try:
        yield Database(parameters={"host": str(folder), "user": "postgres", "dbname": "postgres"})
    finally:
        _run([*pg_ctl, "-m", "immediate", "stop"])


def _run(arguments: Sequence[str | Path]) -> None:
    with spawn(arguments, identity=server_identity(), output=subprocess.PIPE) as process:
        said = process.communicate()[0] if arguments[-1] != "start" else b""
        if process.wait():
            raise AssertionError(f"{arguments} failed: {said.decode()}")


def _major(database: Database) -> int:
    with connect(database) as session:
        return describe(session).major
