"""Make a backup: under a temporary name, on disk, with its manifest written last, then published."""

from __future__ import annotations

import dataclasses
import datetime
import logging
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from seachange import __version__
from seachange.backup.dump import Dumped, Recipe, client_version, dump_database
from seachange.backup.files import disk_error, free_bytes, full_disk, write_new
from seachange.backup.globals import write_globals
from seachange.backup.manifest import MANIFEST_NAME, Manifest, ServerFacts
from seachange.backup.physical import dump_cluster
from seachange.backup.planning import plan_backup, previous_of
from seachange.backup.running import running_alone
from seachange.backup.selection import EVERYTHING, Selection
from seachange.backup.stores import open_store
from seachange.backup.verify import Backup
from seachange.config import Settings

if TYPE_CHECKING:
    from seachange.postgres.connection import Database, ServerInfo

__all__ = ["create_backup"]

log = logging.getLogger(__name__)


def create_backup(
    database: Database,
    settings: Settings,
    *,
    revision: str,
    server: ServerInfo,
    selection: Selection = EVERYTHING,
    dump_format: str = "",
    progress: Callable[[str], None] | None = None,
    clock: Callable[[], datetime.datetime] = lambda: datetime.datetime.now(datetime.UTC),
) -> Backup:
    """Back up a database into a new folder; it has its name only when everything in it is complete and on disk.

    :param database: the database.
    :param settings: where backups go, how they are made, and how long to wait.
    :param revision: the revision that the database is at, for the manifest and the name.
    :param server: what the server said about itself.
    :param selection: what goes in; all of it by default. Less than all is no safety net.
    :param dump_format: overrides ``backup_format``.
    :param progress: told what is being done.
    :param clock: the time in UTC.
    :returns: the backup.
    :raises NotWritableError: the folder cannot be written, or is a symbolic link.
    :raises OutOfDiskError: the disk has, or had, no room for it.
    :raises BackupRunningError: another run makes a backup of the same database.
    :raises BackupFailedError: the database could not be dumped; nothing that looks like a backup is left.
    :raises TimeoutExceededError: a lock was not to be had, or the dump stood still.
    :raises BinaryNotFoundError: there is no pg_dump that is new enough.
    """
    from seachange.postgres import binaries

    store = open_store(settings)
    folder = store.staging()
    begin, program = time.monotonic(), binaries.client(settings, "pg_dump", major=server.major)
    with running_alone(folder, database=server.database, server=server.system_identifier or database.redacted):
        backups = store.list()
        previous = previous_of(backups, server, selection)
        plan = plan_backup(database, settings, server=server, previous=previous, selection=selection, dump_format=dump_format)
        if free_bytes(folder) < plan.needed_bytes:
            raise full_disk(folder, needed=plan.needed_bytes)
        with store.staged() as partial:
            try:
                work = _Work(database, settings, plan.recipe, server=server, program=program, revision=revision)
                manifest = work.write(partial, backups, started=clock(), begin=begin, progress=progress or _ignore)
                backup = store.publish(partial, _name(manifest), progress=progress)
            except OSError as exc:
                raise disk_error(exc, folder) from exc
    log.info("backup %s made in %.2f s", backup.name, manifest.duration_s)
    return backup


class _Work:
    """One backup under way."""

    def __init__(
        self, database: Database, settings: Settings, recipe: Recipe, *, server: ServerInfo, program: Path, revision: str
    ) -> None:
        self._database, self._settings, self._recipe = database, settings, recipe
        self._server, self._program, self._revision = server, program, revision

    def write(
        self,
        partial: Path,
        backups: Sequence[Backup],
        *,
        started: datetime.datetime,
        begin: float,
        progress: Callable[[str], None],
    ) -> Manifest:
        """Write all files of the backup, its manifest last."""
        dumped = self._dump(partial, progress)
        manifest = self._manifest(dumped, sequence=_next_sequence(backups, started), started=started, begin=begin)
        write_new(partial / MANIFEST_NAME, manifest.to_json())
        return manifest

    def _dump(self, partial: Path, progress: Callable[[str], None]) -> Dumped:
        recipe = self._recipe
        if recipe.format == "physical":
            return dump_cluster(self._database, partial, self._settings, recipe=recipe, progress=progress)
        dumped = dump_database(self._database, partial, self._settings, recipe=recipe, program=self._program, progress=progress)
        if recipe.selection.scope != "database":
            return dumped
        return dataclasses.replace(
            dumped, files=(*dumped.files, write_globals(self._database, partial, recipients=recipe.recipients))
        )

    def _manifest(self, dumped: Dumped, *, sequence: int, started: datetime.datetime, begin: float) -> Manifest:
        return Manifest(
            sequence=sequence,
            started=started,
            files=dumped.files,
            duration_s=time.monotonic() - begin,
            tool_version=__version__,
            revision=self._revision,
            format=self._recipe.format,
            scope=self._recipe.selection.scope,
            compression=self._recipe.compression,
            encryption=self._recipe.recipients,
            client_version=client_version(self._program),
            server=_facts(self._server),
            contents=dumped.contents,
            snapshot_lsn=dumped.snapshot_lsn,
            fingerprint=dumped.fingerprint,
            tables=dumped.tables,
            large_objects=dumped.large_objects,
            physical=dumped.physical,
            notes=self._recipe.selection.notes,
        )


def _ignore(_text: str) -> None:
    """Tell nobody."""


def _next_sequence(backups: Sequence[Backup], started: datetime.datetime) -> int:
    # Milliseconds since 1970, but always beyond the last one: a clock that goes back does not make this the older backup.
    last = max((backup.manifest.sequence for backup in backups if backup.manifest), default=0)
    return max(round(started.timestamp() * 1000), last + 1)


def _facts(server: ServerInfo) -> ServerFacts:
    return ServerFacts(version=server.version_text, version_number=server.version, system_identifier=server.system_identifier)


def _name(manifest: Manifest) -> str:
    started = manifest.started.astimezone(datetime.UTC)
    parts = [
        f"{started:%Y%m%dT%H%M%SZ}",
        _slug(manifest.database) or "database",
        _slug(manifest.revision),
        "" if manifest.scope == "database" else manifest.scope,
        manifest.format if manifest.physical else "",
    ]
    return "-".join(part for part in parts if part)


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.]+", "-", name)[:60].strip("-.")
