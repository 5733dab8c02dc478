"""The record of a verification: bound to its manifest, never replaced by less, harmless when it is damaged."""

from __future__ import annotations

import dataclasses
import datetime
import os
from pathlib import Path

import pytest

from seachange.backup.verification import (
    VERIFICATION_NAME,
    Verification,
    parse_verification,
    supersedes,
    write_verification,
)
from seachange.backup.verify import read_backup
from seachange.errors import NotWritableError
from tests.backups import START, make_backup, record_verification

RECORD = Verification(
    at=START,
    method="restore",
    ok=True,
    manifest_sha256="a" * 64,
    duration_s=1.25,
    notes=("text sorts by bytes (C)",),
    tables=2,
    rows=12,
    server_version="15.18",
    tool_version="0.1.0",
)


def test_a_record_is_read_as_it_was_written() -> None:
    assert parse_verification(RECORD.to_json().encode(), manifest_sha256="a" * 64) == RECORD


def test_a_record_of_another_manifest_counts_for_nothing() -> None:
    assert parse_verification(RECORD.to_json().encode(), manifest_sha256="b" * 64) is None


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"[]", id="list"),
        pytest.param(b"[" * 100_000, id="deep"),
        pytest.param(RECORD.to_json().encode()[:-20], id="truncated"),
        pytest.param(RECORD.to_json().replace('"rows": 12', '"rows": 13').encode(), id="changed"),
        pytest.param(RECORD.to_json().replace("verification/1", "verification/9").encode(), id="later version"),
    ],
)
def test_a_damaged_record_is_none(text: bytes) -> None:
    assert parse_verification(text, manifest_sha256="a" * 64) is None


def test_a_backup_is_complete_until_it_was_restored(tmp_path: Path) -> None:
    path = make_backup(tmp_path)
    found = [read_backup(path).status, record_verification(path, method="fast").status, record_verification(path).status]

    assert found == ["complete", "complete", "verified"]


def test_what_a_verification_found_makes_a_backup_damaged(tmp_path: Path) -> None:
    backup = record_verification(make_backup(tmp_path), ok=False, problems=("public.pets has 3 rows instead of 4",))

    assert (backup.status, backup.problems, backup.verified) == ("damaged", ("public.pets has 3 rows instead of 4",), False)


def test_a_verification_that_could_not_be_done_says_nothing_about_the_backup(tmp_path: Path) -> None:
    backup = record_verification(make_backup(tmp_path), ok=None, problems=("PostgreSQL 15 was not found on this machine",))

    assert (backup.status, backup.problems) == ("complete", ())


def test_a_verified_backup_whose_file_was_cut_since_is_damaged(tmp_path: Path) -> None:
    path = make_backup(tmp_path)
    record_verification(path)
    (path / "database.dump").write_text("cut")

    assert read_backup(path).status == "damaged"


def test_a_backup_with_the_record_and_manifest_of_others_is_not_verified(tmp_path: Path) -> None:
    one, other = make_backup(tmp_path, number=1), make_backup(tmp_path, number=2)
    record_verification(one)
    (one / VERIFICATION_NAME).rename(other / VERIFICATION_NAME)

    assert read_backup(other).verification is None


def _at(method: str, ok: bool | None) -> Verification:  # noqa: FBT001
    return dataclasses.replace(RECORD, method=method, ok=ok)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("new", "old", "replaces"),
    [
        pytest.param(("fast", True), ("restore", True), False, id="less after a restore"),
        pytest.param(("fast", False), ("restore", True), True, id="damage after a restore"),
        pytest.param(("fast", True), ("restore", False), False, id="less after damage that only a restore shows"),
        pytest.param(("fast", True), ("fast", False), True, id="mended"),
        pytest.param(("restore", True), ("restore", False), True, id="restored after all"),
        pytest.param(("restore", None), ("fast", True), False, id="unknown after something"),
        pytest.param(("restore", None), ("restore", None), True, id="unknown again"),
        pytest.param(("fast", True), ("restore", None), True, id="something after unknown"),
    ],
)
def test_less_never_replaces_more(new: tuple[str, bool | None], old: tuple[str, bool | None], replaces: bool) -> None:  # noqa: FBT001
    assert supersedes(_at(*new), _at(*old)) is replaces


def test_the_record_is_private_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = make_backup(tmp_path)
    (path / f".{VERIFICATION_NAME}.0123abcd").write_text("left by a crash")
    os.utime(path / f".{VERIFICATION_NAME}.0123abcd", (0, 0))
    record_verification(path)
    record_verification(path)

    assert sorted(file.name for file in path.iterdir()) == ["database.dump", "manifest.json", VERIFICATION_NAME]
    assert (path / VERIFICATION_NAME).stat().st_mode & 0o777 == 0o600


def test_a_folder_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotWritableError, match="gone"):
        write_verification(tmp_path / "gone", RECORD.to_json())


def test_its_age_is_never_negative() -> None:
    assert RECORD.age_s(START - datetime.timedelta(days=1)) == 0
