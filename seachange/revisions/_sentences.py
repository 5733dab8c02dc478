"""Alembic's operations in words: what has to be done, and what differs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from alembic.operations import ops

from seachange.revisions._entities import entity_of
from seachange.revisions._enum_operations import EnumOp
from seachange.revisions._enum_plugin import plugin_change
from seachange.revisions._enums import EnumChange
from seachange.revisions._plain_sql import PlainSQLOp
from seachange.revisions._rename_operations import RenameOp

if TYPE_CHECKING:
    from sqlalchemy import Dialect

__all__ = ["describe_differences", "describe_operations", "flatten", "table_of"]


def flatten(operations: Iterable[ops.MigrateOperation]) -> Iterator[ops.MigrateOperation]:
    """Return single operations, those inside containers included."""
    for operation in operations:
        if isinstance(operation, ops.OpContainer):
            yield from flatten(operation.ops)
        else:
            yield operation


def describe_operations(operations: Iterable[ops.MigrateOperation], *, dialect: Dialect) -> tuple[str, ...]:
    """Return what the operations do: ``add column clients.phone (VARCHAR(20))``."""
    return tuple(sentence for operation in flatten(operations) for sentence, _ in _describe(operation, dialect))


def describe_differences(operations: Iterable[ops.MigrateOperation], *, dialect: Dialect) -> tuple[str, ...]:
    """Return what the operations would mend: ``column clients.phone is in the models, not in the database``."""
    return tuple(sentence for operation in flatten(operations) for _, sentence in _describe(operation, dialect))


def table_of(operation: Any) -> str:
    """Return the table that an operation is about, with its schema if that is not the default one."""
    name = getattr(operation, "table_name", None) or getattr(operation, "source_table", None) or ""
    schema = getattr(operation, "schema", None) or getattr(operation, "source_schema", None)
    return f"{schema}.{name}" if schema else str(name)


_Pair = tuple[str, str]


def _describe(operation: ops.MigrateOperation, dialect: Dialect) -> Iterator[_Pair]:
    if (entity := entity_of(operation)) is not None:
        yield _change_entity(operation, entity)
        return
    if (change := plugin_change(operation)) is not None:
        yield from _change_labels(change)
        return
    for kind, describe in _KINDS:
        if isinstance(operation, kind):
            yield from describe(operation, dialect)
            return
    yield f"run {type(operation).__name__}", f"{type(operation).__name__} is needed to make the database equal the models"


def _more(what: str) -> _Pair:
    return f"add {what}", f"{what} is in the models, not in the database"


def _less(what: str) -> _Pair:
    return f"drop {what}", f"{what} is in the database, not in the models"


def _type(type_: Any, dialect: Dialect) -> str:
    return str(type_.compile(dialect=dialect))


def _add_table(operation: Any, _: Dialect) -> Iterator[_Pair]:
    yield _more(f"table {table_of(operation)}")


def _drop_table(operation: Any, _: Dialect) -> Iterator[_Pair]:
    yield _less(f"table {table_of(operation)}")


def _add_column(operation: Any, dialect: Dialect) -> Iterator[_Pair]:
    column = operation.column
    null = "" if column.nullable else " NOT NULL"
    yield _more(f"column {table_of(operation)}.{column.name} ({_type(column.type, dialect)}{null})")


def _drop_column(operation: Any, _: Dialect) -> Iterator[_Pair]:
    yield _less(f"column {table_of(operation)}.{operation.column_name}")


def _alter_column(operation: Any, dialect: Dialect) -> Iterator[_Pair]:
    column = f"{table_of(operation)}.{operation.column_name}"
    if operation.modify_type is not None:
        old, new = _type(operation.existing_type, dialect), _type(operation.modify_type, dialect)
        yield f"change the type of {column} from {old} to {new}", f"column {column} is {old} in the database, {new} in the models"
    if operation.modify_nullable is not None:
        old, new = ("NOT NULL", "nullable") if operation.modify_nullable else ("nullable", "NOT NULL")
        yield f"make {column} {new}", f"column {column} is {old} in the database, {new} in the models"
    if operation.modify_server_default is not False:
        old, new = (_default(each, dialect) for each in (operation.existing_server_default, operation.modify_server_default))
        yield f"set the default of {column} to {new}", f"the default of {column} is {old} in the database, {new} in the models"
    if operation.modify_comment is not False:
        old, new = (_comment(each) for each in (operation.existing_comment, operation.modify_comment))
        yield f"set the comment of {column} to {new}", f"the comment of {column} is {old} in the database, {new} in the models"


def _default(default: Any, dialect: Dialect) -> str:
    argument = getattr(default, "arg", default)
    if argument is None or argument is False:
        return "none"
    if isinstance(argument, str):
        return repr(argument)
    if hasattr(argument, "compile"):
        return str(argument.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
    return type(default).__name__.lower()


def _comment(text: str | None) -> str:
    return repr(text) if text else "none"


def _columns(operation: Any) -> str:
    return ", ".join(str(getattr(column, "name", None) or column) for column in operation.columns)


def _add_index(operation: Any, _: Dialect) -> Iterator[_Pair]:
    unique = "unique index" if operation.unique else "index"
    columns = _columns(operation)
    yield _more(f"{unique} {operation.index_name} on {table_of(operation)} ({columns})")


def _drop_index(operation: Any, _: Dialect) -> Iterator[_Pair]:
    yield _less(f"index {operation.index_name} on {table_of(operation)}")


def _add_foreign_key(operation: Any, _: Dialect) -> Iterator[_Pair]:
    here, there = ", ".join(operation.local_cols), ", ".join(operation.remote_cols)
    yield _more(f"foreign key {table_of(operation)} ({here}) to {operation.referent_table} ({there})")


def _add_constraint(operation: Any, _: Dialect) -> Iterator[_Pair]:
    columns = f" ({_columns(operation)})" if hasattr(operation, "columns") else ""
    name = f" {operation.constraint_name}" if operation.constraint_name else ""
    yield _more(f"{operation.constraint_type} constraint{name} on {table_of(operation)}{columns}")


def _drop_constraint(operation: Any, _: Dialect) -> Iterator[_Pair]:
    kind = {"foreignkey": "foreign key", "primary": "primary key"}.get(operation.constraint_type, operation.constraint_type)
    yield _less(f"{kind or ''} constraint {operation.constraint_name} on {table_of(operation)}".strip())


def _comment_table(operation: Any, _: Dialect) -> Iterator[_Pair]:
    old, new = (_comment(getattr(operation, name, None)) for name in ("existing_comment", "comment"))
    table = table_of(operation)
    yield f"set the comment of {table} to {new}", f"the comment of {table} is {old} in the database, {new} in the models"


def _change_entity(operation: Any, entity: Any) -> _Pair:
    what = f"{str(entity.type_).replace('_', ' ')} {entity.schema}.{entity.signature}"
    if type(operation).__name__ == "CreateOp":
        return _more(what)
    if type(operation).__name__ == "DropOp":
        return _less(what)
    return f"replace {what}", f"{what} is another one in the database than in the models"


def _change_enum(operation: EnumOp, _: Dialect) -> Iterator[_Pair]:
    yield from _change_labels(operation.change)


def _change_labels(change: EnumChange) -> Iterator[_Pair]:
    name = change.new or change.old
    if change.old is None:
        yield _more(f"enum type {name}")
    elif change.new is None:
        yield _less(f"enum type {name}")
    else:
        yield from (_more(f"label {label!r} of enum type {name}") for label in change.added)
        yield from (_less(f"label {label!r} of enum type {name}") for label in change.removed)
        if not change.added and not change.removed:
            yield f"order the labels of enum type {name} anew", f"enum type {name} has its labels in another order"


def _rename(operation: RenameOp, _: Dialect) -> Iterator[_Pair]:
    yield operation.sentence, f"{operation.kind} {operation.old} of the database is {operation.new} in the models"


def _plain_sql(operation: PlainSQLOp, _: Dialect) -> Iterator[_Pair]:
    if operation.does:
        yield operation.does, operation.differs


def _execute(operation: Any, _: Dialect) -> Iterator[_Pair]:
    yield f"run {operation.sqltext}", f"{operation.sqltext} is needed to make the database equal the models"


_KINDS: tuple[tuple[type[Any], Callable[[Any, Dialect], Iterator[_Pair]]], ...] = (
    (EnumOp, _change_enum),
    (RenameOp, _rename),
    (PlainSQLOp, _plain_sql),
    (ops.CreateTableOp, _add_table),
    (ops.DropTableOp, _drop_table),
    (ops.AddColumnOp, _add_column),
    (ops.DropColumnOp, _drop_column),
    (ops.AlterColumnOp, _alter_column),
    (ops.CreateIndexOp, _add_index),
    (ops.DropIndexOp, _drop_index),
    (ops.CreateForeignKeyOp, _add_foreign_key),
    (ops.AddConstraintOp, _add_constraint),
    (ops.DropConstraintOp, _drop_constraint),
    (ops.CreateTableCommentOp, _comment_table),
    (ops.DropTableCommentOp, _comment_table),
    (ops.ExecuteSQLOp, _execute),
)
