"""What DROP and TRUNCATE are expected to do, with what goes along."""

from __future__ import annotations

from seachange.postgres.catalog import qualified
from seachange.safety._predict._effect import Effect
from seachange.safety._predict._known import RelationState
from seachange.safety.facts import LockMode
from seachange.safety.parsing import Node, dropped_names, enum_name, names, relation_name, type_name

__all__ = ["drop", "truncate"]

_RELATIONS = {
    "TABLE": "table",
    "VIEW": "view",
    "MATVIEW": "materialized view",
    "SEQUENCE": "sequence",
    "FOREIGN_TABLE": "foreign table",
}
_PARTS = {"TRIGGER": "trigger", "POLICY": "policy", "RULE": "rule"}
_ROUTINES = ("FUNCTION", "PROCEDURE", "ROUTINE", "AGGREGATE")


def drop(effect: Effect, statement: Node) -> None:
    """Expect what a DROP does."""
    what = enum_name(statement, "remove_type").removeprefix("OBJECT_")
    cascade = enum_name(statement, "behavior") == "DROP_CASCADE"
    dropped = dropped_names(statement, schema=effect.known.schema)
    if what in _RELATIONS and not cascade:
        _refuse_needed(effect, dropped)
    for node, name in zip(statement.objects, dropped, strict=True):
        if what in _RELATIONS:
            _drop_relation(effect, name, kind=_RELATIONS[what], cascade=cascade)
        elif what == "INDEX":
            _drop_index(effect, name, concurrently=statement.concurrent)
        elif what in _PARTS:
            _drop_part(effect, node, kind=_PARTS[what])
        elif what in _ROUTINES:
            arguments = ",".join(type_name(each.type_name) for each in node.object_with_args.objargs)
            effect.drop(f"{name}({arguments})", kind=what.lower())
        elif what in ("TYPE", "DOMAIN"):
            _drop_type(effect, name, kind=what.lower(), cascade=cascade)
        elif what == "SCHEMA":
            _drop_schema(effect, name, cascade=cascade)
        else:
            effect.drop(name, kind=what.lower().replace("_", " "))


def _refuse_needed(effect: Effect, going: tuple[str, ...]) -> None:
    """Expect the server to refuse when something that stays depends on what goes."""
    known = effect.known
    for name in going:
        needing = [*known.views_on(name), *(other.name for other, _ in known.referring(name) if other.name != name)]
        if any(each not in going for each in needing):
            effect.refuse("2BP01", f"cannot drop {name} because other objects depend on it")


def _drop_relation(effect: Effect, name: str, *, kind: str, cascade: bool, cascaded: bool = False) -> None:
    known = effect.known
    found = known.find(name)
    if found is None and known.complete:
        return
    effect.lock(name, LockMode.ACCESS_EXCLUSIVE, kind=kind)
    effect.drop(name, kind=kind, cascaded=cascaded)
    if found is None:
        return
    for constraint in found.constraints.values():
        effect.lock(constraint.target, LockMode.ACCESS_EXCLUSIVE)
    for parent in found.parents:
        effect.lock(parent, LockMode.ACCESS_EXCLUSIVE)
    below = known.descendants(name)
    known.forget(name)
    for child in below:
        if known.find(child) is not None:
            _drop_relation(effect, child, kind="table", cascade=cascade, cascaded=True)
    if cascade:
        _drop_dependents(effect, found)


def _drop_dependents(effect: Effect, gone: RelationState) -> None:
    known = effect.known
    for other, key in tuple(known.referring(gone.name)):
        effect.lock(other.name, LockMode.ACCESS_EXCLUSIVE)
        effect.drop(f"{qualified(key)} on {other.name}", kind="table constraint", cascaded=True, table=other.name)
        other.constraints.pop(key, None)
    for view in known.views_on(gone.name):
        found = known.find(view)
        if found is not None:
            effect.lock(view, LockMode.ACCESS_EXCLUSIVE)
            effect.drop(view, kind=found.kind, cascaded=True)
            known.forget(view)


def _drop_index(effect: Effect, name: str, *, concurrently: bool) -> None:
    mode = LockMode.SHARE_UPDATE_EXCLUSIVE if concurrently else LockMode.ACCESS_EXCLUSIVE
    table = effect.known.table_of_index(name)
    if table in effect.known.created:
        return
    effect.lock(table, mode)
    effect.lock(name, mode, kind="index")
    effect.drop(name, kind="index", table=table)
    if table:
        effect.known.relation(table).indexes.pop(name)


def _drop_part(effect: Effect, node: Node, *, kind: str) -> None:
    *table, name = names(node.list.items)
    whole = qualified(*(table if len(table) > 1 else (effect.known.schema, *table)))
    effect.lock(whole, LockMode.ACCESS_EXCLUSIVE)
    effect.drop(f"{qualified(name)} on {whole}", kind=kind, table=whole)


def _drop_type(effect: Effect, name: str, *, kind: str, cascade: bool) -> None:
    effect.drop(name, kind=kind)
    known = effect.known
    if cascade:
        for relation, column in tuple(known.columns_of_type((known.plain(name), name))):
            effect.lock(relation.name, LockMode.ACCESS_EXCLUSIVE)
            full = f"{relation.name}.{qualified(column)}"
            effect.drop(full, kind="table column", cascaded=True, table=relation.name)
            relation.columns.pop(column)
    known.domains.pop(known.plain(name), None)


def _drop_schema(effect: Effect, name: str, *, cascade: bool) -> None:
    effect.drop(name, kind="schema")
    for relation in tuple(effect.known.relations.values()) if cascade else ():
        if relation.schema_of == name and effect.known.find(relation.name) is not None:
            _drop_relation(effect, relation.name, kind=relation.kind, cascade=True, cascaded=True)


def truncate(effect: Effect, statement: Node) -> None:
    """Expect what TRUNCATE locks: its tables, their partitions, with CASCADE whatever refers to them."""
    known = effect.known
    todo = [relation_name(each.range_var, schema=known.schema) for each in statement.relations]
    cascade = enum_name(statement, "behavior") == "DROP_CASCADE"
    seen: set[str] = set()
    while todo:
        name = todo.pop(0)
        if name in seen:
            continue
        seen.add(name)
        effect.lock_family(name, LockMode.ACCESS_EXCLUSIVE)
        todo += [other.name for other, _ in known.referring(name)] if cascade else []
