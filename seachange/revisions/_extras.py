"""Add to Alembic's operations what it does not see or does not do: enum types, checks, casts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alembic.operations import ops
from sqlalchemy import inspect

from seachange.revisions._casts import add_casts
from seachange.revisions._checks import compare_checks
from seachange.revisions._constraint_names import name_constraints
from seachange.revisions._defaults import drop_false_defaults
from seachange.revisions._enum_operations import EnumOp, enum_operations
from seachange.revisions._enums import EnumChange, compare_enums, drop_candidates
from seachange.revisions._sentences import flatten, table_of

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext
    from alembic.operations.ops import MigrationScript
    from sqlalchemy import Connection, MetaData

__all__ = ["add_extras", "changed_labels"]

_OTHER_ENUM_PLUGIN = "alembic_postgresql_enum"


def add_extras(script: MigrationScript, context: AutogenContext, connection: Connection, *, metadata: MetaData) -> None:
    """Complete both directions of ``script``.

    :param script: what Alembic found.
    :param context: env.py's filters.
    :param connection: the database.
    :param metadata: the models.
    """
    upgrade, downgrade = script.upgrade_ops_list[-1].ops, script.downgrade_ops_list[-1].ops
    drop_false_defaults(upgrade, connection)
    drop_false_defaults(downgrade, connection)
    name_constraints(upgrade)
    name_constraints(downgrade)
    if not _checks_compared(context):
        for modified in compare_checks(context, connection, metadata):
            _add_checks(upgrade, downgrade, modified)
    if not _from_plugin(upgrade):
        _add_enums(upgrade, downgrade, connection, metadata=metadata)
    add_casts(upgrade, connection)
    add_casts(downgrade, connection)


def _add_checks(upgrade: list[Any], downgrade: list[Any], modified: ops.ModifyTableOps) -> None:
    """A check goes before the columns that it is about are changed, and comes after."""
    gone = [operation for operation in modified.ops if isinstance(operation, ops.DropConstraintOp)]
    new = [operation for operation in modified.ops if operation not in gone]
    if gone:
        part = ops.ModifyTableOps(modified.table_name, gone, schema=modified.schema)
        upgrade.insert(0, part)
        downgrade.append(part.reverse())
    if new:
        part = ops.ModifyTableOps(modified.table_name, new, schema=modified.schema)
        upgrade.append(part)
        downgrade.insert(0, part.reverse())


def _checks_compared(context: AutogenContext) -> bool:
    # env.py may ask Alembic for the same comparison.
    plugins = context.opts.get("autogenerate_plugins") or ()
    return any("checkconstraint_byname" in plugin and not plugin.startswith("~") for plugin in plugins)


def _from_plugin(operations: list[Any]) -> bool:
    return any(type(operation).__module__.startswith(_OTHER_ENUM_PLUGIN) for operation in flatten(operations))


def _add_enums(upgrade: list[Any], downgrade: list[Any], connection: Connection, *, metadata: MetaData) -> None:
    """New types and labels come first and go last, types that nothing uses any more the other way round."""
    changes = compare_enums(connection, metadata, schemas={None, *(table.schema for table in metadata.tables.values())})
    # A block in autocommit commits what precedes it, so added labels precede everything.
    for change in sorted(changes, key=lambda change: bool(change.old)):
        there, back = enum_operations(connection, change)
        upgrade.insert(0, there)
        downgrade.append(back)
    for change in drop_candidates(connection, metadata, _dropped_columns(upgrade, connection)):
        there, back = enum_operations(connection, change)
        upgrade.append(there)
        downgrade.insert(0, back)


def _dropped_columns(operations: list[Any], connection: Connection) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    operation: Any
    for operation in flatten(operations):
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
