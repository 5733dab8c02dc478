"""How large a backup will be, told before it is made."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from seachange.backup.manifest import BackupFile
from seachange.backup.planning import estimate_bytes
from seachange.backup.verify import Backup
from tests.backups import make_manifest

_MB = 1024**2


def _backup(*, database_mb: int, dump_mb: int) -> Backup:
    manifest = make_manifest(files=(BackupFile(path="database.dump", size_bytes=dump_mb * _MB, sha256=""),))
    contents = dataclasses.replace(manifest.contents, size_bytes=database_mb * _MB)
    return Backup(path=Path("/backups/one"), manifest=dataclasses.replace(manifest, contents=contents))


@pytest.mark.parametrize(
    ("database_mb", "previous", "expected"),
    [
        pytest.param(1607, None, 240 * _MB, id="the first backup: a usual ratio"),
        pytest.param(207, _backup(database_mb=107, dump_mb=20), 40 * _MB, id="the ratio of the last one"),
        pytest.param(1007, _backup(database_mb=8, dump_mb=5), 1000 * _MB, id="never more than the database"),
        pytest.param(7, None, 64 * 1024, id="an empty database: the least"),
        pytest.param(207, Backup(path=Path("/x"), manifest=None), 30 * _MB, id="a damaged one tells nothing"),
    ],
)
def test_the_size_is_estimated_from_the_database_and_the_last_ratio(
    database_mb: int, previous: Backup | None, expected: int
) -> None:
    assert estimate_bytes(database_mb * _MB, previous) == expected
