"""The tables of a database with their sizes."""

from __future__ import annotations

import contextlib
import dataclasses

from seachange.workflow.run import Run

__all__ = ["TableSize", "list_tables"]

# reltuples is -1 until a table was analyzed for the first time (documentation, 53.11 pg_class).
_SIZES = """
select n.nspname, c.relname, greatest(c.reltuples, pg_stat_get_live_tuples(c.oid), 0)::bigint,
  pg_table_size(c.oid), pg_indexes_size(c.oid)
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and n.nspname <> 'information_schema' and n.nspname not like 'pg\\_%%'
  and (cardinality(%(schemas)s::text[]) = 0 or n.nspname = any(%(schemas)s))
order by n.nspname, c.relname
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TableSize:
    """One table: rows as the planner estimates them, sizes in bytes."""

    schema: str
    name: str
    rows: int
    table_bytes: int
    index_bytes: int


def list_tables(run: Run) -> tuple[TableSize, ...]:
    """Return the tables of the run's database, by schema and name."""
    from seachange.postgres.connection import connect

    _ = run.server
    with contextlib.closing(connect(run.database)) as connection:
        rows = connection.execute(_SIZES, {"schemas": list(run.settings.schemas)}).fetchall()
    return tuple(
        TableSize(schema=schema, name=name, rows=count, table_bytes=table, index_bytes=index)
        for schema, name, count, table, index in rows
    )
