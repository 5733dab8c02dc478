"""Making backups: complete or not there at all, whatever goes wrong."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from seachange.backup import Backup, list_backups, prune_backups, verify_digests
from seachange.config import Settings
from seachange.errors import (
    AuthenticationFailedError,
    BackupFailedError,
    InterruptedRunError,
    NotWritableError,
    OutOfDiskError,
    SeachangeError,
    ServerUnreachableError,
    TimeoutExceededError,
)
from seachange.postgres import interrupt
from seachange.postgres.connection import Database, connect, describe
from seachange.postgres.server import Server, throwaway
from tests.integration.backup.conftest import BIG, Backer, fill
from tests.integration.backup.proxy import Proxy, proxied

NOON = datetime.datetime(2025, 6, 1, 12, 0, tzinfo=datetime.UTC)


def _left(settings: Settings) -> list[str]:
    folder = settings.path(settings.backup_dir)
    return sorted(path.name for path in folder.iterdir() if path.name != ".gitignore") if folder.is_dir() else []


@pytest.fixture
def big(database: Database) -> Database:
    """A database whose dump takes a while and about 8 MB."""
    return fill(database, BIG)


@pytest.fixture
def gate(big: Database) -> Iterator[tuple[Proxy, Database]]:
    """A proxy to the big database, whose address the test uses."""
    with proxied(big) as both:
        yield both


def test_a_backup_is_complete_private_and_describes_itself(
    clinic: Database, server: Server, back_up: Backer, here: Settings
) -> None:
    backup = back_up(clinic, clock=lambda: NOON)
    verify_digests(backup)
    manifest = json.loads((backup.path / "manifest.json").read_text())

    assert backup.name == f"20250601T120000Z-{clinic.name}-1750200000000"
    assert sorted(path.name for path in backup.path.iterdir()) == ["database.dump", "manifest.json"]
    assert [backup.path.stat().st_mode & 0o777, *(path.stat().st_mode & 0o777 for path in backup.path.iterdir())] == [
        0o700,
        0o600,
        0o600,
    ]
    assert list_backups(here, digests=True) == (backup,)
    assert (manifest["schema"], manifest["revision"], manifest["started"]) == (
        "seachange.backup/1",
        "1750200000000",
        "2025-06-01T12:00:00.000+00:00",
    )
    assert manifest["client_version"].split(".")[0] == manifest["server"]["version"].split(".")[0] == str(server.major)
    assert manifest["contents"]["tables"]["public.clients"] == 500
    assert len(manifest["contents"]["tables"]) == 7


def test_a_second_backup_has_its_own_name_and_comes_first(clinic: Database, back_up: Backer, here: Settings) -> None:
    names = [back_up(clinic, clock=lambda: NOON).name for _ in range(2)]

    assert names == [f"20250601T120000Z-{clinic.name}-1750200000000", f"20250601T120000Z-{clinic.name}-1750200000000-2"]
    assert [backup.name for backup in list_backups(here)] == names[::-1]


def test_a_clock_that_goes_back_does_not_make_a_backup_the_older_one(clinic: Database, back_up: Backer, here: Settings) -> None:
    first = back_up(clinic, clock=lambda: NOON)
    second = back_up(clinic, clock=lambda: NOON - datetime.timedelta(days=400))

    assert [backup.name for backup in list_backups(here)] == [second.name, first.name]
    assert [backup.name for backup in prune_backups(here, keep=1)] == [first.name]


def test_several_backups_at_once_all_succeed(clinic: Database, back_up: Backer, here: Settings) -> None:
    made: list[Backup] = []
    threads = [threading.Thread(target=lambda: made.append(back_up(clinic, clock=lambda: NOON))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len({backup.name for backup in made}) == 4
    assert {backup.name for backup in list_backups(here, digests=True) if backup.complete} == {backup.name for backup in made}


def test_progress_is_told_while_it_is_written(gate: tuple[Proxy, Database], back_up: Backer) -> None:
    proxy, database = gate
    proxy.at(4_000_000, lambda: time.sleep(2.5) or "go on")  # type: ignore[func-returns-value]
    said: list[str] = []
    back_up(database, progress=said.append)

    assert any(text.endswith(" MB written") for text in said)


def test_a_lost_connection_is_tried_again(gate: tuple[Proxy, Database], back_up: Backer, here: Settings) -> None:
    proxy, database = gate
    proxy.at(1_000_000, lambda: "cut")
    backup = back_up(database)

    assert backup.manifest is not None
    assert backup.manifest.size_bytes > 4_000_000
    assert _left(here) == [backup.name]


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
    assert _left(here) == []


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
    assert _left(here) == []


def test_a_connection_that_swallows_everything_is_noticed(gate: tuple[Proxy, Database], back_up: Backer, here: Settings) -> None:
    proxy, database = gate
    impatient = dataclasses.replace(here, stall_timeout=1_000, migration_timeout=1_000)
    proxy.at(1_000_000, lambda: "swallow")
    begin = time.monotonic()
    with pytest.raises(TimeoutExceededError, match="pg_dump made no progress for 2 s"):
        back_up(database, impatient)

    assert time.monotonic() - begin < 30
    assert _left(here) == []


def test_a_lock_that_is_not_to_be_had_names_its_holder(clinic: Database, back_up: Backer, here: Settings) -> None:
    impatient = dataclasses.replace(here, migration_timeout=500)
    with contextlib.closing(connect(clinic, application_name="a long report")) as holder:
        holder.execute("LOCK TABLE clients")
        with pytest.raises(TimeoutExceededError) as caught:
            back_up(clinic, impatient)
        pid = holder.info.backend_pid

    assert "was not to be had in time" in caught.value.message
    assert f"pid {pid} (a long report, idle in transaction since" in caught.value.message
    assert caught.value.message.endswith("holds clients")
    assert caught.value.exit_code == 6
    assert _left(here) == []


@pytest.fixture
def reader(server: Server) -> Iterator[str]:
    """A role that may log in and nothing else."""
    fill(server.database(), "CREATE ROLE backup_reader LOGIN")
    yield "backup_reader"
    fill(server.database(), "DROP ROLE backup_reader")


def test_a_role_that_may_not_read_everything_is_told_what_to_grant(
    clinic: Database, reader: str, back_up: Backer, here: Settings
) -> None:
    with pytest.raises(BackupFailedError, match="permission denied for") as caught:
        back_up(clinic.with_parameters(user=reader))

    assert caught.value.hint == "grant the user pg_read_all_data (PostgreSQL 14 and later), or back up as the owner"
    assert _left(here) == []


def test_row_security_does_not_leave_rows_out_silently(clinic: Database, reader: str, back_up: Backer, here: Settings) -> None:
    fill(clinic, f"GRANT pg_read_all_data TO {reader}; SELECT lo_unlink(oid) FROM pg_largeobject_metadata")
    with pytest.raises(BackupFailedError, match="row-level security") as caught:
        back_up(clinic.with_parameters(user=reader))

    assert "BYPASSRLS" in caught.value.hint
    assert _left(here) == []


def test_a_user_that_does_not_exist_leaves_old_backups_as_they_are(
    clinic: Database, back_up: Backer, here: Settings, server: Server
) -> None:
    from seachange.backup import create_backup

    old = back_up(clinic)
    with contextlib.closing(connect(clinic)) as session:
        info = describe(session)
    with pytest.raises(AuthenticationFailedError):
        create_backup(clinic.with_parameters(user="nobody_here"), here, revision="", server=info)

    assert _left(here) == [old.name]
    verify_digests(old)


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
    assert _left(here) == []


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
        assert [name for name in _left(here) if name.startswith(".partial-")]
        process.send_signal(number)

        assert process.wait(30) == status
    assert _left(here) == []
    _wait_until(lambda: _dumps_run(big) == 0)


def test_what_a_killed_run_left_is_swept_by_the_next(
    gate: tuple[Proxy, Database], big: Database, here: Settings, back_up: Backer
) -> None:
    proxy, database = gate
    with _backing_up(here, proxy, database) as process:
        process.kill()
        process.wait()
        # pg_dump does not outlive us, and the wreck does not look like a backup.
        (wreck,) = _left(here)
    _wait_until(lambda: _dumps_run(big) == 0)

    assert wreck.startswith(".partial-")
    assert list_backups(here) == ()
    assert _left(here) == [wreck]

    made = back_up(big)

    assert _left(here) == [made.name]


def test_a_running_backup_is_not_taken_for_a_wreck(
    gate: tuple[Proxy, Database], big: Database, here: Settings, back_up: Backer
) -> None:
    proxy, database = gate
    with _backing_up(here, proxy, database):
        (under_way,) = _left(here)
        made = back_up(big)

        assert _left(here) == sorted([under_way, made.name])


def test_the_manifest_describes_the_snapshot_of_the_dump(gate: tuple[Proxy, Database], big: Database, back_up: Backer) -> None:
    proxy, database = gate

    def add() -> str:
        fill(big, "CREATE TABLE came_later AS SELECT 1 AS x")
        return "go on"

    proxy.at(1_000_000, add)
    backup = back_up(database)

    assert backup.manifest is not None
    assert list(backup.manifest.contents.tables) == ["public.big"]


def test_no_password_is_seen_while_dumping(gate: tuple[Proxy, Database], back_up: Backer, here: Settings) -> None:
    proxy, database = gate
    seen: list[str] = []

    def look() -> str:
        for entry in os.scandir("/proc"):
            with contextlib.suppress(OSError):
                seen.extend(Path(entry.path, name).read_bytes().decode(errors="replace") for name in ("cmdline", "environ"))
        return "go on"

    proxy.at(1_000_000, look)
    backup = back_up(database.with_parameters(password="s3cret:can'ary\\ @x"))

    assert any("pg_dump" in text for text in seen)
    assert not [text for text in seen if "can'ary" in text]
    assert b"can'ary" not in b"".join(path.read_bytes() for path in backup.path.iterdir())


def test_a_transaction_that_is_open_elsewhere_does_not_matter(clinic: Database, back_up: Backer) -> None:
    with psycopg.connect(**clinic.parameters) as session:  # type: ignore[arg-type]
        session.execute("INSERT INTO clients (name) VALUES ('not yet')")

        assert back_up(clinic).complete


def test_retention_runs_after_success_and_lists_what_it_removed(clinic: Database, back_up: Backer, here: Settings) -> None:
    made = [back_up(clinic) for _ in range(4)]

    assert [backup.name for backup in prune_backups(here, keep=2)] == [backup.name for backup in made[:2]]
    assert [backup.name for backup in list_backups(here)] == [made[3].name, made[2].name]
