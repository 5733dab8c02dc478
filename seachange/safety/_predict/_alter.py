"""What ALTER TABLE is expected to do, command by command."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from seachange.safety._predict._columns import add_column, change_type, drop_column, drop_sequence, set_not_null
from seachange.safety._predict._constraints import add_constraint, drop_constraint, validate_constraint
from seachange.safety._predict._effect import Effect
from seachange.safety._predict._known import RelationState
from seachange.safety._predict._partitions import attach, detach
from seachange.safety.facts import LockMode
from seachange.safety.parsing import Command, Node, commands, constraint_kind, enum_name, relation_name

__all__ = ["alter_table", "lock_of"]

_KINDS = {
    "OBJECT_INDEX": "index",
    "OBJECT_VIEW": "view",
    "OBJECT_MATVIEW": "materialized view",
    "OBJECT_SEQUENCE": "sequence",
    "OBJECT_TYPE": "type",
    "OBJECT_FOREIGN_TABLE": "foreign table",
}

# AlterTableGetLockLevel() of src/backend/commands/tablecmds.c; every other command takes ACCESS EXCLUSIVE.
_ONLINE = (
    *("ValidateConstraint", "SetStatistics", "SetOptions", "ResetOptions", "SetRelOptions", "ResetRelOptions", "ClusterOn"),
    *("DropCluster", "AttachPartition", "DetachPartitionFinalize"),
)
_TRIGGERS = (
    *("EnableTrig", "EnableAlwaysTrig", "EnableReplicaTrig", "EnableTrigAll", "EnableTrigUser"),
    *("DisableTrig", "DisableTrigAll", "DisableTrigUser"),
)
# What concerns the table itself and none below it.
_ALONE = (
    *("AttachPartition", "DetachPartition", "DetachPartitionFinalize", "AddInherit", "DropInherit", "AddOf", "DropOf"),
    *("EnableRowSecurity", "DisableRowSecurity", "ForceRowSecurity", "NoForceRowSecurity", "ChangeOwner", "ReplicaIdentity"),
    *("SetRelOptions", "ResetRelOptions", "ClusterOn", "DropCluster", "SetTableSpace", "SetAccessMethod", "SetLogged"),
    *("SetUnLogged", "EnableRule", "EnableAlwaysRule", "EnableReplicaRule", "DisableRule", "SetOptions", "ResetOptions"),
)
# AlterTableGetRelOptionsLockLevel(): storage parameters with a lock of their own.
_HEAVY_OPTIONS = ("user_catalog_table", "security_barrier", "security_invoker", "check_option")


def alter_table(effect: Effect, statement: Node) -> None:
    """Expect what an ALTER TABLE, INDEX, VIEW, SEQUENCE or TYPE does."""
    name = relation_name(statement.relation, schema=effect.known.schema)
    what = _KINDS.get(enum_name(statement, "objtype"), "table")
    todo = commands(statement)
    if what == "index":
        _alter_index(effect, name, todo)
        return
    if statement.missing_ok and effect.known.complete and effect.known.find(name) is None:
        return
    mode = max((lock_of(each) for each in todo), default=LockMode.ACCESS_EXCLUSIVE)
    if what == "table":
        alone = all(each.kind in _ALONE for each in todo)
        effect.lock_family(name, mode, only=alone or not statement.relation.inh, below=_below(effect, todo))
        table = effect.known.relation(name)
        for command in todo:
            _COMMANDS.get(command.kind, _nothing)(effect, table, command)
    else:
        effect.lock(name, mode, kind=what)


def _below(effect: Effect, todo: tuple[Command, ...]) -> LockMode | None:
    """Return the lock on partitions where it is not that of the table: an index is built on each as by CREATE INDEX."""
    keys = all(each.kind == "AddConstraint" and constraint_kind(each.constraint) in ("PRIMARY", "UNIQUE") for each in todo)
    return LockMode.SHARE if keys and effect.major < 18 else None


def lock_of(command: Command) -> LockMode:
    """Return the lock on the table that a command takes."""
    if command.kind == "AddConstraint" and constraint_kind(command.constraint) == "FOREIGN":
        return LockMode.SHARE_ROW_EXCLUSIVE
    if command.kind in _TRIGGERS:
        return LockMode.SHARE_ROW_EXCLUSIVE
    if command.kind == "DetachPartition":
        concurrent = getattr(command.node, "def").partition_cmd.concurrent
        return LockMode.SHARE_UPDATE_EXCLUSIVE if concurrent else LockMode.ACCESS_EXCLUSIVE
    if command.kind in ("SetRelOptions", "ResetRelOptions"):
        options = (each.def_elem.defname for each in getattr(command.node, "def").list.items)
        return LockMode.ACCESS_EXCLUSIVE if any(one in _HEAVY_OPTIONS for one in options) else LockMode.SHARE_UPDATE_EXCLUSIVE
    return LockMode.SHARE_UPDATE_EXCLUSIVE if command.kind in _ONLINE else LockMode.ACCESS_EXCLUSIVE


def _alter_index(effect: Effect, name: str, todo: tuple[Command, ...]) -> None:
    online = all(each.kind in ("SetStatistics", "SetRelOptions", "ResetRelOptions") for each in todo)
    effect.lock(name, LockMode.SHARE_UPDATE_EXCLUSIVE if online else LockMode.ACCESS_EXCLUSIVE, kind="index")


def _nothing(effect: Effect, table: RelationState, command: Command) -> None:
    """Expect no more than the lock."""


def _add_constraint(effect: Effect, table: RelationState, command: Command) -> None:
    constraint = command.constraint
    if constraint.skip_validation and constraint_kind(constraint) == "FOREIGN" and table.partitioned and effect.major < 18:
        effect.refuse("42809", f'cannot add NOT VALID foreign key on partitioned table "{table.name}"; PostgreSQL 18 can')
    add_constraint(effect, table, constraint)


def _validate(effect: Effect, table: RelationState, command: Command) -> None:
    validate_constraint(effect, table, command.name)


def _drop_constraint(effect: Effect, table: RelationState, command: Command) -> None:
    drop_constraint(effect, table, command.name, cascade=command.cascade)


def _set_not_null(effect: Effect, table: RelationState, command: Command) -> None:
    set_not_null(effect, table, command.name)


def _drop_not_null(effect: Effect, table: RelationState, command: Command) -> None:
    del effect
    if command.name in table.columns:
        table.columns[command.name].not_null = False


def _set_logged(effect: Effect, table: RelationState, command: Command) -> None:
    unlogged = command.kind == "SetUnLogged"
    if table.unlogged is not unlogged:
        effect.rewrite(table.name)
    table.unlogged = unlogged


def _set_access_method(effect: Effect, table: RelationState, command: Command) -> None:
    if effect.major < 15:
        effect.refuse("42601", f"SET ACCESS METHOD takes PostgreSQL 15, this is {effect.major}")
    # Nearly every table is a heap, so that one of which nothing is known is taken for one.
    if command.name != (table.access_method or "heap") and not table.partitioned:
        effect.rewrite(table.name)
    table.access_method = command.name


def _set_compression(effect: Effect, table: RelationState, command: Command) -> None:
    del table, command
    if effect.major < 14:
        effect.refuse("42601", f"SET COMPRESSION takes PostgreSQL 14, this is {effect.major}")


def _move(effect: Effect, table: RelationState, command: Command) -> None:
    del command
    if not table.partitioned:
        effect.rewrite(table.name)


def _set_expression(effect: Effect, table: RelationState, command: Command) -> None:
    del command
    effect.rewrite(table.name)


def _add_identity(effect: Effect, table: RelationState, command: Command) -> None:
    del effect
    if command.name in table.columns:
        table.columns[command.name].identity = True


def _drop_identity(effect: Effect, table: RelationState, command: Command) -> None:
    drop_sequence(effect, table, command.name)
    if command.name in table.columns:
        table.columns[command.name].identity = False


def _inherit(effect: Effect, table: RelationState, command: Command) -> None:
    parent = relation_name(getattr(command.node, "def").range_var, schema=effect.known.schema)
    if command.kind == "AddInherit":
        effect.lock(parent, LockMode.SHARE_UPDATE_EXCLUSIVE)
        table.parents = (*table.parents, parent)
    else:
        effect.lock(parent, LockMode.ACCESS_SHARE)
        table.parents = tuple(each for each in table.parents if each != parent)


_COMMANDS: Mapping[str, Callable[[Effect, RelationState, Command], None]] = {
    "AddColumn": add_column,
    "AddConstraint": _add_constraint,
    "AddIdentity": _add_identity,
    "AddInherit": _inherit,
    "AlterColumnType": change_type,
    "AttachPartition": attach,
    "DetachPartition": detach,
    "DropColumn": drop_column,
    "DropConstraint": _drop_constraint,
    "DropIdentity": _drop_identity,
    "DropInherit": _inherit,
    "DropNotNull": _drop_not_null,
    "SetAccessMethod": _set_access_method,
    "SetCompression": _set_compression,
    "SetExpression": _set_expression,
    "SetLogged": _set_logged,
    "SetNotNull": _set_not_null,
    "SetTableSpace": _move,
    "SetUnLogged": _set_logged,
    "ValidateConstraint": _validate,
}
