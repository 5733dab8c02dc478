"""Backups on disk for tests, made without a server: the manifest is real, the dump is a few bytes."""

from __future__ import annotations

import dataclasses
import datetime
from pathlib import Path

from seachange.backup.contents import Contents, DatabaseSetting, Grant, LargeObjects, Locale, Roles, TableContents
from seachange.backup.files import write_new
from seachange.backup.manifest import MANIFEST_NAME, BackupFile, Manifest, ServerFacts, describe_file
from seachange.backup.verification import Verification, write_verification
from seachange.backup.verify import Backup, read_backup

__all__ = ["START", "make_backup", "make_manifest", "record_verification"]

START = datetime.datetime(2025, 6, 1, 12, 0, 0, tzinfo=datetime.UTC)


def make_manifest(
    *, number: int = 1, database: str = "vetai", server: str = "7300000000000000001", files: tuple[BackupFile, ...] = ()
) -> Manifest:
    """Return the manifest of the backup with this number; higher numbers are later."""
    return Manifest(
        sequence=number,
        started=START + datetime.timedelta(minutes=number),
        duration_s=1.5,
        tool_version="0.1.0",
        revision="1750200000000",
        format="custom",
        compression="gzip:1",
        client_version="15.18",
        server=ServerFacts(version="15.18", version_number=150018, system_identifier=server),
        contents=Contents(
            database=database,
            owner="clinic",
            size_bytes=8_000_000,
            locale=Locale(encoding="UTF8", collate="C.UTF-8", ctype="C.UTF-8"),
            tables={"public.users": 12, "public.pets": None},
            extensions={"plpgsql": "1.0"},
            roles=Roles(owners=("clinic",), grantees=("reader",)),
            settings=(DatabaseSetting(name="TimeZone", value="UTC"), DatabaseSetting(name="app.secret", value=None, role="r")),
            grants=(Grant(role="", privilege="CONNECT"),),
            comment="the clinic",
        ),
        snapshot_lsn="0/16B3748",
        fingerprint="f" * 64,
        tables={"public.users": TableContents(rows=12, bytes=340, checksum="crc32:0badcafe", columns=("id", "name"))},
        large_objects=LargeObjects(count=0, bytes=0, checksum="crc32:00000000"),
        files=files or (BackupFile(path="database.dump", size_bytes=4, sha256="0" * 64),),
    )


def make_backup(folder: Path, *, number: int = 1, database: str = "vetai", server: str = "7300000000000000001") -> Path:
    """Write a complete backup into ``folder`` and return its path."""
    started = START + datetime.timedelta(minutes=number)
    path = folder / f"{started:%Y%m%dT%H%M%SZ}-{database}-1750200000000"
    path.mkdir(parents=True)
    write_new(path / "database.dump", f"dump number {number}")
    files = (describe_file(path, "database.dump"),)
    write_new(path / MANIFEST_NAME, make_manifest(number=number, database=database, server=server, files=files).to_json())
    return path


def record_verification(path: Path, **changes: object) -> Backup:
    """Record that the backup in a folder was restored and was the same, but for ``changes``, and return it."""
    record = Verification(at=START, method="restore", ok=True, manifest_sha256=read_backup(path).manifest_sha256)
    write_verification(path, dataclasses.replace(record, **changes).to_json())  # type: ignore[arg-type]
    return read_backup(path)
