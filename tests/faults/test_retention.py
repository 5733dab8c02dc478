"""Clocks that go back, two at once, and what retention may never remove."""

from __future__ import annotations

import datetime
import re
import subprocess
import sys
import threading

import pytest

from seachange.backup import Backup, list_backups, prune_backups, verify_digests
from seachange.config import Settings
from seachange.errors import SeachangeError
from seachange.postgres.connection import Database, create_database, drop_database
from seachange.postgres.server import Server
from tests.backups import record_verification
from tests.faults.fault import Observed, fault
from tests.faults.seeing import backups_left
from tests.integration.backup.conftest import NOON, Backer, fill
from tests.integration.backup.proxy import Proxy


@fault(
    "the clock goes back 400 days between two backups",
    catalogue=29,
    expected="the second one stays the newer one; retention removes the first, not the one that looks old",
)
def test_a_clock_that_goes_back_changes_no_order(
    clinic: Database, back_up: Backer, each_format: Settings, observed: Observed
) -> None:
    first = back_up(clinic, each_format, clock=lambda: NOON)
    second = back_up(clinic, each_format, clock=lambda: NOON - datetime.timedelta(days=400))
    record_verification(second.path)
    order = [backup.name for backup in list_backups(each_format)]
    removed = [backup.name for backup in prune_backups(each_format, keep=1)]

    assert (order, removed) == ([second.name, first.name], [first.name])
    verify_digests(second)
    observed.tell(f"listed first: the later one; removed by retention: the earlier one; {backups_left(each_format)}")


@fault(
    "retention meets damaged backups",
    catalogue=30,
    expected="they are not counted: as many whole ones are kept as asked for",
)
def test_damaged_backups_push_no_whole_one_out(
    clinic: Database, back_up: Backer, each_format: Settings, observed: Observed
) -> None:
    made = [back_up(clinic, each_format) for _ in range(4)]
    for backup in made[2:]:
        assert backup.manifest is not None
        (backup.path / backup.manifest.files[0].path).unlink()
    removed = prune_backups(each_format, keep=2)

    assert removed == ()
    assert [backup.complete for backup in list_backups(each_format)] == [False, False, True, True]
    observed.tell("4 backups, the newest 2 damaged, 2 to keep: none removed")


@fault(
    "retention where no backup was verified, or only an old one",
    catalogue=30,
    expected="what is not verified goes only when a newer one is; the newest verified one never goes, whatever is asked for",
)
def test_the_newest_verified_backup_stays(clinic: Database, back_up: Backer, here: Settings, observed: Observed) -> None:
    made = [back_up(clinic) for _ in range(3)]
    unverified = prune_backups(here, keep=1)
    record_verification(made[1].path)
    removed = [backup.name for backup in prune_backups(here, keep=1)]

    assert (unverified, removed) == ((), [made[0].name])
    assert {backup.name for backup in list_backups(here)} == {made[1].name, made[2].name}
    observed.tell(
        "3 backups, 1 to keep: none removed while none was verified; the second verified: the first removed, the second stays"
    )


@fault(
    "two backups of one database into one folder at once",
    catalogue=11,
    expected="the second one says who is running, with exit 6; the first one is whole, and the lock ends with its owner",
)
def test_two_at_once(
    gate: tuple[Proxy, Database], big: Database, back_up: Backer, each_format: Settings, observed: Observed
) -> None:
    proxy, database = gate
    refused: list[SeachangeError] = []

    def second() -> str:
        with pytest.raises(SeachangeError) as caught:
            back_up(big, each_format)
        refused.append(caught.value)
        return "go on"

    proxy.at(1_000_000, second)
    back_up(database, each_format)
    back_up(big, each_format)

    assert refused[0].exit_code == 6
    assert [backup.complete for backup in list_backups(each_format, digests=True)] == [True, True]
    told = re.sub(r"by .*", "by USER since TIME", refused[0].message)
    observed.tell(f'the second: exit {int(refused[0].exit_code)}, "{told}"; another one afterwards: {backups_left(each_format)}')


@fault(
    "backups of two databases into one folder in the same second",
    catalogue=11,
    expected="both are whole and have names of their own",
)
def test_two_databases_at_once(
    clinic: Database, back_up: Backer, each_format: Settings, server: Server, observed: Observed
) -> None:
    other = fill(create_database(server.database().with_name(f"{clinic.name}_other")), "CREATE TABLE t AS SELECT 1 AS x")
    made: list[Backup] = []
    try:
        threads = [
            threading.Thread(target=lambda one=one: made.append(back_up(one, each_format, clock=lambda: NOON)))
            for one in (clinic, other)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        drop_database(other)

    assert len({backup.name for backup in made}) == 2
    for backup in made:
        verify_digests(backup)
    observed.tell(backups_left(each_format))


_HOLD = """
import sys, time
from pathlib import Path
from seachange.backup.store import find_backup, fetched
from seachange.config import Settings
settings = Settings(root=Path(sys.argv[1]), environment={})
with fetched(find_backup(settings, sys.argv[2]), settings):
    print("holds", flush=True)
    time.sleep(60)
"""


@fault(
    "retention while another process restores the backup that it would remove, and after that process was killed",
    catalogue=(11, 30),
    expected="it stays as long as it is used, however the user of it ends",
)
def test_a_backup_in_use_stays(clinic: Database, back_up: Backer, each_format: Settings, observed: Observed) -> None:
    old = back_up(clinic, each_format)
    record_verification(back_up(clinic, each_format).path)
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(each_format.root), old.name], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "holds\n"
            while_used = prune_backups(each_format, keep=1)
        finally:
            process.kill()
    afterwards = [backup.name for backup in prune_backups(each_format, keep=1)]

    assert (while_used, afterwards) == ((), [old.name])
    observed.tell("kept while it was used, removed by the next run after its user was killed")
