"""The foreign keys of a database, and which of them PostgreSQL does not vouch for."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from seachange.postgres.catalog import qualified
from seachange.safety._look import Row, look

if TYPE_CHECKING:
    import psycopg

__all__ = ["ForeignKey", "Side", "read_foreign_keys"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Side:
    """One of the two tables of a foreign key."""

    schema: str
    table: str
    columns: tuple[str, ...]
    partitioned: bool = False

    @property
    def qualified(self) -> str:
        """The table's name with its schema, quoted where needed."""
        return qualified(self.schema, self.table)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ForeignKey:
    """A foreign key: the child's columns hold what the parent's columns have.

    ``operators`` are PostgreSQL's own for "parent = child", by schema and name; a planned key has none yet.
    ``collations`` are those of the parent where the child's differ. ``silent`` names the tables and
    triggers of this key that are disabled or fire on replicas only.
    """

    name: str
    child: Side
    parent: Side
    operators: tuple[tuple[str, str], ...] = ()
    collations: tuple[tuple[str, str] | None, ...] = ()
    match_full: bool = False
    period: bool = False
    validated: bool = True
    enforced: bool = True
    silent: tuple[tuple[str, str], ...] = ()
    planned: bool = False

    @property
    def vouched_for(self) -> bool:
        """Whether PostgreSQL has checked every row and checks every change."""
        return self.validated and self.enforced and not self.silent


_FOREIGN_KEYS = """
WITH RECURSIVE tree AS (
    SELECT oid, oid AS root FROM pg_catalog.pg_constraint WHERE contype = 'f' AND conparentid = 0
    UNION ALL
    SELECT c.oid, t.root FROM pg_catalog.pg_constraint c JOIN tree t ON c.conparentid = t.oid
), silent AS (
    SELECT t.root, array_agg(n.nspname::text ORDER BY g.tgname) AS schemas,
           array_agg(c.relname::text ORDER BY g.tgname) AS tables,
           array_agg(g.tgname::text ORDER BY g.tgname) AS triggers
    FROM tree t
    JOIN pg_catalog.pg_trigger g ON g.tgconstraint = t.oid
    JOIN pg_catalog.pg_class c ON c.oid = g.tgrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE g.tgisinternal AND g.tgenabled IN ('D', 'R') GROUP BY t.root
)
SELECT k.conname::text, cn.nspname::text, c.relname::text, c.relkind = 'p', pn.nspname::text, p.relname::text, p.relkind = 'p',
       m.columns, m.referenced, m.operator_schemas, m.operators, m.collation_schemas, m.collations,
       k.confmatchtype = 'f', {period}, k.convalidated, {enforced},
       coalesce(s.schemas, '{{}}'), coalesce(s.tables, '{{}}'), coalesce(s.triggers, '{{}}')
FROM pg_catalog.pg_constraint k
JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
JOIN pg_catalog.pg_namespace cn ON cn.oid = c.relnamespace
JOIN pg_catalog.pg_class p ON p.oid = k.confrelid
JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace
LEFT JOIN silent s ON s.root = k.oid
CROSS JOIN LATERAL (
    SELECT array_agg(ca.attname::text ORDER BY u.i) AS columns, array_agg(pa.attname::text ORDER BY u.i) AS referenced,
           array_agg(opn.nspname::text ORDER BY u.i) AS operator_schemas, array_agg(op.oprname::text ORDER BY u.i) AS operators,
           array_agg(ln.nspname::text ORDER BY u.i) AS collation_schemas, array_agg(l.collname::text ORDER BY u.i) AS collations
    FROM unnest(k.conkey, k.confkey, k.conpfeqop) WITH ORDINALITY AS u(child, parent, operator, i)
    JOIN pg_catalog.pg_attribute ca ON ca.attrelid = k.conrelid AND ca.attnum = u.child
    JOIN pg_catalog.pg_attribute pa ON pa.attrelid = k.confrelid AND pa.attnum = u.parent
    JOIN pg_catalog.pg_operator op ON op.oid = u.operator
    JOIN pg_catalog.pg_namespace opn ON opn.oid = op.oprnamespace
    LEFT JOIN pg_catalog.pg_collation l ON l.oid = pa.attcollation AND pa.attcollation <> ca.attcollation
    LEFT JOIN pg_catalog.pg_namespace ln ON ln.oid = l.collnamespace
) m
WHERE k.contype = 'f' AND k.conparentid = 0 AND cn.nspname !~ '^pg_'
  AND (%s::text[] = '{{}}' OR cn.nspname = ANY (%s) OR pn.nspname = ANY (%s))
ORDER BY 2, 3, 1
"""


def read_foreign_keys(connection: psycopg.Connection, schemas: Sequence[str], *, timeout_ms: int) -> tuple[ForeignKey, ...]:
    """Return the foreign keys of all schemas, or of those that are given, by table and name.

    :param connection: a session.
    :param schemas: of the child or the parent; all by default.
    :param timeout_ms: as for :func:`look`.
    """
    new = connection.info.server_version >= 180000
    query = _FOREIGN_KEYS.format(period="k.conperiod" if new else "false", enforced="k.conenforced" if new else "true")
    wanted = list(schemas)
    return tuple(map(_foreign_key, look(connection, query, timeout_ms=timeout_ms, parameters=[wanted, wanted, wanted])))


def _foreign_key(row: Row) -> ForeignKey:
    name, child_schema, child, child_partitioned, parent_schema, parent, parent_partitioned, *rest = row
    columns, referenced, operator_schemas, operators, collation_schemas, collations, *rest = rest
    match_full, period, validated, enforced, *silent = rest
    return ForeignKey(
        name=name,
        child=Side(schema=child_schema, table=child, partitioned=child_partitioned, columns=tuple(columns)),
        parent=Side(schema=parent_schema, table=parent, partitioned=parent_partitioned, columns=tuple(referenced)),
        operators=tuple(zip(operator_schemas, operators, strict=True)),
        collations=tuple((schema, one) if one else None for schema, one in zip(collation_schemas, collations, strict=True)),
        match_full=match_full,
        period=period,
        validated=validated,
        enforced=enforced,
        silent=tuple((qualified(schema, table), trigger) for schema, table, trigger in zip(*silent, strict=True)),
    )
