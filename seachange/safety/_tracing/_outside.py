"""Statements that end transactions by themselves, and the tables that others would have to hold for them to wait."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from seachange.safety.parsing import Node, enum_name, kind, names, option_names, parse

__all__ = ["Outside", "Target", "outside", "targets"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outside:
    """What a statement that cannot run in a transaction names.

    ``chained``: it waits for other transactions again and again, holding what it has; the others work table by table, each in a
    transaction of its own. ``partitioned``: only if what it names is. ``schema`` and ``everything`` name all tables there.
    """

    tables: tuple[str, ...] = ()
    indexes: tuple[str, ...] = ()
    schema: str = ""
    everything: bool = False
    chained: bool = False
    partitioned: bool = False
    skips_locked: bool = False


class Target(NamedTuple):
    """A table or materialized view, by its name with schema, quoted where needed."""

    oid: int
    name: str
    kind: str


def outside(sql: str) -> Outside | None:
    """Return what a statement names if it cannot run in a transaction and takes locks on tables.

    :param sql: the statement; of several in one text none can be such.
    """
    trees = parse(sql)
    if len(trees) != 1 or kind(trees[0]) not in _BY_KIND:
        return None
    return _BY_KIND[kind(trees[0])](trees[0])


def targets(found: Outside, query: Callable[[str], list[Any]]) -> tuple[Target, ...] | None:
    """Return the tables that a statement works on, partitions among them; None if it can run in a transaction after all.

    :param found: what it names.
    :param query: runs SQL on its own session, whose search_path counts.
    """
    if found.partitioned and not query(_PARTITIONED.format(_values([*found.tables, *found.indexes]))):
        return None
    if found.everything or found.schema:
        where = f"n.oid = to_regnamespace({_literal(found.schema)})" if found.schema else _OURS
    else:
        where = _NAMED.format(_values(found.tables), _values(found.indexes))
    return tuple(Target(*row) for row in query(_SELECT.format(where)))


# What a block or a procedure names, and how often it commits, nobody can tell before: it is looked at without being held back.
_ENDS = re.compile(r"\b(commit|rollback)\b", re.IGNORECASE)
_OURS = "n.nspname not like 'pg\\_%' and n.nspname <> 'information_schema'"
_SELECT = """
select c.oid::bigint, quote_ident(n.nspname) || '.' || quote_ident(c.relname), c.relkind::text
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'm') and {} order by 1
"""
_NAMED = """c.oid in (
    with named (oid) as (
        select pg_catalog.to_regclass(name) from (values {}) as tables (name)
        union select i.indrelid::regclass from (values {}) as indexes (name)
            join pg_catalog.pg_index i on i.indexrelid = pg_catalog.to_regclass(name)
    )
    select oid from named union select tree.relid from named, pg_catalog.pg_partition_tree(named.oid) as tree)
"""
_PARTITIONED = """
select c.oid from (values {}) as named (name) join pg_catalog.pg_class c on c.oid = pg_catalog.to_regclass(name)
where c.relkind in ('p', 'I')
"""


def _values(texts: Iterable[str]) -> str:
    return ", ".join(f"({_literal(text)})" for text in texts) or "(null)"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _quoted(parts: Iterable[str]) -> str:
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts if part)


def _name(relation: Node) -> str:
    return _quoted((relation.schemaname, relation.relname))


def _index(statement: Node) -> Outside | None:
    return Outside(tables=(_name(statement.relation),), chained=True) if statement.concurrent else None


def _drop(statement: Node) -> Outside | None:
    if not statement.concurrent:
        return None
    return Outside(indexes=tuple(_quoted(names(each.list.items)) for each in statement.objects), chained=True)


def _alter_table(statement: Node) -> Outside | None:
    for command in statement.cmds:
        partition = getattr(command.alter_table_cmd, "def").partition_cmd
        if partition.concurrent:
            return Outside(tables=(_name(statement.relation), _name(partition.name)), chained=True)
    return None


def _reindex(statement: Node) -> Outside:
    concurrently = "concurrently" in option_names(statement.params)
    what = enum_name(statement, "kind").removeprefix("REINDEX_OBJECT_")
    if what == "TABLE":
        return Outside(tables=(_name(statement.relation),), chained=concurrently, partitioned=not concurrently)
    if what == "INDEX":
        return Outside(indexes=(_name(statement.relation),), chained=concurrently, partitioned=not concurrently)
    schema = _quoted([statement.name]) if what == "SCHEMA" else ""
    return Outside(schema=schema, everything=not schema, chained=concurrently)


def _vacuum(statement: Node) -> Outside | None:
    if not statement.is_vacuumcmd:
        return None
    tables = tuple(_name(each.vacuum_relation.relation) for each in statement.rels)
    return Outside(tables=tables, everything=not tables, skips_locked="skip_locked" in option_names(statement.options))


def _cluster(statement: Node) -> Outside:
    if statement.HasField("relation"):
        return Outside(tables=(_name(statement.relation),), partitioned=True)
    return Outside(everything=True)


def _do(statement: Node) -> Outside | None:
    text = " ".join(each.def_elem.arg.string.sval for each in statement.args)
    return Outside() if _ENDS.search(text) else None


def _call(_: Node) -> Outside:
    return Outside()


_BY_KIND: dict[str, Callable[[Node], Outside | None]] = {
    "IndexStmt": _index,
    "DropStmt": _drop,
    "AlterTableStmt": _alter_table,
    "ReindexStmt": _reindex,
    "VacuumStmt": _vacuum,
    "ClusterStmt": _cluster,
    "DoStmt": _do,
    "CallStmt": _call,
}
