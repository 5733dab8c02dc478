"""One database with everything that is easily lost, through a backup and back, on every supported major."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from seachange.backup import How, restore
from seachange.backup.checksums import large_object_checksum, table_checksums
from seachange.config import Settings
from seachange.postgres import binaries, programs
from seachange.postgres.catalog import read_catalog
from seachange.postgres.connection import Database, connect, drop_database
from seachange.postgres.server import Server
from seachange.testing.fixtures import fresh_database
from tests.integration.backup.conftest import Backer, execute

_NASTY = (Path(__file__).parent / "nasty.sql").read_text(encoding="utf-8")
_ALONE = re.compile(r"^CREATE (?:UNIQUE )?INDEX CONCURRENTLY|^CREATE SUBSCRIPTION", re.MULTILINE)

# What is neither in the fingerprint of the catalogue nor in the text of a schema.
_MORE = """
    SELECT 'sequence', sequencename::text, last_value::text FROM pg_sequences
    UNION ALL SELECT 'called', 'called_once', is_called || ' ' || last_value FROM called_once
    UNION ALL SELECT 'called', 'never_called', is_called || ' ' || last_value FROM never_called
    UNION ALL SELECT 'identity', 'people', is_called || ' ' || last_value FROM people_id_seq
    UNION ALL SELECT 'filled', matviewname, ispopulated::text FROM pg_matviews
    UNION ALL SELECT 'counted', coalesce(boss::text, ''), how_many::text FROM counted
    UNION ALL SELECT 'counted again', '', sum::text FROM counted_again
    UNION ALL SELECT 'subscription', subname, subenabled || ' ' || coalesce(subslotname, '') FROM pg_subscription
        WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
    UNION ALL SELECT 'published', pubname, schemaname || '.' || tablename FROM pg_publication_tables
    UNION ALL SELECT 'event trigger', evtname, evtenabled::text FROM pg_event_trigger
    UNION ALL SELECT 'large object', oid::text, lomowner::regrole || coalesce(lomacl::text, '') FROM pg_largeobject_metadata
    UNION ALL SELECT 'invalid', indexrelid::regclass::text, '' FROM pg_index WHERE NOT indisvalid
    ORDER BY 1, 2, 3
"""


@pytest.fixture(params=[14, 15, 16, 17, 18], ids=lambda major: f"pg{major}")
def major_server(request: pytest.FixtureRequest, server_of: Callable[[int], Server]) -> Server:
    """Each supported major, one after the other."""
    return server_of(request.param)


@pytest.fixture
def nasty(major_server: Server) -> Iterator[Database]:
    """The nasty database on one major, and its roles."""
    roles = ("nasty_owner", "nasty_reader")
    execute(major_server.database(), *[f"CREATE ROLE {role}" for role in roles])
    try:
        with fresh_database(major_server) as database:
            _run(database)
            yield database
            execute(database, "ALTER SUBSCRIPTION from_afar SET (slot_name = NONE)", "DROP SUBSCRIPTION from_afar")
    finally:
        execute(major_server.database(), *[f"DROP ROLE {role}" for role in roles])


def _run(database: Database) -> None:
    import postgast

    with contextlib.closing(connect(database, autocommit=True)) as session:
        for statement in postgast.split(_NASTY):
            session.execute(statement.encode())


def _schema(database: Database, settings: Settings, major: int) -> Counter[str]:
    """Return the statements of the schema, in whatever order pg_dump found them."""
    import postgast

    text = programs.run(binaries.client(settings, "pg_dump", major=major), ["--schema-only"], database=database).stdout.decode()
    return Counter(postgast.split(re.sub(r"^(--.*|\\(un)?restrict .*)$", "", text, flags=re.MULTILINE), method="scanner"))


def _more(database: Database) -> list[tuple[str, ...]]:
    with contextlib.closing(connect(database, autocommit=True)) as session:
        return session.execute(_MORE).fetchall()


def _fingerprint(database: Database) -> str:
    with contextlib.closing(connect(database)) as session:
        return read_catalog(session).fingerprint


@pytest.mark.parametrize("form", ["custom", "directory"])
def test_all_of_a_nasty_database_comes_back(
    nasty: Database, major_server: Server, back_up: Backer, here: Settings, form: str
) -> None:
    major = major_server.major
    made = back_up(nasty, dataclasses.replace(here, backup_format=form))
    assert made.manifest is not None
    restored = restore(made, here, server=major_server.database(), how=How(full=True))
    try:
        new = restored.database

        assert made.manifest.format == form
        assert restored.notes == ()
        assert _schema(new, here, major) == _schema(nasty, here, major)
        assert _fingerprint(new) == _fingerprint(nasty)
        assert table_checksums(new, here) == table_checksums(nasty, here)
        assert large_object_checksum(new, here) == large_object_checksum(nasty, here)
        assert _more(new) == _more(nasty)
        assert ("subscription", "from_afar", "false slot_of_x") in _more(new)
    finally:
        execute(restored.database, "ALTER SUBSCRIPTION from_afar SET (slot_name = NONE)", "DROP SUBSCRIPTION from_afar")
        drop_database(restored.database, force=True)


@pytest.fixture
def oldest_nasty(server_of: Callable[[int], Server], server: Server) -> Iterator[Database]:
    """The nasty database on the oldest major; its roles are on the newest too."""
    oldest = server_of(14)
    for one in (oldest, server):
        execute(one.database(), "CREATE ROLE nasty_owner", "CREATE ROLE nasty_reader")
    try:
        with fresh_database(oldest) as database:
            _run(database)
            yield database
            execute(database, "ALTER SUBSCRIPTION from_afar SET (slot_name = NONE)", "DROP SUBSCRIPTION from_afar")
    finally:
        for one in (oldest, server):
            execute(one.database(), "DROP ROLE nasty_owner", "DROP ROLE nasty_reader")


def test_a_backup_of_the_oldest_major_comes_back_on_the_newest(
    oldest_nasty: Database, server: Server, back_up: Backer, here: Settings
) -> None:
    restored = restore(back_up(oldest_nasty), here, server=server.database(), how=How(full=True))
    try:
        assert restored.notes[-1] == "the schema was not compared: PostgreSQL 18 describes it in other words than 14 does"
        assert "by checksums of all contents" in restored.proven
        assert _more(restored.database) == _more(oldest_nasty)
    finally:
        execute(restored.database, "ALTER SUBSCRIPTION from_afar SET (slot_name = NONE)", "DROP SUBSCRIPTION from_afar")
        drop_database(restored.database, force=True)
