"""Artefacts for other consumers of the database, from its catalogue."""

from __future__ import annotations

import contextlib

from seachange.config import Settings
from seachange.errors import BinaryNotFoundError
from seachange.postgres.catalog import exported_snapshot, read_catalog
from seachange.postgres.connection import Database, Session, connect
from seachange.sync._write import SyncedFile, SyncResult, publish
from seachange.sync.client import describe_client
from seachange.sync.diagram import describe_schema
from seachange.sync.structure import dump_structure

__all__ = ["SyncResult", "SyncedFile", "generate_client", "sync"]


def sync(
    database: Database, *, settings: Settings, check: bool = False, revision: str = "", version_table: str = "alembic_version"
) -> SyncResult:
    """Bring structure.sql and schema.md up to date with the database, both from one moment of it.

    :param database: the database.
    :param settings: ``sync_dir`` says where the files are.
    :param check: write nothing, say what is stale.
    :param revision: the revision of the database, for the headers.
    :param version_table: Alembic's own table, which is not described.
    :raises NotWritableError: a file cannot be written.
    :raises ProgramFailedError: pg_dump failed.
    """
    folder = settings.path(settings.sync_dir)
    structure: str | BinaryNotFoundError
    with contextlib.closing(_connect(database, settings)) as connection, exported_snapshot(connection) as snapshot:
        catalog = read_catalog(connection, schemas=settings.schemas, exclude_tables=(version_table,))
        try:
            structure = dump_structure(
                connection, database, settings=settings, catalog=catalog, snapshot=snapshot, revision=revision
            )
        except BinaryNotFoundError as exc:
            structure = exc
    path = folder / "structure.sql"
    if isinstance(structure, BinaryNotFoundError):
        first = SyncedFile(path=path, status="skipped", reason=f"{structure}; {structure.hint}")
    else:
        first = publish(path, structure, check=check)
    second = publish(folder / "schema.md", describe_schema(catalog, revision=revision), check=check)
    return SyncResult(files=(first, second), fingerprint=catalog.fingerprint)


def generate_client(
    database: Database, *, settings: Settings, check: bool = False, version_table: str = "alembic_version"
) -> SyncResult:
    """Bring client.py, the typed rows of the database, up to date with it.

    :param database: as for :func:`sync`, like the other parameters.
    :raises NotWritableError: the file cannot be written.
    """
    with contextlib.closing(_connect(database, settings)) as connection:
        catalog = read_catalog(connection, schemas=settings.schemas, exclude_tables=(version_table,))
    file = publish(settings.path(settings.sync_dir) / "client.py", describe_client(catalog), check=check)
    return SyncResult(files=(file,), fingerprint=catalog.fingerprint)


def _connect(database: Database, settings: Settings) -> Session:
    return connect(
        database, lock_timeout_ms=settings.session_lock_timeout, statement_timeout_ms=settings.session_statement_timeout
    )
