"""What the planner knows of columns, without a single value of text: enough to make up rows that are like the real ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from seachange.postgres.catalog import qualified

if TYPE_CHECKING:
    import psycopg

__all__ = ["ColumnStatistics", "read_column_statistics"]

# Frequent values and bounds of text are values of people; those of numbers, dates, truth values and labels are kept, each only
# by the type at the bottom of its domains. Statistics over a whole tree of partitions count for their root.
_COLUMNS = """
WITH RECURSIVE bottom AS (
    SELECT oid, oid AS base, typtype, typcategory FROM pg_catalog.pg_type WHERE typtype <> 'd'
    UNION ALL
    SELECT t.oid, b.base, b.typtype, b.typcategory FROM pg_catalog.pg_type t JOIN bottom b ON b.oid = t.typbasetype
    WHERE t.typtype = 'd'
), known AS (
    SELECT DISTINCT ON (s.schemaname, s.tablename, s.attname) s.*,
           b.typtype = 'e' OR (b.typtype = 'b' AND b.typcategory IN ('B', 'N', 'D', 'T')) AS public
    FROM pg_catalog.pg_stats s
    JOIN pg_catalog.pg_namespace n ON n.nspname = s.schemaname
    JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = s.tablename AND c.relkind IN ('r', 'p')
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = s.attname
    JOIN bottom b ON b.oid = a.atttypid
    WHERE s.schemaname <> 'information_schema' AND s.schemaname !~ '^pg_' AND s.inherited = (c.relkind = 'p')
    ORDER BY s.schemaname, s.tablename, s.attname
)
SELECT schemaname::text, tablename::text, attname::text, null_frac::float8, n_distinct::float8, avg_width::int,
       CASE WHEN public THEN most_common_vals::text::text[] END,
       CASE WHEN public THEN most_common_freqs::float8[] END,
       CASE WHEN public THEN histogram_bounds::text::text[] END
FROM known
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ColumnStatistics:
    """One column: the part that is null, how many values are distinct (as ``pg_stats`` says it: negative for a part of the
    rows), their average width in bytes; ``common`` values with their ``shares`` and ``bounds`` for types that hold no text.
    """

    nulls: float = 0.0
    distinct: float = 0.0
    width: int = 0
    common: tuple[str, ...] = ()
    shares: tuple[float, ...] = ()
    bounds: tuple[str, ...] = ()

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> ColumnStatistics:
        """Return what was written as JSON values.

        :param document: the fields by name.
        """
        return cls(
            nulls=float(document["nulls"]),
            distinct=float(document["distinct"]),
            width=int(document["width"]),
            common=tuple(map(str, document["common"])),
            shares=tuple(map(float, document["shares"])),
            bounds=tuple(map(str, document["bounds"])),
        )


def read_column_statistics(connection: psycopg.Connection[Any]) -> dict[str, dict[str, ColumnStatistics]]:
    """Return what ANALYZE has found in the columns that the user may read, by table and name.

    :param connection: a session.
    """
    from psycopg.rows import tuple_row

    found: dict[str, dict[str, ColumnStatistics]] = {}
    with connection.cursor(row_factory=tuple_row) as cursor:
        for schema, table, column, nulls, distinct, width, common, shares, bounds in cursor.execute(_COLUMNS).fetchall():
            found.setdefault(qualified(schema, table), {})[column] = ColumnStatistics(
                nulls=nulls,
                distinct=distinct,
                width=width,
                common=tuple(common or ()),
                shares=tuple(shares or ()),
                bounds=tuple(bounds or ()),
            )
    return found
