"""Queries on what uses an enum type, each with the parameters ``schema`` and ``name``."""

from __future__ import annotations

from sqlalchemy import text

__all__ = ["COLUMNS", "DEPENDENTS", "FIXING"]

_TYPES = """
with types (oid, array_of) as (
    select u.oid, u.array_of
    from pg_catalog.pg_type t join pg_catalog.pg_namespace n on n.oid = t.typnamespace
    cross join lateral (values (t.oid, false), (t.typarray, true)) u (oid, array_of)
    where t.typname = :name and n.nspname = :schema
), columns (relation, number) as (
    select a.attrelid, a.attnum from pg_catalog.pg_attribute a join types on types.oid = a.atttypid where not a.attisdropped
)
"""

# Columns of partitions and of other inheriting tables follow their parents.
COLUMNS = text(
    _TYPES
    + """
select n.nspname as schema, c.relname as table, a.attname as column, types.array_of as array,
    coalesce(pg_get_expr(d.adbin, d.adrelid), '') as default, a.attgenerated <> '' as generated
from types join pg_catalog.pg_attribute a on a.atttypid = types.oid and not a.attisdropped and a.attinhcount = 0
join pg_catalog.pg_class c on c.oid = a.attrelid and c.relkind in ('r', 'p')
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
order by 1, 2, 3
"""
)

# Checks and indexes whose text names a label have to be away while the type of their column changes.
DEPENDENTS = text(
    _TYPES  # noqa: S608
    + """
select format('ALTER TABLE %s DROP CONSTRAINT %I', o.conrelid::regclass, o.conname),
    format('ALTER TABLE %s ADD CONSTRAINT %I %s', o.conrelid::regclass, o.conname, pg_get_constraintdef(o.oid))
from pg_catalog.pg_constraint o
where o.contype = 'c' and o.conislocal and exists (
    select from pg_catalog.pg_depend d join columns on columns.relation = d.refobjid and columns.number = d.refobjsubid
    where d.classid = 'pg_constraint'::regclass and d.objid = o.oid and d.refclassid = 'pg_class'::regclass
)
union all
select format('DROP INDEX %s', i.indexrelid::regclass), pg_get_indexdef(i.indexrelid)
from pg_catalog.pg_index i
where (i.indpred is not null or i.indexprs is not null) and exists (
    select from pg_catalog.pg_depend d join columns on columns.relation = d.refobjid and columns.number = d.refobjsubid
    where d.classid = 'pg_class'::regclass and d.objid = i.indexrelid and d.refclassid = 'pg_class'::regclass
)
order by 1
"""
)

# Views, rules, triggers, policies and functions that need the type or its columns: nothing is made away and back for them.
FIXING = text(
    _TYPES  # noqa: S608
    + """
select exists (
    select from pg_catalog.pg_depend d
    where d.classid in ('pg_rewrite'::regclass, 'pg_trigger'::regclass, 'pg_policy'::regclass, 'pg_proc'::regclass)
      and (
        (d.refclassid = 'pg_type'::regclass and d.refobjid in (select oid from types))
        or (d.refclassid = 'pg_class'::regclass and (d.refobjid, d.refobjsubid) in (select relation, number from columns))
      )
)
"""
)
