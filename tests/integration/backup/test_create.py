"""Making backups: complete, private, and of all that the database holds."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import datetime
import json
import os
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from seachange.backup import list_backups, prune_backups, verify_digests
from seachange.config import Settings
from seachange.errors import AuthenticationFailedError, BackupFailedError, BackupRunningError, TimeoutExceededError
from seachange.postgres.connection import Database, connect, describe
from seachange.postgres.server import Server
from seachange.testing.fixtures import fresh_database
from tests.backups import record_verification
from tests.integration.backup.conftest import NOON, Backer, fill, left_in
from tests.integration.backup.proxy import Proxy


def test_a_backup_is_complete_private_and_describes_itself(
    clinic: Database, server: Server, back_up: Backer, here: Settings
) -> None:
    backup = back_up(clinic, clock=lambda: NOON)
    verify_digests(backup)
    manifest = json.loads((backup.path / "manifest.json").read_text())

    assert backup.name == f"20250601T120000Z-{clinic.name}-1750200000000"
    assert sorted(path.name for path in backup.path.iterdir()) == ["database.dump", "globals.sql", "manifest.json"]
    assert [backup.path.stat().st_mode & 0o777, *(path.stat().st_mode & 0o777 for path in backup.path.iterdir())] == [
        0o700,
        0o600,
        0o600,
        0o600,
    ]
    assert list_backups(here, digests=True) == (backup,)
    assert (manifest["schema"], manifest["revision"], manifest["started"]) == (
        "seachange.backup/2",
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

    record_verification(second.path)

    assert [backup.name for backup in list_backups(here)] == [second.name, first.name]
    assert [backup.name for backup in prune_backups(here, keep=1)] == [first.name]


def test_a_second_backup_of_the_same_database_is_told_who_makes_the_first(
    gate: tuple[Proxy, Database], back_up: Backer, here: Settings
) -> None:
    proxy, database = gate
    refused: list[BackupRunningError] = []

    def try_too() -> str:
        try:
            back_up(database)
        except BackupRunningError as exc:
            refused.append(exc)
        return "go on"

    proxy.at(1_000_000, try_too)
    made = back_up(database)

    assert left_in(here) == [made.name]
    assert [exc.exit_code for exc in refused] == [6]
    assert refused[0].message.startswith(f"{database.name} is being backed up already, by pid {os.getpid()} (")
    assert re.search(rf" on {re.escape(socket.gethostname())}\) since \d{{4}}-\d\d-\d\dT", refused[0].message)


def test_backups_of_different_databases_at_once_all_succeed(server: Server, back_up: Backer, here: Settings) -> None:
    with contextlib.ExitStack() as stack:
        databases = [fill(stack.enter_context(fresh_database(server))) for _ in range(3)]
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            made = list(pool.map(lambda database: back_up(database, clock=lambda: NOON), databases))

    assert {backup.name for backup in list_backups(here, digests=True) if backup.complete} == {backup.name for backup in made}
    assert len(left_in(here)) == 3


def test_progress_is_told_while_it_is_written(gate: tuple[Proxy, Database], back_up: Backer) -> None:
    proxy, database = gate
    told = threading.Event()
    in_time: list[bool] = []

    def hold() -> str:
        in_time.append(told.wait(20))
        return "go on"

    proxy.at(4_000_000, hold)
    back_up(database, progress=lambda text: told.set() if text.endswith(" MB written") else None)

    assert in_time == [True]


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
    assert left_in(here) == []


@pytest.fixture
def reader(server: Server) -> Iterator[str]:
    """A role that may log in and nothing else."""
    fill(server.database(), "CREATE ROLE backup_reader LOGIN")
    yield "backup_reader"
    fill(server.database(), "DROP ROLE backup_reader")


def test_a_role_that_may_not_read_everything_is_told_what_to_grant(
    clinic: Database, reader: str, back_up: Backer, here: Settings
) -> None:
    with pytest.raises(BackupFailedError) as caught:
        back_up(clinic.with_parameters(user=reader))

    assert caught.value.message == (
        'permission denied for backup_reader: it may not read "Größe ""x"""."a b", public.clients, '
        "sequence public.clients_id_seq, sequence public.numbers, public.pets and 5 more"
    )
    assert caught.value.hint == "grant the user pg_read_all_data (PostgreSQL 14 and later), or back up as the owner"
    assert left_in(here) == []


def test_row_security_does_not_leave_rows_out_silently(clinic: Database, reader: str, back_up: Backer, here: Settings) -> None:
    fill(clinic, f"GRANT pg_read_all_data TO {reader}; SELECT lo_unlink(oid) FROM pg_largeobject_metadata")
    with pytest.raises(BackupFailedError) as caught:
        back_up(clinic.with_parameters(user=reader))

    assert caught.value.message == "row-level security would hide rows of public.pets from backup_reader"
    assert "BYPASSRLS" in caught.value.hint
    assert left_in(here) == []


def test_a_user_that_does_not_exist_leaves_old_backups_as_they_are(
    clinic: Database, back_up: Backer, here: Settings, server: Server
) -> None:
    from seachange.backup import create_backup

    old = back_up(clinic)
    with contextlib.closing(connect(clinic)) as session:
        info = describe(session)
    with pytest.raises(AuthenticationFailedError):
        create_backup(clinic.with_parameters(user="nobody_here"), here, revision="", server=info)

    assert left_in(here) == [old.name]
    verify_digests(old)


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
    record_verification(made[-1].path)

    assert [backup.name for backup in prune_backups(here, keep=2)] == [backup.name for backup in made[:2]]
    assert [backup.name for backup in list_backups(here)] == [made[3].name, made[2].name]
