"""Branches of a revision that run on another database than PostgreSQL."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seachange.revisions._code._names import Scope

__all__ = ["foreign_branches"]

_OTHERS = {"sqlite", "mysql", "mariadb", "oracle", "mssql", "snowflake", "bigquery", "duckdb", "clickhouse", "redshift"}
_DEPTH = 6


def foreign_branches(node: ast.If, scope: Scope | None = None) -> tuple[str, ...]:
    """Return which branches (``body``, ``orelse``) of a condition never run on PostgreSQL.

    :param node: the condition.
    :param scope: the names where it stands; without them only what the condition itself says.
    """
    when_true, when_false = _dialects(node.test, scope, _DEPTH)
    found = (("body", when_true), ("orelse", when_false))
    return tuple(name for name, foreign in found if foreign)


def _dialects(test: ast.expr, scope: Scope | None, depth: int) -> tuple[bool, bool]:
    """Return whether a condition that holds means another database, and whether one that does not hold means that."""
    if isinstance(test, ast.Compare) and len(test.ops) == 1:
        return _compared(test.ops[0], test.comparators[0])
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        when_true, when_false = _dialects(test.operand, scope, depth)
        return when_false, when_true
    if isinstance(test, ast.BoolOp):
        return _combined(test, [_dialects(value, scope, depth) for value in test.values])
    if isinstance(test, ast.Name) and scope and depth and len(values := scope.values(test.id)) == 1:
        return _dialects(values[0], scope, depth - 1)
    return False, False


def _combined(test: ast.BoolOp, parts: list[tuple[bool, bool]]) -> tuple[bool, bool]:
    when_true, when_false = zip(*parts, strict=True)
    return (any(when_true), all(when_false)) if isinstance(test.op, ast.And) else (all(when_true), any(when_false))


def _compared(operator: ast.cmpop, with_: ast.expr) -> tuple[bool, bool]:
    parts = with_.elts if isinstance(with_, (ast.Tuple, ast.List, ast.Set)) else [with_]
    names = {part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)}
    if not names or len(names) < len(parts):
        return False, False
    others, postgres = names <= _OTHERS, "postgresql" in names
    if isinstance(operator, (ast.Eq, ast.In)):
        return others, postgres
    if isinstance(operator, (ast.NotEq, ast.NotIn)):
        return postgres, others
    return False, False
