"""Making backups when connections, disks or runs break: a whole one, or none."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from seachange.backup import list_backups, verify_digests
from seachange.config import Settings
from seachange.errors import (
    BackupFailedError,
    InterruptedRunError,
    NotWritableError,
    OutOfDiskError,
    SeachangeError,
    ServerUnreachableError,
    TimeoutExceededError,
)
from seachange.postgres import interrupt
from seachange.postgres.connection import Database, connect
from seachange.postgres.server import Server, throwaway
from seachange.testing.fixtures import fresh_database
from tests.integration.backup.conftest import BIG, Backer, fill, left_in
from tests.integration.backup.proxy import Proxy, proxied


def test_a_lost_connection_is_tried_again(gate: tuple[Proxy, Database], back_up: Backer, here: Settings) -> None:
    proxy, database = gate
    proxy.at(1_000_000, lambda: "cut")
    backup = back_up(database)

    assert backup.manifest is not None
    assert backup.manifest.size_bytes > 4_000_000
    assert left_in(here) == [backup.name]


def test_a_killed_backend_is_tried_again(gate: tuple[Proxy, Database], big: Database, back_up: Backer) -> None:
    proxy, database = gate

    def kill() -> str:
        with contextlib.closing(connect(big, autocommit=True)) as session:
            session.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pg_dump'")
        return "go on"

    proxy.at(1_000_000, kill)

    assert back_up(database).complete


def test_a_connection_that_is_cut_again_and_again_is_given_up(
    gate: tuple[Proxy, Database], back_up: Backer, here: Settings
) -> None:
    proxy, database = gate
    proxy.at(1_000_000, lambda: "cut", times=100)
    with pytest.raises(BackupFailedError, match=f"{database.name} was not backed up: the connection was lost 3 times") as caught:
        back_up(database)

    assert caught.value.exit_code == 6
    assert left_in(here) == []


def test_a_server_that_is_stopped_in_the_middle_is_waited_for_and_then_given_up(here: Settings, back_up: Backer) -> None:
    impatient = dataclasses.replace(here, migration_timeout=1_000)
    with throwaway(here) as own, proxied(fill(own.database(), BIG)) as (proxy, database):

        def stop() -> str:
            assert own.pid is not None
            os.kill(own.pid, signal.SIGQUIT)
            return "go on"

        proxy.at(1_000_000, stop)
        with pytest.raises(ServerUnreachableError) as caught:
            back_up(database, impatient)

    assert caught.value.exit_code == 6
    assert left_in(here) == []


def test_a_connection_that_swallows_everything_is_noticed(gate: tuple[Proxy, Database], back_up: Backer, here: Settings) -> None:
    proxy, database = gate
    impatient = dataclasses.replace(here, stall_timeout=1_000, migration_timeout=1_000)
    proxy.at(1_000_000, lambda: "swallow")
    begin = time.monotonic()
    with pytest.raises(TimeoutExceededError, match="pg_dump made no progress for 2 s"):
        back_up(database, impatient)

    assert time.monotonic() - begin < 30
    assert left_in(here) == []


def test_a_disk_that_is_too_small_is_refused_before_anything_is_written(
    big: Database, back_up: Backer, here: Settings, small_disk: Path
) -> None:
    fill(big, "INSERT INTO big SELECT n, x FROM big; INSERT INTO big SELECT n, x FROM big")
    small = dataclasses.replace(here, backup_dir=str(small_disk))
    with pytest.raises(OutOfDiskError, match=r"the disk of .*/small has 2\.0 MB left, the backup needs about \d+\.\d MB"):
        back_up(big, small)

    assert list(small_disk.iterdir()) == []


def test_a_disk_that_fills_up_in_the_middle_leaves_old_backups_and_nothing_else(
    clinic: Database, back_up: Backer, here: Settings, small_disk: Path
) -> None:
    small = dataclasses.replace(here, backup_dir=str(small_disk))
    old = back_up(clinic, small)
    # The last backup says that this database shrinks to almost nothing, so that nothing is refused beforehand.
    fill(clinic, BIG)
    with pytest.raises(OutOfDiskError, match=r"the disk of .*/small is full") as caught:
        back_up(clinic, small)

    assert caught.value.exit_code == 1
    assert [path.name for path in small_disk.iterdir()] == [old.name]
    verify_digests(old)


def test_a_read_only_folder_is_named(clinic: Database, back_up: Backer, here: Settings, small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(NotWritableError, match=f"{small_disk}/.* cannot be written: Read-only file system"):
        back_up(clinic, dataclasses.replace(here, backup_dir=str(small_disk)))


def test_a_folder_that_vanishes_in_the_middle_is_said(gate: tuple[Proxy, Database], back_up: Backer, here: Settings) -> None:
    proxy, database = gate
    folder = here.path(here.backup_dir)

    def vanish() -> str:
        shutil.rmtree(folder)
        return "go on"

    proxy.at(1_000_000, vanish)
    with pytest.raises(NotWritableError, match=f"{folder}/.* cannot be written: No such file or directory"):
        back_up(database)

    assert not folder.exists()


def test_an_interruption_from_another_thread_leaves_nothing(
    gate: tuple[Proxy, Database], back_up: Backer, here: Settings
) -> None:
    proxy, database = gate

    def stop() -> str:
        interrupt.interrupt_all()
        return "go on"

    proxy.at(1_000_000, stop)
    try:
        with pytest.raises(SeachangeError) as caught:
            back_up(database)
    finally:
        interrupt.reset()

    assert isinstance(caught.value, InterruptedRunError)
    assert left_in(here) == []


_BACK_UP = """
import pathlib, signal, sys
from seachange.backup import create_backup
from seachange.config import Settings
from seachange.postgres.connection import connect, describe, parse
def stop(number, frame):
    raise SystemExit(143)
signal.signal(signal.SIGTERM, stop)
settings = Settings(root=pathlib.Path(sys.argv[1]), environment={"PATH": "/usr/bin:/bin"})
database = parse(sys.argv[2])
with connect(database) as session:
    server = describe(session)
create_backup(database, settings, revision="", server=server)
"""


@contextlib.contextmanager
def _backing_up(here: Settings, proxy: Proxy, database: Database) -> Iterator[subprocess.Popen[bytes]]:
    """A process in the middle of a dump."""
    middle, over = threading.Event(), threading.Event()

    def hold() -> str:
        middle.set()
        over.wait(60)
        return "go on"

    proxy.at(1_000_000, hold)
    command = [sys.executable, "-c", _BACK_UP, str(here.root), database.url()]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        try:
            assert middle.wait(60)
            yield process
        finally:
            over.set()
            process.kill()


def _dumps_run(database: Database) -> int:
    with contextlib.closing(connect(database, autocommit=True)) as session:
        row = session.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pg_dump' AND datname = %s", [database.name]
        ).fetchone()
    return row[0] if row else -1


def _wait_until(condition: Callable[[], bool], *, timeout_s: float = 20) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("number", "status"),
    [pytest.param(signal.SIGINT, -signal.SIGINT, id="Ctrl-C"), pytest.param(signal.SIGTERM, 143, id="SIGTERM")],
)
def test_a_signal_in_the_middle_leaves_nothing(
    gate: tuple[Proxy, Database], big: Database, here: Settings, number: signal.Signals, status: int
) -> None:
    proxy, database = gate
    with _backing_up(here, proxy, database) as process:
        assert [name for name in left_in(here) if name.startswith(".partial-")]
        process.send_signal(number)

        assert process.wait(30) == status
    assert left_in(here) == []
    _wait_until(lambda: _dumps_run(big) == 0)


def test_what_a_killed_run_left_is_swept_by_the_next(
    gate: tuple[Proxy, Database], big: Database, here: Settings, back_up: Backer
) -> None:
    proxy, database = gate
    with _backing_up(here, proxy, database) as process:
        process.kill()
        process.wait()
        # pg_dump does not outlive us, and the wreck does not look like a backup.
        lock, wreck = left_in(here)
    _wait_until(lambda: _dumps_run(big) == 0)

    assert wreck.startswith(".partial-")
    assert list_backups(here) == ()
    assert left_in(here) == [lock, wreck]

    made = back_up(big)

    assert left_in(here) == [made.name]


def test_a_running_backup_is_not_taken_for_a_wreck(
    gate: tuple[Proxy, Database], server: Server, here: Settings, back_up: Backer
) -> None:
    proxy, database = gate
    with _backing_up(here, proxy, database), fresh_database(server) as other:
        under_way = left_in(here)
        made = back_up(other)

        assert left_in(here) == sorted([*under_way, made.name])
