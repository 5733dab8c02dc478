"""structure.sql: the schema as pg_dump writes it, the same bytes for the same schema."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from seachange.config import Settings
from seachange.postgres import binaries, programs
from seachange.postgres.catalog import OWN_SCHEMA, Catalog
from seachange.postgres.connection import Database

if TYPE_CHECKING:
    import psycopg

__all__ = ["dump_structure", "normalise"]

# What pg_dump writes of itself is in its first lines; the same words further down belong to somebody's function.
_HEAD_LINES = 30
_CHANGING = re.compile(r"-- Dumped (from database|by pg_dump) version .*|\\restrict \w+|SET transaction_timeout = 0;")
_LONG_S = 3600.0


def dump_structure(
    connection: psycopg.Connection, database: Database, *, settings: Settings, catalog: Catalog, snapshot: str, revision: str
) -> str:
    """Return the schema as SQL that psql of any version loads into an empty database.

    Owners, privileges and tablespaces are left out: roles and disks belong to a server, not to the schema, and a load would
    fail where they are missing.

    :param connection: a session in the transaction that exported ``snapshot``.
    :param database: where it is connected to.
    :param settings: timeouts, schemas and where programs come from.
    :param catalog: the catalogue of the same snapshot.
    :param snapshot: name of the exported snapshot.
    :param revision: the revision of the database, for the header.
    :raises BinaryNotFoundError: no pg_dump for a server of this version is at hand.
    :raises ProgramFailedError: pg_dump failed.
    """
    program = binaries.client(settings, "pg_dump", major=catalog.major)
    statement_timeout = settings.session_statement_timeout
    timeout_s = (statement_timeout + settings.migration_timeout) / 1000 if statement_timeout else _LONG_S
    arguments = [
        "--schema-only",
        "--no-owner",
        "--no-privileges",
        "--no-tablespaces",
        "--no-publications",
        "--no-subscriptions",
        "--no-security-labels",
        "--encoding=UTF8",
        f"--lock-wait-timeout={max(1, settings.migration_timeout)}",
        f"--snapshot={snapshot}",
        *(f"--exclude-schema={_pattern(name)}" for name in _foreign_schemas(connection, settings.schemas)),
    ]
    # Constants of type timestamptz are printed in the session's time zone.
    done = programs.run(program, arguments, database=database, timeout_s=timeout_s, env={"PGTZ": "UTC"})
    return _header(catalog, revision) + normalise(done.stdout.decode("utf-8"))


def _foreign_schemas(connection: psycopg.Connection, schemas: Sequence[str]) -> Iterator[str]:
    # Schemas are excluded rather than included: --schema would leave out the extensions and create `public` again.
    yield OWN_SCHEMA
    if schemas:
        query = "SELECT nspname::text FROM pg_catalog.pg_namespace WHERE nspname !~ '^pg_' AND nspname <> ALL (%s) ORDER BY 1"
        for (name,) in connection.execute(query, [[*schemas, OWN_SCHEMA, "information_schema"]]).fetchall():
            yield str(name)


def _pattern(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _header(catalog: Catalog, revision: str) -> str:
    return (
        "-- The schema of the database, written by Seachange; `invoke db.sync` writes it anew.\n"
        f"-- revision: {revision or 'none'}\n"
        f"-- catalogue: {catalog.fingerprint}\n"
        f"-- PostgreSQL: {catalog.major}\n\n"
    )


def normalise(dump: str) -> str:
    """Return the text of pg_dump without what changes from run to run or keeps other versions from loading it.

    That are the versions; the setting that older servers do not know; and ``\\restrict`` with its random token, which psql
    before the minor releases of August 2025 does not know. A fixed token would protect from nothing.

    :param dump: plain SQL.
    """
    lines = dump.rstrip("\n").split("\n")
    closing = [f"\\un{line[1:]}" for line in lines[:_HEAD_LINES] if line.startswith("\\restrict ")]
    if lines[-1:] == closing:
        lines.pop()
    kept = [line for line in lines[:_HEAD_LINES] if not _CHANGING.fullmatch(line)]
    return "\n".join([*kept, *lines[_HEAD_LINES:]]).rstrip("\n") + "\n"
