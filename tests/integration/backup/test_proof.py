"""Verification is a restore: what is wrong with a backup is found and named; what is wrong with the machine is no verdict."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import pyrage
import pytest

from seachange.backup import Backup, find_backup
from seachange.backup.copies import restored_copy
from seachange.backup.manifest import Manifest
from seachange.backup.proof import verified_copy, verify_backup
from seachange.backup.selection import Selection
from seachange.backup.verification import VERIFICATION_NAME
from seachange.backup.verify import read_backup
from seachange.config import Settings
from seachange.errors import BackupInvalidError, BinaryNotFoundError, CopyImpossibleError, DecryptionFailedError
from seachange.postgres.connection import Database
from tests.integration.backup.conftest import Backer, execute, fill

_PETS = '"Größe ""x"""."a b"'


def dump_of(backup: Backup) -> Path:
    """Return the file with the data."""
    return max((path for path in backup.path.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)


def flip(path: Path, *, at: float = 0.5) -> None:
    """Change one bit of a file."""
    data = bytearray(path.read_bytes())
    data[int(len(data) * at)] ^= 1
    path.write_bytes(data)


def rewritten(backup: Backup, **changes: object) -> Backup:
    """Give a backup another manifest, whose own digest is right."""
    assert backup.manifest is not None
    made: Manifest = dataclasses.replace(backup.manifest, **changes)  # type: ignore[arg-type]
    (backup.path / "manifest.json").write_text(made.to_json(), encoding="utf-8")
    return read_backup(backup.path)


def lying(backup: Backup, table: str, **changes: object) -> Backup:
    """Have a manifest say something else about one table."""
    assert backup.manifest is not None
    told = dataclasses.replace(backup.manifest.tables[table], **changes)  # type: ignore[arg-type]
    return rewritten(backup, tables={**backup.manifest.tables, table: told})


def test_a_backup_that_was_restored_and_is_the_same_is_verified(warm: Settings, each_database: Database, back_up: Backer) -> None:
    found = verify_backup(back_up(fill(each_database)), warm)

    assert (found.ok, found.method, found.problems) == (True, "restore", ())
    assert found.proven == ("schema", "1 extension", "6 tables with 921 rows", "2 large objects")
    assert (found.tables, found.rows) == (6, 921)
    assert find_backup(warm).status == "verified"
    assert find_backup(warm).verification == found


def test_a_backup_in_the_directory_format_is_verified_and_its_damage_found(
    warm: Settings, clinic: Database, back_up: Backer
) -> None:
    made = back_up(clinic, dump_format="directory")
    good, fast = verify_backup(made, warm), verify_backup(made, warm, fast=True)
    contents = next(made.path.rglob("toc.dat*"))
    flip(contents)
    bad = verify_backup(made, warm, fast=True)

    assert (good.ok, good.proven[2], fast.ok) == (True, "6 tables with 921 rows", True)
    assert bad.problems == (f"{contents} does not match its digest",)


def test_an_encrypted_backup_is_verified_with_the_key_and_no_verdict_without(
    warm: Settings, clinic: Database, back_up: Backer, tmp_path: Path
) -> None:
    identity = pyrage.x25519.Identity.generate()
    (tmp_path / "key").write_text(f"{identity}\n")
    (tmp_path / "key").chmod(0o600)
    sealed = dataclasses.replace(warm, backup_encrypt_to=(str(identity.to_public()),))
    made = back_up(clinic, sealed)
    with pytest.raises(DecryptionFailedError):
        verify_backup(made, sealed)
    fast, good = (
        verify_backup(made, sealed, fast=True),
        verify_backup(made, dataclasses.replace(sealed, backup_identity=str(tmp_path / "key"))),
    )
    flip(dump_of(made))

    assert (fast.ok, good.ok, good.rows) == (True, True, 921)
    assert verify_backup(made, sealed, fast=True).problems == (f"{dump_of(made)} does not match its digest",)


def test_a_part_of_a_database_is_compared_as_far_as_it_goes(warm: Settings, clinic: Database, back_up: Backer) -> None:
    schema = verify_backup(back_up(clinic, selection=Selection(schema_only=True)), warm)
    table = verify_backup(back_up(clinic, selection=Selection(tables=("visits",))), warm)
    without = back_up(clinic, selection=Selection(tables=("clients",)))

    assert (schema.ok, schema.proven) == (True, ("schema", "1 extension"))
    assert (table.ok, table.tables, table.rows) == (True, 2, 20)
    with pytest.raises(CopyImpossibleError, match="a part of a database cannot always be restored by itself"):
        verify_backup(without, warm)


def test_the_record_is_bound_to_the_manifest(warm: Settings, backup: Backup) -> None:
    verify_backup(backup, warm)
    record = json.loads((backup.path / VERIFICATION_NAME).read_text())
    again = rewritten(backup, revision="another")

    assert (record["schema"], record["manifest_sha256"]) == ("seachange.verification/1", backup.manifest_sha256)
    assert (again.status, again.verification) == ("complete", None)


def test_the_fast_way_says_that_it_is_less_and_does_not_verify(warm: Settings, backup: Backup) -> None:
    found = verify_backup(backup, warm, fast=True)

    assert (found.ok, found.method, found.proven) == (True, "fast", ())
    assert "whether it can be restored, nobody has tried" in found.notes[0]
    assert find_backup(warm).status == "complete"


def test_the_fast_way_does_not_take_the_place_of_a_restore(warm: Settings, backup: Backup) -> None:
    verify_backup(backup, warm)
    verify_backup(find_backup(warm), warm, fast=True)

    assert find_backup(warm).status == "verified"


def _cut(backup: Backup) -> Backup:
    path = dump_of(backup)
    path.write_bytes(path.read_bytes()[:-100])
    return backup


def _flipped(backup: Backup) -> Backup:
    flip(dump_of(backup))
    return backup


def _gone(backup: Backup) -> Backup:
    dump_of(backup).unlink()
    return backup


def _joined(backup: Backup) -> Backup:
    (backup.path / "notes.txt").write_text("whose?")
    return backup


def _flipped_manifest(backup: Backup) -> Backup:
    flip(backup.path / "manifest.json")
    return read_backup(backup.path)


def _later(backup: Backup) -> Backup:
    path = backup.path / "manifest.json"
    path.write_text(path.read_text().replace('"seachange.backup/2"', '"seachange.backup/99"'))
    return read_backup(backup.path)


@pytest.mark.parametrize("fast", [pytest.param(True, id="fast"), pytest.param(False, id="restore")])
@pytest.mark.parametrize(
    ("damage", "said"),
    [
        pytest.param(_flipped, "{dump} does not match its digest", id="flipped bit"),
        pytest.param(_cut, "{dump} has {less} bytes instead of {size}", id="truncated"),
        pytest.param(_gone, "{dump} is missing", id="missing"),
        pytest.param(_joined, "{folder}/notes.txt is not in the manifest", id="extra"),
        pytest.param(_flipped_manifest, "{folder}/manifest.json", id="flipped bit in the manifest"),
        pytest.param(_later, "{folder}/manifest.json has the format 'seachange.backup/99'", id="unknown format"),
    ],
)
def test_damage_is_found_and_named(
    warm: Settings,
    backup: Backup,
    damage: Callable[[Backup], Backup],
    said: str,
    fast: bool,  # noqa: FBT001
) -> None:
    path = dump_of(backup)
    size = path.stat().st_size
    found = verify_backup(damage(backup), warm, fast=fast)

    assert found.ok is False
    assert found.problems[0].startswith(said.format(dump=path, size=size, less=size - 100, folder=backup.path))
    assert read_backup(backup.path).status == "damaged"


def test_the_manifest_of_another_backup_is_named(warm: Settings, clinic: Database, backup: Backup, back_up: Backer) -> None:
    execute(clinic, "DELETE FROM pets WHERE id > 10")
    other = back_up(clinic)
    renamed = backup.path.with_name("20200101T000000Z-vetai")
    backup.path.rename(renamed)
    (renamed / "manifest.json").write_bytes((other.path / "manifest.json").read_bytes())
    found = verify_backup(read_backup(renamed), warm)

    assert found.ok is False
    assert found.problems[0].startswith(f"manifest.json is that of another backup, of {clinic.name} at ")


@pytest.mark.parametrize(
    ("lie", "said"),
    [
        pytest.param(
            lambda backup: lying(backup, "public.pets", rows=401), "table public.pets has 400 rows instead of 401", id="rows"
        ),
        pytest.param(
            lambda backup: lying(backup, _PETS, checksum="crc32:00000000"),
            f"table {_PETS} has 1 row as it should, and other values in them",
            id="values",
        ),
        pytest.param(
            lambda backup: rewritten(
                backup, tables={**backup.manifest.tables, "public.owls": backup.manifest.tables["public.pets"]}
            ),
            "table public.owls is missing",
            id="table",
        ),
        pytest.param(
            lambda backup: rewritten(backup, fingerprint="0" * 64), "the schema is another one: its fingerprint is ", id="schema"
        ),
        pytest.param(
            lambda backup: rewritten(backup, large_objects=dataclasses.replace(backup.manifest.large_objects, count=3)),
            "there are 2 large objects instead of 3",
            id="large objects",
        ),
        pytest.param(
            lambda backup: rewritten(backup, large_objects=dataclasses.replace(backup.manifest.large_objects, checksum="x")),
            "the 2 large objects have other contents",
            id="contents of large objects",
        ),
        pytest.param(
            lambda backup: rewritten(
                backup, contents=dataclasses.replace(backup.manifest.contents, extensions={"plpgsql": "1.0", "pg_trgm": "1.6"})
            ),
            "extension pg_trgm 1.6 is missing",
            id="extension",
        ),
    ],
)
def test_a_manifest_that_lies_is_found_though_its_digest_is_right(
    warm: Settings, backup: Backup, lie: Callable[[Backup], Backup], said: str
) -> None:
    false = lie(backup)

    assert (verify_backup(false, warm, fast=True).ok, false.status) == (True, "complete")

    found = verify_backup(false, warm)

    assert (found.ok, len(found.problems)) == (False, 1)
    assert found.problems[0].startswith(said)
    assert find_backup(warm, backup.name).problems == found.problems


def test_a_table_that_the_manifest_does_not_name_is_found(warm: Settings, backup: Backup) -> None:
    assert backup.manifest is not None
    tables = {name: table for name, table in backup.manifest.tables.items() if name != "public.clients"}
    estimates = {name: rows for name, rows in backup.manifest.contents.tables.items() if name != "public.clients"}
    short = rewritten(backup, tables=tables, contents=dataclasses.replace(backup.manifest.contents, tables=estimates))

    assert verify_backup(short, warm).problems == ("table public.clients is there, and the manifest does not name it",)


def test_an_archive_that_cannot_be_restored_is_no_good_backup(warm: Settings, database: Database, back_up: Backer) -> None:
    # The function finds its table only where the search path is the usual one.
    body = "BEGIN RETURN NOT EXISTS (SELECT FROM rates WHERE rate = $1); END"
    execute(
        database,
        "CREATE TABLE rates (rate int)",
        f"CREATE FUNCTION is_free(int) RETURNS bool LANGUAGE plpgsql AS '{body}'",
        "CREATE TABLE prices (price int CHECK (is_free(price)))",
        "INSERT INTO prices VALUES (1)",
    )
    found = verify_backup(back_up(database), warm)

    assert found.ok is False
    assert 'relation "rates" does not exist' in found.problems[0]


def test_what_this_machine_lacks_is_an_error_and_no_verdict(warm: Settings, backup: Backup) -> None:
    assert backup.manifest is not None
    needy = rewritten(backup, contents=dataclasses.replace(backup.manifest.contents, extensions={"postgis": "3.4.2"}))
    with pytest.raises(CopyImpossibleError, match=r"postgis 3\.4\.2"):
        verify_backup(needy, warm)
    after = find_backup(warm)

    assert (after.status, after.verification and after.verification.ok) == ("complete", None)
    assert after.verification is not None
    assert "postgis" in after.verification.problems[0]


def test_without_a_server_of_that_version_nothing_is_known(warm: Settings, backup: Backup) -> None:
    assert backup.manifest is not None
    aged = rewritten(backup, server=dataclasses.replace(backup.manifest.server, version_number=90_600))
    with pytest.raises(BinaryNotFoundError):
        verify_backup(aged, warm)

    assert find_backup(warm).status == "complete"


def test_what_was_verified_is_there_for_the_next_rehearsal(warm: Settings, backup: Backup) -> None:
    verify_backup(backup, warm, keep=True)
    with restored_copy(backup, warm) as copy:
        assert copy.hit


def test_a_copy_for_a_rehearsal_verifies_its_backup_on_the_way(warm: Settings, backup: Backup) -> None:
    hits = []
    for _ in range(2):
        with verified_copy(find_backup(warm), warm) as copy:
            hits.append((copy.hit, copy.backup.verified))

    assert hits == [(False, True), (True, True)]
    assert find_backup(warm).status == "verified"


def test_there_is_no_copy_of_a_backup_that_is_not_what_it_says(warm: Settings, backup: Backup) -> None:
    false = lying(backup, "public.pets", rows=401)
    with pytest.raises(BackupInvalidError, match=r"public\.pets has 400 rows instead of 401"), verified_copy(false, warm):
        pass

    assert find_backup(warm, backup.name).status == "damaged"
