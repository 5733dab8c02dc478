"""What a database says it has applied, in whichever schema it says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seachange.config import Settings
from seachange.revisions._versions import VersionTable, find_version_table, read_versions
from seachange.revisions.project import open_project

if TYPE_CHECKING:
    import psycopg

__all__ = ["read_everywhere"]

_NAMESAKES = """
    select n.nspname from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    join pg_attribute a on a.attrelid = c.oid and a.attname = 'version_num' and not a.attisdropped
    where c.relname = %s and c.relkind in ('r', 'p')
"""


def read_everywhere(connection: psycopg.Connection[Any], settings: Settings) -> frozenset[str]:
    """Return the revisions in the version table and in its namesakes of other schemas: a tenant has a table of its own.

    :param connection: an open connection.
    :param settings: the project's settings; env.py may name another version table.
    :raises StatementFailedError: a version table cannot be read.
    """
    table = find_version_table(open_project(settings))
    schemas = {str(schema) for (schema,) in connection.execute(_NAMESAKES, [table.name]).fetchall()}
    tables = {table, *(VersionTable(name=table.name, schema=schema) for schema in schemas)}
    return frozenset(name for each in tables for name in read_versions(connection, each))
