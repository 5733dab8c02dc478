"""How large the real tables are, as far as the server has counted: what makes a finding grave or harmless."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from seachange.errors import ConfigError
from seachange.plan import jsonable
from seachange.postgres.catalog import qualified
from seachange.safety.column_statistics import ColumnStatistics

if TYPE_CHECKING:
    import psycopg

__all__ = ["STATISTICS_SCHEMA", "IndexStatistics", "Statistics", "TableStatistics", "read_statistics"]

STATISTICS_SCHEMA = "seachange.statistics/1"

_Part = TypeVar("_Part", "TableStatistics", "IndexStatistics")

_MAKE_ANEW = "make it anew where the database can be reached: invoke db.stats --export FILE"

# A table without a page has no row. Before its first VACUUM or ANALYZE, reltuples is -1 (documentation, 53.11 pg_class), but the
# cumulative statistics may have seen rows come. A partitioned table has what its leaves have, and knows it when all of them do.
_TABLES = """
WITH plain AS (
    SELECT c.oid, c.relkind, pg_catalog.pg_total_relation_size(c.oid) AS bytes,
           CASE WHEN pg_catalog.pg_relation_size(c.oid) = 0 THEN 0 WHEN c.reltuples >= 0 THEN c.reltuples::bigint
                ELSE nullif(pg_catalog.pg_stat_get_live_tuples(c.oid), 0) END AS rows,
           s.n_dead_tup AS dead, s.seq_scan, s.idx_scan, s.n_tup_ins + s.n_tup_upd + s.n_tup_del AS writes
    FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_stat_all_tables s ON s.relid = c.oid
    WHERE c.relkind IN ('r', 'm')
), tree AS (
    SELECT oid AS root, oid AS leaf FROM plain
    UNION ALL
    SELECT c.oid, p.relid FROM pg_catalog.pg_class c CROSS JOIN LATERAL pg_catalog.pg_partition_tree(c.oid) p
    WHERE c.relkind = 'p' AND p.isleaf AND p.relid <> c.oid
)
SELECT n.nspname::text, c.relname::text,
       CASE WHEN count(p.oid) = count(p.rows) THEN coalesce(sum(p.rows), 0)::bigint END, coalesce(sum(p.bytes), 0)::bigint,
       sum(p.dead)::bigint, sum(p.writes)::bigint, sum(p.seq_scan)::bigint, sum(coalesce(p.idx_scan, 0))::bigint
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN tree t ON t.root = c.oid
LEFT JOIN plain p ON p.oid = t.leaf
WHERE c.relkind IN ('r', 'm', 'p') AND c.relpersistence <> 't' AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
GROUP BY 1, 2 ORDER BY 1, 2
"""
_INDEXES = """
SELECT s.schemaname::text, s.indexrelname::text, s.relname::text, pg_catalog.pg_relation_size(s.indexrelid), s.idx_scan
FROM pg_catalog.pg_stat_user_indexes s WHERE s.schemaname !~ '^pg_' ORDER BY 1, 2
"""
_SINCE = """
SELECT pg_catalog.current_database()::text, pg_catalog.to_char(s.stats_reset AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
       pg_catalog.to_char(pg_catalog.now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
FROM pg_catalog.pg_stat_database s WHERE s.datname = pg_catalog.current_database()
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TableStatistics:
    """One table: estimated rows, None when it was never counted, and its size in bytes with indexes and TOAST.

    ``dead_rows`` wait for a vacuum; ``writes`` are rows inserted, updated and deleted, ``seq_scans`` and ``index_scans`` reads of
    the table since the counters began. None where nobody counted.
    """

    rows: int | None
    bytes: int
    dead_rows: int | None = None
    writes: int | None = None
    seq_scans: int | None = None
    index_scans: int | None = None

    @property
    def words(self) -> str:
        """Rows and size for people, such as ``about 1,200,000 rows, 213 MB``."""
        rows = "never counted" if self.rows is None else f"about {self.rows:,} rows"
        return f"{rows}, {_size(self.bytes)}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class IndexStatistics:
    """One index: its table, its size in bytes, and how often it was used since the counters began, on this server only."""

    table: str
    bytes: int
    scans: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Statistics:
    """All tables of a database by name with schema, quoted where needed; ``source`` says where it was read.

    ``complete``: a table that is not named does not exist there; a file may be older than a table.
    A partitioned table counts what its partitions hold. ``since`` is when the counters began, empty when they never were reset;
    ``created`` is when all this was read. ``columns`` by table and name are there where somebody asked for them.
    """

    tables: Mapping[str, TableStatistics]
    source: str = ""
    complete: bool = False
    indexes: Mapping[str, IndexStatistics] = dataclasses.field(default_factory=dict)
    since: str = ""
    created: str = ""
    columns: Mapping[str, Mapping[str, ColumnStatistics]] = dataclasses.field(default_factory=dict)

    def to_json(self) -> str:
        """Return all of it as one JSON document, for :meth:`from_json`."""
        return json.dumps({"schema": STATISTICS_SCHEMA, **jsonable(self)}, indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str, *, source: str = "") -> Statistics:
        """Return what :meth:`to_json` wrote.

        :param text: the document.
        :param source: where it was read, for messages.
        :raises ConfigError: it is no such document, or one of another version.
        """
        what = source or "the statistics"
        try:
            document = json.loads(text)
        except ValueError as exc:
            raise ConfigError(f"{what}: no JSON: {exc}", hint=_MAKE_ANEW) from exc
        schema = document.get("schema") if isinstance(document, dict) else None
        if schema != STATISTICS_SCHEMA:
            raise ConfigError(f"{what}: schema is {schema!r}, not {STATISTICS_SCHEMA!r}", hint=_MAKE_ANEW)
        try:
            return cls(
                tables={str(name): _part(TableStatistics, each) for name, each in document["tables"].items()},
                indexes={str(name): _part(IndexStatistics, each) for name, each in document["indexes"].items()},
                source=str(document["source"]),
                since=str(document["since"]),
                created=str(document["created"]),
                columns={
                    str(table): {str(name): ColumnStatistics.of(each) for name, each in columns.items()}
                    for table, columns in document.get("columns", {}).items()
                },
            )
        except (AttributeError, KeyError, TypeError, ValueError) as exc:
            raise ConfigError(f"{what}: it says {STATISTICS_SCHEMA}, but is none: {exc!r}", hint=_MAKE_ANEW) from exc


def _size(count: int) -> str:
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1024:
            return f"{size:.0f} {unit}"
        size /= 1024
    return f"{size:.1f} TB"


def _part(kind: type[_Part], document: Mapping[str, Any]) -> _Part:
    fields = {field.name for field in dataclasses.fields(kind)}
    return kind(**{name: value for name, value in document.items() if name in fields})


def read_statistics(connection: psycopg.Connection[Any]) -> Statistics:
    """Read what the server knows of the sizes of its tables; nothing is counted and nothing changed.

    :param connection: a session; what it reads is in one transaction, or in the one that is open.
    """
    from psycopg.rows import tuple_row

    with connection.transaction(), connection.cursor(row_factory=tuple_row) as cursor:
        name, since, created = cursor.execute(_SINCE).fetchone() or ("", "", "")
        tables = {qualified(*row[:2]): _table(*row[2:]) for row in cursor.execute(_TABLES).fetchall()}
        indexes = {
            qualified(schema, index): IndexStatistics(table=qualified(schema, table), bytes=size, scans=scans)
            for schema, index, table, size, scans in cursor.execute(_INDEXES).fetchall()
        }
    return Statistics(
        complete=True, tables=tables, indexes=indexes, source=f"database {name}", since=since or "", created=created
    )


def _table(rows: int | None, size: int, *counted: int | None) -> TableStatistics:
    dead, writes, sequential, by_index = counted
    return TableStatistics(rows=rows, bytes=size, dead_rows=dead, writes=writes, seq_scans=sequential, index_scans=by_index)
