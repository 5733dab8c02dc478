"""What undoes an operation: Alembic's own reverse, or the text of what was there where reflection loses part of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alembic.operations import ops

from seachange.revisions._indexes import index_of, is_plain, restore_index
from seachange.revisions._keys import add_constraint, constraint_of, is_told_whole
from seachange.revisions._plain_sql import PlainSQLOp

if TYPE_CHECKING:
    from seachange.revisions._sides import Sides

__all__ = ["reverse_of"]


def reverse_of(operation: Any, sides: Sides) -> Any:
    """Return the operation that brings back what was there.

    :param operation: a single operation of an upgrade.
    :param sides: what the models make, and what the database has.
    """
    if isinstance(operation, ops.DropIndexOp):
        found = index_of(sides, operation)
        if found and not is_plain(found[1]):
            return restore_index(sides, *found)
    elif isinstance(operation, ops.DropConstraintOp):
        constraint = constraint_of(sides, operation)
        table = sides.actual_table(operation.table_name, operation.schema)
        if constraint and table and not is_told_whole(constraint):
            what = f"constraint {constraint.name} on {table.name}"
            statement = add_constraint(sides.sql_name(table), constraint)
            return PlainSQLOp(operation.table_name, (statement,), schema=operation.schema, does=f"add {what}", differs=what)
    return operation.reverse()
