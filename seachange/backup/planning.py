"""How a backup will be made, decided and shown before anything is written: its format, its size, the room that it takes."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from seachange.backup.checksums import read_dumped_tables
from seachange.backup.dump import Recipe
from seachange.backup.encryption import read_recipients
from seachange.backup.rights import require_readable
from seachange.backup.selection import EVERYTHING, Selection
from seachange.backup.snapshot import hold_snapshot, lock_tables
from seachange.backup.verify import Backup
from seachange.config import Settings
from seachange.errors import ConfigError

if TYPE_CHECKING:
    from seachange.postgres.connection import Database, ServerInfo

__all__ = ["BackupPlan", "estimate_bytes", "plan_backup", "previous_of"]

# What an empty database takes on disk (PostgreSQL 14 to 18: 7 to 8 MB), and nothing in a dump.
_EMPTY_BYTES = 7 * 1024**2
# Measured: 234 MB compressed and 1.1 GB of text for 1.6 GB of data folder. Guesses for the first backup only; the later ones
# know the ratios of the last.
_USUAL_RATIO = 0.15
_USUAL_TEXT_RATIO = 0.7
_LEAST_BYTES = 64 * 1024
_MOST_JOBS = 4


@dataclasses.dataclass(frozen=True, kw_only=True)
class BackupPlan:
    """How a backup will be made.

    ``size_bytes`` is what it takes in the database, ``estimated_bytes`` what the backup will roughly take, and
    ``needed_bytes`` the room on the disk where it is made: in the directory format the text of the tables lies there too.
    """

    recipe: Recipe
    size_bytes: int
    tables: int
    estimated_bytes: int
    needed_bytes: int


def plan_backup(
    database: Database,
    settings: Settings,
    *,
    server: ServerInfo,
    previous: Backup | None = None,
    selection: Selection = EVERYTHING,
    dump_format: str = "",
) -> BackupPlan:
    """Decide how to back a database up, and make sure that the role may read all of it; nothing is written.

    :param database: the database.
    :param settings: ``backup_format``, ``backup_directory_from``, ``backup_jobs``, ``backup_encrypt_to``.
    :param server: what the server said about itself.
    :param previous: the last backup of the same database and scope, whose ratios are used.
    :param selection: what goes in; all of it by default.
    :param dump_format: overrides ``backup_format``.
    :raises BackupFailedError: the role may not read all of it; or, for a physical backup, the server does not let it be copied.
    :raises ConfigError: a table or schema does not exist, or a public key is none.
    """
    recipients = read_recipients(settings)
    wanted = dump_format or settings.backup_format
    if wanted == "physical" and (dump_format or selection == EVERYTHING):
        return _plan_cluster(database, settings, server=server, selection=selection, recipients=recipients)
    with hold_snapshot(database, settings) as snapshot:
        session, selected = snapshot.session, selection.resolve(snapshot.session)
        require_readable(session, tables=selected.names, rows=not selection.schema_only)
        lock_tables(session, database, selected)
        found = read_dumped_tables(session, only=selected.names)
        tables = {name: table for name, table in found.items() if selected.takes(name)}
    size_bytes = (
        server.size_bytes if selection.scope == "database" else sum(table.size_bytes for table in tables.values()) + _EMPTY_BYTES
    )
    text_bytes = 0 if selection.schema_only else _text_bytes(size_bytes, previous)
    recipe = Recipe(
        format=_format("auto" if wanted == "physical" else wanted, size_bytes=size_bytes, settings=settings),
        selection=selection,
        recipients=recipients,
        jobs=_jobs(settings),
        expected_bytes=text_bytes,
    )
    estimated = _LEAST_BYTES if selection.schema_only else estimate_bytes(size_bytes, previous)
    return BackupPlan(
        recipe=recipe,
        size_bytes=size_bytes,
        tables=len(tables),
        estimated_bytes=estimated,
        needed_bytes=estimated + (text_bytes if recipe.format == "directory" else 0),
    )


def estimate_bytes(size_bytes: int, previous: Backup | None) -> int:
    """Return how large a backup of a database will roughly be.

    :param size_bytes: the size of the database on the server.
    :param previous: the last backup of the same database; the ratio of its size to the database's is used again.
    """
    return max(_LEAST_BYTES, round(_filled(size_bytes) * _ratio(previous, previous.size_bytes if previous else 0, _USUAL_RATIO)))


def previous_of(backups: Sequence[Backup], server: ServerInfo, selection: Selection) -> Backup | None:
    """Return the newest dump of the same database with the same scope; None where there is none.

    :param backups: newest first.
    :param server: what the server said about itself.
    :param selection: what goes in.
    """
    wanted = (server.database, server.system_identifier, selection.scope)
    for backup in backups:
        manifest = backup.manifest
        if (
            manifest
            and not manifest.physical
            and (manifest.database, manifest.server.system_identifier, manifest.scope) == wanted
        ):
            return backup
    return None


def _text_bytes(size_bytes: int, previous: Backup | None) -> int:
    manifest = previous.manifest if previous else None
    text = sum(table.bytes for table in manifest.tables.values()) if manifest else 0
    return round(_filled(size_bytes) * _ratio(previous, text, _USUAL_TEXT_RATIO))


def _ratio(previous: Backup | None, size_bytes: int, usual: float) -> float:
    manifest = previous.manifest if previous else None
    if manifest is None or manifest.scope != "database" or not size_bytes:
        return usual
    return min(1.0, size_bytes / max(1, manifest.contents.size_bytes - _EMPTY_BYTES))


def _filled(size_bytes: int) -> int:
    return max(0, size_bytes - _EMPTY_BYTES)


def _plan_cluster(
    database: Database, settings: Settings, *, server: ServerInfo, selection: Selection, recipients: tuple[str, ...]
) -> BackupPlan:
    from seachange.backup.physical import require_replication
    from seachange.postgres.connection import connect

    if selection != EVERYTHING:
        raise ConfigError(
            "a physical backup is of the whole cluster, and a part of a database was selected",
            hint="leave the format out, or the selection",
        )
    with contextlib.closing(connect(database, autocommit=True)) as session:
        size_bytes = max(require_replication(session), server.size_bytes)
        tables = len(read_dumped_tables(session))
    estimated = max(_LEAST_BYTES, round(size_bytes * _USUAL_RATIO))
    recipe = Recipe(format="physical", recipients=recipients, jobs=_jobs(settings), expected_bytes=size_bytes)
    # The copy lies there as it is on the server until its files are compressed, one after the other.
    return BackupPlan(
        recipe=recipe, size_bytes=size_bytes, tables=tables, estimated_bytes=estimated, needed_bytes=size_bytes + estimated
    )


def _jobs(settings: Settings) -> int:
    return settings.backup_jobs or min(_MOST_JOBS, os.cpu_count() or 1)


def _format(wanted: str, *, size_bytes: int, settings: Settings) -> Literal["custom", "directory"]:
    if wanted == "custom" or (wanted == "auto" and size_bytes < settings.backup_directory_from):
        return "custom"
    if wanted in ("auto", "directory"):
        return "directory"
    raise ConfigError(f"{wanted!r} is no format of a backup", hint="auto, custom, directory or physical")
