"""The calls of a revision that reach the database, in the order of the text, each with what is known of where it stands."""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Iterable
from typing import Literal

from seachange.revisions._code._dialects import foreign_branches
from seachange.revisions._code._names import Function, Module, Scope
from seachange.revisions._code._receivers import Receiver, opens_autocommit, receiver_of

__all__ = ["Call", "Direction", "calls_of"]

Direction = Literal["upgrade", "downgrade"]

_DIRECTIONS: tuple[Direction, ...] = ("upgrade", "downgrade")
_METHODS = {
    "operations": ("execute", "create_index", "drop_index"),
    "context": ("execute",),
    "batch": ("execute", "create_index", "drop_index"),
    "connection": ("execute", "exec_driver_sql", "scalar", "scalars", "commit", "rollback"),
    "session": ("execute", "scalar", "scalars"),
}
_ALL_METHODS = frozenset(method for methods in _METHODS.values() for method in methods)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Call:
    """One call: ``method`` of ``receiver``, in ``direction``, outside the migration's transaction or not."""

    node: ast.Call
    method: str
    receiver: Receiver
    direction: Direction
    autocommit: bool
    scope: Scope

    @property
    def line(self) -> int:
        """Where it stands."""
        return self.node.lineno


def calls_of(tree: ast.Module) -> tuple[Call, ...]:
    """Return the calls that ``upgrade`` and ``downgrade`` reach, those of the functions of the file that they use among them."""
    module = Module(tree)
    return tuple(call for direction in _DIRECTIONS for call in _Visit(module, direction).calls)


class _Visit:
    def __init__(self, module: Module, direction: Direction) -> None:
        self.calls: list[Call] = []
        self._module = module
        self._direction = direction
        self._seen: set[tuple[str, bool]] = set()
        self._batches: dict[str, bool] = {}
        for name, function in module.functions.items():
            # The functions of Alembic's template for several databases are named after the database: upgrade_orders.
            if name == direction or name.startswith(f"{direction}_"):
                self._function(function, autocommit=False)

    def _function(self, function: Function, *, autocommit: bool) -> None:
        if (function.name, autocommit) not in self._seen:
            self._seen.add((function.name, autocommit))
            self._all(function.body, self._module.scope(function), autocommit=autocommit)

    def _all(self, nodes: Iterable[ast.AST], scope: Scope, *, autocommit: bool) -> None:
        for node in nodes:
            self._node(node, scope, autocommit=autocommit)

    def _node(self, node: ast.AST, scope: Scope, *, autocommit: bool) -> None:
        if isinstance(node, (ast.With, ast.AsyncWith)):
            self._with(node, scope, autocommit=autocommit)
        elif isinstance(node, ast.If):
            foreign = foreign_branches(node, scope)
            self._node(node.test, scope, autocommit=autocommit)
            for name, branch in (("body", node.body), ("orelse", node.orelse)):
                if name not in foreign:
                    self._all(branch, scope, autocommit=autocommit)
        elif isinstance(node, ast.Name):
            # A function of the file runs where it is called, or where it is handed to what calls it.
            if (used := self._module.functions.get(node.id)) and node.id not in scope.bound:
                self._function(used, autocommit=autocommit)
        elif not isinstance(node, (ast.Constant, ast.expr_context)):
            self._all(ast.iter_child_nodes(node), scope, autocommit=autocommit)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                self._call(node, node.func, scope, autocommit=autocommit)

    def _with(self, node: ast.With | ast.AsyncWith, scope: Scope, *, autocommit: bool) -> None:
        inside = autocommit
        for item in node.items:
            self._node(item.context_expr, scope, autocommit=autocommit)
            inside = inside or opens_autocommit(item.context_expr, scope)
            if isinstance(item.optional_vars, ast.Name) and receiver_of(item.context_expr, scope) == "batch":
                # What a batch collects runs at its end, in the transaction where the batch itself stands.
                self._batches[item.optional_vars.id] = inside
        self._all(node.body, scope, autocommit=inside)

    def _call(self, node: ast.Call, func: ast.Attribute, scope: Scope, *, autocommit: bool) -> None:
        if func.attr not in _ALL_METHODS:
            return
        receiver = receiver_of(func.value, scope)
        if not receiver or func.attr not in _METHODS[receiver]:
            return
        if receiver == "batch" and isinstance(func.value, ast.Name):
            autocommit = self._batches.get(func.value.id, autocommit)
        self.calls.append(
            Call(
                node=node,
                method=func.attr,
                receiver=receiver,
                direction=self._direction,
                autocommit=autocommit,
                scope=scope,
            )
        )
