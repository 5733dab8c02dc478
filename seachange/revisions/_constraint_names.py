"""Names for constraints that the models leave without one: those that PostgreSQL would choose."""

from __future__ import annotations

from typing import Any

from alembic.operations import ops

__all__ = ["choose_name", "name_constraints"]

_LONGEST = 63


def name_constraints(operations: list[Any]) -> None:
    """Name unique constraints and foreign keys that are added to, or dropped from, tables that exist.

    Without a name Alembic writes ``drop_constraint(None, ...)``, which fails when it is run.

    :param operations: operations of Alembic, changed in place.
    """
    for container in operations:
        operation: Any
        for operation in container.ops if isinstance(container, ops.ModifyTableOps) else ():
            added = operation.reverse() if _is_nameless_drop(operation) else operation
            if isinstance(added, ops.CreateForeignKeyOp) and not added.constraint_name:
                operation.constraint_name = choose_name(added.source_table, added.local_cols, suffix="fkey")
            elif isinstance(added, ops.CreateUniqueConstraintOp) and not added.constraint_name:
                operation.constraint_name = choose_name(added.table_name, added.columns, suffix="key")


def _is_nameless_drop(operation: Any) -> bool:
    return isinstance(operation, ops.DropConstraintOp) and not operation.constraint_name


def choose_name(table: str, columns: Any, *, suffix: str) -> str:
    """Return the name that PostgreSQL gives (``makeObjectName``): table, columns and suffix, the longer one shortened.

    :param table: the table's name.
    :param columns: the columns or their names.
    :param suffix: ``key`` or ``fkey``.
    """
    first, second = str(table).encode(), "_".join(str(getattr(each, "name", each)) for each in columns).encode()
    room = _LONGEST - len(suffix) - 2
    while len(first) + len(second) > room:
        first, second = (first[:-1], second) if len(first) > len(second) else (first, second[:-1])
    return "_".join([first.decode(errors="ignore"), second.decode(errors="ignore"), suffix])
