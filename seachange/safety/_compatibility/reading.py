"""Read a schema with the identity of its parts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from seachange.postgres.catalog import qualified, read_catalog
from seachange.safety._compatibility.values import Schema

if TYPE_CHECKING:
    import psycopg

__all__ = ["read_schema"]

_NAMES = """
select c.oid::bigint, a.attnum::int, n.nspname::text, c.relname::text, a.attname::text, a.atttypid::bigint, a.atttypmod::int
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
left join lateral (
  select 0 as attnum, '' as attname, 0 as atttypid, 0 as atttypmod
  union all
  select attnum, attname, atttypid, atttypmod from pg_catalog.pg_attribute
  where attrelid = c.oid and attnum > 0 and not attisdropped
) a on true
where c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname not in ('information_schema', 'seachange') and n.nspname !~ '^pg_'
"""
_LABELS = """
select e.oid::bigint, n.nspname::text, t.typname::text, e.enumlabel::text
from pg_catalog.pg_enum e
join pg_catalog.pg_type t on t.oid = e.enumtypid
join pg_catalog.pg_namespace n on n.oid = t.typnamespace
"""


def read_schema(connection: psycopg.Connection[Any], *, schemas: Sequence[str] = ()) -> Schema:
    """Return the schema of the connected database.

    :param connection: an open connection.
    :param schemas: schemas to look at; all but the system's by default.
    """
    rows = connection.execute(_NAMES).fetchall()
    names = {(oid, number): (qualified(schema, table), column) for oid, number, schema, table, column, *_ in rows}
    types = {(oid, number): (kind, modifier) for oid, number, *_, kind, modifier in rows if number}
    labels = {oid: (qualified(schema, name), label) for oid, schema, name, label in connection.execute(_LABELS).fetchall()}
    default = connection.execute("select current_schema()::text").fetchone()
    return Schema(
        catalog=read_catalog(connection, schemas=schemas),
        names=names,
        types=types,
        labels=labels,
        default=(default or ["public"])[0] or "public",
    )
