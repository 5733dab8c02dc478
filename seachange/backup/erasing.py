"""What rows leave behind when they are changed: old versions, statistics, derived rows, WAL; all of it is taken out of a copy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from psycopg import sql

from seachange.errors import StatementFailedError
from seachange.postgres.server import THROWAWAY

if TYPE_CHECKING:
    from psycopg import Connection

__all__ = ["erase"]

# The most frequent values of columns stand here in plain text, those of the second in the first too where it was analyzed.
_STATISTICS = ("(FULL, ANALYZE) pg_catalog.pg_statistic_ext_data", "FULL pg_catalog.pg_statistic")
_VIEWS = """
SELECT n.nspname::text, c.relname::text FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'm' AND c.relispopulated ORDER BY c.oid
"""
# VACUUM FULL goes from a partitioned table to its partitions, but not from a parent to the tables that inherit from it.
_HEIRS = """
WITH RECURSIVE heirs AS (
    SELECT %s::regclass::oid AS oid
    UNION
    SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN heirs h ON h.oid = i.inhparent
)
SELECT n.nspname::text, c.relname::text FROM heirs h JOIN pg_catalog.pg_class c ON c.oid = h.oid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r' OR (c.relkind = 'p' AND c.oid = %s::regclass)
"""
_SEGMENTS = """
SELECT count(*) FROM pg_catalog.pg_ls_waldir()
WHERE name ~ '^[0-9A-F]{24}$' AND name <> pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn())
"""
_NEXT = "SELECT pg_catalog.pg_logical_emit_message(false, 'seachange', ''), pg_catalog.pg_switch_wal()"
_TRIES = 5


def erase(session: Connection[Any], tables: Sequence[str], *, progress: Callable[[str], None]) -> None:
    """Take everything out of a copy that shows what the rows of tables were before they were changed.

    :param session: an autocommit session of a superuser, without a limit of time.
    :param tables: the tables that were changed, with schema and quoted where needed.
    :param progress: told what is done.
    """
    progress("writing masked tables anew")
    for table in dict.fromkeys(each for name in tables for each in session.execute(_HEIRS, [name, name]).fetchall()):
        session.execute(sql.SQL("VACUUM (FULL, ANALYZE) {}").format(sql.Identifier(*table)))
    for schema, view in session.execute(_VIEWS).fetchall():
        session.execute(sql.SQL("REFRESH MATERIALIZED VIEW {}").format(sql.Identifier(schema, view)))
        session.execute(sql.SQL("VACUUM (ANALYZE) {}").format(sql.Identifier(schema, view)))
    for name in _STATISTICS:
        session.execute(f"VACUUM {name}".encode())
    session.execute("CHECKPOINT")
    row = session.execute("show cluster_name").fetchone()
    if row and row[0] == THROWAWAY:
        _discard_wal(session)


def _discard_wal(session: Connection[Any]) -> None:
    """Leave no segment of WAL that was written before: not as one to be read, and not as one to be written over."""
    session.execute("ALTER SYSTEM SET wal_recycle = off")
    session.execute("SELECT pg_catalog.pg_reload_conf()")
    try:
        for _ in range(_TRIES):
            # Segments kept for later use are gone through, as nothing but use takes them away.
            for _ in range(_others(session) + 1):
                session.execute(_NEXT)
            session.execute("CHECKPOINT")
            if not _others(session):
                return
    finally:
        session.execute("ALTER SYSTEM RESET wal_recycle")
        session.execute("SELECT pg_catalog.pg_reload_conf()")
    raise StatementFailedError("the WAL of the masked copy could not be discarded", hint="try again")


def _others(session: Connection[Any]) -> int:
    row = session.execute(_SEGMENTS).fetchone()
    return int(row[0]) if row else 0
