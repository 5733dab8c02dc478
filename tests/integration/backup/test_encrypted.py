"""Encrypted backups: nothing readable lies in them, and a restore decrypts them into a folder that is gone afterwards."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from seachange.backup import Backup, verify_digests
from seachange.backup.checksums import table_checksums
from seachange.backup.sealing import unsealed
from seachange.config import Settings
from seachange.errors import BackupInvalidError, DecryptionFailedError, OutOfDiskError
from seachange.postgres.connection import Database
from tests.integration.backup.conftest import Backer, Restorer, contents_of, left_in

pyrage = pytest.importorskip("pyrage")


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """The file of a secret key."""
    path = tmp_path / "key.txt"
    path.write_text(f"{pyrage.x25519.Identity.generate()}\n")
    path.chmod(0o600)
    return path


@pytest.fixture(params=[pytest.param("custom", id="custom"), pytest.param("directory", id="directory")])
def sealed(here: Settings, secret: Path, request: pytest.FixtureRequest) -> Settings:
    """Settings of a project whose backups are encrypted to two recipients."""
    other = pyrage.x25519.Identity.generate()
    keys = (str(pyrage.x25519.Identity.from_str(secret.read_text().strip()).to_public()), str(other.to_public()))
    return dataclasses.replace(here, backup_format=request.param, backup_encrypt_to=keys, backup_identity=str(secret))


def _digest(path: Path) -> tuple[int, str]:
    content = path.read_bytes()
    return len(content), hashlib.sha256(content).hexdigest()


def test_everything_is_encrypted_and_a_restore_reads_it(
    clinic: Database, back_up: Backer, bring_back: Restorer, sealed: Settings
) -> None:
    backup = back_up(clinic, sealed)
    verify_digests(backup)
    restored = bring_back(backup, settings=sealed)

    assert backup.manifest is not None
    assert backup.manifest.encryption == sealed.backup_encrypt_to
    assert {file.path.rpartition(".")[2] for file in backup.manifest.files} == {"age"}
    assert all(path.read_bytes().startswith(b"age-encryption.org/v1") for path in backup.path.rglob("*.age"))
    assert backup.manifest.tables == table_checksums(clinic, sealed)
    assert contents_of(restored.database) == contents_of(clinic)
    assert left_in(sealed) == [backup.name]


def test_the_decrypted_copy_is_private_what_was_encrypted_and_gone_afterwards(
    clinic: Database, back_up: Backer, sealed: Settings
) -> None:
    backup = back_up(clinic, sealed)
    assert backup.manifest is not None
    with unsealed(backup, sealed) as archive:
        scratch = archive.parent
        found = {f"{path.relative_to(scratch)}.age": _digest(path) for path in scratch.rglob("*") if path.is_file()}
        modes = {path.stat().st_mode & 0o777 for path in (scratch, *scratch.rglob("*"))}

    assert {file.path: (file.plain_size_bytes, file.plain_sha256) for file in backup.manifest.files} == found
    assert modes == {0o700, 0o600} if archive.name == "database" else {0o700, 0o600}
    assert not scratch.exists()


def test_what_is_not_encrypted_is_not_copied(clinic: Database, back_up: Backer, here: Settings) -> None:
    backup = back_up(clinic, here)
    with unsealed(backup, here) as archive:
        assert archive == backup.path / "database.dump"


@pytest.mark.parametrize("failure", [KeyboardInterrupt, ValueError])
def test_a_block_that_fails_leaves_no_copy(
    clinic: Database, back_up: Backer, sealed: Settings, failure: type[BaseException]
) -> None:
    backup = back_up(clinic, sealed)
    with pytest.raises(failure), unsealed(backup, sealed):
        raise failure

    assert left_in(sealed) == [backup.name]


def _another_key(settings: Settings, backup: Backup) -> Settings:
    path = backup.path.parent.parent / "other.txt"
    path.write_text(f"{pyrage.x25519.Identity.generate()}\n")
    return dataclasses.replace(settings, backup_identity=str(path))


def _no_key(settings: Settings, _backup: Backup) -> Settings:
    return dataclasses.replace(settings, backup_identity="")


@pytest.mark.parametrize("change", [pytest.param(_another_key, id="another key"), pytest.param(_no_key, id="no key")])
def test_without_the_right_key_nothing_is_left(
    clinic: Database, back_up: Backer, sealed: Settings, change: Callable[[Settings, Backup], Settings]
) -> None:
    backup = back_up(clinic, sealed)
    with pytest.raises(DecryptionFailedError), unsealed(backup, change(sealed, backup)):
        pass

    assert left_in(sealed) == [backup.name]


def test_a_changed_byte_is_found_while_decrypting(clinic: Database, back_up: Backer, sealed: Settings) -> None:
    backup = back_up(clinic, sealed)
    largest = max(backup.path.rglob("*.age"), key=lambda path: path.stat().st_size)
    content = bytearray(largest.read_bytes())
    content[-20] ^= 1
    largest.write_bytes(content)
    with pytest.raises(BackupInvalidError, match="is damaged"), unsealed(backup, sealed):
        pass

    assert left_in(sealed) == [backup.name]


def test_a_disk_without_room_for_the_copy_is_said(
    clinic: Database, back_up: Backer, sealed: Settings, small_disk: os.PathLike[str]
) -> None:
    backup = back_up(clinic, sealed)
    small = dataclasses.replace(sealed, backup_dir=str(small_disk))
    Path(small_disk, "full").write_bytes(bytes(2 * 1024**2 - 2 * 4096))
    with pytest.raises(OutOfDiskError, match="left, the backup needs about"), unsealed(backup, small):
        pass

    assert left_in(small) == ["full"]
