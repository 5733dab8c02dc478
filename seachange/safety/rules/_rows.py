"""Which rows a statement reads or changes, as far as its text says: those of a key, some, or all."""

from __future__ import annotations

from typing import Literal

from seachange.safety import parsing
from seachange.safety.parsing import Node
from seachange.safety.rules._acts import Act

__all__ = ["Reach", "changes_rows", "reach"]

Reach = Literal["few", "some", "all", "unknown"]

_CHANGING = frozenset({"UpdateStmt", "DeleteStmt", "InsertStmt", "MergeStmt", "CopyStmt"})
_MANY_VALUES = 1000


def changes_rows(act: Act) -> bool:
    """Whether an act inserts, updates or deletes rows."""
    return act.kind in _CHANGING and not (act.kind == "CopyStmt" and not act.node.is_from)


def reach(act: Act) -> Reach:
    """Return how many rows an act goes through: ``few`` by a key or by VALUES, ``some`` by a condition, ``all`` without one.

    :param act: one that changes or reads rows; any other is ``unknown``.
    """
    node = act.node
    if act.kind in ("UpdateStmt", "DeleteStmt"):
        return _by_condition(node)
    if act.kind == "InsertStmt":
        return _of_insert(node, count=act.statement.count)
    if act.kind == "SelectStmt":
        return _of_select(node)
    return "some" if act.kind in ("MergeStmt", "CopyStmt") else "unknown"


def _of_insert(node: Node, *, count: int) -> Reach:
    if not node.HasField("select_stmt"):
        return "few"
    query = node.select_stmt.select_stmt
    if query.values_lists:
        return "few" if len(query.values_lists) * count <= _MANY_VALUES else "some"
    return _of_select(query)


def _of_select(query: Node) -> Reach:
    if not query.from_clause:
        return "few"
    if query.HasField("limit_count"):
        return "some"
    return _by_condition(query)


def _by_condition(node: Node) -> Reach:
    if not node.HasField("where_clause"):
        return "all"
    return "few" if any(_is_key(each) for each in _conjuncts(node.where_clause)) else "some"


def _conjuncts(node: Node) -> list[Node]:
    expression = node.bool_expr
    if node.HasField("bool_expr") and parsing.enum_name(expression, "boolop") == "AND_EXPR":
        return [part for each in expression.args for part in _conjuncts(each)]
    return [node]


def _is_key(node: Node) -> bool:
    """Whether a condition compares a column with a value, or with a list of them."""
    if not node.HasField("a_expr"):
        return False
    comparison = node.a_expr
    if parsing.enum_name(comparison, "kind") not in ("AEXPR_OP", "AEXPR_IN", "AEXPR_OP_ANY"):
        return False
    if parsing.names(comparison.name) != ("=",):
        return False
    left, right = comparison.lexpr, comparison.rexpr
    return (_is_column(left) and _is_value(right)) or (_is_column(right) and _is_value(left))


def _is_column(node: Node) -> bool:
    return bool(node.HasField("column_ref"))


def _is_value(node: Node) -> bool:
    return not any(True for _ in parsing.find(node, "ColumnRef", "SubLink"))
