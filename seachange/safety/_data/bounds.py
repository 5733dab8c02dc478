"""Bounds of partitions: which rows one takes, as SQL, and the checks of a new one."""

from __future__ import annotations

from collections.abc import Sequence

from seachange.postgres.catalog import qualified
from seachange.safety._data.asking import Asking
from seachange.safety._data.texts import column_names, expression
from seachange.safety._data.values import Bound, Outside
from seachange.safety.parsing import Node

__all__ = ["ask_attached", "ask_created", "inside", "partition_keys"]

_ENDS = {"minvalue": "MINVALUE", "maxvalue": "MAXVALUE"}


def ask_attached(asking: Asking, parent: str, command: Node) -> None:
    """Ask what makes ATTACH PARTITION fail on rows.

    :param asking: where the checks go.
    :param parent: full name of the partitioned table.
    :param command: the PartitionCmd.
    """
    relation, bound = command.name, _bound_of(command.bound)
    table = asking.picture.name(relation.schemaname, relation.relname)
    what = f"ATTACH PARTITION {table} to {parent}"
    asking.ask(
        "SC807",
        what,
        table=table,
        alias=relation.relname,
        probe=Outside(parent=parent, bound=bound, keys=asking.picture.partition_keys.get(parent, ())),
    )
    _ask_default(asking, parent, bound, what=what)


def ask_created(asking: Asking, table: str, statement: Node) -> None:
    """Ask whether rows of the default partition belong into a new one.

    :param asking: where the checks go.
    :param table: full name of the new partition.
    :param statement: the CreateStmt.
    """
    relation = statement.inh_relations[0].range_var
    parent = asking.picture.name(relation.schemaname, relation.relname)
    _ask_default(asking, parent, _bound_of(statement.partbound), what=f"partition {table} of {parent}")


def _ask_default(asking: Asking, parent: str, bound: Bound, *, what: str) -> None:
    if bound.strategy != "default":
        # Which one is the default partition only the database knows; it is looked up below its parent.
        probe = Outside(parent=parent, bound=bound, default=True)
        asking.ask("SC807", what, table=parent, alias=parent, probe=probe)


def _bound_of(node: Node) -> Bound:
    """Return a PartitionBoundSpec."""
    if node.is_default:
        return Bound(strategy="default")
    if node.strategy == "l":
        return Bound(strategy="list", values=tuple(map(expression, node.listdatums)))
    if node.strategy == "r":
        return Bound(strategy="range", lower=tuple(map(_end, node.lowerdatums)), upper=tuple(map(_end, node.upperdatums)))
    return Bound(strategy="hash", modulus=node.modulus, remainder=node.remainder)


def partition_keys(node: Node) -> tuple[str, ...]:
    """Return the keys of a PartitionSpec as SQL expressions."""
    parts = [each.partition_elem for each in node.part_params]
    return tuple(qualified(part.name) if part.name else f"({expression(part.expr)})" for part in parts)


def _end(node: Node) -> str:
    named = column_names(node)
    return _ENDS[named[0]] if named and named[0] in _ENDS else expression(node)


def inside(bound: Bound, keys: Sequence[str], *, parent: str) -> str:
    """Return the condition, true or false and never NULL, of a row that a partition takes.

    :param bound: one other than the default.
    :param keys: the partition key as SQL expressions.
    :param parent: the partitioned table, as the database names it.
    """
    if bound.strategy == "list":
        return _in_list(bound, keys[0])
    if bound.strategy == "hash":
        parent_id = "'" + parent.replace("'", "''") + "'::pg_catalog.regclass"
        values = f"{parent_id}, {bound.modulus}, {bound.remainder}, {', '.join(keys)}"
        return f"pg_catalog.satisfies_hash_partition({values})"
    parts = [f"{key} IS NOT NULL" for key in keys]
    parts += [part for part in (_from(keys, bound.lower), _to(keys, bound.upper)) if part]
    return f"coalesce({' AND '.join(parts)}, false)"


def _in_list(bound: Bound, key: str) -> str:
    values = [value for value in bound.values if value != "NULL"]
    parts = [f"{key} IN ({', '.join(values)})"] if values else []
    parts += [f"{key} IS NULL"] if "NULL" in bound.values else []
    return f"coalesce({' OR '.join(parts)}, false)"


def _from(keys: Sequence[str], ends: Sequence[str]) -> str:
    """Return "not less than"; from MINVALUE on, what follows does not matter, and all of MAXVALUE is greater."""
    count = next((number for number, end in enumerate(ends) if end in _ENDS.values()), len(ends))
    if count == 0:
        return "" if ends[0] == "MINVALUE" else "false"
    operator = ">" if count < len(ends) and ends[count] == "MAXVALUE" else ">="
    return f"{_row(keys[:count])} {operator} {_row(ends[:count])}"


def _to(keys: Sequence[str], ends: Sequence[str]) -> str:
    """Return "less than", the upper end itself excluded."""
    count = next((number for number, end in enumerate(ends) if end in _ENDS.values()), len(ends))
    if count == 0:
        return "" if ends[0] == "MAXVALUE" else "false"
    operator = "<=" if count < len(ends) and ends[count] == "MAXVALUE" else "<"
    return f"{_row(keys[:count])} {operator} {_row(ends[:count])}"


def _row(parts: Sequence[str]) -> str:
    return f"({', '.join(parts)})" if len(parts) > 1 else parts[0]
