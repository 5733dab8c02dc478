"""What statements that maintain, rename, comment or protect relations are expected to do."""

from __future__ import annotations

from collections.abc import Iterable

from seachange.postgres.catalog import qualified
from seachange.safety._predict._effect import Effect
from seachange.safety.facts import LockMode
from seachange.safety.parsing import Node, enum_name, names, object_name, option_names, relation_name

__all__ = [
    "alter_domain",
    "alter_sequence",
    "cluster",
    "comment",
    "create_statistics",
    "lock_table",
    "move_to_schema",
    "publish",
    "refresh",
    "reindex",
    "rename",
    "trigger",
    "vacuum",
    "whole_table",
]

_RELATIONS = {
    "OBJECT_TABLE": "table",
    "OBJECT_VIEW": "view",
    "OBJECT_MATVIEW": "materialized view",
    "OBJECT_SEQUENCE": "sequence",
    "OBJECT_INDEX": "index",
    "OBJECT_FOREIGN_TABLE": "foreign table",
}
_COUNTED = ("table", "materialized view")
_OF_A_TABLE = ("OBJECT_TABCONSTRAINT", "OBJECT_TRIGGER", "OBJECT_POLICY", "OBJECT_RULE", "OBJECT_COLUMN")


def rename(effect: Effect, statement: Node) -> None:
    """Expect what RENAME locks, and remember the new name."""
    known, what = effect.known, enum_name(statement, "rename_type")
    if what not in (*_RELATIONS, *_OF_A_TABLE, "OBJECT_ATTRIBUTE"):
        return
    name = relation_name(statement.relation, schema=known.schema)
    if what == "OBJECT_INDEX":
        _rename_index(effect, name, statement.newname)
        return
    kind = _RELATIONS.get(enum_name(statement, "relation_type"), _RELATIONS.get(what, ""))
    effect.lock(name, LockMode.ACCESS_EXCLUSIVE, kind=kind)
    if what == "OBJECT_COLUMN":
        effect.lock_family(name, LockMode.ACCESS_EXCLUSIVE, only=not statement.relation.inh)
        _rename_column(effect, name, old=statement.subname, new=statement.newname)
    elif what == "OBJECT_TABCONSTRAINT":
        table = known.relation(name)
        if statement.subname in table.constraints:
            table.constraints[statement.newname] = table.constraints.pop(statement.subname)
    elif what in _RELATIONS:
        known.rename(name, f"{name.rpartition('.')[0]}.{qualified(statement.newname)}")


def _rename_index(effect: Effect, name: str, new: str) -> None:
    effect.lock(name, LockMode.SHARE_UPDATE_EXCLUSIVE, kind="index")
    table = effect.known.table_of_index(name)
    if table:
        indexes = effect.known.relation(table).indexes
        indexes[f"{name.rpartition('.')[0]}.{qualified(new)}"] = indexes.pop(name)


def _rename_column(effect: Effect, name: str, *, old: str, new: str) -> None:
    table = effect.known.relation(name)
    if old in table.columns:
        table.columns[new] = table.columns.pop(old)
    table.indexes = {index: _replaced(columns, old, new) for index, columns in table.indexes.items()}
    for view in effect.known.relations.values():
        if view.reads == (name,):
            view.mentions = _replaced(view.mentions, old, new)
    for constraint in table.constraints.values():
        # The tree of a check still has the old name, so that it proves nothing any more.
        constraint.expression = None if old in constraint.columns else constraint.expression
        constraint.columns = _replaced(constraint.columns, old, new)


def _replaced(columns: Iterable[str], old: str, new: str) -> tuple[str, ...]:
    return tuple(new if column == old else column for column in columns)


def move_to_schema(effect: Effect, statement: Node) -> None:
    """Expect what SET SCHEMA locks."""
    what = enum_name(statement, "object_type")
    if what not in _RELATIONS:
        return
    name = relation_name(statement.relation, schema=effect.known.schema)
    if statement.newschema.startswith(("pg_temp", "pg_toast")):
        effect.refuse("0A000", f"cannot move objects into or out of {statement.newschema}")
    effect.lock(name, LockMode.ACCESS_EXCLUSIVE, kind=_RELATIONS[what])
    effect.known.rename(name, f"{qualified(statement.newschema)}.{name.rpartition('.')[2]}")


def comment(effect: Effect, statement: Node) -> None:
    """Expect what COMMENT ON and SECURITY LABEL lock."""
    what = enum_name(statement, "objtype")
    if what in _RELATIONS:
        name = object_name(statement.object, schema=effect.known.schema)
        effect.lock(name, LockMode.SHARE_UPDATE_EXCLUSIVE, kind=_RELATIONS[what])
    elif what == "OBJECT_COLUMN":
        *table, _ = names(statement.object.list.items)
        full = table if len(table) > 1 else (effect.known.schema, *table)
        effect.lock(qualified(*full), LockMode.SHARE_UPDATE_EXCLUSIVE)


def trigger(effect: Effect, statement: Node) -> None:
    """Expect what CREATE TRIGGER locks."""
    effect.lock_family(relation_name(statement.relation, schema=effect.known.schema), LockMode.SHARE_ROW_EXCLUSIVE)


def whole_table(effect: Effect, statement: Node) -> None:
    """Expect what CREATE RULE and CREATE or ALTER POLICY lock."""
    relation = statement.relation if statement.DESCRIPTOR.name == "RuleStmt" else statement.table
    effect.lock(relation_name(relation, schema=effect.known.schema), LockMode.ACCESS_EXCLUSIVE)


def lock_table(effect: Effect, statement: Node) -> None:
    """Expect what LOCK TABLE locks."""
    for each in statement.relations:
        name = relation_name(each.range_var, schema=effect.known.schema)
        effect.lock_family(name, LockMode(statement.mode), only=not each.range_var.inh)


def create_statistics(effect: Effect, statement: Node) -> None:
    """Expect what CREATE STATISTICS locks."""
    for each in statement.relations:
        effect.lock(relation_name(each.range_var, schema=effect.known.schema), LockMode.SHARE_UPDATE_EXCLUSIVE)


def publish(effect: Effect, statement: Node) -> None:
    """Expect what CREATE and ALTER PUBLICATION lock."""
    for each in statement.pubobjects:
        relation = each.publication_obj_spec.pubtable.relation
        if relation.relname:
            effect.lock(relation_name(relation, schema=effect.known.schema), LockMode.SHARE_UPDATE_EXCLUSIVE)


def refresh(effect: Effect, statement: Node) -> None:
    """Expect what REFRESH MATERIALIZED VIEW does."""
    known = effect.known
    name = relation_name(statement.relation, schema=known.schema)
    mode = LockMode.EXCLUSIVE if statement.concurrent else LockMode.ACCESS_EXCLUSIVE
    effect.lock(name, mode, kind="materialized view")
    found = known.find(name)
    for read in found.reads if found is not None else ():
        effect.lock(read, LockMode.ACCESS_SHARE)
        effect.scan(known.leaves(read))
    if statement.concurrent:
        effect.scan((name,))
    else:
        effect.rewrite(name)


def vacuum(effect: Effect, statement: Node) -> None:
    """Expect what VACUUM and ANALYZE do."""
    known = effect.known
    full = "full" in option_names(statement.options)
    named = [relation_name(each.vacuum_relation.relation, schema=known.schema) for each in statement.rels]
    for name in named or [one.name for one in known.relations.values() if one.kind in _COUNTED]:
        effect.lock_family(name, LockMode.ACCESS_EXCLUSIVE if full else LockMode.SHARE_UPDATE_EXCLUSIVE)
        if full:
            effect.rewrite(name)


def cluster(effect: Effect, statement: Node) -> None:
    """Expect what CLUSTER does."""
    if statement.HasField("relation"):
        name = relation_name(statement.relation, schema=effect.known.schema)
        effect.lock_family(name, LockMode.ACCESS_EXCLUSIVE)
        effect.rewrite(name)


def reindex(effect: Effect, statement: Node) -> None:
    """Expect what REINDEX does."""
    known = effect.known
    online = "concurrently" in option_names(statement.params)
    mode = LockMode.SHARE_UPDATE_EXCLUSIVE if online else LockMode.SHARE
    what = enum_name(statement, "kind").removeprefix("REINDEX_OBJECT_")
    if what == "INDEX":
        index = relation_name(statement.relation, schema=known.schema)
        table = known.table_of_index(index)
        effect.lock(table, mode)
        if table not in known.created:
            effect.lock(index, mode if online else LockMode.ACCESS_EXCLUSIVE, kind="index")
        effect.build(index, table, online=online)
    elif what == "TABLE":
        name = relation_name(statement.relation, schema=known.schema)
        effect.lock_family(name, mode)
        for leaf in known.leaves(name):
            effect.build_all(leaf, online=online)
            if not known.relation(leaf).indexes and not known.relation(leaf).complete:
                effect.build("", leaf, online=online)
    else:
        inside = [one for one in known.relations.values() if one.kind in ("table", "materialized view")]
        for relation in inside:
            if what != "SCHEMA" or relation.schema_of == qualified(statement.name):
                effect.lock(relation.name, mode)
                effect.build_all(relation.name, online=online)


def alter_sequence(effect: Effect, statement: Node) -> None:
    """Expect what ALTER SEQUENCE locks."""
    name = relation_name(statement.sequence, schema=effect.known.schema)
    effect.lock(name, LockMode.SHARE_ROW_EXCLUSIVE, kind="sequence")


def alter_domain(effect: Effect, statement: Node) -> None:
    """Expect what ALTER DOMAIN does to every table that has a column of it."""
    known = effect.known
    adds, validates, sets = (statement.subtype == each for each in ("C", "V", "O"))
    valid = adds and not getattr(statement, "def").constraint.skip_validation
    name = known.plain(qualified(*names(statement.type_name)))
    if adds and name in known.domains:
        known.domains[name] = type(known.domains[name])(type=known.domains[name].type, constrained=True)
    if not (valid or validates or sets):
        return
    # Since 18 a validation lets writers pass.
    mode = LockMode.SHARE_UPDATE_EXCLUSIVE if validates and effect.major >= 18 else LockMode.SHARE
    for relation, _ in known.columns_of_type((name,)):
        effect.lock(relation.name, mode)
        effect.scan((relation.name,))
