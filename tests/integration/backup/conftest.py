"""What the tests of backups share: a database with a bit of everything, settings of a project, small disks."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from psycopg import sql

from seachange.backup import Backup, Restored, create_backup, restore
from seachange.config import Settings
from seachange.postgres._places import cache_folder, cache_root
from seachange.postgres.connection import Database, Session, connect, describe, drop_database
from seachange.postgres.server import Server
from tests.integration.backup.proxy import Proxy, proxied
from tests.integration.postgres.processes import open_folder

__all__ = [
    "BIG",
    "NOON",
    "Backer",
    "Restorer",
    "contents_of",
    "databases_of",
    "execute",
    "fill",
    "left_in",
    "of_version",
    "with_contents",
]

Backer = Callable[..., Backup]
Restorer = Callable[..., Restored]

NOON = datetime.datetime(2025, 6, 1, 12, 0, tzinfo=datetime.UTC)

_CLINIC = (Path(__file__).parent / "clinic.sql").read_text(encoding="utf-8")

# Random bytes, which no compression makes smaller: about 8 MB in the dump. The same in each row, for making them takes longest;
# rows are so long that gzip does not see the one before.
BIG = """
    CREATE TABLE big AS
    WITH random AS MATERIALIZED (SELECT string_agg(sha512(m::text::bytea), '') AS x FROM generate_series(1, 1000) m)
    SELECT n, x FROM random, generate_series(1, 130) n
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


def databases_of(server: Server) -> set[str]:
    """Return the names of all databases of a server."""
    with contextlib.closing(connect(server.database(), autocommit=True)) as session:
        return {row[0] for row in session.execute("SELECT datname FROM pg_database")}


def execute(database: Database, *statements: str) -> None:
    """Run statements in a database, each in a transaction of its own."""
    for statement in statements:
        fill(database, statement)


def with_contents(backup: Backup, **changes: object) -> Backup:
    """Return a backup whose manifest says something else about the contents."""
    assert backup.manifest is not None
    contents = dataclasses.replace(backup.manifest.contents, **changes)  # type: ignore[arg-type]
    return dataclasses.replace(backup, manifest=dataclasses.replace(backup.manifest, contents=contents))


def of_version(backup: Backup, number: int) -> Backup:
    """Return a backup whose manifest says that it is of a server of another version."""
    assert backup.manifest is not None
    server = dataclasses.replace(backup.manifest.server, version=f"{number // 10_000}.{number % 100}", version_number=number)
    return dataclasses.replace(backup, manifest=dataclasses.replace(backup.manifest, server=server))


def left_in(settings: Settings) -> list[str]:
    """Return what is in the folder of the backups."""
    folder = settings.path(settings.backup_dir)
    return sorted(path.name for path in folder.iterdir() if path.name != ".gitignore") if folder.is_dir() else []


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


@pytest.fixture
def big(database: Database) -> Database:
    """A database whose dump takes a while and about 8 MB."""
    return fill(database, BIG)


@pytest.fixture
def gate(big: Database) -> Iterator[tuple[Proxy, Database]]:
    """A proxy to the big database, whose address the test uses."""
    with proxied(big) as both:
        yield both


@pytest.fixture
def tidy(server: Server) -> Iterator[None]:
    """Drop the databases that a test makes."""
    before = databases_of(server)
    yield
    for name in databases_of(server) - before:
        drop_database(server.database().with_name(name), force=True)


@pytest.fixture
def bring_back(here: Settings, server: Server, tidy: None) -> Restorer:
    """Restore a backup to the newest server."""

    def run(backup: Backup, *, settings: Settings = here, **options: object) -> Restored:
        return restore(backup, settings, server=server.database(), clock=lambda: NOON, **options)  # type: ignore[arg-type]

    return run


@pytest.fixture
def backup(clinic: Database, back_up: Backer) -> Backup:
    """A backup of the clinic."""
    return back_up(clinic)


@pytest.fixture
def role(server: Server) -> Iterator[str]:
    """A role that may create databases; dropped at the end."""
    execute(server.database(), "CREATE ROLE clinic_role LOGIN CREATEDB")
    yield "clinic_role"
    rows: list[str] = []
    with contextlib.closing(connect(server.database(), autocommit=True)) as session:
        rows = [row[0] for row in session.execute("SELECT datname FROM pg_database WHERE datallowconn")]
    for name in rows:
        execute(server.database().with_name(name), "DROP OWNED BY clinic_role")
    for name in rows:
        if name not in ("postgres", "template1") and name.startswith("test_"):
            execute(server.database(), f'ALTER DATABASE "{name}" OWNER TO CURRENT_USER')
    execute(server.database(), "DROP ROLE IF EXISTS clinic_role")


@pytest.fixture
def warm(here: Settings) -> Iterator[Settings]:
    """Settings of an empty project with a cache of its own, which has servers and fresh data directories, but no copies."""
    cache_folder(here, "initdb")
    with open_folder() as folder:
        for part in cache_root(here).iterdir():
            if part.name != "rehearsals":
                (folder / part.name).symlink_to(part)
        yield dataclasses.replace(here, cache_dir=str(folder))
        # What was used is removed by a process that nobody waits for, and that must not meet the end of the folder.
        deadline = time.monotonic() + 10
        while list((folder / "rehearsals").glob("**/.partial-*")) and time.monotonic() < deadline:
            time.sleep(0.02)
