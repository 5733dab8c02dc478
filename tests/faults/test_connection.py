"""The connection or the server breaks while a backup is made."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import time

import pytest

from seachange.backup import list_backups
from seachange.config import Settings
from seachange.errors import SeachangeError, TimeoutExceededError
from seachange.postgres.connection import Database, connect
from seachange.postgres.server import throwaway
from tests.faults.fault import Observed, fault
from tests.faults.seeing import ask, backups_left, failure, soon
from tests.integration.backup.conftest import BIG, Backer, fill
from tests.integration.backup.proxy import Proxy, proxied

MIDDLE = 1_000_000
_DUMPS = "SELECT pid FROM pg_stat_activity WHERE application_name = 'pg_dump' AND datname = current_database()"


@fault(
    "the connection is cut once in the middle of a dump (TCP cut)",
    catalogue=(4, 5),
    expected="the whole dump is tried again with a new snapshot; one whole backup, nothing else",
)
def test_a_cut_connection_is_tried_again(
    gate: tuple[Proxy, Database], back_up: Backer, each_format: Settings, observed: Observed
) -> None:
    proxy, database = gate
    proxy.at(MIDDLE, lambda: "cut")
    told: list[str] = []
    assert back_up(database, each_format, progress=told.append).complete

    assert "the connection was lost; trying again" in told
    observed.tell(f"exit 0, told on the way: the connection was lost; trying again; {backups_left(each_format)}")


@fault(
    "the backend of pg_dump is killed once in the middle (pg_terminate_backend)",
    catalogue=(4, 5),
    expected="as with a cut connection: tried again, one whole backup, nothing else",
)
def test_a_killed_backend_is_tried_again(
    gate: tuple[Proxy, Database], big: Database, back_up: Backer, each_format: Settings, observed: Observed
) -> None:
    proxy, database = gate

    def kill() -> str:
        ask(big, f"SELECT pg_terminate_backend(pid) FROM ({_DUMPS}) d")
        return "go on"

    proxy.at(MIDDLE, kill)
    assert back_up(database, each_format).complete
    assert list_backups(each_format, digests=True)[0].complete
    observed.tell(f"exit 0; {backups_left(each_format)}")


@fault(
    "the connection is cut in the middle of every try",
    catalogue=5,
    expected="given up after three tries with exit 6; nothing that looks like a backup is left",
)
def test_a_connection_that_is_cut_again_and_again_is_given_up(
    gate: tuple[Proxy, Database], back_up: Backer, each_format: Settings, observed: Observed
) -> None:
    proxy, database = gate
    proxy.at(MIDDLE, lambda: "cut", times=100)
    with pytest.raises(SeachangeError, match="the connection was lost 3 times") as caught:
        back_up(database, each_format)

    assert caught.value.exit_code == 6
    assert list_backups(each_format) == ()
    observed.tell(f"{failure(caught).partition(', at last')[0]}...; {backups_left(each_format)}")


@fault(
    "the server is stopped (immediate) in the middle of a dump and stays away",
    catalogue=4,
    expected="exit 6 after waiting for it; nothing that looks like a backup is left",
)
def test_a_server_that_is_stopped_in_the_middle_is_waited_for_and_given_up(
    here: Settings, back_up: Backer, observed: Observed
) -> None:
    impatient = dataclasses.replace(here, migration_timeout=1_000)
    with throwaway(here) as own, proxied(fill(own.database(), BIG)) as (proxy, database):

        def stop() -> str:
            assert own.pid is not None
            os.kill(own.pid, signal.SIGQUIT)
            return "go on"

        proxy.at(MIDDLE, stop)
        with pytest.raises(SeachangeError) as caught:
            back_up(database, impatient)

    assert caught.value.exit_code == 6
    assert list_backups(here) == ()
    observed.tell(f"exit 6, said that the server is not reached; {backups_left(here)}")


@fault(
    "a proxy swallows the connection in the middle of a dump: it acknowledges everything and forwards nothing",
    catalogue=6,
    expected="noticed after stall_timeout, the process group of pg_dump killed, exit 6; nothing left, no process left",
)
def test_a_connection_that_swallows_everything_is_noticed(
    gate: tuple[Proxy, Database], back_up: Backer, each_format: Settings, observed: Observed
) -> None:
    proxy, database = gate
    impatient = dataclasses.replace(each_format, stall_timeout=1_000, migration_timeout=1_000)
    proxy.at(MIDDLE, lambda: "swallow")
    begin = time.monotonic()
    with pytest.raises(TimeoutExceededError, match="no progress") as caught:
        back_up(database, impatient)

    assert (caught.value.exit_code, time.monotonic() - begin < 30) == (6, True)
    assert list_backups(each_format) == ()
    observed.tell(f"{failure(caught)}; {backups_left(each_format)}")


@fault(
    "the server stands still in the middle of a dump (SIGSTOP to the backend; a disk that never answers looks the same)",
    catalogue=31,
    expected="noticed after stall_timeout, exit 6; nothing left",
)
def test_a_server_that_stands_still_is_noticed(
    gate: tuple[Proxy, Database], big: Database, back_up: Backer, here: Settings, observed: Observed
) -> None:
    proxy, database = gate
    impatient = dataclasses.replace(here, stall_timeout=1_000, migration_timeout=1_000)
    stopped: list[int] = []

    def stand_still() -> str:
        for (pid,) in ask(big, _DUMPS):
            stopped.append(int(str(pid)))
            os.kill(stopped[-1], signal.SIGSTOP)
        return "go on"

    proxy.at(MIDDLE, stand_still)
    try:
        with pytest.raises(TimeoutExceededError, match="no progress") as caught:
            back_up(database, impatient)
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)

    assert stopped
    assert list_backups(here) == ()
    assert soon(lambda: not ask(big, _DUMPS))
    observed.tell(f"{failure(caught)}; {backups_left(here)}; no session of pg_dump is left")


@fault(
    "ALTER TABLE while a dump runs",
    catalogue=16,
    expected="it waits for the dump (ACCESS SHARE), so the workflow finishes its backup before it applies anything",
)
def test_a_change_waits_for_the_dump(gate: tuple[Proxy, Database], big: Database, back_up: Backer, observed: Observed) -> None:
    import psycopg

    proxy, database = gate
    refused: list[str] = []

    def alter() -> str:
        with contextlib.closing(connect(big, autocommit=True, lock_timeout_ms=300)) as session:
            try:
                session.execute("ALTER TABLE big ADD COLUMN y int")
            except psycopg.errors.LockNotAvailable as exc:
                refused.append(str(exc.sqlstate))
        return "go on"

    proxy.at(MIDDLE, alter)
    made = back_up(database)

    assert made.complete
    assert refused == ["55P03"]
    observed.tell("the ALTER ended at its lock_timeout (55P03) while the dump ran; the backup is whole")
