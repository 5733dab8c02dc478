"""What the tests of backups share: a database with a bit of everything, settings of a project, small disks."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from psycopg import sql

from seachange.backup import Backup, create_backup
from seachange.config import Settings
from seachange.postgres.connection import Database, Session, connect, describe

__all__ = ["BIG", "Backer", "contents_of", "fill"]

Backer = Callable[..., Backup]

_CLINIC = (Path(__file__).parent / "clinic.sql").read_text(encoding="utf-8")

# Random bytes, which no compression makes smaller: about 8 MB in the dump.
BIG = """
    CREATE TABLE big AS
    SELECT n, (SELECT string_agg(md5(n::text || m || random()), '') FROM generate_series(1, 500) m) AS x
    FROM generate_series(1, 1000) n
"""

_RELATIONS = """
    SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'm', 'v') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' ORDER BY 1, 2
"""
_DIGEST = "SELECT count(*) || ' ' || coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '') FROM {} t"
_SEQUENCES = "SELECT string_agg(format('%s %s', sequencename, last_value), ' ' ORDER BY sequencename) FROM pg_sequences"
_LARGE_OBJECTS = (
    "SELECT count(*) || ' ' || md5(string_agg(oid || md5(lo_get(oid)), '|' ORDER BY oid)) FROM pg_largeobject_metadata"
)


def fill(database: Database, statements: str = _CLINIC) -> Database:
    """Run statements in a database; by default those that make the clinic."""
    with contextlib.closing(connect(database, autocommit=True)) as session:
        result = session.pgconn.exec_(statements.encode())

        assert result.error_message == b""
    return database


def contents_of(database: Database) -> dict[str, str]:
    """Return the number and a digest of the rows of every table, view and sequence, and of all large objects."""
    with contextlib.closing(connect(database, autocommit=True)) as session:
        session.execute("SET timezone = 'UTC'")
        names = [sql.Identifier(*row) for row in session.execute(_RELATIONS)]
        found = {name.as_string(): _value(session, sql.SQL(_DIGEST).format(name)) for name in names}
        found["sequences"] = _value(session, sql.SQL(_SEQUENCES))
        return {**found, "large objects": _value(session, sql.SQL(_LARGE_OBJECTS))}


def _value(session: Session, query: sql.SQL | sql.Composed) -> str:
    row = session.execute(query).fetchone()
    return str(row[0] if row else None)


@pytest.fixture
def here(settings: Settings, tmp_path: Path) -> Settings:
    """Settings of an empty project."""
    root = tmp_path / "project"
    root.mkdir()
    return dataclasses.replace(settings, root=root)


@pytest.fixture
def clinic(database: Database) -> Database:
    """A database with a bit of everything, on the newest server."""
    return fill(database)


@pytest.fixture
def back_up(here: Settings) -> Backer:
    """Make a backup of a database, described by its own server."""

    def make(database: Database, settings: Settings = here, *, revision: str = "1750200000000", **options: object) -> Backup:
        with contextlib.closing(connect(database)) as session:
            info = describe(session)
        return create_backup(database, settings, revision=revision, server=info, **options)  # type: ignore[arg-type]

    return make


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "seachange-test", str(folder)]
    if os.geteuid() or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("a small disk needs the right to mount a tmpfs: run as root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)
