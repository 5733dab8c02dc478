"""Which kind of statement is expected to do what."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from seachange.safety._predict import _making, _upkeep
from seachange.safety._predict._alter import alter_table
from seachange.safety._predict._data import change_rows, copy, read_rows
from seachange.safety._predict._dropping import drop, truncate
from seachange.safety._predict._effect import Effect
from seachange.safety.parsing import Node, enum_name, kind, option_names

__all__ = ["OPAQUE", "expect"]

# Their text does not say what they run.
OPAQUE = ("DoStmt", "CallStmt", "ExecuteStmt")

_BY_KIND: Mapping[str, Callable[[Effect, Node], None]] = {
    "AlterDomainStmt": _upkeep.alter_domain,
    "AlterObjectSchemaStmt": _upkeep.move_to_schema,
    "AlterPolicyStmt": _upkeep.whole_table,
    "AlterPublicationStmt": _upkeep.publish,
    "AlterSeqStmt": _upkeep.alter_sequence,
    "AlterTableStmt": alter_table,
    "ClusterStmt": _upkeep.cluster,
    "CommentStmt": _upkeep.comment,
    "CopyStmt": copy,
    "CreateDomainStmt": _making.create_domain,
    "CreateForeignTableStmt": _making.create_table,
    "CreateFunctionStmt": _making.create_function,
    "CreatePolicyStmt": _upkeep.whole_table,
    "CreatePublicationStmt": _upkeep.publish,
    "CreateSeqStmt": _making.create_sequence,
    "CreateStatsStmt": _upkeep.create_statistics,
    "CreateStmt": _making.create_table,
    "CreateTableAsStmt": _making.create_table_as,
    "CreateTrigStmt": _upkeep.trigger,
    "DeleteStmt": change_rows,
    "DropStmt": drop,
    "IndexStmt": _making.create_index,
    "InsertStmt": change_rows,
    "LockStmt": _upkeep.lock_table,
    "MergeStmt": change_rows,
    "RefreshMatViewStmt": _upkeep.refresh,
    "ReindexStmt": _upkeep.reindex,
    "RenameStmt": _upkeep.rename,
    "RuleStmt": _upkeep.whole_table,
    "SecLabelStmt": _upkeep.comment,
    "SelectStmt": read_rows,
    "TruncateStmt": truncate,
    "UpdateStmt": change_rows,
    "VacuumStmt": _upkeep.vacuum,
    "ViewStmt": _making.create_view,
}


def expect(effect: Effect, statement: Node, *, transaction: int) -> None:
    """Gather what a statement is expected to do.

    :param transaction: the number of its transaction, 0 for none.
    """
    alone = _stands_alone(statement)
    if alone and transaction:
        effect.refuse("25001", f"{alone} cannot run inside a transaction block")
        return
    found = _BY_KIND.get(kind(statement))
    if found is not None:
        found(effect, statement)


def _stands_alone(statement: Node) -> str:
    """Return the name of a statement that no transaction may hold, empty for another."""
    what = kind(statement)
    condition = _CONDITIONS.get(what)
    return _ALONE.get(what, "") if condition is None or condition(statement) else ""


# Calls of PreventInTransactionBlock() in the source.
_ALONE = {
    "AlterSystemStmt": "ALTER SYSTEM",
    "AlterTableStmt": "ALTER TABLE ... DETACH CONCURRENTLY",
    "ClusterStmt": "CLUSTER",
    "CreateTableSpaceStmt": "CREATE TABLESPACE",
    "CreatedbStmt": "CREATE DATABASE",
    "DropStmt": "DROP INDEX CONCURRENTLY",
    "DropTableSpaceStmt": "DROP TABLESPACE",
    "DropdbStmt": "DROP DATABASE",
    "IndexStmt": "CREATE INDEX CONCURRENTLY",
    "ReindexStmt": "REINDEX",
    "VacuumStmt": "VACUUM",
}


def _detaches(command: Node) -> bool:
    return bool(getattr(command, "def").partition_cmd.concurrent)


_CONDITIONS: Mapping[str, Callable[[Node], bool]] = {
    "AlterTableStmt": lambda statement: any(_detaches(each.alter_table_cmd) for each in statement.cmds),
    "ClusterStmt": lambda statement: not statement.HasField("relation"),
    "DropStmt": lambda statement: bool(statement.concurrent),
    "IndexStmt": lambda statement: bool(statement.concurrent),
    "ReindexStmt": lambda statement: (
        "concurrently" in option_names(statement.params)
        or enum_name(statement, "kind") not in ("REINDEX_OBJECT_INDEX", "REINDEX_OBJECT_TABLE")
    ),
    "VacuumStmt": lambda statement: bool(statement.is_vacuumcmd),
}
