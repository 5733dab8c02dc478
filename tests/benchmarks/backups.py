"""Backups of a database of some size, their verification and copies of them, beside what one would write by hand."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from seachange import config
from seachange.backup import Backup, create_backup
from seachange.backup.copies import CACHE_NAME, restored_copy
from seachange.backup.proof import verify_backup
from seachange.config import Settings
from seachange.postgres._places import run_root
from seachange.postgres.connection import Database, connect, describe
from seachange.postgres.server import Server, throwaway
from tests.benchmarks import by_hand
from tests.project import clean_environment

__all__ = ["Pair", "filled_server", "make_backup", "measure_backups", "measure_memory"]

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
_TABLES = ("accounts", "notes")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pair:
    """Seconds of the runs of ours and of the one by hand, and the sizes of what they made in bytes, 0 if that says nothing."""

    name: str
    own: list[float] = dataclasses.field(default_factory=list)
    peer: list[float] = dataclasses.field(default_factory=list)
    own_bytes: int = 0
    peer_bytes: int = 0


@contextlib.contextmanager
def filled_server(*, megabytes: int, major: int) -> Iterator[tuple[Server, Database, Settings]]:
    """Run a server with a database whose COPY text is about so many megabytes, and yield settings of an empty project."""
    with (
        tempfile.TemporaryDirectory(prefix="seachange-bench-") as folder,
        tempfile.TemporaryDirectory(prefix="b", dir=run_root(), ignore_cleanup_errors=True) as cache,
    ):
        Path(cache).chmod(0o755)
        # The copies of these backups are no use to anybody else.
        environment = {**clean_environment(), "SEACHANGE_CACHE_DIR": cache}
        settings = dataclasses.replace(config.load(Path(folder), environ=environment), backup_jobs=by_hand.JOBS)
        with throwaway(settings, major=major or None, in_memory=False) as server:
            database = server.database()
            with connect(database, autocommit=True, statement_timeout_ms=0) as session:
                for statement in (_FILL % {"share": max(1, megabytes // 100)}).split(";"):
                    if statement.strip():
                        session.execute(statement.encode())
            yield server, database, settings


def measure_backups(*, megabytes: int, major: int, runs: int) -> Iterator[Pair]:
    """Measure backups, then backups with their verification, then copies of one that was restored before, each by turns."""
    with filled_server(megabytes=megabytes, major=major) as (server, database, settings):
        bench = _Bench(database=database, settings=settings, major=server.major)
        sizes: dict[str, int] = {}
        own, peer = bench.by_turns(runs, lambda: bench.backup(sizes), lambda: bench.backup_by_hand(sizes))
        name = f"{megabytes:,} MB"
        yield Pair(name=f"backup of {name}", own=own, peer=peer, own_bytes=sizes["own"], peer_bytes=sizes["peer"])
        own, peer = bench.by_turns(runs, bench.verified, bench.verified_by_hand, cold=False)
        yield Pair(name=f"backup and full verification of {name}", own=own, peer=peer)
        backup = bench.made()
        with restored_copy(backup, settings):
            kept = next(settings.path(settings.cache_dir).glob(f"{CACHE_NAME}/*/*/data"))
        own, peer = bench.by_turns(max(runs, 3), lambda: bench.clone(backup), lambda: bench.clone_by_hand(kept))
        yield Pair(name=f"copy of a restored backup of {name}", own=own, peer=peer)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Bench:
    """One database, and what is done to it; everything returns its seconds and removes what it made afterwards."""

    database: Database
    settings: Settings
    major: int

    def made(self) -> Backup:
        return make_backup(self.database, self.settings)

    def backup(self, sizes: dict[str, int]) -> float:
        begin = time.perf_counter()
        made = self.made()
        seconds = time.perf_counter() - begin
        sizes["own"] = made.size_bytes
        shutil.rmtree(made.path)
        return seconds

    def backup_by_hand(self, sizes: dict[str, int]) -> float:
        begin = time.perf_counter()
        made = by_hand.back_up(self.database, self.settings)
        seconds = time.perf_counter() - begin
        sizes["peer"] = made.size_bytes
        shutil.rmtree(made.folder)
        return seconds

    def verified(self) -> float:
        begin = time.perf_counter()
        made = self.made()
        found = verify_backup(made, self.settings)
        seconds = time.perf_counter() - begin
        shutil.rmtree(made.path)
        if not found.ok:
            raise AssertionError(found.problems)
        return seconds

    def verified_by_hand(self) -> float:
        begin = time.perf_counter()
        made = by_hand.back_up(self.database, self.settings, tallied=True)
        with by_hand.restored(made, self.settings, major=self.major) as database:
            by_hand.compare(made, database, self.settings, tables=_TABLES)
            seconds = time.perf_counter() - begin
        shutil.rmtree(made.folder)
        return seconds

    def clone(self, backup: Backup) -> float:
        begin = time.perf_counter()
        with restored_copy(backup, self.settings) as copy:
            _ask(copy.database)
            seconds = time.perf_counter() - begin
        if not copy.hit:
            raise AssertionError("the copy was not in the cache")
        return seconds

    def clone_by_hand(self, kept: Path) -> float:
        begin = time.perf_counter()
        with by_hand.copied_server(kept, self.settings, major=self.major) as server:
            _ask(server.with_name(f"{self.database.name}_copy"))
            return time.perf_counter() - begin

    def by_turns(
        self, runs: int, own: Callable[[], float], peer: Callable[[], float], *, cold: bool = True
    ) -> tuple[list[float], list[float]]:
        """Return the seconds of both, after a run to warm up if ``cold``; neither pays for what the other left behind."""
        found: tuple[list[float], list[float]] = ([], [])
        for _ in range(runs + cold):
            for work, seconds in ((own, found[0]), (peer, found[1])):
                self._settle()
                seconds.append(work())
        return found[0][cold:], found[1][cold:]

    def _settle(self) -> None:
        # A data folder of ours is removed by a process that nobody waits for.
        while any(self.settings.path(self.settings.cache_dir).glob(f"{CACHE_NAME}/.partial-*")):
            time.sleep(0.05)
        os.sync()


def make_backup(database: Database, settings: Settings) -> Backup:
    """Make a backup in the directory format with everything that belongs to it."""
    with connect(database) as session:
        server = describe(session)
    return create_backup(database, settings, revision="", server=server, dump_format="directory")


def measure_memory(*, megabytes: int, major: int) -> int:
    """Return how much memory one process has taken at most that makes and verifies a backup, in bytes, its children apart."""
    with filled_server(megabytes=megabytes, major=major) as (_, database, settings):
        environment = {**os.environ, **clean_environment(), "DATABASE_URL": database.url()}
        command = [sys.executable, "-m", "tests.benchmarks.peak", str(settings.root), settings.cache_dir]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return int(done.stdout)


def _ask(database: Database) -> None:
    with connect(database) as session:
        session.execute("SELECT max(id) FROM accounts").fetchall()
