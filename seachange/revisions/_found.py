"""Columns and tables that a comparison drops or adds, as people name them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

from alembic.operations import ops

from seachange.revisions._sentences import flatten

if TYPE_CHECKING:
    from sqlalchemy import Column

__all__ = ["Thing", "added_things", "dropped_things"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Thing:
    """A column or a table.

    :param name: of the column, or of the table again.
    :param columns: those of the table, or the one column.
    """

    kind: Literal["column", "table"]
    schema: str | None
    table: str
    name: str
    columns: tuple[Column[Any], ...]

    @property
    def full_table(self) -> str:
        """The table with its schema if that is not the default one."""
        return f"{self.schema}.{self.table}" if self.schema else self.table

    @property
    def full(self) -> str:
        """The whole name."""
        return f"{self.full_table}.{self.name}" if self.kind == "column" else self.full_table

    def spellings(self, default_schema: str) -> frozenset[str]:
        """Return the names by which it may be called; the default schema may be written or left out."""
        return frozenset({self.full} | (set() if self.schema else {f"{default_schema}.{self.full}"}))


def dropped_things(operations: Iterable[ops.MigrateOperation]) -> tuple[Thing, ...]:
    """Return what the operations drop."""
    found: list[Thing] = []
    operation: Any
    for operation in flatten(operations):
        if isinstance(operation, ops.DropTableOp):
            found.append(_table(operation))
        elif isinstance(operation, ops.DropColumnOp):
            found.append(_column(operation, operation.to_column()))
    return tuple(found)


def added_things(operations: Iterable[ops.MigrateOperation]) -> tuple[Thing, ...]:
    """Return what the operations add."""
    found: list[Thing] = []
    operation: Any
    for operation in flatten(operations):
        if isinstance(operation, ops.CreateTableOp):
            found.append(_table(operation))
        elif isinstance(operation, ops.AddColumnOp):
            found.append(_column(operation, operation.column))
    return tuple(found)


def _table(operation: Any) -> Thing:
    name = str(operation.table_name)
    columns = tuple(operation.to_table().columns)
    return Thing(kind="table", schema=operation.schema, table=name, name=name, columns=columns)


def _column(operation: Any, column: Column[Any]) -> Thing:
    table, schema = str(operation.table_name), operation.schema
    return Thing(kind="column", schema=schema, table=table, name=str(column.name), columns=(column,))
