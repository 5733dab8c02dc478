"""Backups of a database of some size, beside what one would write by hand with the same programs."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from seachange import config
from seachange.backup import create_backup
from seachange.config import Settings
from seachange.postgres import binaries, programs
from seachange.postgres.connection import Database, connect, describe
from seachange.postgres.server import Server, throwaway
from tests.project import clean_environment

__all__ = ["filled_server", "measure_backups"]

# Per 100 MB of COPY text: narrow rows as pgbench has them, and wide ones of text that compresses by half.
_FILL = """
    CREATE TABLE accounts AS
        SELECT n AS id, n %% 100000 AS branch, 0 AS balance, repeat(' ', 84) AS filler
        FROM generate_series(1, %(share)s * 480000) n;
    ALTER TABLE accounts ADD PRIMARY KEY (id);
    CREATE TABLE notes AS
        SELECT n AS id, now() - n * interval '1 minute' AS written,
               (SELECT string_agg(md5((n * 30 + k)::text), '') FROM generate_series(1, 30) k) AS body
        FROM generate_series(1, %(share)s * 47000) n;
    ALTER TABLE notes ADD PRIMARY KEY (id);
    CHECKPOINT;
"""
_JOBS = 2
_BLOCK = 1024**2


@contextlib.contextmanager
def filled_server(*, megabytes: int, major: int) -> Iterator[tuple[Server, Database, Settings]]:
    """Run a server with a database whose COPY text is about so many megabytes, and yield settings of an empty project."""
    with tempfile.TemporaryDirectory(prefix="seachange-bench-") as folder:
        settings = config.load(Path(folder), environ=clean_environment())
        with throwaway(settings, major=major or None, in_memory=False) as server:
            database = server.database()
            with connect(database, autocommit=True, statement_timeout_ms=0) as session:
                for statement in (_FILL % {"share": max(1, megabytes // 100)}).split(";"):
                    if statement.strip():
                        session.execute(statement.encode())
            yield server, database, settings


def measure_backups(*, megabytes: int, major: int, runs: int) -> Iterator[tuple[str, list[float], list[float], dict[str, int]]]:
    """Measure our backup and one made by hand by turns; yield the name, both lists of seconds, and both sizes."""
    with filled_server(megabytes=megabytes, major=major) as (_, database, settings):
        own: list[float] = []
        peer: list[float] = []
        sizes: dict[str, int] = {}
        for _ in range(runs + 1):
            sizes["own"] = _timed(own, lambda: backup_with_seachange(database, settings))
            sizes["peer"] = _timed(peer, lambda: backup_by_hand(database, settings))
        # The first run only warms up.
        yield f"backup of {megabytes:,} MB", own[1:], peer[1:], sizes


def backup_with_seachange(database: Database, settings: Settings) -> int:
    """Make a backup in the directory format with everything that belongs to it; return its size."""
    with connect(database) as session:
        server = describe(session)
    made = create_backup(database, _with_jobs(settings), revision="", server=server, dump_format="directory")
    shutil.rmtree(made.path)
    return made.size_bytes


def backup_by_hand(database: Database, settings: Settings) -> int:
    """Run pg_dump, then gzip by python-isal with a digest of every file in two threads, then write a list; return the size."""
    folder = settings.root / "by-hand"
    program = binaries.client(settings, "pg_dump", major=_major(database))
    arguments = ["--format=directory", f"--jobs={_JOBS}", "--compress=0", f"--file={folder}"]
    programs.run(program, arguments, database=database)
    with concurrent.futures.ThreadPoolExecutor(_JOBS) as pool:
        digests = dict(pool.map(_packed, sorted(folder.glob("*.dat"), key=lambda path: -path.stat().st_size)))
    (folder / "manifest.json").write_text(json.dumps(digests))
    size = sum(path.stat().st_size for path in folder.iterdir())
    shutil.rmtree(folder)
    return size


def _packed(path: Path) -> tuple[str, str]:
    from isal import isal_zlib

    digest = hashlib.sha256()
    if path.name == "toc.dat":
        digest.update(path.read_bytes())
        return path.name, digest.hexdigest()
    compressor = isal_zlib.compressobj(1, isal_zlib.DEFLATED, 31)
    with path.open("rb") as source, path.with_name(f"{path.name}.gz").open("wb") as target:
        while block := source.read(_BLOCK):
            data = compressor.compress(block)
            digest.update(data)
            target.write(data)
        data = compressor.flush()
        digest.update(data)
        target.write(data)
    path.unlink()
    return path.name, digest.hexdigest()


def _timed(seconds: list[float], work: Callable[[], int]) -> int:
    begin = time.perf_counter()
    size = work()
    seconds.append(time.perf_counter() - begin)
    return size


def _with_jobs(settings: Settings) -> Settings:
    return dataclasses.replace(settings, backup_jobs=_JOBS)


def _major(database: Database) -> int:
    with connect(database) as session:
        return describe(session).major
