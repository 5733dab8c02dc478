"""What statements that read or change rows are expected to do."""

from __future__ import annotations

from seachange.safety._predict._effect import Effect
from seachange.safety.facts import LockMode
from seachange.safety.parsing import Node, find, kind, relation_name, tables_of

__all__ = ["change_rows", "copy", "read_rows"]


def change_rows(effect: Effect, statement: Node) -> None:
    """Expect what INSERT, UPDATE, DELETE and MERGE do; without a condition every row is read."""
    known = effect.known
    target = relation_name(statement.relation, schema=known.schema)
    for name in tables_of(statement, schema=known.schema):
        effect.lock(name, LockMode.ACCESS_SHARE)
    effect.lock_family(target, LockMode.ROW_EXCLUSIVE, only=kind(statement) == "InsertStmt")
    effect.change(target, _rows(statement))
    if kind(statement) in ("UpdateStmt", "DeleteStmt") and not statement.HasField("where_clause"):
        effect.scan(known.leaves(target))
    if kind(statement) == "InsertStmt":
        _read_all(effect, statement.select_stmt.select_stmt)


def _rows(statement: Node) -> int:
    """Return how many rows an INSERT names, 0 where only the data decide."""
    if kind(statement) != "InsertStmt":
        return 0
    return len(statement.select_stmt.select_stmt.values_lists)


def read_rows(effect: Effect, statement: Node) -> None:
    """Expect what SELECT locks, and reads when it has no condition."""
    known = effect.known
    if statement.HasField("into_clause"):
        effect.created[relation_name(statement.into_clause.rel, schema=known.schema)] = None
    locking = bool(statement.locking_clause)
    for name in tables_of(statement, schema=known.schema):
        if name not in effect.created:
            effect.lock(name, LockMode.ROW_SHARE if locking else LockMode.ACCESS_SHARE)
    _read_all(effect, statement)
    known.created.update(effect.created)
    for change in find(statement, "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"):
        change_rows(effect, change)


def _read_all(effect: Effect, query: Node) -> None:
    """Expect each table of a query without a condition and a limit to be read from end to end."""
    if query.HasField("where_clause") or query.HasField("limit_count"):
        return
    schema = effect.known.schema
    real = set(tables_of(query, schema=schema))
    for relation in (each.range_var for each in query.from_clause if each.HasField("range_var")):
        name = relation_name(relation, schema=schema)
        effect.scan(effect.known.leaves(name) if name in real else ())


def copy(effect: Effect, statement: Node) -> None:
    """Expect what COPY does."""
    if not statement.HasField("relation"):
        return
    name = relation_name(statement.relation, schema=effect.known.schema)
    effect.lock(name, LockMode.ROW_EXCLUSIVE if statement.is_from else LockMode.ACCESS_SHARE)
    if statement.is_from:
        effect.change(name, 0)
    else:
        effect.scan((name,))
