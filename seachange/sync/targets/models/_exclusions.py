"""The parts of exclusion constraints, which SQLAlchemy does not reflect."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import sqlalchemy as sa

__all__ = ["Exclusion", "read_exclusions"]

_QUERY = """
SELECT n.nspname, r.relname, c.conname, a.amname, c.condeferrable, c.condeferred,
       pg_catalog.pg_get_expr(i.indpred, i.indrelid) AS predicate,
       pg_catalog.obj_description(c.oid, 'pg_constraint') AS comment,
       ARRAY(SELECT CASE WHEN i.indkey[k - 1] <> 0 THEN (
                 SELECT attname FROM pg_catalog.pg_attribute WHERE attrelid = r.oid AND attnum = i.indkey[k - 1]) END
             FROM pg_catalog.generate_series(1, i.indnkeyatts) AS k ORDER BY k) AS columns,
       ARRAY(SELECT pg_catalog.pg_get_indexdef(i.indexrelid, k, false)
             FROM pg_catalog.generate_series(1, i.indnkeyatts) AS k ORDER BY k) AS expressions,
       ARRAY(SELECT CASE WHEN pg_catalog.pg_operator_is_visible(o.oid) THEN o.oprname
                    ELSE 'OPERATOR(' || pg_catalog.quote_ident(s.nspname) || '.' || o.oprname || ')' END
             FROM pg_catalog.unnest(c.conexclop) WITH ORDINALITY AS u(oid, k)
             JOIN pg_catalog.pg_operator o ON o.oid = u.oid
             JOIN pg_catalog.pg_namespace s ON s.oid = o.oprnamespace ORDER BY k) AS operators,
       ARRAY(SELECT CASE WHEN p.opcdefault THEN NULL ELSE p.opcname END
             FROM pg_catalog.generate_series(1, i.indnkeyatts) AS k
             JOIN pg_catalog.pg_opclass p ON p.oid = i.indclass[k - 1] ORDER BY k) AS classes
FROM pg_catalog.pg_constraint c
JOIN pg_catalog.pg_class r ON r.oid = c.conrelid
JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
JOIN pg_catalog.pg_index i ON i.indexrelid = c.conindid
JOIN pg_catalog.pg_class x ON x.oid = c.conindid
JOIN pg_catalog.pg_am a ON a.oid = x.relam
WHERE c.contype = 'x' AND c.conparentid = 0
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Exclusion:
    """One exclusion constraint; a part is a column or, where that is None, an expression."""

    name: str
    method: str
    columns: tuple[str | None, ...]
    expressions: tuple[str, ...]
    operators: tuple[str, ...]
    classes: tuple[str | None, ...]
    predicate: str
    deferrable: bool
    deferred: bool
    comment: str


def read_exclusions(connection: sa.Connection) -> Mapping[tuple[str, str], list[Exclusion]]:
    """Read all exclusion constraints, by schema and table, sorted by their names.

    :param connection: to the database.
    """
    found: dict[tuple[str, str], list[Exclusion]] = {}
    for row in sorted(connection.exec_driver_sql(_QUERY), key=lambda row: str(row.conname)):
        found.setdefault((row.nspname, row.relname), []).append(
            Exclusion(
                name=row.conname,
                method=row.amname,
                columns=tuple(row.columns),
                expressions=tuple(row.expressions),
                operators=tuple(row.operators),
                classes=tuple(row.classes),
                predicate=row.predicate or "",
                deferrable=row.condeferrable,
                deferred=row.condeferred,
                comment=row.comment or "",
            )
        )
    return found
