"""Rows that have no counterpart, found by the anti-join of each foreign key."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seachange.plan import Finding
from seachange.postgres.catalog import qualified
from seachange.safety._foreign_keys import ForeignKey, Side
from seachange.safety._look import NotCheckedError, Row, look

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psycopg
    from psycopg.sql import Composable, Composed

__all__ = ["find_orphans", "orphan_condition", "readable"]

_LONGEST = 60


def find_orphans(connection: psycopg.Connection, key: ForeignKey, *, sample: int, timeout_ms: int) -> Finding | None:
    """Return how many rows of the child have no counterpart in the parent, with some of their keys.

    :param connection: a session.
    :param key: the foreign key.
    :param sample: how many keys to show at most.
    :param timeout_ms: how long to look; longer makes a warning.
    """
    try:
        rows = look(connection, _query(key, limit=max(1, sample)), timeout_ms=timeout_ms)
    except NotCheckedError as exc:
        return Finding(
            code="orphans-not-checked",
            message=f"{key.child.qualified}: {_named(key)} was {exc}",
            severity="warning",
            hint="raise statement_timeout, or run it yourself: " + readable(_listing(key)),
        )
    return _finding(key, rows[:sample], rows[0]) if rows else None


def _query(key: ForeignKey, *, limit: int) -> Composed:
    from psycopg.sql import SQL, Literal

    columns = [_column("c", name) for name in key.child.columns]
    return SQL(
        "SELECT {shown}, (sum(count(*)) OVER ())::bigint, count(*) OVER () FROM {table} WHERE {orphan} "
        "GROUP BY {keys} ORDER BY {keys} LIMIT {limit}"
    ).format(
        shown=SQL(", ").join(SQL("{}::text").format(column) for column in columns),
        table=_table(key.child, "c"),
        orphan=orphan_condition(key),
        keys=SQL(", ").join(columns),
        limit=Literal(limit),
    )


def _listing(key: ForeignKey) -> Composed:
    from psycopg.sql import SQL

    return SQL("SELECT c.* FROM {} WHERE {};").format(_table(key.child, "c"), orphan_condition(key))


def orphan_condition(key: ForeignKey, *, parent: Composable | None = None) -> Composed:
    """Return the condition of a row, called ``c``, that has no counterpart in the parent.

    :param key: the foreign key.
    :param parent: the parent's rows, called ``p``, as an item of FROM; the parent itself by default.
    """
    from psycopg.sql import SQL

    rows = parent or _table(key.parent, "p")
    columns = [_column("c", name) for name in key.child.columns]
    nulls = [SQL("{} IS NULL").format(column) for column in columns]
    unmatched = _unmatched_period(key, rows) if key.period else SQL("NOT EXISTS ({})").format(_matches(key, rows, SQL("1")))
    if key.match_full and len(columns) > 1:
        # MATCH FULL: either all columns are null or none is.
        return SQL("NOT ({all}) AND ({any} OR {unmatched})").format(
            all=SQL(" AND ").join(nulls), any=SQL(" OR ").join(nulls), unmatched=unmatched
        )
    conditions: list[Composable] = [SQL("{} IS NOT NULL").format(column) for column in columns]
    return SQL(" AND ").join([*conditions, unmatched])


def _matches(key: ForeignKey, rows: Composable, what: Composable) -> Composed:
    from psycopg.sql import SQL

    count = len(key.child.columns) - key.period
    pairs: list[Composable] = [_equal(key, number) for number in range(count)]
    return SQL("SELECT {} FROM {} WHERE {}").format(what, rows, SQL(" AND ").join(pairs or [SQL("true")]))


def _unmatched_period(key: ForeignKey, rows: Composable) -> Composed:
    # PERIOD: the parent's rows together have to cover the child's range.
    from psycopg.sql import SQL

    covered = SQL("pg_catalog.range_agg({})").format(_column("p", key.parent.columns[-1]))
    return SQL("coalesce({} OPERATOR(pg_catalog.<@) ({}), false) IS FALSE").format(
        _column("c", key.child.columns[-1]), _matches(key, rows, covered)
    )


def _equal(key: ForeignKey, number: int) -> Composed:
    from psycopg.sql import SQL, Identifier

    parent, child = _column("p", key.parent.columns[number]), _column("c", key.child.columns[number])
    collation = key.collations[number] if key.collations else None
    if collation:
        parent = SQL("{} COLLATE {}").format(parent, Identifier(*collation))
    if not key.operators:
        return SQL("{} = {}").format(parent, child)
    schema, name = key.operators[number]
    return SQL("{} OPERATOR({}.{}) {}").format(parent, Identifier(schema), SQL(name), child)


def _table(side: Side, alias: str) -> Composed:
    from psycopg.sql import SQL, Identifier

    # A foreign key of a table says nothing of those that inherit from it; that of a partitioned table is about its partitions.
    only = SQL("") if side.partitioned else SQL("ONLY ")
    return SQL("{}{} AS {}").format(only, Identifier(side.schema, side.table), Identifier(alias))


def _column(alias: str, name: str) -> Composed:
    from psycopg.sql import SQL, Identifier

    return SQL("{}").format(Identifier(alias, name))


def _finding(key: ForeignKey, rows: Sequence[Row], first: Row) -> Finding:
    count, keys = first[-2:]
    shown = ", ".join(_key_text(row[:-2]) for row in rows)
    more = f" and {keys - len(rows)} more" if keys > len(rows) else ""
    columns = ", ".join(map(qualified, key.child.columns))
    described = f"({columns})" if len(key.child.columns) > 1 else columns
    samples = f": {described} = {shown}{more}" if rows else ""
    return Finding(
        code="orphan",
        message=f"{key.child.qualified}: {count} {'row has' if count == 1 else 'rows have'} no counterpart in "
        f"{key.parent.qualified} for {_named(key)}{samples}",
        hint=_remedy(key),
    )


def _key_text(values: Sequence[str | None]) -> str:
    texts = ["NULL" if value is None else value if len(value) <= _LONGEST else value[:_LONGEST] + "…" for value in values]
    return f"({', '.join(texts)})" if len(texts) > 1 else texts[0]


def _named(key: ForeignKey) -> str:
    return f"the planned foreign key {key.name}" if key.planned else f"foreign key {qualified(key.name)}"


def _remedy(key: ForeignKey) -> str:
    find = f"find them: {readable(_listing(key))}"
    mend = "delete them, set the columns to NULL, or insert what is missing"
    if key.planned or key.validated or not key.enforced:
        return f"{find} {mend}"
    return f"{find} {mend}; then ALTER TABLE {key.child.qualified} VALIDATE CONSTRAINT {qualified(key.name)};"


def readable(query: Composed) -> str:
    """Return a query as text for people, without the quotes that no name needs."""
    # psycopg quotes every name; people read SQL more easily without what is not needed.
    return re.sub(r'"((?:[^"]|"")*)"', lambda found: qualified(found[1].replace('""', '"')), query.as_string())
