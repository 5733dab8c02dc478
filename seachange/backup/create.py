"""Make a backup: under a temporary name, on disk, with its manifest written last, then published."""

from __future__ import annotations

import datetime
import logging
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from seachange import __version__
from seachange.backup.dump import COMPRESSION, FORMAT, Dumped, client_version, dump_database
from seachange.backup.files import disk_error, free_bytes, full_disk, write_new
from seachange.backup.manifest import MANIFEST_NAME, Manifest, ServerFacts, describe_file
from seachange.backup.stores import open_store
from seachange.backup.verify import Backup
from seachange.config import Settings

if TYPE_CHECKING:
    from seachange.postgres.connection import Database, ServerInfo

__all__ = ["DUMP_NAME", "create_backup", "estimate_bytes"]

log = logging.getLogger(__name__)

DUMP_NAME = "database.dump"

# What an empty database takes on disk (PostgreSQL 14 to 18: 7 to 8 MB), and nothing in a dump.
_EMPTY_BYTES = 7 * 1024**2
# Measured: 234 MB for 1.6 GB of data folder. A guess for the first backup only; the later ones know the ratio of the last.
_USUAL_RATIO = 0.15
_LEAST_BYTES = 64 * 1024


def create_backup(
    database: Database,
    settings: Settings,
    *,
    revision: str,
    server: ServerInfo,
    progress: Callable[[str], None] | None = None,
    clock: Callable[[], datetime.datetime] = lambda: datetime.datetime.now(datetime.UTC),
) -> Backup:
    """Back up a database into a new folder; it has its name only when everything in it is complete and on disk.

    :param database: the database.
    :param settings: where backups go, and how long to wait.
    :param revision: the revision that the database is at, for the manifest and the name.
    :param server: what the server said about itself.
    :param progress: told what is being done.
    :param clock: the time in UTC.
    :returns: the backup.
    :raises NotWritableError: the folder cannot be written, or is a symbolic link.
    :raises OutOfDiskError: the disk has, or had, no room for it.
    :raises BackupFailedError: the database could not be dumped; nothing that looks like a backup is left.
    :raises TimeoutExceededError: a lock was not to be had, or the dump stood still.
    :raises BinaryNotFoundError: there is no pg_dump that is new enough.
    """
    from seachange.postgres import binaries

    store = open_store(settings)
    folder = store.staging()
    backups = store.list()
    _require_space(folder, _previous(backups, server), server)
    program = binaries.client(settings, "pg_dump", major=server.major)
    started, begin = clock(), time.monotonic()
    with store.staged() as partial:
        try:
            dumped = dump_database(database, partial / DUMP_NAME, settings, program=program, progress=progress or _ignore)
            manifest = _manifest(
                partial,
                dumped,
                server,
                sequence=_next_sequence(backups, started),
                started=started,
                begin=begin,
                revision=revision,
                program=program,
            )
            write_new(partial / MANIFEST_NAME, manifest.to_json())
            backup = store.publish(partial, _name(manifest), progress=progress)
        except OSError as exc:
            raise disk_error(exc, folder) from exc
    log.info("backup %s made in %.2f s", backup.name, manifest.duration_s)
    return backup


def estimate_bytes(size_bytes: int, previous: Backup | None) -> int:
    """Return how large a backup of a database will roughly be.

    :param size_bytes: the size of the database on the server.
    :param previous: the last backup of the same database; the ratio of its size to the database's is used again.
    """
    ratio = _USUAL_RATIO
    if previous and previous.manifest:
        ratio = min(1.0, previous.size_bytes / max(1, previous.manifest.contents.size_bytes - _EMPTY_BYTES))
    return max(_LEAST_BYTES, round((size_bytes - _EMPTY_BYTES) * ratio))


def _ignore(_text: str) -> None:
    """Tell nobody."""


def _require_space(folder: Path, previous: Backup | None, server: ServerInfo) -> None:
    needed, free = estimate_bytes(server.size_bytes, previous), free_bytes(folder)
    if free < needed:
        raise full_disk(folder, needed=needed)


def _previous(backups: Sequence[Backup], server: ServerInfo) -> Backup | None:
    for backup in backups:
        manifest = backup.manifest
        if manifest and (manifest.database, manifest.server.system_identifier) == (server.database, server.system_identifier):
            return backup
    return None


def _next_sequence(backups: Sequence[Backup], started: datetime.datetime) -> int:
    # Milliseconds since 1970, but always beyond the last one: a clock that goes back does not make this the older backup.
    last = max((backup.manifest.sequence for backup in backups if backup.manifest), default=0)
    return max(round(started.timestamp() * 1000), last + 1)


def _manifest(
    partial: Path,
    dumped: Dumped,
    server: ServerInfo,
    *,
    sequence: int,
    started: datetime.datetime,
    begin: float,
    revision: str,
    program: Path,
) -> Manifest:
    return Manifest(
        sequence=sequence,
        started=started,
        files=(describe_file(partial, DUMP_NAME),),
        duration_s=time.monotonic() - begin,
        tool_version=__version__,
        revision=revision,
        format=FORMAT,
        compression=COMPRESSION,
        client_version=client_version(program),
        server=_facts(server),
        contents=dumped.contents,
        snapshot_lsn=dumped.snapshot_lsn,
        fingerprint=dumped.fingerprint,
        tables=dumped.tables,
        large_objects=dumped.large_objects,
    )


def _facts(server: ServerInfo) -> ServerFacts:
    return ServerFacts(version=server.version_text, version_number=server.version, system_identifier=server.system_identifier)


def _name(manifest: Manifest) -> str:
    started = manifest.started.astimezone(datetime.UTC)
    parts = [f"{started:%Y%m%dT%H%M%SZ}", _slug(manifest.database) or "database", _slug(manifest.revision)]
    return "-".join(part for part in parts if part)


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.]+", "-", name)[:60].strip("-.")
