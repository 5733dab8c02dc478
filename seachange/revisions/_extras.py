"""Complete what Alembic found, by what PostgreSQL says of both sides, and put all of it in an order that runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from alembic.operations import ops
from sqlalchemy import inspect

from seachange.revisions._arrangement import arrange, create_in_order, phase_of
from seachange.revisions._casts import add_casts
from seachange.revisions._checks import compare_checks
from seachange.revisions._columns import compare_columns, leave_generated
from seachange.revisions._constraint_names import name_constraints
from seachange.revisions._enum_operations import EnumOp, enum_operations
from seachange.revisions._enum_plugin import safer, uses_plugin
from seachange.revisions._enums import EnumChange, compare_enums, drop_candidates
from seachange.revisions._indexes import compare_indexes
from seachange.revisions._keys import compare_keys
from seachange.revisions._objects import compare_schemas, compare_sequences, compare_storage
from seachange.revisions._phases import Pair, Phase
from seachange.revisions._restoring import reverse_of
from seachange.revisions._sentences import flatten, table_of
from seachange.revisions._sides import Sides

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext
    from alembic.operations.ops import MigrateOperation, MigrationScript
    from sqlalchemy import Connection, MetaData

__all__ = ["Placed", "add_extras", "changed_labels", "place"]

Placed = tuple[int, Pair]


def add_extras(script: MigrationScript, context: AutogenContext, sides: Sides, *, metadata: MetaData) -> list[Placed]:
    """Complete both directions of ``script``, and return what they consist of.

    :param script: what Alembic found.
    :param context: env.py's filters, and the database.
    :param sides: what the models make, and what the database has.
    :param metadata: the models.
    """
    connection: Any = context.connection
    part = script.upgrade_ops_list[-1]
    operations: list[Any] = [each for each in flatten(part.ops) if not _is_check(each)]
    leave_generated(operations, sides)
    more = list(_compared(context, sides, operations, metadata=metadata))
    placed = [*_tables(operations, sides, connection), *_single(operations, sides, connection), *more]
    if uses_plugin():
        placed = safer(placed, _changed_enums(connection, metadata), connection)
    else:
        placed += _enums(operations, connection, metadata)
    place(script, placed)
    return placed


def place(script: MigrationScript, placed: list[Placed]) -> None:
    """Put operations into both directions of ``script``, in their order."""
    script.upgrade_ops_list[-1].ops, script.downgrade_ops_list[-1].ops = arrange(placed)


def _is_check(operation: Any) -> bool:
    # env.py may ask Alembic's own plugin for them; it knows them by name only.
    dropped = isinstance(operation, ops.DropConstraintOp) and operation.constraint_type == "check"
    return dropped or isinstance(operation, ops.CreateCheckConstraintOp)


def _compared(context: AutogenContext, sides: Sides, operations: list[Any], *, metadata: MetaData) -> Iterator[Placed]:
    """Compare what Alembic does not; indexes that are equal after all leave ``operations``."""
    connection: Any = context.connection
    for operation in compare_schemas(connection, operations):
        yield Phase.TYPES, (operation, operation.reverse())
    for operation in compare_sequences(sides):
        yield Phase.TYPES, (operation, operation.reverse())
    for check in compare_checks(context, sides, metadata):
        gone = isinstance(check, ops.DropConstraintOp) or getattr(check, "does", "").startswith("drop ")
        yield (Phase.KEYS_GO if gone else Phase.KEYS_COME), (check, reverse_of(check, sides))
    for old, new in compare_keys(context, sides, metadata, found=operations):
        yield from _replaced(old, new, sides)
    for old, new in compare_indexes(context, sides, metadata, found=operations):
        yield from _replaced(old, new, sides)
    retyped = [(table_of(each), each.column_name) for each in operations if getattr(each, "modify_type", None) is not None]
    for operation in compare_columns(context, sides, metadata, retyped=retyped):
        yield Phase.COLUMNS_CHANGE, (operation, operation.reverse())
    for operation in compare_storage(context, sides, metadata):
        yield Phase.STORAGE, (operation, operation.reverse())


def _replaced(old: MigrateOperation, new: MigrateOperation, sides: Sides) -> Iterator[Placed]:
    for operation, phase in ((old, Phase.KEYS_GO), (new, Phase.KEYS_COME)):
        if getattr(operation, "statements", True):
            yield phase, (operation, reverse_of(operation, sides))


def _tables(operations: list[Any], sides: Sides, connection: Connection) -> Iterator[Placed]:
    """Tables that come and go, each with its indexes, and the keys between them that close a circle."""
    creates = {_key(each): each for each in operations if isinstance(each, ops.CreateTableOp)}
    ordered, late = create_in_order(creates.values())
    for create in ordered:
        yield Phase.CREATE_TABLES, (create, create.reverse())
        yield from _indexes_of(create, operations, sides, phase=Phase.CREATE_TABLES)
    for key in late:
        yield Phase.FOREIGN_KEYS_COME, (key, key.reverse())
    drops = {_key(each): each for each in operations if isinstance(each, ops.DropTableOp)}
    backs = {name: drop.reverse() for name, drop in drops.items()}
    ordered, late = create_in_order(backs.values())
    for back in reversed(ordered):
        yield from _indexes_of(back, operations, sides, phase=Phase.TABLES_GO)
        yield Phase.TABLES_GO, (drops[_key(back)], back)
    for key in late:
        yield Phase.FOREIGN_KEYS_GO, (key.reverse(), key)
    del connection


def _key(operation: Any) -> tuple[str, str]:
    return (operation.schema or "", str(operation.table_name))


def _indexes_of(table: Any, operations: list[Any], sides: Sides, *, phase: int) -> Iterator[Placed]:
    of_table = [
        each for each in operations if isinstance(each, (ops.CreateIndexOp, ops.DropIndexOp)) and _key(each) == _key(table)
    ]
    for index in sorted(of_table, key=lambda each: str(each.index_name)):
        yield phase, (index, reverse_of(index, sides))


def _single(operations: list[Any], sides: Sides, connection: Connection) -> Iterator[Placed]:
    """Operations on tables that stay, and on what is no table."""
    whole = {_key(each) for each in operations if isinstance(each, (ops.CreateTableOp, ops.DropTableOp))}
    for operation in operations:
        if isinstance(operation, (ops.CreateTableOp, ops.DropTableOp)):
            continue
        if isinstance(operation, (ops.CreateIndexOp, ops.DropIndexOp)) and _key(operation) in whole:
            continue
        phase = phase_of(operation)
        container = ops.ModifyTableOps("", [operation])
        name_constraints([container])
        back = ops.ModifyTableOps("", [reverse_of(operation, sides)])
        add_casts([container], connection)
        add_casts([back], connection)
        # What surrounds a change of type on one way surrounds it on the other.
        both = max(len(container.ops), len(back.ops))
        there = [*container.ops, *[None] * (both - len(container.ops))]
        yield from zip(
            [phase] * both, zip(there, [*[None] * (both - len(back.ops)), *reversed(back.ops)], strict=True), strict=True
        )


def _changed_enums(connection: Connection, metadata: MetaData) -> tuple[EnumChange, ...]:
    return compare_enums(connection, metadata, schemas={None, *(table.schema for table in metadata.tables.values())})


def _enums(operations: list[Any], connection: Connection, metadata: MetaData) -> Iterator[Placed]:
    """New types and labels come first and go last, types that nothing uses any more the other way round."""
    for change in _changed_enums(connection, metadata):
        there, back = enum_operations(connection, change)
        # A block in autocommit commits what precedes it, so added labels precede everything.
        yield (Phase.LABELS if there.autocommit else Phase.TYPES), (there, back)
    for change in drop_candidates(connection, metadata, _dropped_columns(operations, connection)):
        there, back = enum_operations(connection, change)
        yield Phase.TYPES_GO, (there, back)


def _dropped_columns(operations: list[Any], connection: Connection) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for operation in operations:
        if isinstance(operation, ops.DropTableOp):
            columns = inspect(connection).get_columns(operation.table_name, schema=operation.schema)
            found += [(table_of(operation), column["name"]) for column in columns]
        elif isinstance(operation, ops.DropColumnOp) or getattr(operation, "modify_type", None) is not None:
            found.append((table_of(operation), operation.column_name))
    return found


def changed_labels(script: MigrationScript) -> tuple[EnumChange, ...]:
    """Return the enum types whose labels the script adds without a way to take them away again."""
    found = [operation for part in script.downgrade_ops_list for operation in flatten(part.ops)]
    return tuple(operation.change for operation in found if isinstance(operation, EnumOp) and operation.labels_stay)
