"""Backups that are damaged, truncated, incomplete or not what they say."""

from __future__ import annotations

import dataclasses
import json
import random
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from seachange.backup import Backup, find_backup, list_backups, restore, verify_digests
from seachange.backup.manifest import MANIFEST_NAME
from seachange.config import Settings
from seachange.errors import BackupInvalidError, SeachangeError
from seachange.postgres.connection import Database
from seachange.postgres.server import Server
from tests.faults.fault import Observed, fault
from tests.integration.backup.conftest import Backer, databases_of

FLIPS, CUTS = 60, 12


def _files(backup: Backup) -> list[Path]:
    return [path for path in sorted(backup.path.rglob("*")) if path.is_file() and path.name != MANIFEST_NAME]


def _found(backup: Backup) -> bool:
    try:
        verify_digests(backup)
    except BackupInvalidError:
        return True
    return False


def _spots(backup: Backup, count: int) -> Iterator[tuple[Path, int]]:
    """Yield places in the files of a backup, by size, the same in each run."""
    chance = random.Random(1)
    files = [(path, path.stat().st_size) for path in _files(backup)]
    for _ in range(count):
        ((path, size),) = chance.choices(files, weights=[size for _, size in files])
        yield path, chance.randrange(size)


@fault(
    f"one bit is flipped in a file of the backup ({FLIPS} places)",
    catalogue=18,
    expected="each is found by its digest before anything is restored",
)
def test_each_flipped_bit_is_found(clinic: Database, back_up: Backer, each_format: Settings, observed: Observed) -> None:
    made = back_up(clinic, each_format)
    found = 0
    for path, place in _spots(made, FLIPS):
        data = bytearray(path.read_bytes())
        data[place] ^= 1 << (place % 8)
        path.write_bytes(data)
        found += _found(made)
        data[place] ^= 1 << (place % 8)
        path.write_bytes(data)

    assert (found, _found(made)) == (FLIPS, False)
    observed.tell(f"{found} of {FLIPS} found")


@fault(
    f"one bit is flipped in the table of contents of the dump ({FLIPS} places)",
    catalogue=19,
    expected="each is found: it has a digest like every other file",
)
def test_each_flipped_bit_of_the_contents_is_found(
    clinic: Database, back_up: Backer, each_format: Settings, observed: Observed
) -> None:
    made = back_up(clinic, each_format)
    contents = next((path for path in _files(made) if path.name.startswith("toc.dat")), _files(made)[0])
    size = min(contents.stat().st_size, 20_000)
    found = 0
    for place in range(0, size, max(1, size // FLIPS)):
        data = bytearray(contents.read_bytes())
        data[place] ^= 4
        contents.write_bytes(data)
        found += _found(made)
        data[place] ^= 4
        contents.write_bytes(data)
        if found == FLIPS:
            break

    assert found == FLIPS
    observed.tell(f"{found} of {FLIPS} found")


@fault(
    f"a file of the backup is cut off ({CUTS} places)",
    catalogue=20,
    expected="each is found by its size, in the list of backups already",
)
def test_each_truncated_file_is_found(clinic: Database, back_up: Backer, each_format: Settings, observed: Observed) -> None:
    made = back_up(clinic, each_format)
    found = 0
    for path, place in _spots(made, CUTS):
        data = path.read_bytes()
        path.write_bytes(data[:place])
        (listed,) = list_backups(each_format)
        found += listed.status == "damaged"
        path.write_bytes(data)

    assert found == CUTS
    observed.tell(f"{found} of {CUTS} found")


def _essence(backup: Backup) -> str:
    return re.sub(
        r"damaged: (Unterminated|Expecting|Invalid).*", "damaged", backup.problems[0].partition(backup.name)[2].strip("/")
    )


def _missing(backup: Backup) -> None:
    _files(backup)[-1].unlink()


def _no_manifest(backup: Backup) -> None:
    (backup.path / MANIFEST_NAME).unlink()


def _cut_manifest(backup: Backup) -> None:
    path = backup.path / MANIFEST_NAME
    path.write_bytes(path.read_bytes()[:-200])


def _changed_manifest(backup: Backup) -> None:
    path = backup.path / MANIFEST_NAME
    document = json.loads(path.read_text())
    document["revision"] = "0000000000000"
    path.write_text(json.dumps(document))


def _unknown_format(backup: Backup) -> None:
    path = backup.path / MANIFEST_NAME
    document = json.loads(path.read_text())
    document["schema"] = "seachange.backup/99"
    path.write_text(json.dumps(document))


def _another_file(backup: Backup) -> None:
    path = backup.path / MANIFEST_NAME
    document = json.loads(path.read_text())
    document["files"][0]["path"] = "../../../etc/passwd"
    path.write_text(json.dumps(document))


@fault(
    "a file is missing; the manifest is missing, cut off, changed, of an unknown format, or leads outside",
    catalogue=(4, 20),
    expected="the backup is damaged, with the reason; it is not restored and never the latest",
)
@pytest.mark.parametrize("damage", [_missing, _no_manifest, _cut_manifest, _changed_manifest, _unknown_format, _another_file])
def test_an_incomplete_backup_is_no_backup(
    clinic: Database,
    server: Server,
    back_up: Backer,
    here: Settings,
    damage: Callable[[Backup], None],
    observed: Observed,
) -> None:
    old, made = back_up(clinic), back_up(clinic)
    before = databases_of(server)
    damage(made)
    newest = next(backup for backup in list_backups(here) if backup.name == made.name)

    assert newest.status == "damaged"
    with pytest.raises(SeachangeError):
        restore(newest, here, server=server.database())
    assert databases_of(server) == before
    assert find_backup(here).name == old.name
    observed.tell(f"{damage.__name__.strip('_').replace('_', ' ')}: {_essence(newest)}")


@fault(
    "a folder that looks like a backup, without a manifest: what a killed pg_dump leaves",
    catalogue=4,
    expected="no backup, though pg_restore would open it: the manifest is written last",
)
def test_what_a_killed_dump_leaves_is_no_backup(clinic: Database, back_up: Backer, here: Settings, observed: Observed) -> None:
    made = back_up(clinic, dataclasses.replace(here, backup_format="directory"))
    wreck = made.path.with_name("20990101T000000Z-wreck")
    shutil.copytree(made.path, wreck)
    (wreck / MANIFEST_NAME).unlink()
    found = {backup.name: backup.status for backup in list_backups(here)}

    assert found[wreck.name] == "damaged"
    assert find_backup(here).name == made.name
    observed.tell(f"it is {found[wreck.name]}, and latest is the one before")
