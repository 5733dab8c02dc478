"""What targets need beyond the catalogue's own queries: the parts of indexes, how foreign keys act, what views read."""

from __future__ import annotations

__all__ = ["detail_queries"]

_CONSTRAINTS = """
SELECT n.nspname AS schema, r.relname AS relation, c.conname AS name, c.confupdtype AS on_update, c.confdeltype AS on_delete,
       c.confmatchtype AS match, c.condeferrable AS deferrable, c.condeferred AS initially_deferred,
       CASE WHEN c.contype = 'c' THEN pg_get_expr(c.conbin, c.conrelid) END AS expression,
       {nulls_not_distinct} AS nulls_not_distinct,
       CASE WHEN i.indnatts > i.indnkeyatts THEN
           ARRAY(SELECT a.attname::text FROM unnest(i.indkey[i.indnkeyatts : i.indnatts - 1]) WITH ORDINALITY AS k(number, place)
                 JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number ORDER BY k.place) END AS include
FROM pg_constraint c
JOIN pg_class r ON r.oid = c.conrelid
JOIN pg_namespace n ON n.oid = r.relnamespace
LEFT JOIN pg_index i ON i.indexrelid = c.conindid AND c.contype IN ('p', 'u', 'x')
WHERE n.nspname = ANY (%(schemas)s) AND c.contype IN ('p', 'u', 'f', 'c', 'x')
"""

_DOMAIN_CHECKS = """
SELECT n.nspname AS schema, t.typname AS relation, c.conname AS name, pg_get_expr(c.conbin, 0) AS expression
FROM pg_constraint c
JOIN pg_type t ON t.oid = c.contypid
JOIN pg_namespace n ON n.oid = t.typnamespace
WHERE n.nspname = ANY (%(schemas)s) AND c.contype = 'c'
"""

_INDEXES = """
SELECT n.nspname AS schema, c.relname AS name, m.amname AS method, {nulls_not_distinct} AS nulls_not_distinct,
       pg_get_expr(i.indpred, i.indrelid) AS predicate, c.relpages * current_setting('block_size')::bigint AS bytes
FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_am m ON m.oid = c.relam
WHERE n.nspname = ANY (%(schemas)s)
  AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x'))
"""

_INDEX_PARTS = """
SELECT n.nspname AS schema, c.relname AS name, k.number, k.number > i.indnkeyatts AS included, a.attname AS column,
       CASE WHEN a.attname IS NULL THEN pg_get_indexdef(i.indexrelid, k.number, false) END AS expression,
       i.indoption[k.number - 1] & 1 = 1 AS descending, i.indoption[k.number - 1] & 2 = 2 AS nulls_first,
       o.opcname AS operator_class, o.opcdefault AS default_operator_class,
       CASE WHEN l.oid <> coalesce(a.attcollation, 100) THEN quote_ident(ln.nspname) || '.' || quote_ident(l.collname) END
           AS collation
FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN generate_series(1, i.indnatts::int) AS k(number)
LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[k.number - 1] AND i.indkey[k.number - 1] <> 0
LEFT JOIN pg_opclass o ON o.oid = i.indclass[k.number - 1]
LEFT JOIN pg_collation l ON l.oid = i.indcollation[k.number - 1]
LEFT JOIN pg_namespace ln ON ln.oid = l.collnamespace
WHERE n.nspname = ANY (%(schemas)s)
  AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x'))
ORDER BY 1, 2, 3
"""

_VIEW_USES = """
SELECT DISTINCT vn.nspname AS schema, v.relname AS name, n.nspname AS used_schema, c.relname AS used
FROM pg_rewrite r
JOIN pg_class v ON v.oid = r.ev_class AND v.relkind IN ('v', 'm')
JOIN pg_namespace vn ON vn.oid = v.relnamespace
JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass
JOIN pg_class c ON c.oid = d.refobjid AND c.oid <> v.oid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE vn.nspname = ANY (%(schemas)s) AND c.relkind <> 'S'
ORDER BY 1, 2, 3, 4
"""

# Short, as psql shows it; what the catalogue compares has all of the parentheses.
_VIEW_TEXTS = """
SELECT n.nspname AS schema, c.relname AS name, pg_get_viewdef(c.oid, true) AS text
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY (%(schemas)s) AND c.relkind IN ('v', 'm')
"""

_DIMENSIONS = """
SELECT n.nspname AS schema, c.relname AS relation, a.attname AS name, a.attndims::int AS dimensions
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY (%(schemas)s) AND a.attndims > 1 AND a.attnum > 0 AND NOT a.attisdropped
"""

_PARTITIONS = """
SELECT n.nspname AS schema, c.relname AS name, pn.nspname AS parent_schema, p.relname AS parent
FROM pg_inherits i
JOIN pg_class c ON c.oid = i.inhrelid AND c.relispartition AND c.relkind IN ('r', 'p', 'f')
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_class p ON p.oid = i.inhparent
JOIN pg_namespace pn ON pn.oid = p.relnamespace
WHERE n.nspname = ANY (%(schemas)s)
"""

_ATTRIBUTES = """
SELECT tn.nspname AS schema, t.typname AS composite, a.attname AS name, a.attnum AS number,
       format_type(a.atttypid, a.atttypmod) AS text, bn.nspname AS type_schema, b.typname AS type_name, b.typtype AS kind,
       b.oid <> y.oid AS array, d.description AS comment
FROM pg_type t
JOIN pg_namespace tn ON tn.oid = t.typnamespace
JOIN pg_class c ON c.oid = t.typrelid AND c.relkind = 'c'
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type y ON y.oid = a.atttypid
LEFT JOIN pg_type e ON e.oid = y.typelem AND e.typarray = y.oid
JOIN pg_type b ON b.oid = coalesce(e.oid, y.oid)
JOIN pg_namespace bn ON bn.oid = b.typnamespace
LEFT JOIN pg_description d ON d.classoid = 'pg_class'::regclass AND d.objoid = c.oid AND d.objsubid = a.attnum
WHERE tn.nspname = ANY (%(schemas)s)
ORDER BY 1, 2, 4
"""

_EXTENSION_TYPES = """
SELECT n.nspname AS schema, t.typname AS name, e.extname AS extension
FROM pg_depend d
JOIN pg_type t ON t.oid = d.objid
JOIN pg_namespace n ON n.oid = t.typnamespace
JOIN pg_extension e ON e.oid = d.refobjid
WHERE d.classid = 'pg_type'::regclass AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
"""


def detail_queries(version: int) -> dict[str, str]:
    """Return the queries by the name of what they read; ``%(schemas)s`` are names.

    :param version: ``server_version_num``.
    """
    nulls = "coalesce(i.indnullsnotdistinct, false)" if version >= 150000 else "false"
    return {
        "constraints": _CONSTRAINTS.format(nulls_not_distinct=nulls),
        "domain checks": _DOMAIN_CHECKS,
        "indexes": _INDEXES.format(nulls_not_distinct=nulls),
        "index parts": _INDEX_PARTS,
        "view uses": _VIEW_USES,
        "view texts": _VIEW_TEXTS,
        "dimensions": _DIMENSIONS,
        "partitions": _PARTITIONS,
        "attributes": _ATTRIBUTES,
        "extension types": _EXTENSION_TYPES,
    }
