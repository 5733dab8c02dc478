"""The disk is full, broken, read-only, or the folder is not what it seems."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from seachange.backup import list_backups, restore, verify_digests
from seachange.config import Settings
from seachange.errors import NotWritableError, OutOfDiskError, RestoreFailedError
from seachange.postgres.connection import Database
from seachange.postgres.server import throwaway
from tests.faults.disks import make_tablespace, open_folder, small_disk_for_all
from tests.faults.fault import Observed, fault
from tests.faults.seeing import backups_left, failure, first_line
from tests.integration.backup.conftest import BIG, Backer, databases_of, fill, left_in
from tests.integration.backup.proxy import Proxy
from tests.project import Project, clean_environment


@fault(
    "a backup that will not fit on the disk (tmpfs of 2 MB)",
    catalogue=1,
    expected="refused with exit 1 before anything is written, with what is free and what is needed",
)
def test_a_disk_that_is_too_small_is_refused_before_anything_is_written(
    big: Database, back_up: Backer, each_format: Settings, small_disk: Path, observed: Observed
) -> None:
    fill(big, "INSERT INTO big SELECT n, x FROM big; INSERT INTO big SELECT n, x FROM big")
    small = dataclasses.replace(each_format, backup_dir=str(small_disk))
    with pytest.raises(OutOfDiskError, match="the backup needs about") as caught:
        back_up(big, small)

    assert left_in(small) == []
    observed.tell(f"{failure(caught)}; {backups_left(small)}")


@fault(
    "the disk is full in the middle of a dump (tmpfs of 2 MB, a database that has grown since the last backup)",
    catalogue=1,
    expected="exit 1; what was half-written is removed, old backups are untouched and whole",
)
def test_a_disk_that_fills_up_in_the_middle_leaves_old_backups_and_nothing_else(
    clinic: Database, back_up: Backer, each_format: Settings, small_disk: Path, observed: Observed
) -> None:
    small = dataclasses.replace(each_format, backup_dir=str(small_disk))
    old = back_up(clinic, small)
    # The last backup says that this database shrinks to almost nothing, so that nothing is refused beforehand.
    fill(clinic, BIG)
    with pytest.raises(OutOfDiskError, match="is full") as caught:
        back_up(clinic, small)

    assert caught.value.exit_code == 1
    assert left_in(small) == [old.name]
    verify_digests(old)
    observed.tell(f"{failure(caught)}; {backups_left(small)}")


@fault(
    "the server's disk is full in the middle of a restore (a tablespace on a tmpfs of 2 MB)",
    catalogue=(1, 27),
    expected="exit 4 with the server's words; the half-restored database is dropped, no other is touched",
)
def test_a_server_whose_disk_fills_up_in_a_restore_keeps_no_half_database(
    settings: Settings, back_up: Backer, each_format: Settings, observed: Observed
) -> None:
    with throwaway(settings) as source, open_folder() as folder:
        make_tablespace(source, folder)
        made = back_up(fill(source.database(), BIG.replace("big AS", "big TABLESPACE small AS")), each_format)
    with small_disk_for_all("2m") as disk, throwaway(settings) as small_server:
        make_tablespace(small_server, disk)
        before = databases_of(small_server)
        with pytest.raises(RestoreFailedError, match="No space left on device") as caught:
            restore(made, each_format, server=small_server.database())

        assert caught.value.exit_code == 4
        assert databases_of(small_server) == before
    observed.tell('exit 4, "... No space left on device"; the server has the databases that it had')


@fault(
    "fsync fails (EIO) in the middle of a backup, for each of its calls",
    catalogue=2,
    expected="exit 1 whichever call fails; nothing that looks like a backup is left",
)
def test_a_disk_that_does_not_keep_what_it_was_given_is_a_failure(
    clinic: Database, each_format: Settings, failing_disk: Path, observed: Observed
) -> None:
    command = [sys.executable, "-c", _EACH_FSYNC_FAILS, str(each_format.root), each_format.backup_format, clinic.url()]
    environment = {**clean_environment(), **_failing(failing_disk, "")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60)
    *failures, last = done.stdout.splitlines()

    assert last == "made"
    assert len(failures) >= 4
    assert {line.partition(" ")[0] for line in failures} == {"1"}
    assert all("Input/output error" in line for line in failures)
    assert len(list_backups(each_format, digests=True)) == len(left_in(each_format)) == 1
    observed.tell(f'exit 1 whichever failed, with the file and "Input/output error"; then {backups_left(each_format)}')


_EACH_FSYNC_FAILS = """
import os, pathlib, sys
from seachange.backup import create_backup
from seachange.config import Settings
from seachange.errors import SeachangeError
from seachange.postgres.connection import connect, describe, parse
settings = Settings(root=pathlib.Path(sys.argv[1]), environment={"PATH": "/usr/bin:/bin"}, backup_format=sys.argv[2])
database = parse(sys.argv[3])
with connect(database) as session:
    server = describe(session)
for number in range(1, 40):
    os.environ["FAULT"] = f"fsync:{number}:EIO"
    try:
        create_backup(database, settings, revision="", server=server)
    except SeachangeError as exc:
        print(int(exc.exit_code), exc.message)
    else:
        print("made")
        break
"""


def _failing(library: Path, what: str) -> dict[str, str]:
    return {"LD_PRELOAD": str(library), "FAULT": what, "FAULT_IN": "python"}


@fault(
    "the disk refuses a block (EIO) while pg_dump writes",
    catalogue=2,
    expected="exit 1 with the reason; nothing that looks like a backup is left",
)
def test_a_broken_disk_under_pg_dump_is_a_failure(
    linear: Project, database: Database, failing_disk: Path, observed: Observed
) -> None:
    fill(database, BIG)
    for form in ("custom", "directory"):
        environment = {**_failing(failing_disk, "fwrite:3:EIO"), "FAULT_IN": "pg_dump", "SEACHANGE_BACKUP_FORMAT": form}
        outcome = linear.invoke("db.backup", env=environment)

        assert (outcome.exit_code, list((linear.path / "backups").glob("[.2]*-*"))) == (1, []), outcome
        observed.tell(f"{form}: exit {outcome.exit_code}, {first_line(outcome.stdout + outcome.stderr)}; no backup was left")


@fault(
    "the folder of the backups is on a disk that is read-only",
    expected="exit 1 with the folder and the reason",
)
def test_a_read_only_folder_is_named(
    clinic: Database, back_up: Backer, here: Settings, small_disk: Path, observed: Observed
) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(NotWritableError, match="Read-only file system") as caught:
        back_up(clinic, dataclasses.replace(here, backup_dir=str(small_disk)))

    observed.tell(failure(caught))


_AS_NOBODY = """
import os, sys
from pathlib import Path
from seachange.backup.stores import LocalStore
from seachange.errors import SeachangeError
os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    with LocalStore(folder=Path(sys.argv[1]), root=Path("/")).staged():
        print("made")
except SeachangeError as exc:
    print(f'exit {int(exc.exit_code)}, "{exc.message}"')
"""


@fault(
    "the folder of the backups belongs to somebody else",
    expected="exit 1 with the folder and the reason",
)
def test_a_folder_of_somebody_else_is_named(observed: Observed) -> None:
    if os.geteuid():
        pytest.skip("only root can become somebody else")
    with open_folder() as folder:
        command = [sys.executable, "-c", _AS_NOBODY, str(folder)]
        said = subprocess.run(command, capture_output=True, text=True, check=False).stdout

    assert "cannot be written: Permission denied" in said
    observed.tell(said.replace(str(folder), "FOLDER"))


@fault(
    "the folder of the backups vanishes in the middle",
    expected="exit 1 with the folder and the reason; it is not made anew with half a backup",
)
def test_a_folder_that_vanishes_in_the_middle_is_said(
    gate: tuple[Proxy, Database], back_up: Backer, each_format: Settings, observed: Observed
) -> None:
    proxy, database = gate
    folder = each_format.path(each_format.backup_dir)

    def vanish() -> str:
        shutil.rmtree(folder)
        return "go on"

    proxy.at(1_000_000, vanish)
    with pytest.raises(NotWritableError, match="No such file or directory") as caught:
        back_up(database, each_format)

    assert not folder.exists()
    observed.tell(f"{failure(caught)}; the folder stayed away")


@fault(
    "the folder of the backups is a symbolic link",
    catalogue=24,
    expected="refused with exit 1; nothing is written where it leads",
)
def test_a_link_in_the_place_of_the_folder_is_refused(
    clinic: Database, back_up: Backer, here: Settings, tmp_path: Path, observed: Observed
) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    here.path(here.backup_dir).symlink_to(victim)
    with pytest.raises(NotWritableError, match="is a symbolic link") as caught:
        back_up(clinic)

    assert list(victim.iterdir()) == []
    observed.tell(f"{failure(caught)}; nothing was written where it leads")


@fault(
    "a link takes the place of a file of a backup",
    catalogue=24,
    expected="the backup is damaged: a link is not followed, neither when it is checked nor when it is restored",
)
def test_a_link_in_the_place_of_a_file_is_not_followed(
    clinic: Database, back_up: Backer, here: Settings, tmp_path: Path, observed: Observed
) -> None:
    made = back_up(clinic)
    assert made.manifest is not None
    dump = made.path / made.manifest.files[0].path
    shutil.move(dump, tmp_path / "elsewhere")
    dump.symlink_to(tmp_path / "elsewhere")
    (found,) = list_backups(here, digests=True)

    assert found.status == "damaged"
    with contextlib.suppress(FileNotFoundError):
        dump.unlink()
    observed.tell(f'{found.status}: "{found.problems[0]}"')
