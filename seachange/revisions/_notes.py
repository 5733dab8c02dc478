"""What the author of a generated revision has to know: data that goes, rows that stop it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from alembic.operations import ops

from seachange.revisions._casts import CastColumnOp
from seachange.revisions._enum_operations import EnumOp
from seachange.revisions._enum_plugin import plugin_change
from seachange.revisions._enums import EnumChange
from seachange.revisions._plain_sql import PlainSQLOp
from seachange.revisions._rename_operations import RenameOp
from seachange.revisions._sentences import flatten, table_of

__all__ = ["notes"]


def notes(operations: Iterable[ops.MigrateOperation]) -> tuple[str, ...]:
    """Return one sentence for each operation of an upgrade that data can stop or that loses data."""
    flat = list(flatten(operations))
    new_tables = {table_of(operation) for operation in flat if isinstance(operation, ops.CreateTableOp)}
    new_columns = {(table_of(each), each.column.name) for each in flat if isinstance(each, ops.AddColumnOp)}
    found: list[str] = []
    for operation in flat:
        if (change := plugin_change(operation)) is not None:
            found += _enum_change(change)
        for kind, note in _KINDS:
            if isinstance(operation, kind) and table_of(operation) not in new_tables:
                found += note(operation, new_columns)
    return tuple(dict.fromkeys(found))


_Columns = set[tuple[str, str]]


def _add_column(operation: Any, _: _Columns) -> Iterator[str]:
    column = operation.column
    filled = column.server_default is not None or column.identity is not None or column.computed is not None
    if not column.nullable and not filled:
        yield (
            f"{table_of(operation)}.{column.name} is NOT NULL without a server_default: upgrade() fails on a table that has "
            "rows; give it a server_default, or add it nullable, fill it, and then make it NOT NULL"
        )


def _drop_column(operation: Any, _: _Columns) -> Iterator[str]:
    name = f"{table_of(operation)}.{operation.column_name}"
    yield f"the data of {name} goes; downgrade() brings back an empty column"
    column = operation.to_column()
    if not column.nullable and column.server_default is None:
        yield f"{name} was NOT NULL: downgrade() fails on a table that has rows until it gets a server_default there"


def _drop_table(operation: Any, _: _Columns) -> Iterator[str]:
    yield f"the rows of {table_of(operation)} go; downgrade() brings back an empty table"


def _alter_column(operation: Any, new_columns: _Columns) -> Iterator[str]:
    name = f"{table_of(operation)}.{operation.column_name}"
    if operation.modify_nullable is False and (table_of(operation), operation.column_name) not in new_columns:
        yield f"{name} becomes NOT NULL: upgrade() fails while a row has NULL there"
    using = operation.using if isinstance(operation, CastColumnOp) else ""
    if using.endswith("AT TIME ZONE 'UTC'"):
        yield f"the values of {name} are taken for UTC while their type changes"
    elif using:
        yield f"the values of {name} are cast by {using}: upgrade() fails while a row cannot be cast"
    elif operation.modify_type is not None:
        yield f"the type of {name} changes: upgrade() fails while a row does not fit, and may rewrite the table"


def _unique(operation: Any, _: _Columns) -> Iterator[str]:
    if isinstance(operation, ops.CreateIndexOp) and not operation.unique:
        return
    columns = ", ".join(str(column) for column in operation.columns)
    yield f"{table_of(operation)} ({columns}) becomes unique: upgrade() fails while rows have equal values"


def _foreign_key(operation: Any, new_columns: _Columns) -> Iterator[str]:
    table = table_of(operation)
    if any((table, column) not in new_columns for column in operation.local_cols):
        here, there = ", ".join(operation.local_cols), ", ".join(operation.remote_cols)
        yield f"upgrade() fails while {table} ({here}) has values that {operation.referent_table} ({there}) has not"


def _check(operation: Any, _: _Columns) -> Iterator[str]:
    yield f"upgrade() fails while a row of {table_of(operation)} violates {operation.constraint_name or 'the new check'}"


def _enum(operation: EnumOp, _: _Columns) -> Iterator[str]:
    yield from _enum_change(operation.change)


def _enum_change(change: EnumChange) -> Iterator[str]:
    if change.old is None or change.new is None:
        return
    if change.removed:
        yield f"upgrade() fails while a row uses {' or '.join(map(repr, change.removed))} of {change.new}"
    elif change.fixed and change.added:
        yield f"downgrade() leaves the labels {' and '.join(map(repr, change.added))} of {change.new} where they are"
    elif change.added:
        yield f"downgrade() fails, and changes nothing, while a row uses {' or '.join(map(repr, change.added))} of {change.new}"


def _rename(operation: RenameOp, _: _Columns) -> Iterator[str]:
    if operation.kind in ("table", "column"):
        name = f"{table_of(operation)}.{operation.old}" if operation.kind == "column" else operation.old
        yield f"{name} is {operation.new} from then on: a release that still runs with the old name fails"


def _plain_sql(operation: PlainSQLOp, _: _Columns) -> Iterator[str]:
    if operation.note:
        yield operation.note


_KINDS: tuple[tuple[type[Any], Callable[[Any, _Columns], Iterator[str]]], ...] = (
    (ops.AddColumnOp, _add_column),
    (ops.DropColumnOp, _drop_column),
    (ops.DropTableOp, _drop_table),
    (ops.AlterColumnOp, _alter_column),
    (ops.CreateIndexOp, _unique),
    (ops.CreateUniqueConstraintOp, _unique),
    (ops.CreateForeignKeyOp, _foreign_key),
    (ops.CreateCheckConstraintOp, _check),
    (EnumOp, _enum),
    (RenameOp, _rename),
    (PlainSQLOp, _plain_sql),
)
