"""Indexes and constraints that are there and do not do their work."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from seachange.plan import Finding
from seachange.postgres.catalog import qualified
from seachange.safety._foreign_keys import ForeignKey
from seachange.safety._look import Row, look

if TYPE_CHECKING:
    import psycopg

__all__ = ["find_invalid_indexes", "find_silent_keys", "find_unvalidated"]

_INDEXES = """
SELECT n.nspname::text, c.relname::text, tn.nspname::text, t.relname::text, c.relkind = 'I', b.pid
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_class t ON t.oid = i.indrelid
JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
LEFT JOIN pg_catalog.pg_stat_progress_create_index b
    ON b.datname = pg_catalog.current_database() AND b.index_relid = i.indexrelid
WHERE NOT (i.indisvalid AND i.indisready AND i.indislive) AND n.nspname !~ '^pg_'
  AND (%s::text[] = '{}' OR n.nspname = ANY (%s))
ORDER BY 1, 2
"""

_CONSTRAINTS = """
SELECT k.conname::text, n.nspname::text, coalesce(c.relname, t.typname)::text, k.contype::text, k.contypid <> 0, {enforced}
FROM pg_catalog.pg_constraint k
JOIN pg_catalog.pg_namespace n ON n.oid = k.connamespace
LEFT JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
LEFT JOIN pg_catalog.pg_type t ON t.oid = k.contypid
WHERE NOT k.convalidated AND k.conparentid = 0 AND (k.coninhcount = 0 OR k.conislocal) AND n.nspname !~ '^pg_'
  AND (%s::text[] = '{{}}' OR n.nspname = ANY (%s))
ORDER BY 2, 3, 1
"""

_KINDS = {"f": "foreign key", "c": "check constraint", "n": "not-null constraint"}


def find_invalid_indexes(connection: psycopg.Connection, schemas: Sequence[str], *, timeout_ms: int) -> Iterator[Finding]:
    """Yield the INVALID indexes: they cost time at every write and serve no query.

    :param connection: a session.
    :param schemas: all by default.
    :param timeout_ms: as for :func:`look`.
    """
    wanted = list(schemas)
    for schema, name, table_schema, table, partitioned, builder in look(
        connection, _INDEXES, timeout_ms=timeout_ms, parameters=[wanted, wanted]
    ):
        index, on = qualified(schema, name), qualified(table_schema, table)
        if builder is not None:
            yield Finding(
                code="invalid-index",
                message=f"index {index} on {on} is being built by pid {builder}",
                severity="warning",
                hint="wait for it to end, and look again",
            )
            continue
        hint = _index_remedy(index, name, partitioned=partitioned)
        yield Finding(code="invalid-index", message=f"index {index} on {on} is INVALID: it serves no query", hint=hint)


def _index_remedy(index: str, name: str, *, partitioned: bool) -> str:
    if partitioned:
        return f"make the index on each partition, then ALTER INDEX {index} ATTACH PARTITION ...;"
    if re.search(r"_cc(new|old)\d*$", name):
        return f"left by a REINDEX CONCURRENTLY that was stopped: DROP INDEX CONCURRENTLY {index};"
    return f"left by a concurrent build that was stopped: REINDEX INDEX CONCURRENTLY {index}; or drop it and build it anew"


def find_unvalidated(connection: psycopg.Connection, schemas: Sequence[str], *, timeout_ms: int) -> Iterator[Finding]:
    """Yield the constraints that PostgreSQL has not checked for all rows, or does not enforce.

    :param connection: a session.
    :param schemas: all by default.
    :param timeout_ms: as for :func:`look`.
    """
    enforced = "k.conenforced" if connection.info.server_version >= 180000 else "true"
    wanted = list(schemas)
    query = _CONSTRAINTS.format(enforced=enforced)
    yield from map(_unvalidated, look(connection, query, timeout_ms=timeout_ms, parameters=[wanted, wanted]))


def _unvalidated(row: Row) -> Finding:
    name, schema, owner, kind, of_domain, enforced = row
    target, constraint = qualified(schema, owner), qualified(name)
    alter = f"ALTER {'DOMAIN' if of_domain else 'TABLE'} {target}"
    what = f"{target}: {_KINDS.get(kind, 'constraint')} {constraint}"
    if not enforced:
        again = f"{alter} ALTER CONSTRAINT {constraint} ENFORCED;" if kind == "f" else "drop it and add it without NOT ENFORCED"
        return Finding(code="constraint-not-enforced", message=f"{what} is NOT ENFORCED", severity="info", hint=again)
    return Finding(
        code="unvalidated-constraint",
        message=f"{what} is NOT VALID: older rows were never checked",
        severity="warning",
        hint=f"{alter} VALIDATE CONSTRAINT {constraint};",
    )


def find_silent_keys(keys: Iterable[ForeignKey]) -> Iterator[Finding]:
    """Yield the foreign keys whose triggers are disabled, so that nothing is checked any more.

    :param keys: the foreign keys.
    """
    for key in keys:
        if key.silent:
            tables = sorted({table for table, _ in key.silent})
            yield Finding(
                code="foreign-key-disabled",
                message=f"{key.child.qualified}: foreign key {qualified(key.name)} checks nothing, "
                f"its triggers are disabled on {', '.join(tables)}",
                severity="warning",
                hint=" ".join(f"ALTER TABLE {table} ENABLE TRIGGER {qualified(trigger)};" for table, trigger in key.silent),
            )
