"""Restoring fails before anything is made, or leaves nothing behind."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from seachange.backup import Backup, restore
from seachange.backup.contents import Roles
from seachange.config import Settings
from seachange.errors import (
    BackupInvalidError,
    InterruptedRunError,
    RestoreFailedError,
    ServerUnreachableError,
    TimeoutExceededError,
)
from seachange.postgres import interrupt
from seachange.postgres.connection import Database
from seachange.postgres.server import Server, throwaway
from tests.integration.backup.conftest import BIG, Backer, Restorer, databases_of, fill, of_version, with_contents
from tests.integration.backup.proxy import proxied


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"extensions": {"no_such": "1.0"}}, "touched: the server lacks the extension no_such 1.0", id="extension"),
        pytest.param(
            {"roles": Roles(policies=("no_role",))},
            r"touched: the server has no role no_role \(named by row security\)",
            id="policy's role",
        ),
        pytest.param(
            {"roles": Roles(owners=("a", "b"), grantees=("b",)), "extensions": {"x": "1", "y": "2"}, "owner": "c"},
            r"touched:\n  the server lacks the extensions x 1, y 2"
            r"\n  the server has no roles a \(owner\), b \(owner, has privileges\), c \(owner\)\Z",
            id="everything at once",
        ),
    ],
)
def test_what_the_server_lacks_is_said_before_anything_is_touched(
    backup: Backup, bring_back: Restorer, server: Server, changes: dict[str, object], message: str
) -> None:
    before = databases_of(server)
    with pytest.raises(RestoreFailedError, match=message) as caught:
        bring_back(with_contents(backup, **changes))

    assert caught.value.exit_code == 4
    assert databases_of(server) == before


@pytest.mark.parametrize("damage", ["flip", "truncate", "remove"])
def test_a_damaged_backup_is_refused_before_anything_is_made(
    backup: Backup, bring_back: Restorer, server: Server, damage: str
) -> None:
    dump = backup.path / "database.dump"
    data = dump.read_bytes()
    dump.unlink()
    if damage != "remove":
        middle = len(data) // 2
        changed = data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :] if damage == "flip" else data[:middle]
        dump.write_bytes(changed)
    before = databases_of(server)

    with pytest.raises(BackupInvalidError, match=f"backup {backup.name} is damaged: .*/database.dump"):
        bring_back(backup)
    assert databases_of(server) == before


def test_a_backup_that_is_gone_is_said(backup: Backup, bring_back: Restorer) -> None:
    backup.path.rename(backup.path.with_name("elsewhere"))

    with pytest.raises(BackupInvalidError, match=f"backup {backup.name} cannot be opened"):
        bring_back(backup)


_UNRESTORABLE = """
    CREATE FUNCTION f(x int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT x';
    CREATE TABLE t AS SELECT generate_series(1, 100) AS x;
    CREATE UNIQUE INDEX once ON t (f(x));
    CREATE OR REPLACE FUNCTION f(x int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 1';
"""


def test_a_restore_that_fails_half_way_leaves_no_database(
    database: Database, back_up: Backer, bring_back: Restorer, server: Server
) -> None:
    made = back_up(fill(database, _UNRESTORABLE))
    before = databases_of(server)
    with pytest.raises(RestoreFailedError, match=f"backup {made.name} was not restored: .*could not create unique index"):
        bring_back(made)

    assert databases_of(server) == before


def test_a_restore_that_fails_on_an_older_server_is_noticed_too(
    database: Database, back_up: Backer, here: Settings, server_of: Callable[[int], Server]
) -> None:
    made = back_up(fill(database, _UNRESTORABLE))
    older = server_of(15)
    before = databases_of(older)
    with pytest.raises(RestoreFailedError, match="could not create unique index"):
        restore(of_version(made, 150018), here, server=older.database())

    assert databases_of(older) == before


def test_a_backup_of_a_newer_server_is_refused_before_anything_is_made(
    backup: Backup, here: Settings, server_of: Callable[[int], Server]
) -> None:
    older = server_of(15)
    before = databases_of(older)
    with pytest.raises(RestoreFailedError, match=r"the server is PostgreSQL 15, older than the one .* \(18\.") as caught:
        restore(backup, here, server=older.database())

    assert caught.value.hint == "restore to a server of PostgreSQL 18 or newer"
    assert databases_of(older) == before


def test_a_table_that_is_missing_after_the_restore_is_a_failure(backup: Backup, bring_back: Restorer, server: Server) -> None:
    assert backup.manifest is not None
    before = databases_of(server)
    with pytest.raises(RestoreFailedError, match=r"1 of 8 tables are missing after the restore: public\.lost"):
        bring_back(with_contents(backup, tables={**backup.manifest.contents.tables, "public.lost": 3}))

    assert databases_of(server) == before


_RESTORE = """
import pathlib, signal, sys, time
from seachange.backup import find_backup, restore
from seachange.config import Settings
from seachange.postgres.connection import parse
def say(text):
    print(text, flush=True)
    if text.startswith("checking"):
        time.sleep(60)
settings = Settings(root=pathlib.Path(sys.argv[1]), environment={"PATH": "/usr/bin:/bin"})
restore(find_backup(settings), settings, server=parse(sys.argv[2]), progress=say)
"""


@contextlib.contextmanager
def _restoring(here: Settings, server: Server) -> Iterator[subprocess.Popen[str]]:
    """A process in the middle of a restore."""
    command = [sys.executable, "-c", _RESTORE, str(here.root), server.database().url()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while not process.stdout.readline().startswith("checking"):
            assert process.poll() is None
        yield process


def test_ctrl_c_leaves_no_half_restored_database(backup: Backup, here: Settings, server: Server) -> None:
    before = databases_of(server)
    with _restoring(here, server) as process:
        assert len(databases_of(server) - before) == 1
        process.send_signal(signal.SIGINT)

    assert databases_of(server) == before


def test_what_a_killed_restore_left_is_dropped_by_the_next(
    backup: Backup, here: Settings, server: Server, bring_back: Restorer
) -> None:
    before = databases_of(server)
    with _restoring(here, server) as process:
        process.kill()
    (left,) = databases_of(server) - before
    restored = bring_back(backup)

    assert left.startswith("seachange_restoring_")
    assert restored.removed == (left,)
    assert databases_of(server) - before == {restored.database.name}


def test_a_restore_under_way_is_not_taken_for_a_leftover(
    backup: Backup, here: Settings, server: Server, bring_back: Restorer
) -> None:
    before = databases_of(server)
    with _restoring(here, server) as process:
        (under_way,) = databases_of(server) - before
        bring_back(backup)

        assert under_way in databases_of(server)
        process.send_signal(signal.SIGINT)


def test_an_interruption_from_another_thread_ends_the_restore_and_cleans_up(
    backup: Backup, bring_back: Restorer, server: Server
) -> None:
    before = databases_of(server)
    try:
        with pytest.raises(InterruptedRunError):
            bring_back(backup, progress=lambda text: interrupt.interrupt_all() if text.startswith("restoring") else None)
    finally:
        interrupt.reset()

    assert databases_of(server) == before


@pytest.mark.parametrize(
    ("happens", "error", "message"),
    [
        pytest.param("cut", RestoreFailedError, "was not restored: .*pg_restore", id="cut"),
        pytest.param("swallow", TimeoutExceededError, "pg_restore made no progress for 3 s", id="swallowed"),
    ],
)
def test_a_connection_that_breaks_in_the_middle_leaves_no_database(
    database: Database,
    back_up: Backer,
    here: Settings,
    server: Server,
    happens: str,
    error: type[Exception],
    message: str,
) -> None:
    made = back_up(fill(database, BIG))
    impatient = dataclasses.replace(here, stall_timeout=3_000)
    before = databases_of(server)
    with proxied(server.database()) as (proxy, behind):
        proxy.at(1_000_000, lambda: happens)
        with pytest.raises(error, match=message):
            restore(made, impatient, server=behind)

    assert databases_of(server) == before


def test_a_long_statement_of_a_restore_is_not_taken_for_a_dead_connection(
    database: Database, back_up: Backer, bring_back: Restorer, here: Settings
) -> None:
    slow = """
        CREATE FUNCTION slow(x int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 1';
        CREATE TABLE t AS SELECT 1 AS x;
        CREATE TABLE empty (x int CHECK (slow(x) = 1));
        CREATE MATERIALIZED VIEW slowly AS SELECT slow(x) FROM t;
        CREATE OR REPLACE FUNCTION slow(x int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 1 FROM pg_sleep(5)';
    """
    made = back_up(fill(database, slow))

    assert bring_back(made, settings=dataclasses.replace(here, stall_timeout=3_000)).tables == 2


def test_a_server_that_is_stopped_in_the_middle_is_what_is_reported(backup: Backup, here: Settings) -> None:
    with throwaway(here) as own:

        def stop(text: str) -> None:
            if text.startswith("restoring"):
                assert own.pid is not None
                os.kill(own.pid, signal.SIGQUIT)
                time.sleep(0.5)

        with pytest.raises(ServerUnreachableError) as caught:
            restore(backup, dataclasses.replace(here, migration_timeout=500), server=own.database(), progress=stop)

    assert "(tried " in caught.value.message
