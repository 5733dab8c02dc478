"""What a method is called on: Alembic's operations, its context, a batch, the connection."""

from __future__ import annotations

import ast
from typing import Literal

from seachange.revisions._code._names import Scope

__all__ = ["Receiver", "opens_autocommit", "receiver_of"]

Receiver = Literal["operations", "context", "batch", "connection", "session", ""]

_DEPTH = 6
_SAME_CONNECTION = ("bind", "connection", "dbapi_connection", "driver_connection")


def receiver_of(expression: ast.expr, scope: Scope, *, depth: int = _DEPTH) -> Receiver:
    """Return what an expression is, or nothing for what is not known.

    :param expression: what stands before the dot of a call.
    :param scope: the names where it stands.
    :param depth: how many names and calls to follow.
    """
    if depth == 0:
        return ""
    if scope.dotted(expression) in ("alembic.op", "alembic.context"):
        return "operations"
    if isinstance(expression, ast.Call):
        return _of_call(expression, scope, depth)
    if isinstance(expression, ast.Attribute):
        base = receiver_of(expression.value, scope, depth=depth - 1)
        return "connection" if base in ("context", "connection") and expression.attr in _SAME_CONNECTION else ""
    if isinstance(expression, ast.Name):
        inner = scope.hiding(expression.id)
        found = (receiver_of(value, inner, depth=depth - 1) for value in scope.values(expression.id))
        return next((each for each in found if each), "")
    return ""


def _of_call(call: ast.Call, scope: Scope, depth: int) -> Receiver:
    if scope.dotted(call.func).endswith(".Session"):
        given = (*call.args, *(keyword.value for keyword in call.keywords))
        return "session" if any(receiver_of(value, scope, depth=depth - 1) == "connection" for value in given) else ""
    if not isinstance(call.func, ast.Attribute):
        return ""
    base, name = receiver_of(call.func.value, scope, depth=depth - 1), call.func.attr
    if base == "operations":
        known: dict[str, Receiver] = {"get_context": "context", "get_bind": "connection", "batch_alter_table": "batch"}
        return known.get(name, "")
    # A connection in autocommit mode is another matter than the one of the migration.
    if base == "connection" and name == "execution_options" and "AUTOCOMMIT" not in ast.unparse(call):
        return "connection"
    return ""


def opens_autocommit(expression: ast.expr, scope: Scope, *, depth: int = _DEPTH) -> bool:
    """Return whether entering an expression leaves the migration's transaction.

    That is Alembic's ``autocommit_block()``, also bound to a name or entered by a function of the file, and anything else that
    says so by its name: a helper of the project, a connection with ``isolation_level="AUTOCOMMIT"``.
    """
    if "autocommit" in ast.unparse(expression).lower():
        return True
    if depth == 0:
        return False
    if isinstance(expression, ast.Name):
        inner = scope.hiding(expression.id)
        return any(opens_autocommit(value, inner, depth=depth - 1) for value in scope.values(expression.id))
    if isinstance(expression, ast.Call) and isinstance(expression.func, ast.Name):
        function = scope.module.functions.get(expression.func.id)
        return function is not None and "autocommit" in ast.unparse(function).lower()
    return False
