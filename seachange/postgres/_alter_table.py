"""Which forms of ALTER TABLE let readers and writers pass."""

from __future__ import annotations

from typing import Any

__all__ = ["alters_online", "detaches"]


def alters_online(statement: Any) -> bool:
    """Whether all commands of an ALTER TABLE take SHARE UPDATE EXCLUSIVE only.

    :param statement: postgast's ``AlterTableStmt``.
    """
    from postgast import pg_query_pb2 as pg

    if statement.objtype == pg.OBJECT_VIEW:
        return False
    online = (
        *(pg.AT_ValidateConstraint, pg.AT_SetStatistics, pg.AT_SetOptions, pg.AT_ResetOptions, pg.AT_SetRelOptions),
        *(pg.AT_ResetRelOptions, pg.AT_ClusterOn, pg.AT_DropCluster, pg.AT_DetachPartitionFinalize),
    )
    commands = [node.alter_table_cmd for node in statement.cmds]
    return all(command.subtype in online or _detaches(command) for command in commands)


def detaches(statement: Any) -> bool:
    """Whether an ALTER TABLE detaches a partition concurrently."""
    return any(_detaches(node.alter_table_cmd) for node in statement.cmds)


def _detaches(command: Any) -> bool:
    from postgast import pg_query_pb2 as pg

    return bool(command.subtype == pg.AT_DetachPartition and getattr(command, "def").partition_cmd.concurrent)
