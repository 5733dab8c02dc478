"""The order of operations in a revision: what others need comes first, and the way back is the same way reversed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from alembic.operations import ops
from sqlalchemy import ForeignKeyConstraint

from seachange.revisions._constraint_names import choose_name
from seachange.revisions._phases import Pair, Phase
from seachange.revisions._plain_sql import PlainSQLOp

__all__ = ["arrange", "contain", "create_in_order", "phase_of"]


def phase_of(operation: Any) -> int:
    """Return the phase of an operation of Alembic's or of alembic-utils."""
    name = type(operation).__name__
    if getattr(operation, "autocommit", False):
        return Phase.LABELS
    if isinstance(operation, ops.DropConstraintOp):
        return Phase.FOREIGN_KEYS_GO if operation.constraint_type == "foreignkey" else Phase.KEYS_GO
    return next((phase for kind, phase in _KINDS if isinstance(operation, kind)), _NAMED.get(name, Phase.COLUMNS_CHANGE))


_KINDS: tuple[tuple[type[Any], int], ...] = (
    (ops.CreateTableOp, Phase.CREATE_TABLES),
    (ops.DropIndexOp, Phase.KEYS_GO),
    (ops.AddColumnOp, Phase.COLUMNS_COME),
    (ops.DropColumnOp, Phase.COLUMNS_GO),
    (ops.DropTableOp, Phase.TABLES_GO),
    (ops.CreateForeignKeyOp, Phase.FOREIGN_KEYS_COME),
    (ops.AddConstraintOp, Phase.KEYS_COME),
    (ops.CreateIndexOp, Phase.KEYS_COME),
    (ops.CreateTableCommentOp, Phase.STORAGE),
    (ops.DropTableCommentOp, Phase.STORAGE),
)

# alembic-utils and alembic-postgresql-enum are known by the names of their operations: neither has to be installed.
_NAMED = {
    "DropOp": Phase.ENTITIES_GO,
    "CreateOp": Phase.ENTITIES_COME,
    "ReplaceOp": Phase.ENTITIES_COME,
    "CreateEnumOp": Phase.TYPES,
    "AddEnumValuesOp": Phase.LABELS,
    "SyncEnumValuesOp": Phase.TYPES,
    "DropEnumOp": Phase.TYPES_GO,
}


def arrange(pairs: Iterable[tuple[int, Pair]]) -> tuple[list[Any], list[Any]]:
    """Return both directions in order.

    :param pairs: each operation with its phase and with what undoes it.
    """
    ordered = sorted(pairs, key=lambda each: (each[0], *_place(each[1], each[0])))
    there = [operation for _, (operation, _) in ordered if operation is not None]
    back = [operation for _, (_, operation) in reversed(ordered) if operation is not None]
    return contain(there), contain(back)


# Tables come in the order of their needs, columns in that of the models, types as their statements depend on each other.
_ORDERED = (
    Phase.LABELS,
    Phase.TYPES,
    Phase.CREATE_TABLES,
    Phase.TABLES_GO,
    Phase.ENTITIES_GO,
    Phase.ENTITIES_COME,
    Phase.TYPES_GO,
)


def _place(pair: Pair, phase: int) -> tuple[str, ...]:
    if phase in _ORDERED:
        return ()
    operation = pair[0] if pair[0] is not None else pair[1]
    schema = getattr(operation, "schema", None) or getattr(operation, "source_schema", None) or ""
    table = getattr(operation, "table_name", None) or getattr(operation, "source_table", None) or ""
    if phase in (Phase.COLUMNS_COME, Phase.COLUMNS_CHANGE):
        return (str(schema), str(table))
    names = (getattr(operation, each, None) for each in ("index_name", "constraint_name", "column_name"))
    name = next(filter(None, names), "")
    columns = getattr(operation, "local_cols", None) or getattr(operation, "columns", None) or ()
    return (str(schema), str(table), str(name), *(str(getattr(each, "name", each)) for each in columns))


_OF_TABLES = (
    ops.AddColumnOp,
    ops.DropColumnOp,
    ops.AlterColumnOp,
    ops.AddConstraintOp,
    ops.DropConstraintOp,
    ops.CreateIndexOp,
    ops.DropIndexOp,
    ops.CreateTableCommentOp,
    ops.DropTableCommentOp,
    PlainSQLOp,
)


def contain(operations: Iterable[Any]) -> list[Any]:
    """Put neighbouring operations on one table into one container, as Alembic's hooks expect them.

    :param operations: single operations in their order.
    """
    found: list[Any] = []
    for operation in operations:
        if not isinstance(operation, _OF_TABLES) or not _table(operation)[1]:
            found.append(operation)
            continue
        schema, table = _table(operation)
        last = found[-1] if found else None
        if isinstance(last, ops.ModifyTableOps) and (last.schema, last.table_name) == (schema, table):
            last.ops.append(operation)
        else:
            found.append(ops.ModifyTableOps(table, [operation], schema=schema))
    return found


def _table(operation: Any) -> tuple[str | None, str]:
    schema = getattr(operation, "schema", None) or getattr(operation, "source_schema", None)
    return schema, str(getattr(operation, "table_name", None) or getattr(operation, "source_table", None) or "")


def create_in_order(tables: Iterable[ops.CreateTableOp]) -> tuple[list[ops.CreateTableOp], list[ops.CreateForeignKeyOp]]:
    """Order tables so that what they refer to comes first; a key that closes a circle is taken out and returned by itself.

    :param tables: what creates them, changed in place.
    """
    waiting = {
        _key(table.schema, table.table_name): table
        for table in sorted(tables, key=lambda each: (each.schema or "", each.table_name))
    }
    done: dict[tuple[str, str], ops.CreateTableOp] = {}
    late: list[ops.CreateForeignKeyOp] = []
    while waiting:
        free = next((key for key, table in waiting.items() if not _needs(table, waiting) - {key}), None)
        if free is None:
            free = min(_circles(waiting), key=lambda key: (len(_needs(waiting[key], waiting)), key))
            late += _take_out(waiting[free], set(waiting) - {free})
        done[free] = waiting.pop(free)
    return list(done.values()), late


def _circles(waiting: Mapping[tuple[str, str], ops.CreateTableOp]) -> set[tuple[str, str]]:
    """Return the tables that others wait for, and those only that wait for the same."""
    left = set(waiting)
    while True:
        needed = {need for key in left for need in _needs(waiting[key], left) - {key}}
        if needed == left:
            return left
        left = needed


def _key(schema: str | None, name: str) -> tuple[str, str]:
    return (schema or "", str(name))


def _needs(table: ops.CreateTableOp, among: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    return {_target(key) for key in _foreign_keys(table)} & set(among)


def _foreign_keys(table: ops.CreateTableOp) -> Iterator[ForeignKeyConstraint]:
    for item in table.columns:
        if isinstance(item, ForeignKeyConstraint):
            yield item


def _target(key: ForeignKeyConstraint) -> tuple[str, str]:
    schema, table, _ = key.elements[0]._column_tokens
    return (schema or "", str(table))


def _take_out(table: ops.CreateTableOp, targets: set[tuple[str, str]]) -> Iterator[ops.CreateForeignKeyOp]:
    for key in [key for key in _foreign_keys(table) if _target(key) in targets]:
        operation = ops.CreateForeignKeyOp.from_constraint(key)
        columns = operation.local_cols
        operation.constraint_name = operation.constraint_name or choose_name(table.table_name, columns, suffix="fkey")
        table.columns = [item for item in table.columns if item is not key]
        yield operation
