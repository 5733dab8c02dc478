"""The catalogue queries: one per kind of thing, for whole schemas at once, on PostgreSQL 12 and later."""

from __future__ import annotations

__all__ = ["SESSION", "queries"]

# pg_get_*def and pg_get_expr qualify what search_path does not show, and print constants by these settings:
# with them fixed, the same schema reads the same whatever the role, database or server has set. The last three are for
# speed: 10,000 tables sorted on disk, compiled or handed to workers take a third longer.
SESSION = """
SELECT pg_catalog.set_config(name, value, true)
FROM (VALUES ('search_path', ''), ('TimeZone', 'UTC'), ('DateStyle', 'ISO, YMD'), ('IntervalStyle', 'postgres'),
             ('extra_float_digits', '1'), ('bytea_output', 'hex'), ('quote_all_identifiers', 'off'),
             ('lc_monetary', 'C'), ('work_mem', '64MB'), ('jit', 'off'),
             ('max_parallel_workers_per_gather', '0')) AS s(name, value)
"""

# regcollation came with 13.
_COLLATION = """(SELECT quote_ident(ln.nspname) || '.' || quote_ident(l.collname)
             FROM pg_collation l JOIN pg_namespace ln ON ln.oid = l.collnamespace WHERE l.oid = {oid})"""

_SCHEMAS = """
SELECT n.oid, n.nspname AS name, d.description AS comment,
       EXISTS (SELECT FROM pg_depend e
               WHERE e.classid = 'pg_namespace'::regclass AND e.objid = n.oid AND e.deptype = 'e') AS of_extension
FROM pg_namespace n
LEFT JOIN pg_description d ON d.classoid = 'pg_namespace'::regclass AND d.objoid = n.oid
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
"""

_MEMBERS = """
SELECT classid::regclass::text AS catalog, objid AS oid FROM pg_depend WHERE deptype = 'e'
"""

_RELATIONS = """
SELECT c.oid, c.relnamespace AS namespace, c.relname AS name, c.relkind AS kind, c.relpersistence = 'u' AS unlogged,
       CASE WHEN am.amname <> 'heap' THEN am.amname END AS access_method, c.reloptions AS options,
       c.relrowsecurity AS row_security, c.relforcerowsecurity AS force_row_security, c.relreplident AS replica_identity,
       pg_get_expr(c.relpartbound, c.oid) AS partition_bound,
       CASE WHEN c.relkind = 'p' THEN pg_get_partkeydef(c.oid) END AS partition_key,
       CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END AS definition,
       parents.schemas AS parent_schemas, parents.names AS parent_names,
       CASE WHEN c.reloftype <> 0 THEN format_type(c.reloftype, NULL) END AS of_type,
       s.srvname AS server, f.ftoptions AS foreign_options, d.description AS comment,
       c.reltuples AS rows, c.relpages AS pages, c.relpages * current_setting('block_size')::bigint AS bytes
FROM pg_class c
LEFT JOIN pg_am am ON am.oid = c.relam
LEFT JOIN pg_foreign_table f ON f.ftrelid = c.oid
LEFT JOIN pg_foreign_server s ON s.oid = f.ftserver
LEFT JOIN (SELECT i.inhrelid, array_agg(pn.nspname::text ORDER BY i.inhseqno) AS schemas,
                  array_agg(p.relname::text ORDER BY i.inhseqno) AS names
           FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhparent JOIN pg_namespace pn ON pn.oid = p.relnamespace
           GROUP BY i.inhrelid) parents ON parents.inhrelid = c.oid
LEFT JOIN pg_description d ON d.classoid = 'pg_class'::regclass AND d.objoid = c.oid AND d.objsubid = 0
WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm', 'c') AND c.relnamespace = ANY (%(schemas)s::oid[])
"""

_COLUMNS = """
SELECT a.attrelid AS relation, a.attnum AS number, a.attname AS name, a.atttypid AS type, a.atttypmod AS modifier,
       a.attnotnull AS not_null, pg_get_expr(ad.adbin, ad.adrelid) AS expression, nullif(a.attidentity, '') AS identity,
       nullif(a.attgenerated, '') AS generated,
       CASE WHEN a.attcollation <> t.typcollation THEN {collation} END AS collation,
       CASE WHEN a.attstorage <> t.typstorage AND c.relkind IN ('r', 'p', 'f', 'm') THEN a.attstorage END AS storage,
       {compression} AS compression, d.description AS comment
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_attrdef ad ON ad.adrelid = a.attrelid AND ad.adnum = a.attnum
LEFT JOIN pg_description d ON d.classoid = 'pg_class'::regclass AND d.objoid = a.attrelid AND d.objsubid = a.attnum
WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm', 'c') AND c.relnamespace = ANY (%(schemas)s::oid[])
  AND a.attnum > 0 AND NOT a.attisdropped
"""

# Asked for each (type, modifier) that is used: a handful, where the columns are 100,000.
_TYPE_NAMES = """
SELECT t.oid, u.modifier, format_type(t.oid, u.modifier) AS text, n.nspname AS schema, b.typname AS name, b.typtype AS kind,
       b.oid <> t.oid AS array
FROM unnest(%(types)s::oid[], %(modifiers)s::int[]) AS u(type, modifier)
JOIN pg_type t ON t.oid = u.type
LEFT JOIN pg_type e ON e.oid = t.typelem AND e.typarray = t.oid
JOIN pg_type b ON b.oid = coalesce(e.oid, t.oid)
JOIN pg_namespace n ON n.oid = b.typnamespace
"""

# From 18 on, NOT NULL has rows here too; pg_attribute says the same on every version, so only the not yet validated are read.
_CONSTRAINTS = """
SELECT c.conrelid AS relation, c.contypid AS domain, c.conname AS name, c.contype AS kind,
       pg_get_constraintdef(c.oid) AS definition, c.conkey AS numbers, c.convalidated AS validated, {enforced} AS enforced,
       n.nspname AS other_schema, p.relname AS other_name, c.confrelid AS other, c.confkey AS other_numbers,
       d.description AS comment
FROM pg_constraint c
LEFT JOIN pg_class p ON p.oid = c.confrelid
LEFT JOIN pg_namespace n ON n.oid = p.relnamespace
LEFT JOIN pg_description d ON d.classoid = 'pg_constraint'::regclass AND d.objoid = c.oid
WHERE c.connamespace = ANY (%(schemas)s::oid[])
  AND (c.contype IN ('p', 'u', 'c', 'x') OR (c.contype = 'f' AND c.conparentid = 0)
       OR (c.contype = 'n' AND NOT c.convalidated))
"""

# Attribute names of tables outside the schemas that were asked for, which foreign keys point to.
_REFERENCED = """
SELECT a.attrelid AS relation, a.attnum AS number, a.attname AS name FROM pg_attribute a
WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attrelid IN (
    SELECT c.confrelid FROM pg_constraint c JOIN pg_class p ON p.oid = c.confrelid
    WHERE c.contype = 'f' AND c.connamespace = ANY (%(schemas)s::oid[]) AND NOT p.relnamespace = ANY (%(schemas)s))
"""

_INDEXES = """
SELECT i.indrelid AS relation, c.relname AS name, CASE WHEN k.oid IS NULL THEN pg_get_indexdef(c.oid) END AS definition,
       i.indisvalid AS valid, i.indisunique AS unique, i.indpred IS NOT NULL AS partial, i.indkey::int2[] AS numbers,
       i.indnkeyatts AS keys, i.indisreplident AS replica_identity, k.oid IS NOT NULL AS of_constraint,
       d.description AS comment
FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x')
LEFT JOIN pg_description d ON d.classoid = 'pg_class'::regclass AND d.objoid = c.oid AND d.objsubid = 0
WHERE c.relnamespace = ANY (%(schemas)s::oid[])
"""

_TRIGGERS = """
SELECT t.tgrelid AS relation, t.tgname AS name, pg_get_triggerdef(t.oid) AS definition, t.tgenabled AS enabled,
       d.description AS comment
FROM pg_trigger t
JOIN pg_class c ON c.oid = t.tgrelid
LEFT JOIN pg_description d ON d.classoid = 'pg_trigger'::regclass AND d.objoid = t.oid
WHERE NOT t.tgisinternal {not_cloned} AND c.relnamespace = ANY (%(schemas)s::oid[])
"""

_POLICIES = """
SELECT p.polrelid AS relation, p.polname AS name, p.polcmd AS command, p.polpermissive AS permissive,
       ARRAY(SELECT CASE r WHEN 0 THEN 'public' ELSE pg_get_userbyid(r)::text END
             FROM unnest(p.polroles) r ORDER BY 1) AS roles,
       pg_get_expr(p.polqual, p.polrelid) AS using, pg_get_expr(p.polwithcheck, p.polrelid) AS check, d.description AS comment
FROM pg_policy p
JOIN pg_class c ON c.oid = p.polrelid
LEFT JOIN pg_description d ON d.classoid = 'pg_policy'::regclass AND d.objoid = p.oid
WHERE c.relnamespace = ANY (%(schemas)s::oid[])
"""

_RULES = """
SELECT r.ev_class AS relation, r.rulename AS name, pg_get_ruledef(r.oid) AS definition, r.ev_enabled AS enabled
FROM pg_rewrite r
JOIN pg_class c ON c.oid = r.ev_class
WHERE r.rulename <> '_RETURN' AND c.relnamespace = ANY (%(schemas)s::oid[])
"""

_STATISTICS = """
SELECT s.stxrelid AS relation, s.stxname AS name, pg_get_statisticsobjdef(s.oid) AS definition
FROM pg_statistic_ext s
JOIN pg_class c ON c.oid = s.stxrelid
WHERE c.relnamespace = ANY (%(schemas)s::oid[])
"""

_SEQUENCES = """
SELECT c.oid, c.relnamespace AS namespace, c.relname AS name, format_type(s.seqtypid, NULL) AS type, s.seqstart AS start,
       s.seqincrement AS increment, s.seqmin AS minimum, s.seqmax AS maximum, s.seqcache AS cache, s.seqcycle AS cycle,
       o.refobjid AS owner, o.refobjsubid AS owner_number, o.deptype = 'i' AS identity, d.description AS comment
FROM pg_sequence s
JOIN pg_class c ON c.oid = s.seqrelid
LEFT JOIN pg_depend o ON o.classid = 'pg_class'::regclass AND o.objid = c.oid AND o.deptype IN ('a', 'i')
                     AND o.refclassid = 'pg_class'::regclass AND o.refobjsubid > 0
LEFT JOIN pg_description d ON d.classoid = 'pg_class'::regclass AND d.objoid = c.oid AND d.objsubid = 0
WHERE c.relnamespace = ANY (%(schemas)s::oid[])
"""

# Constructors of range types belong to the type (deptype i); what extensions made (e) is left out early, it may be much.
_FUNCTIONS = """
SELECT p.oid, p.pronamespace AS namespace, p.proname AS name, pg_get_function_identity_arguments(p.oid) AS arguments,
       CASE WHEN p.prokind <> 'a' THEN pg_get_functiondef(p.oid) ELSE concat_ws(' ',
           'AGGREGATE', a.aggkind, 'RETURNS', pg_get_function_result(p.oid), 'SFUNC', a.aggtransfn, 'STYPE',
           format_type(a.aggtranstype, NULL), 'FINALFUNC', a.aggfinalfn, a.aggfinalextra, a.aggfinalmodify,
           'COMBINEFUNC', a.aggcombinefn, 'SERIALFUNC', a.aggserialfn, 'DESERIALFUNC', a.aggdeserialfn,
           'MSFUNC', a.aggmtransfn, 'MINVFUNC', a.aggminvtransfn, 'MSTYPE', format_type(nullif(a.aggmtranstype, 0), NULL),
           'MFINALFUNC', a.aggmfinalfn, 'INITCOND', quote_nullable(a.agginitval), quote_nullable(a.aggminitval),
           'SORTOP', nullif(a.aggsortop, 0)::regoperator, 'PARALLEL', p.proparallel) END AS definition,
       d.description AS comment
FROM pg_proc p
LEFT JOIN pg_aggregate a ON a.aggfnoid = p.oid
LEFT JOIN pg_description d ON d.classoid = 'pg_proc'::regclass AND d.objoid = p.oid
WHERE p.pronamespace = ANY (%(schemas)s::oid[])
  AND NOT EXISTS (SELECT FROM pg_depend i
                  WHERE i.classid = 'pg_proc'::regclass AND i.objid = p.oid AND i.deptype IN ('i', 'e'))
"""

_TYPES = """
SELECT t.oid, t.typnamespace AS namespace, t.typname AS name, t.typtype AS kind, t.typrelid AS relation,
       ARRAY(SELECT e.enumlabel FROM pg_enum e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder) AS labels,
       t.typbasetype AS base, t.typtypmod AS modifier, t.typnotnull AS not_null, pg_get_expr(t.typdefaultbin, 0) AS expression,
       CASE WHEN t.typtype = 'd' AND t.typcollation <> b.typcollation THEN {collation} END AS collation,
       format_type(r.rngsubtype, NULL) AS subtype, d.description AS comment
FROM pg_type t
LEFT JOIN pg_type b ON b.oid = t.typbasetype
LEFT JOIN pg_range r ON r.rngtypid = t.oid
LEFT JOIN pg_class c ON c.oid = t.typrelid
LEFT JOIN pg_description d ON d.classoid = 'pg_type'::regclass AND d.objoid = t.oid
WHERE t.typnamespace = ANY (%(schemas)s::oid[]) AND (t.typtype IN ('e', 'd', 'r') OR (t.typtype = 'c' AND c.relkind = 'c'))
"""

# Extensions below this oid come with initdb (plpgsql) and belong to no schema of anybody's.
_EXTENSIONS = """
SELECT e.extname AS name, n.nspname AS schema, e.extversion AS version
FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
WHERE e.oid >= 16384
"""


def queries(version: int) -> dict[str, str]:
    """Return the queries by the name of what they read, in the order to run them.

    :param version: ``server_version_num``.
    """
    compression = "nullif(a.attcompression, '')" if version >= 140000 else "NULL"
    enforced = "c.conenforced" if version >= 180000 else "true"
    not_cloned = "AND t.tgparentid = 0" if version >= 130000 else ""
    return {
        "schemas": _SCHEMAS,
        "members": _MEMBERS,
        "relations": _RELATIONS,
        "columns": _COLUMNS.format(compression=compression, collation=_COLLATION.format(oid="a.attcollation")),
        "type names": _TYPE_NAMES,
        "constraints": _CONSTRAINTS.format(enforced=enforced),
        "referenced": _REFERENCED,
        "indexes": _INDEXES,
        "triggers": _TRIGGERS.format(not_cloned=not_cloned),
        "policies": _POLICIES,
        "rules": _RULES,
        "statistics": _STATISTICS,
        "sequences": _SEQUENCES,
        "functions": _FUNCTIONS,
        "types": _TYPES.format(collation=_COLLATION.format(oid="t.typcollation")),
        "extensions": _EXTENSIONS,
    }
